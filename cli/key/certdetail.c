// SPDX-License-Identifier: MIT
#include "certdetail.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "certview.h"

#define MAX_SIZE (1UL << 20)

/* The bits of KeyUsage (RFC 5280, section 4.2.1.3), as OpenSSL numbers them. */
static const struct {
    uint32_t bit;
    const char *name;
} usages[] = {
    {KU_DIGITAL_SIGNATURE, "digitalSignature"},
    {KU_NON_REPUDIATION, "nonRepudiation"},
    {KU_KEY_ENCIPHERMENT, "keyEncipherment"},
    {KU_DATA_ENCIPHERMENT, "dataEncipherment"},
    {KU_KEY_AGREEMENT, "keyAgreement"},
    {KU_KEY_CERT_SIGN, "keyCertSign"},
    {KU_CRL_SIGN, "cRLSign"},
    {KU_ENCIPHER_ONLY, "encipherOnly"},
    {KU_DECIPHER_ONLY, "decipherOnly"},
};

/* Hashes for which two certificates can be made that share a signature. */
static const int broken[] = {NID_md2, NID_md4, NID_md5, NID_mdc2, NID_sha, NID_sha1};

static char *object_text(const ASN1_OBJECT *object, const char *(*name)(int nid))
{
    char number[128];
    int nid = OBJ_obj2nid(object);
    if (nid != NID_undef)
        return g_strdup(name(nid));
    return OBJ_obj2txt(number, sizeof number, object, 1) > 0 ? g_strdup(number) : g_strdup("");
}

static void read_signature(P11dCertdetail *detail, X509 *certificate)
{
    const X509_ALGOR *algorithm;
    const ASN1_OBJECT *object;
    int hash = NID_undef;
    X509_get0_signature(NULL, &algorithm, certificate);
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    detail->signature_algorithm = object_text(object, OBJ_nid2ln);
    /* Its answer is whether OpenSSL finds the signature safe, which is not asked here. */
    X509_get_signature_info(certificate, &hash, NULL, NULL, NULL);
    if (hash == NID_undef)
        return;
    detail->signature_hash = OBJ_nid2sn(hash);
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
        detail->signature_is_weak = detail->signature_is_weak || hash == broken[i];
}

static char **read_names(const X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    GStrvBuilder *texts = g_strv_builder_new();
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        BIO *bio = BIO_new(BIO_s_mem());
        if (bio)
            GENERAL_NAME_print(bio, sk_GENERAL_NAME_value(names, i));
        g_autofree char *text = p11d_certview_take_text(bio);
        g_strv_builder_add(texts, text);
    }
    GENERAL_NAMES_free(names);
    char **list = g_strv_builder_end(texts);
    g_strv_builder_unref(texts);
    return list;
}

static const char **read_key_usage(X509 *certificate)
{
    uint32_t bits = X509_get_key_usage(certificate);
    if (bits == UINT32_MAX) /* there is no such extension */
        return NULL;
    const char **names = g_new0(const char *, G_N_ELEMENTS(usages) + 1);
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(usages); i++)
        if (bits & usages[i].bit)
            names[count++] = usages[i].name;
    return names;
}

static char **read_extended(const X509 *certificate)
{
    EXTENDED_KEY_USAGE *usage = X509_get_ext_d2i(certificate, NID_ext_key_usage, NULL, NULL);
    if (!usage)
        return NULL;
    GStrvBuilder *texts = g_strv_builder_new();
    for (int i = 0; i < sk_ASN1_OBJECT_num(usage); i++) {
        g_autofree char *text = object_text(sk_ASN1_OBJECT_value(usage, i), OBJ_nid2sn);
        g_strv_builder_add(texts, text);
    }
    EXTENDED_KEY_USAGE_free(usage);
    char **list = g_strv_builder_end(texts);
    g_strv_builder_unref(texts);
    return list;
}

bool p11d_certdetail_parse(P11dCertdetail *detail, const void *der, size_t size)
{
    const unsigned char *p = der;
    *detail = (P11dCertdetail){0};
    X509 *certificate = size <= MAX_SIZE ? d2i_X509(NULL, &p, (long)size) : NULL;
    if (certificate) {
        read_signature(detail, certificate);
        detail->names = read_names(certificate);
        detail->is_authority = X509_check_ca(certificate) != 0;
        detail->key_usage = read_key_usage(certificate);
        detail->extended_key_usage = read_extended(certificate);
    }
    X509_free(certificate);
    ERR_clear_error();
    return certificate != NULL;
}

void p11d_certdetail_clear(P11dCertdetail *detail)
{
    g_free(detail->signature_algorithm);
    g_strfreev(detail->names);
    g_free(detail->key_usage);
    g_strfreev(detail->extended_key_usage);
    *detail = (P11dCertdetail){0};
}
