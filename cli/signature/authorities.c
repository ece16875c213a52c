// SPDX-License-Identifier: MIT
#include "authorities.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include "certview.h"

/* 112 bits of security: OpenSSL's level 2. */
#define LEVEL 2

static X509_STORE *make_store(P11dCertificates *authorities)
{
    X509_STORE *store = X509_STORE_new();
    for (int i = 0; store && i < sk_X509_num(authorities); i++)
        X509_STORE_add_cert(store, sk_X509_value(authorities, i));
    return store;
}

/* "certificate has expired (CN=Intermediate)" */
static char *why(X509_STORE_CTX *context)
{
    const char *text = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
    X509 *certificate = X509_STORE_CTX_get_current_cert(context);
    if (!certificate)
        return g_strdup(text);
    g_autofree char *subject = p11d_certview_name(X509_get_subject_name(certificate));
    return g_strdup_printf("%s (%s)", text, subject);
}

/* What a certificate of the chain that was found says against its purpose. */
static char *object_to_use(const P11dPurpose *purpose, const P11dCertificates *chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        g_autofree char *objection = p11d_purpose_object(purpose, certificate, i == 0);
        if (objection && i == 0)
            return g_steal_pointer(&objection);
        g_autofree char *subject = p11d_certview_name(X509_get_subject_name(certificate));
        if (objection)
            return g_strdup_printf("%s (%s)", objection, subject);
    }
    return NULL;
}

static char *check(X509_STORE_CTX *context, const P11dPurpose *purpose)
{
    X509_VERIFY_PARAM *parameters = X509_STORE_CTX_get0_param(context);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_PARTIAL_CHAIN);
    X509_VERIFY_PARAM_set_auth_level(parameters, LEVEL);
    return X509_verify_cert(context) == 1
               ? object_to_use(purpose, X509_STORE_CTX_get0_chain(context))
               : why(context);
}

char *p11d_authorities_object(P11dCertificates *authorities,
                              const P11dAuthoritiesQuestion *question)
{
    X509_STORE *store = make_store(authorities);
    X509_STORE_CTX *context = X509_STORE_CTX_new();
    char *objection = NULL;
    if (store && context &&
        X509_STORE_CTX_init(context, store, question->certificate, question->others))
        objection = check(context, question->purpose);
    else
        objection = g_strdup("OpenSSL cannot check it");
    X509_STORE_CTX_free(context);
    X509_STORE_free(store);
    ERR_clear_error();
    return objection;
}
