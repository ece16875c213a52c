// SPDX-License-Identifier: MIT
#include "certdetail.h"

#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/x509v3.h>

#include "certextension.h"
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

/* The hash of RSASSA-PSS stands in its parameters; SHA-1 unless said (RFC 4055, section 3.1). */
static int pss_hash(const X509_ALGOR *algorithm)
{
    int type;
    const void *value;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    RSA_PSS_PARAMS *parameters =
        type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, ASN1_ITEM_rptr(RSA_PSS_PARAMS)) : NULL;
    const ASN1_OBJECT *hash = NULL;
    if (parameters && parameters->hashAlgorithm)
        X509_ALGOR_get0(&hash, NULL, NULL, parameters->hashAlgorithm);
    int nid = !parameters ? NID_undef : hash ? OBJ_obj2nid(hash) : NID_sha1;
    RSA_PSS_PARAMS_free(parameters);
    return nid;
}

/* What follows all that is signed: AlgorithmIdentifier and BIT STRING. False if it is not there. */
static bool read_signature(P11dCertdetail *detail, P11dBytes signature)
{
    P11dBytes whole;
    if (!p11d_der_take(&signature, P11D_DER_SEQUENCE, NULL, &whole) ||
        !p11d_der_take(&signature, P11D_DER_BIT_STRING, NULL, NULL) || signature.size > 0)
        return false;
    X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &whole.data, (long)whole.size);
    if (!algorithm)
        return false;
    const ASN1_OBJECT *object;
    int hash = NID_undef;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    detail->signature_algorithm = object_text(object, OBJ_nid2ln);
    int nid = OBJ_obj2nid(object);
    if (nid == NID_rsassaPss)
        hash = pss_hash(algorithm);
    else
        OBJ_find_sigid_algs(nid, &hash, NULL);
    X509_ALGOR_free(algorithm);
    if (hash == NID_undef)
        return true;
    detail->signature_hash = OBJ_nid2sn(hash);
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++)
        detail->signature_is_weak = detail->signature_is_weak || hash == broken[i];
    return true;
}

static char **read_names(P11dBytes extensions)
{
    GENERAL_NAMES *names =
        p11d_certextension_read(extensions, NID_subject_alt_name, ASN1_ITEM_rptr(GENERAL_NAMES));
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

static const char **read_key_usage(P11dBytes extensions)
{
    uint32_t bits;
    if (!p11d_certextension_key_usage(extensions, &bits))
        return NULL;
    const char **names = g_new0(const char *, G_N_ELEMENTS(usages) + 1);
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(usages); i++)
        if (bits & usages[i].bit)
            names[count++] = usages[i].name;
    return names;
}

static char **read_extended(P11dBytes extensions)
{
    EXTENDED_KEY_USAGE *usage =
        p11d_certextension_read(extensions, NID_ext_key_usage, ASN1_ITEM_rptr(EXTENDED_KEY_USAGE));
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
    P11dCertificate certificate;
    P11dBytes extensions;
    *detail = (P11dCertdetail){0};
    bool ok = size <= MAX_SIZE && p11d_certificate_parse(&certificate, der, size) &&
              p11d_certificate_extensions(&certificate, &extensions) &&
              read_signature(detail, certificate.signature);
    if (ok) {
        detail->names = read_names(extensions);
        detail->is_authority = p11d_certextension_is_authority(&certificate, extensions);
        detail->key_usage = read_key_usage(extensions);
        detail->extended_key_usage = read_extended(extensions);
    }
    ERR_clear_error();
    return ok;
}

void p11d_certdetail_clear(P11dCertdetail *detail)
{
    g_free(detail->signature_algorithm);
    g_strfreev(detail->names);
    g_free(detail->key_usage);
    g_strfreev(detail->extended_key_usage);
    *detail = (P11dCertdetail){0};
}
