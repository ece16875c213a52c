// SPDX-License-Identifier: MIT
#include "certpurpose.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "failure.h"
#include "holder.h"

/* OpenSSL 3.0 has no name for that of documents (RFC 9336). */
#define EMAIL "1.3.6.1.5.5.7.3.4"
#define CODE "1.3.6.1.5.5.7.3.3"
#define DOCUMENTS "1.3.6.1.5.5.7.3.36"
#define ANY "2.5.29.37.0"

/* Longer than any number of a key purpose that is of use. */
#define MAX_OID 128

struct P11dCertPurpose {
    const char *name;
    const char *what;      /* what is to be signed */
    const char *serves[4]; /* one of them must be there, NULL-terminated; none: nothing is asked */
};

static const P11dCertPurpose purposes[] = {
    {"email", "mail", {EMAIL}},
    {"code", "code", {CODE}},
    {"any", "anything", {NULL}},
};

static const P11dCertPurpose unnamed = {NULL, "mail, code or documents", {EMAIL, CODE, DOCUMENTS}};

const P11dCertPurpose *p11d_certpurpose_find(const char *name, GError **error)
{
    if (!name)
        return &unnamed;
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (strcmp(purposes[i].name, name) == 0)
            return &purposes[i];
    p11d_failure_set(error, P11D_FAILURE_USAGE, "purposes are " P11D_CERTPURPOSE_NAMES,
                     "there is no purpose \"%s\"", name);
    return NULL;
}

static bool is_one_of(const char *oid, const char *const *wanted)
{
    bool found = strcmp(oid, ANY) == 0;
    for (; *wanted; wanted++)
        found = found || strcmp(oid, *wanted) == 0;
    return found;
}

/* Whether one of wanted, or that for any, is in usages. */
static bool have(const STACK_OF(ASN1_OBJECT) * usages, const char *const *wanted)
{
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        char oid[MAX_OID];
        OBJ_obj2txt(oid, sizeof oid, sk_ASN1_OBJECT_value(usages, i), 1);
        found = found || is_one_of(oid, wanted);
    }
    return found;
}

/* "serverAuth, clientAuth" */
static char *list(const EXTENDED_KEY_USAGE *usages)
{
    GString *text = g_string_new(NULL);
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++) {
        const ASN1_OBJECT *usage = sk_ASN1_OBJECT_value(usages, i);
        char oid[MAX_OID];
        OBJ_obj2txt(oid, sizeof oid, usage, 1);
        int nid = OBJ_obj2nid(usage);
        g_string_append_printf(text, "%s%s", i ? ", " : "",
                               nid == NID_undef ? oid : OBJ_nid2sn(nid));
    }
    return g_string_free(text, FALSE);
}

/* Why what the certificate says under extendedKeyUsage does not serve. */
static char *object_to_usages(const P11dCertPurpose *purpose, X509 *certificate)
{
    int critical = -1; /* stays that if there is none */
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
    if (!usages)
        return critical == -1 ? NULL : g_strdup("its extendedKeyUsage makes no sense");
    bool found = have(usages, purpose->serves);
    g_autofree char *said = list(usages);
    EXTENDED_KEY_USAGE_free(usages);
    return found ? NULL
                 : g_strdup_printf("it is for %s (extendedKeyUsage), not for signing %s", said,
                                   purpose->what);
}

char *p11d_certpurpose_object(const P11dCertPurpose *purpose, X509 *certificate, bool signs)
{
    if (signs && !(X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        return g_strdup("its key is not meant for signatures (keyUsage)");
    return purpose->serves[0] ? object_to_usages(purpose, certificate) : NULL;
}

/* What a certificate of the chain says for itself against purpose. */
static char *object_to_one(const P11dCertPurpose *purpose, const P11dCertificates *chain)
{
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *certificate = sk_X509_value(chain, i);
        g_autofree char *objection = p11d_certpurpose_object(purpose, certificate, i == 0);
        if (objection && i == 0)
            return g_steal_pointer(&objection);
        g_autofree char *subject = p11d_holder_name(certificate);
        if (objection)
            return g_strdup_printf("%s (%s)", objection, subject);
    }
    return NULL;
}

static bool all_serve(const char *usage, const P11dCertificates *chain)
{
    const P11dCertPurpose one = {"", "", {usage}};
    bool all = true;
    for (int i = 0; all && i < sk_X509_num(chain); i++) {
        g_autofree char *objection = object_to_usages(&one, sk_X509_value(chain, i));
        all = objection == NULL;
    }
    return all;
}

/* As X509_check_trust, which has no number for documents. */
static bool is_trusted(X509 *authority, const char *usage)
{
    const char *const wanted[] = {usage, NULL};
    const STACK_OF(ASN1_OBJECT) *trusted = X509_get0_trust_objects(authority);
    return !have(X509_get0_reject_objects(authority), wanted) &&
           (!trusted || have(trusted, wanted));
}

char *p11d_certpurpose_object_to_chain(const P11dCertPurpose *purpose,
                                       const P11dCertificates *chain, X509 *authority)
{
    static const char *const any[] = {ANY, NULL};
    char *objection = object_to_one(purpose, chain);
    if (objection)
        return objection;
    bool is_asked = purpose->serves[0];
    bool trusted = false;
    for (const char *const *usage = is_asked ? purpose->serves : any; *usage; usage++) {
        bool is_for_that = is_trusted(authority, *usage);
        if (is_for_that && (!is_asked || all_serve(*usage, chain)))
            return NULL;
        trusted = trusted || is_for_that;
    }
    g_autofree char *name = p11d_holder_name(authority);
    return trusted ? g_strdup("no one purpose is served by all from it to the authority "
                              "(extendedKeyUsage)")
                   : g_strdup_printf("certificate rejected: it is not there for signing %s (%s)",
                                     purpose->what, name);
}
