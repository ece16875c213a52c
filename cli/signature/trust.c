// SPDX-License-Identifier: MIT
#include "trust.h"

#include "certname.h"
#include "failure.h"
#include "pubfile.h"

gboolean p11d_trust_file(P11dTrust *trust, const char *path, GError **error)
{
    trust->kind = P11D_TRUST_KEY;
    trust->name = g_utf8_make_valid(path, -1);
    trust->shown = g_strdup(path);
    trust->key = p11d_pubfile_read(path, error);
    return trust->key != NULL;
}

/* shown: what the user called item. */
static gboolean trust_item(P11dTrust *trust, const P11dItem *item, const char *shown,
                           GError **error)
{
    if (!item)
        return FALSE;
    trust->kind = P11D_TRUST_KEY;
    trust->key = p11d_item_public_key(item);
    trust->name = p11d_item_uri(item);
    trust->shown = g_strdup(shown);
    if (trust->key)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the key with --pubkey or --cert",
                     "the token does not tell the public key of %s", trust->name);
    return FALSE;
}

gboolean p11d_trust_target(P11dTrust *trust, const P11dTarget *target, const P11dOptions *options,
                           GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = host ? p11d_target_public_key(target, host, items, error) : NULL;
    return trust_item(trust, item, target->text, error);
}

gboolean p11d_trust_certificate(P11dTrust *trust, const char *named, const P11dOptions *options,
                                GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = host ? p11d_certname_find(named, host, items, error) : NULL;
    return trust_item(trust, item, named, error);
}

void p11d_trust_clear(P11dTrust *trust)
{
    EVP_PKEY_free(trust->key);
    g_free(trust->name);
    g_free(trust->shown);
    *trust = (P11dTrust){0};
}
