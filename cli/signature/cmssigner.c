// SPDX-License-Identifier: MIT
#include "cmssigner.h"

#include <string.h>

#include <openssl/objects.h>
#include <openssl/pkcs7.h>
#include <openssl/rsa.h>

#include "evpkey.h"
#include "failure.h"
#include "verifier.h"

/* How keys and algorithms of a signature are called in the table of algorithm.c. */
static const struct {
    int nid;
    const char *family;
} families[] = {
    {NID_rsaEncryption, "rsa"}, {NID_rsassaPss, "rsa-pss"}, {NID_X9_62_id_ecPublicKey, "ecdsa"},
    {NID_ED25519, "ed25519"},   {NID_ED448, "ed448"},
};

static const char *family_of(int nid)
{
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        if (families[i].nid == nid)
            return families[i].family;
    return NULL;
}

static bool is_edwards(const char *family)
{
    return g_str_has_prefix(family, "ed");
}

const P11dHash *p11d_cmssigner_hash(int nid, GError **error)
{
    for (size_t i = 0; i < p11d_hash_count; i++) {
        EVP_MD *md = EVP_MD_fetch(NULL, p11d_hashes[i].name, NULL);
        bool found = md && EVP_MD_get_type(md) == nid;
        EVP_MD_free(md);
        if (found && p11d_hashes[i].mechanism != CKM_SHA_1)
            return &p11d_hashes[i];
    }
    const char *name = OBJ_nid2sn(nid);
    p11d_failure_set(
        error, P11D_FAILURE_UNSUPPORTED, "sign again with SHA-256 or better",
        "a CMS signature with the hash %s does not count: it is too weak, or not known here",
        name && nid != NID_undef ? name : "that it names");
    return NULL;
}

static gboolean unsupported(const char *what, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                     "a CMS signature with %s cannot be checked here", what);
    return FALSE;
}

static int nid_of(const X509_ALGOR *algorithm)
{
    const ASN1_OBJECT *object = NULL;
    X509_ALGOR_get0(&object, NULL, NULL, algorithm);
    return OBJ_obj2nid(object);
}

/* What stands in the parameters of algorithm. NULL if it is no such thing. */
static void *parameters(const X509_ALGOR *algorithm, const ASN1_ITEM *item)
{
    int type = V_ASN1_UNDEF;
    const void *value = NULL;
    X509_ALGOR_get0(NULL, &type, &value, algorithm);
    return type == V_ASN1_SEQUENCE ? ASN1_item_unpack(value, item) : NULL;
}

/* The name of the hash in MGF1, which may be another one (RFC 4055, section 2.2). NULL if this is
 * not RSASSA-PSS with the hash of the content (RFC 4056, section 2.2). What is not said is SHA-1.
 */
static const char *read_mgf(const X509_ALGOR *algorithm, int hash)
{
    RSA_PSS_PARAMS *pss = parameters(algorithm, ASN1_ITEM_rptr(RSA_PSS_PARAMS));
    int said = pss && pss->hashAlgorithm ? nid_of(pss->hashAlgorithm) : NID_sha1;
    int mgf = NID_sha1;
    if (pss && pss->maskGenAlgorithm) {
        X509_ALGOR *inner = nid_of(pss->maskGenAlgorithm) == NID_mgf1
                                ? parameters(pss->maskGenAlgorithm, ASN1_ITEM_rptr(X509_ALGOR))
                                : NULL;
        mgf = inner ? nid_of(inner) : NID_undef;
        X509_ALGOR_free(inner);
    }
    bool usable = pss && said == hash && mgf != NID_undef;
    RSA_PSS_PARAMS_free(pss);
    return usable ? OBJ_nid2sn(mgf) : NULL;
}

gboolean p11d_cmssigner_init(P11dCmssigner *signer, CMS_SignerInfo *info, GError **error)
{
    X509_ALGOR *digest = NULL;
    X509_ALGOR *algorithm = NULL;
    CMS_SignerInfo_get0_algs(info, NULL, NULL, &digest, &algorithm);
    int hash = nid_of(digest);
    int signed_hash = NID_undef;
    int kind = nid_of(algorithm);
    int key = NID_undef;
    if (OBJ_find_sigid_algs(kind, &signed_hash, &key))
        kind = key;
    *signer = (P11dCmssigner){.info = info, .family = family_of(kind)};
    if (!signer->family)
        return unsupported("this algorithm", error);
    if (signed_hash != NID_undef && signed_hash != hash)
        return unsupported("two different hashes", error);
    if (kind == NID_rsassaPss && !(signer->mgf = read_mgf(algorithm, hash)))
        return unsupported("these parameters of RSA-PSS", error);
    signer->attributes = p11d_cmssigner_attributes(info);
    if (is_edwards(signer->family) && !signer->attributes)
        return TRUE;
    signer->hash = p11d_cmssigner_hash(hash, error);
    return signer->hash != NULL;
}

void p11d_cmssigner_clear(P11dCmssigner *signer)
{
    g_clear_pointer(&signer->attributes, g_bytes_unref);
    *signer = (P11dCmssigner){0};
}

GBytes *p11d_cmssigner_attributes(CMS_SignerInfo *info)
{
    int count = CMS_signed_get_attr_count(info);
    if (count < 0)
        return NULL;
    STACK_OF(X509_ATTRIBUTE) *attributes = sk_X509_ATTRIBUTE_new_null();
    for (int i = 0; i < count; i++)
        sk_X509_ATTRIBUTE_push(attributes, CMS_signed_get_attr(info, i));
    /* In the order that they stand in: DER has one order only, but not every signer keeps to it. */
    unsigned char *der = NULL;
    int size = ASN1_item_i2d((ASN1_VALUE *)attributes, &der, ASN1_ITEM_rptr(PKCS7_ATTR_VERIFY));
    GBytes *bytes = g_bytes_new(der, size > 0 ? (gsize)size : 0);
    OPENSSL_free(der);
    sk_X509_ATTRIBUTE_free(attributes);
    return bytes;
}

gint64 p11d_cmssigner_time(const P11dCmssigner *signer)
{
    int at = CMS_signed_get_attr_by_NID(signer->info, NID_pkcs9_signingTime, -1);
    if (at < 0 || CMS_signed_get_attr_by_NID(signer->info, NID_pkcs9_signingTime, at) >= 0)
        return P11D_MOMENT_UNKNOWN;
    X509_ATTRIBUTE *attribute = CMS_signed_get_attr(signer->info, at);
    if (X509_ATTRIBUTE_count(attribute) != 1)
        return P11D_MOMENT_UNKNOWN;
    const ASN1_TYPE *value = X509_ATTRIBUTE_get0_type(attribute, 0);
    return value->type == V_ASN1_UTCTIME || value->type == V_ASN1_GENERALIZEDTIME
               ? p11d_moment_of_asn1(value->value.asn1_string)
               : P11D_MOMENT_UNKNOWN;
}

/* RFC 5652, section 5.4: the attributes must say of what type the content is, and its digest. */
static bool names_content(const P11dCmssigner *signer, GBytes *digest, const ASN1_OBJECT *type,
                          P11dFinding *finding)
{
    const int only_one = -3;
    const ASN1_OBJECT *signed_type = CMS_signed_get0_data_by_OBJ(
        signer->info, OBJ_nid2obj(NID_pkcs9_contentType), only_one, V_ASN1_OBJECT);
    const ASN1_OCTET_STRING *signed_digest = CMS_signed_get0_data_by_OBJ(
        signer->info, OBJ_nid2obj(NID_pkcs9_messageDigest), only_one, V_ASN1_OCTET_STRING);
    gsize size;
    const void *data = g_bytes_get_data(digest, &size);
    if (!signed_type || !signed_digest || OBJ_cmp(signed_type, type) != 0) {
        p11d_finding_conclude(finding, P11D_VERDICT_MALFORMED,
                              "what it signs does not say of which content it is");
        return false;
    }
    if ((gsize)ASN1_STRING_length(signed_digest) == size &&
        memcmp(ASN1_STRING_get0_data(signed_digest), data, size) == 0)
        return true;
    p11d_finding_conclude(finding, P11D_VERDICT_MISMATCH, "it is of other data");
    return false;
}

/* The algorithm as key has it. False if the key cannot be used that way. */
static bool find_algorithm(const P11dCmssigner *signer, const P11dAlgorithmKey *kind,
                           P11dAlgorithm *algorithm)
{
    g_autofree char *name = is_edwards(signer->family)
                                ? g_strdup(signer->family)
                                : g_strdup_printf("%s-%s", signer->family, signer->hash->name);
    return p11d_algorithm_find(algorithm, name, kind, NULL);
}

gboolean p11d_cmssigner_check(const P11dCmssigner *signer, EVP_PKEY *key, GBytes *content,
                              const ASN1_OBJECT *type, P11dFinding *finding, GError **error)
{
    P11dVerifier verifier = {
        .key = key,
        .kind = p11d_evpkey_describe(key),
        .mgf = signer->mgf,
        .prehashed = !signer->attributes && signer->hash,
        .form = P11D_ECDSA_DER,
    };
    finding->verdict = P11D_VERDICT_MISMATCH;
    if (!p11d_algorithm_check_key(&verifier.kind, error))
        return FALSE;
    if (!find_algorithm(signer, &verifier.kind, &verifier.algorithm))
        return TRUE;
    if (!finding->algorithm)
        finding->algorithm = g_strdup(verifier.algorithm.name);
    if (signer->attributes && !names_content(signer, content, type, finding))
        return TRUE;
    if (!signer->attributes && OBJ_obj2nid(type) != NID_pkcs7_data)
        return p11d_finding_conclude(
            finding, P11D_VERDICT_MALFORMED,
            "it signs no attributes, which such content needs (RFC 5652, section 5.3)");
    const ASN1_OCTET_STRING *value = CMS_SignerInfo_get0_signature(signer->info);
    g_autoptr(GBytes) signature =
        g_bytes_new(ASN1_STRING_get0_data(value), (gsize)ASN1_STRING_length(value));
    g_autoptr(P11dInput) input =
        p11d_input_of_bytes(signer->attributes ? signer->attributes : content, "what is signed");
    return p11d_verifier_check(&verifier, input, signature, &finding->verdict, error);
}
