// SPDX-License-Identifier: MIT
#include "authorities.h"

#include <time.h>

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "certview.h"
#include "holder.h"

/* 112 bits of security: OpenSSL's level 2. */
#define LEVEL 2

gboolean p11d_authorities_read(P11dAuthorities *authorities, const char *path,
                               const char *const *crls, GError **error)
{
    authorities->crls = p11d_certfile_new_crls();
    authorities->certificates = p11d_certfile_read(path, authorities->crls, error);
    bool ok = authorities->certificates != NULL;
    for (; ok && crls && *crls; crls++)
        ok = p11d_certfile_read_crls(authorities->crls, *crls, error);
    return ok;
}

void p11d_authorities_clear(P11dAuthorities *authorities)
{
    p11d_certfile_free(authorities->certificates);
    p11d_certfile_free_crls(authorities->crls);
    *authorities = (P11dAuthorities){0};
}

/* Of copies, which have nothing of what they are trusted for: OpenSSL would ask for one purpose. */
static X509_STORE *make_store(const P11dAuthorities *authorities)
{
    X509_STORE *store = X509_STORE_new();
    for (int i = 0; store && i < sk_X509_num(authorities->certificates); i++) {
        X509 *copy = X509_dup(sk_X509_value(authorities->certificates, i));
        if (copy)
            X509_STORE_add_cert(store, copy);
        X509_free(copy);
    }
    return store;
}

/* What OpenSSL does not say of an error about a CRL: ": …"; NULL where there is no more. */
static char *more_of(X509_STORE_CTX *context, X509 *certificate)
{
    X509_CRL *crl = X509_STORE_CTX_get0_current_crl(context);
    X509_REVOKED *revoked = NULL;
    gint64 moment = P11D_MOMENT_UNKNOWN;
    g_autofree char *issuer = p11d_certview_name(X509_get_issuer_name(certificate));
    int error = X509_STORE_CTX_get_error(context);
    if (error == X509_V_ERR_UNABLE_TO_GET_CRL)
        return g_strdup_printf(": there is none of %s that covers it", issuer);
    if (error == X509_V_ERR_CRL_HAS_EXPIRED && crl)
        moment = p11d_moment_of_asn1(X509_CRL_get0_nextUpdate(crl));
    else if (error == X509_V_ERR_CERT_REVOKED && crl &&
             X509_CRL_get0_by_cert(crl, &revoked, certificate) > 0)
        moment = p11d_moment_of_asn1(X509_REVOKED_get0_revocationDate(revoked));
    if (moment == P11D_MOMENT_UNKNOWN)
        return NULL;
    g_autofree char *text = p11d_moment_text(moment);
    return revoked ? g_strdup_printf(" at %s", text)
                   : g_strdup_printf(": the next of %s was due at %s", issuer, text);
}

/* "certificate has expired (CN=Intermediate)" */
static char *why(X509_STORE_CTX *context)
{
    const char *text = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    if (!certificate)
        return g_strdup(text);
    g_autofree char *subject = p11d_holder_name(certificate);
    g_autofree char *more = more_of(context, certificate);
    return g_strdup_printf("%s%s (%s)", text, more ? more : "", subject);
}

/* An authority need not be vouched for: where its issuer is not among them, nobody can say whether
 * a CRL about it is right, and there need be none. */
static bool can_forgive(X509_STORE_CTX *context)
{
    const P11dCertificates *chain = X509_STORE_CTX_get0_chain(context);
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    int error = X509_STORE_CTX_get_error(context);
    bool about_crl = error == X509_V_ERR_UNABLE_TO_GET_CRL ||
                     error == X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER ||
                     error == X509_V_ERR_CRL_SIGNATURE_FAILURE;
    return about_crl && X509_STORE_CTX_get_error_depth(context) + 1 == sk_X509_num(chain) &&
           certificate && !(X509_get_extension_flags(certificate) & EXFLAG_SI);
}

/* OpenSSL asks for each error whether to go on, and forgets afterwards which CRL it was about. */
static int go_on(int ok, X509_STORE_CTX *context)
{
    if (ok || can_forgive(context))
        return 1;
    char **objection = X509_STORE_CTX_get_app_data(context);
    if (!*objection)
        *objection = why(context);
    return 0;
}

/* The authority at the end of chain, as it stands among them. */
static X509 *find_authority(const P11dAuthorities *authorities, const P11dCertificates *chain)
{
    X509 *last = sk_X509_value(chain, sk_X509_num(chain) - 1);
    for (int i = 0; i < sk_X509_num(authorities->certificates); i++)
        if (X509_cmp(sk_X509_value(authorities->certificates, i), last) == 0)
            return sk_X509_value(authorities->certificates, i);
    return last;
}

/* Whether crl can be of who has issued authority: of others among the authorities who only have
 * the same name it is not. */
static bool is_of_issuer(X509_CRL *crl, X509 *authority, const P11dCertificates *certificates)
{
    bool is_known = false;
    for (int i = 0; i < sk_X509_num(certificates); i++) {
        X509 *issuer = sk_X509_value(certificates, i);
        if (!p11d_holder_issued(issuer, authority))
            continue;
        if (X509_CRL_verify(crl, X509_get0_pubkey(issuer)) == 1)
            return true;
        is_known = true;
    }
    return !is_known &&
           X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_issuer_name(authority)) == 0;
}

/* OpenSSL ends at the first authority, whoever has issued that. But what a list of its issuer says
 * against it counts. */
static char *object_to_authority(const P11dAuthorities *authorities, X509 *authority)
{
    for (int i = 0; i < sk_X509_CRL_num(authorities->crls); i++) {
        X509_CRL *crl = sk_X509_CRL_value(authorities->crls, i);
        X509_REVOKED *revoked = NULL;
        if (X509_CRL_get0_by_cert(crl, &revoked, authority) != 1 ||
            !is_of_issuer(crl, authority, authorities->certificates))
            continue;
        g_autofree char *time =
            p11d_moment_text(p11d_moment_of_asn1(X509_REVOKED_get0_revocationDate(revoked)));
        g_autofree char *name = p11d_holder_name(authority);
        return g_strdup_printf("certificate revoked at %s (%s)", time, name);
    }
    return NULL;
}

static char *object_to_chain(const P11dAuthorities *authorities, const P11dCertPurpose *purpose,
                             const P11dCertificates *chain)
{
    X509 *authority = find_authority(authorities, chain);
    char *objection = object_to_authority(authorities, authority);
    return objection ? objection : p11d_certpurpose_object_to_chain(purpose, chain, authority);
}

static char *check(X509_STORE_CTX *context, const P11dAuthorities *authorities,
                   const P11dAuthoritiesQuestion *question)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    bool has_crls = sk_X509_CRL_num(authorities->crls) > 0;
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    if (has_crls)
        X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
    X509_STORE_CTX_set0_crls(context, authorities->crls);
    g_autofree char *objection = NULL;
    X509_STORE_CTX_set_app_data(context, &objection);
    X509_STORE_CTX_set_verify_cb(context, go_on);
    X509_VERIFY_PARAM_set_auth_level(parameters, LEVEL);
    X509_VERIFY_PARAM_set_time(parameters, (time_t)question->time);
    if (X509_verify_cert(context) == 1)
        return object_to_chain(authorities, question->purpose, X509_STORE_CTX_get0_chain(context));
    return objection ? g_steal_pointer(&objection) : why(context);
}

char *p11d_authorities_object(const P11dAuthorities *authorities,
                              const P11dAuthoritiesQuestion *question)
{
    if ((time_t)question->time != question->time)
        return g_strdup("this system's clock knows no such time");
    X509_STORE *store = make_store(authorities);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    char *objection = NULL;
    if (store && context &&
        X509_STORE_CTX_init(context, store, question->certificate, question->others))
        objection = check(context, authorities, question);
    else
        objection = g_strdup("OpenSSL cannot check it");
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return objection;
}
