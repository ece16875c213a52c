// SPDX-License-Identifier: MIT
#include "purpose.h"

#include <string.h>

#include <openssl/x509v3.h>

#include "failure.h"

/* OpenSSL 3.0 has no name for that of documents (RFC 9336). */
#define EMAIL "1.3.6.1.5.5.7.3.4"
#define CODE "1.3.6.1.5.5.7.3.3"
#define DOCUMENTS "1.3.6.1.5.5.7.3.36"
#define ANY "2.5.29.37.0"

/* Longer than any number of a key purpose that is of use. */
#define MAX_OID 128

struct P11dPurpose {
    const char *name;
    const char *what;      /* what is to be signed */
    const char *serves[4]; /* one of them must be there, NULL-terminated; none: nothing is asked */
};

static const P11dPurpose purposes[] = {
    {"email", "mail", {EMAIL}},
    {"code", "code", {CODE}},
    {"any", "anything", {NULL}},
};

static const P11dPurpose unnamed = {NULL, "mail, code or documents", {EMAIL, CODE, DOCUMENTS}};

const P11dPurpose *p11d_purpose_find(const char *name, GError **error)
{
    if (!name)
        return &unnamed;
    for (size_t i = 0; i < G_N_ELEMENTS(purposes); i++)
        if (strcmp(purposes[i].name, name) == 0)
            return &purposes[i];
    p11d_failure_set(error, P11D_FAILURE_USAGE, "purposes are " P11D_PURPOSE_NAMES,
                     "there is no purpose \"%s\"", name);
    return NULL;
}

static bool serves(const P11dPurpose *purpose, const ASN1_OBJECT *usage)
{
    char oid[MAX_OID];
    OBJ_obj2txt(oid, sizeof oid, usage, 1);
    bool found = strcmp(oid, ANY) == 0;
    for (const char *const *wanted = purpose->serves; *wanted; wanted++)
        found = found || strcmp(oid, *wanted) == 0;
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
static char *object_to_usages(const P11dPurpose *purpose, X509 *certificate)
{
    int critical = -1; /* stays that if there is none */
    EXTENDED_KEY_USAGE *usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, &critical, NULL);
    if (!usages)
        return critical == -1 ? NULL : g_strdup("its extendedKeyUsage makes no sense");
    bool found = false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages); i++)
        found = found || serves(purpose, sk_ASN1_OBJECT_value(usages, i));
    g_autofree char *said = list(usages);
    EXTENDED_KEY_USAGE_free(usages);
    return found ? NULL
                 : g_strdup_printf("it is for %s (extendedKeyUsage), not for signing %s", said,
                                   purpose->what);
}

char *p11d_purpose_object(const P11dPurpose *purpose, X509 *certificate, bool signs)
{
    if (signs && !(X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)))
        return g_strdup("its key is not meant for signatures (keyUsage)");
    return purpose->serves[0] ? object_to_usages(purpose, certificate) : NULL;
}
