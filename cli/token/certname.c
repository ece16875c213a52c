// SPDX-License-Identifier: MIT
#include "certname.h"

#include <string.h>

#include "certview.h"
#include "console.h"
#include "failure.h"
#include "target.h"
#include "text.h"
#include "uri.h"

#define PREFIX "sha256:"
#define SIZE 32 /* of a digest by SHA-256, in bytes */

static bool is_fingerprint(const char *named)
{
    return g_ascii_strncasecmp(named, PREFIX, strlen(PREFIX)) == 0;
}

bool p11d_certname_is_on_token(const char *named)
{
    return p11d_uri_is(named) || is_fingerprint(named);
}

/* A fingerprint as p11d_certname_fingerprint writes it. NULL with error set. */
static char *parse_fingerprint(const char *named, GError **error)
{
    g_autoptr(GBytes) digest = p11d_text_parse_hex(named + strlen(PREFIX));
    g_autofree char *hex = digest && g_bytes_get_size(digest) == SIZE
                               ? p11d_text_hex(g_bytes_get_data(digest, NULL), SIZE)
                               : NULL;
    if (hex)
        return g_strconcat(PREFIX, hex, NULL);
    p11d_failure_set(error, P11D_FAILURE_USAGE,
                     "p11dbus list certs --json shows the sha256 of certificates",
                     "a fingerprint is " PREFIX " and %d hex digits, with or without ':' between "
                     "the bytes",
                     2 * SIZE);
    return NULL;
}

gboolean p11d_certname_check(const char *named, GError **error)
{
    if (!is_fingerprint(named))
        return !p11d_uri_is(named) || p11d_uri_check(named, error);
    g_autofree char *fingerprint = parse_fingerprint(named, error);
    return fingerprint != NULL;
}

char *p11d_certname_fingerprint(const P11dItem *certificate)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&certificate->attributes, CKA_VALUE);
    g_autofree char *digest =
        p11d_certview_sha256(value ? value->pValue : NULL, value ? value->ulValueLen : 0);
    return g_strconcat(PREFIX, digest, NULL);
}

static P11dItem *find_fingerprint(const char *fingerprint, const P11dHost *host, GPtrArray *items,
                                  GError **error)
{
    g_autoptr(P11dTarget) any = p11d_target_new(NULL, &(P11dOptions){0}, error);
    for (guint i = 0; any && i < host->tokens->len; i++) {
        g_autoptr(GError) failure = NULL;
        if (!p11d_target_search(any, host->tokens->pdata[i], CKO_CERTIFICATE, items, &failure))
            p11d_console_note("%s", failure->message); /* it may be on another */
    }
    for (guint i = 0; i < items->len; i++) {
        g_autofree char *its = p11d_certname_fingerprint(items->pdata[i]);
        if (strcmp(its, fingerprint) == 0)
            return items->pdata[i];
    }
    p11d_failure_set(error, P11D_FAILURE_NO_MATCH,
                     "p11dbus list certs --json shows the sha256 of certificates",
                     "no certificate on a token has the fingerprint %s", fingerprint);
    return NULL;
}

P11dItem *p11d_certname_find(const char *named, const P11dHost *host, GPtrArray *items,
                             GError **error)
{
    if (is_fingerprint(named)) {
        g_autofree char *fingerprint = parse_fingerprint(named, error);
        return fingerprint ? find_fingerprint(fingerprint, host, items, error) : NULL;
    }
    /* --token, --label and --id are about the key. */
    g_autoptr(P11dTarget) target = p11d_target_new(named, &(P11dOptions){0}, error);
    return target ? p11d_target_certificate(target, host, items, error) : NULL;
}
