// SPDX-License-Identifier: MIT
#include "certchain.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "candidate.h"
#include "certname.h"
#include "certpurpose.h"
#include "console.h"
#include "counterpart.h"
#include "failure.h"
#include "holder.h"
#include "moment.h"

/* No chain is longer; a circle of authorities that certify each other ends here too. */
#define MAX_LENGTH 16

static const char hint[] =
    "give it with --cert URI|FILE|sha256:HEX; p11dbus list certs shows those on tokens";

static X509 *parse(const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    const unsigned char *p = value ? value->pValue : NULL;
    return p ? d2i_X509(NULL, &p, (long)value->ulValueLen) : NULL;
}

static bool is_of(X509 *certificate, const EVP_PKEY *key)
{
    const EVP_PKEY *its = X509_get0_pubkey(certificate);
    return its && EVP_PKEY_eq(its, key) == 1;
}

/* Several certificates with the key's CKA_ID: those of the key itself count, and copies once. */
static X509 *choose(const P11dItem *key, const EVP_PKEY *public_key, const GPtrArray *items,
                    GError **error)
{
    X509 *chosen = NULL;
    unsigned others = 0;
    GString *list = g_string_new(hint);
    for (guint i = 0; i < items->len; i++) {
        X509 *certificate = parse(items->pdata[i]);
        if (certificate && (!public_key || is_of(certificate, public_key))) {
            g_autofree char *details = p11d_candidate_describe(items->pdata[i]);
            g_autofree char *uri = p11d_item_short_uri(items->pdata[i], false, true);
            g_string_append_printf(list, "\n    %s\n        %s", uri, details);
            others += chosen && X509_cmp(chosen, certificate) != 0 ? 1 : 0;
            if (!chosen)
                chosen = g_steal_pointer(&certificate);
        }
        X509_free(certificate);
    }
    g_autofree char *uri = p11d_item_uri(key);
    if (others > 0) {
        p11d_failure_set(error, P11D_FAILURE_AMBIGUOUS, list->str, "%u certificates belong to %s",
                         others + 1, uri);
        g_clear_pointer(&chosen, X509_free);
    } else if (!chosen) {
        p11d_failure_set(error, P11D_FAILURE_NO_MATCH, hint,
                         items->len > 0 ? "the certificates with the CKA_ID of %s are of other keys"
                                        : "no certificate has the CKA_ID of %s",
                         uri);
    }
    g_string_free(list, TRUE);
    return chosen;
}

static X509 *find_beside(const P11dItem *key, const EVP_PKEY *public_key, GError **error)
{
    g_autoptr(GPtrArray) items = p11d_item_array();
    return p11d_counterpart_certificates(key, items, error) ? choose(key, public_key, items, error)
                                                            : NULL;
}

/* Adds the certificates on token to all. That some cannot be read only makes the chain shorter. */
static void add_token(P11dCertificates *all, P11dHostToken *token)
{
    static CK_OBJECT_CLASS class = CKO_CERTIFICATE;
    const CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
    g_autoptr(GPtrArray) items = p11d_item_array();
    g_autoptr(GError) error = NULL;
    if (!p11d_item_find(token, &wanted, 1, items, &error))
        p11d_console_note("%s; the chain of the certificate may be incomplete", error->message);
    for (guint i = 0; i < items->len; i++) {
        X509 *certificate = parse(items->pdata[i]);
        if (certificate)
            p11d_certfile_add(all, certificate);
        X509_free(certificate);
    }
}

/* The certificate on a token that named is; adds those beside it to all. */
static X509 *find_named(P11dCertificates *all, const P11dItem *key, const char *named,
                        const P11dHost *host, GError **error)
{
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = p11d_certname_find(named, host, items, error);
    if (!item)
        return NULL;
    if (item->token != key->token)
        add_token(all, item->token);
    X509 *certificate = parse(item);
    if (!certificate)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, hint, "%s holds no X.509 certificate", named);
    return certificate;
}

/* The first certificate of the file at path; adds all of them to all. */
static X509 *find_in_file(P11dCertificates *all, const char *path, GError **error)
{
    g_autoptr(P11dCertificates) found = p11d_certfile_read(path, NULL, error);
    for (int i = 0; i < sk_X509_num(found); i++)
        p11d_certfile_add(all, sk_X509_value(found, i));
    X509 *first = sk_X509_value(found, 0);
    if (first)
        X509_up_ref(first);
    return first;
}

/*
 * Follows from each certificate to the one that issued it. One that issued itself is left out:
 * whoever checks the signature has to have it from elsewhere, or it proves nothing.
 */
static void find_issuers(P11dCertchain *chain, const P11dCertificates *all)
{
    X509 *last = chain->certificate;
    while (last && !p11d_holder_issued(last, last) && sk_X509_num(chain->issuers) < MAX_LENGTH) {
        X509 *issuer = NULL;
        for (int i = 0; !issuer && i < sk_X509_num(all); i++)
            if (p11d_holder_issued(sk_X509_value(all, i), last))
                issuer = sk_X509_value(all, i);
        if (issuer && !p11d_holder_issued(issuer, issuer))
            p11d_certfile_add(chain->issuers, issuer);
        last = issuer;
    }
    ERR_clear_error();
}

static void tell_validity(X509 *certificate, const char *subject)
{
    gint64 start = p11d_moment_of_asn1(X509_get0_notBefore(certificate));
    gint64 end = p11d_moment_of_asn1(X509_get0_notAfter(certificate));
    gint64 now = p11d_moment_now();
    if (start > now)
        p11d_console_note("the certificate of %s is not valid yet", subject);
    if (end >= now || end == P11D_MOMENT_UNKNOWN)
        return;
    g_autofree char *until = p11d_moment_text(end);
    p11d_console_note("the certificate of %s has expired: it was valid until %s", subject, until);
}

/* A signature by a certificate that is out of date, or not for that, can be made; whoever checks it
 * will object. */
static void tell_objections(X509 *certificate, bool signs)
{
    g_autofree char *subject = p11d_holder_name(certificate);
    tell_validity(certificate, subject);
    g_autofree char *objection =
        p11d_certpurpose_object(p11d_certpurpose_find(NULL, NULL), certificate, signs);
    if (objection)
        p11d_console_note("verify will refuse the certificate of %s: %s", subject, objection);
}

static gboolean check_key(const P11dCertchain *chain, const P11dItem *key,
                          const EVP_PKEY *public_key, const char *named, GError **error)
{
    if (!public_key || is_of(chain->certificate, public_key))
        return TRUE;
    g_autofree char *subject = p11d_holder_name(chain->certificate);
    g_autofree char *uri = p11d_item_uri(key);
    p11d_failure_set(error, P11D_FAILURE_NO_MATCH, hint,
                     "the certificate of %s (%s) is of another key than %s", subject, named, uri);
    return FALSE;
}

gboolean p11d_certchain_find(P11dCertchain *chain, const P11dItem *key, const char *named,
                             const P11dHost *host, GError **error)
{
    g_autoptr(P11dCertificates) all = p11d_certfile_new();
    EVP_PKEY *public_key = p11d_counterpart_public_key(key, NULL);
    chain->issuers = p11d_certfile_new();
    if (!named)
        chain->certificate = find_beside(key, public_key, error);
    else if (p11d_certname_is_on_token(named))
        chain->certificate = find_named(all, key, named, host, error);
    else
        chain->certificate = find_in_file(all, named, error);
    bool ok = chain->certificate && check_key(chain, key, public_key, named, error);
    EVP_PKEY_free(public_key);
    if (!ok)
        return FALSE;
    add_token(all, key->token);
    find_issuers(chain, all);
    tell_objections(chain->certificate, true);
    for (int i = 0; i < sk_X509_num(chain->issuers); i++)
        tell_objections(sk_X509_value(chain->issuers, i), false);
    return TRUE;
}

void p11d_certchain_clear(P11dCertchain *chain)
{
    X509_free(chain->certificate);
    p11d_certfile_free(chain->issuers);
    *chain = (P11dCertchain){0};
}
