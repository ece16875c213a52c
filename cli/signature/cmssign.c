// SPDX-License-Identifier: MIT
/* Making CMS signatures: OpenSSL builds them; what is signed is always signed attributes. */
#include "cms.h"

#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "certchain.h"
#include "cmssigner.h"
#include "console.h"
#include "failure.h"
#include "moment.h"
#include "tokenkey.h"

/* Who signs; made once a run. */
typedef struct Identity {
    P11dCertchain chain;
    EVP_PKEY *public_key; /* of the certificate; borrowed */
    EVP_PKEY *key;        /* the private key by libp11, or NULL where that cannot use it */
    EVP_MD *md;           /* of the content */
} Identity;

/* One message as it is being made. */
typedef struct Draft {
    const P11dSigning *signing;
    const Identity *identity;
    CMS_ContentInfo *message;
    CMS_SignerInfo *signer;
} Draft;

static void identity_free(gpointer data)
{
    Identity *identity = data;
    EVP_PKEY_free(identity->key);
    EVP_MD_free(identity->md);
    p11d_certchain_clear(&identity->chain);
    g_free(identity);
}

static gboolean openssl_failed(const P11dSigning *signing, const char *what, GError **error)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "another algorithm (-a) may do",
                     "OpenSSL cannot %s with %s: %s", what, signing->algorithm.name,
                     reason ? reason : "it does not say why");
    ERR_clear_error();
    return FALSE;
}

/* The hash of the content: that of the algorithm; for Ed25519 SHA-512 (RFC 8419, section 3.1).
 * Ed448 wants SHAKE256 there, which no PKCS#11 mechanism has and the table of hashes does not know.
 */
static EVP_MD *fetch_hash(const P11dSigning *signing, GError **error)
{
    const P11dFamily *family = signing->algorithm.family;
    if (signing->algorithm.hash) {
        EVP_MD *md = p11d_algorithm_fetch_hash(&signing->algorithm, error);
        if (md && p11d_cmssigner_hash(EVP_MD_get_type(md), error))
            return md;
        EVP_MD_free(md);
        return NULL;
    }
    if (g_strcmp0(family->curve, "Ed25519") == 0)
        return EVP_MD_fetch(NULL, "SHA512", NULL);
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "format der and raw can",
                     "CMS signatures with %s are not made", family->name);
    return NULL;
}

/* Whoever names the key by its certificate means that one, if several belong to the key. */
static const char *named_certificate(const P11dSigning *signing)
{
    const P11dTarget *target = signing->target;
    bool named = target->has_class && target->class == CKO_CERTIFICATE;
    return !signing->certificate && named ? target->text : signing->certificate;
}

gboolean p11d_cms_prepare(P11dSigning *signing, const P11dHost *host, GError **error)
{
    Identity *identity = g_new0(Identity, 1);
    signing->prepared = identity;
    signing->prepared_free = identity_free;
    identity->md = fetch_hash(signing, error);
    if (!identity->md || !p11d_certchain_find(&identity->chain, signing->key,
                                              named_certificate(signing), host, error))
        return FALSE;
    identity->public_key = X509_get0_pubkey(identity->chain.certificate);
    if (!identity->public_key)
        return openssl_failed(signing, "read the key of the certificate", error);
    identity->key = p11d_tokenkey_get(signing, host, identity->public_key);
    return TRUE;
}

/* A message with one signer, his certificates, and nothing signed yet. */
static bool begin(Draft *draft)
{
    const Identity *identity = draft->identity;
    const P11dCertificates *issuers = identity->chain.issuers;
    unsigned detached = draft->signing->attached ? 0 : CMS_DETACHED;
    draft->message = CMS_sign(NULL, NULL, NULL, NULL, CMS_PARTIAL | CMS_BINARY | detached);
    /* Where libp11 has no private key, OpenSSL is content with the public one for all but signing
     * itself. */
    draft->signer = draft->message
                        ? CMS_add1_signer(draft->message, identity->chain.certificate,
                                          identity->key ? identity->key : identity->public_key,
                                          identity->md, CMS_PARTIAL | CMS_BINARY | CMS_NOSMIMECAP)
                        : NULL;
    bool ok = draft->signer != NULL;
    for (int i = 0; ok && i < sk_X509_num(issuers); i++)
        ok = CMS_add1_cert(draft->message, sk_X509_value(issuers, i));
    return ok;
}

/* Reads the content, and keeps it where it is to be attached. Returns its digest. */
static GBytes *take_content(Draft *draft, P11dInput *input, GError **error)
{
    if (!draft->signing->attached)
        return p11d_input_hash(input, draft->identity->md, error);
    g_autoptr(GBytes) content = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
    if (!content || !p11d_input_check_memory(input->name, content, error))
        return NULL;
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    ASN1_OCTET_STRING **place = CMS_get0_content(draft->message);
    if (!place || !*place || !ASN1_OCTET_STRING_set(*place, data ? data : (void *)"", (int)size)) {
        openssl_failed(draft->signing, "attach the content", error);
        return NULL;
    }
    g_autoptr(P11dInput) again = p11d_input_of_bytes(content, input->name);
    return p11d_input_hash(again, draft->identity->md, error);
}

/* RFC 5652, sections 11.1 to 11.3; in the order of DER, which is that of their sizes. */
static bool add_attributes(Draft *draft, GBytes *digest)
{
    CMS_SignerInfo *signer = draft->signer;
    ASN1_TIME *now = p11d_moment_asn1(p11d_moment_now());
    bool ok =
        now &&
        CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_contentType, V_ASN1_OBJECT,
                                    CMS_get0_eContentType(draft->message), -1) &&
        CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_signingTime, now->type, now, -1) &&
        CMS_signed_add1_attr_by_NID(signer, NID_pkcs9_messageDigest, V_ASN1_OCTET_STRING,
                                    g_bytes_get_data(digest, NULL), (int)g_bytes_get_size(digest));
    ASN1_TIME_free(now);
    return ok;
}

/* The AlgorithmIdentifier of a hash. NULL if OpenSSL does not have it. */
static ASN1_STRING *pack_hash(const P11dHash *hash)
{
    EVP_MD *md = EVP_MD_fetch(NULL, hash->name, NULL);
    X509_ALGOR *algorithm = md ? X509_ALGOR_new() : NULL;
    ASN1_STRING *packed = NULL;
    if (algorithm) {
        X509_ALGOR_set_md(algorithm, md);
        packed = ASN1_item_pack(algorithm, ASN1_ITEM_rptr(X509_ALGOR), NULL);
    }
    X509_ALGOR_free(algorithm);
    EVP_MD_free(md);
    return packed;
}

/* RFC 4056, section 2.2 and RFC 4055, section 3.1: hash, mask and salt are all said. */
static bool set_pss(X509_ALGOR *algorithm, const P11dSigning *signing, const EVP_MD *md)
{
    CK_RSA_PKCS_PSS_PARAMS used = p11d_algorithm_pss(&signing->algorithm, &signing->kind);
    const P11dHash *mgf = p11d_hash_of_mgf(used.mgf);
    RSA_PSS_PARAMS *pss = mgf ? RSA_PSS_PARAMS_new() : NULL;
    ASN1_STRING *hash = NULL;
    ASN1_STRING *packed = NULL;
    if (pss) {
        pss->hashAlgorithm = X509_ALGOR_new();
        pss->maskGenAlgorithm = X509_ALGOR_new();
        pss->saltLength = ASN1_INTEGER_new();
    }
    bool ok = pss && pss->hashAlgorithm && pss->maskGenAlgorithm && pss->saltLength &&
              ASN1_INTEGER_set(pss->saltLength, (long)used.sLen);
    if (ok) {
        X509_ALGOR_set_md(pss->hashAlgorithm, md);
        hash = pack_hash(mgf);
    }
    if (hash &&
        X509_ALGOR_set0(pss->maskGenAlgorithm, OBJ_nid2obj(NID_mgf1), V_ASN1_SEQUENCE, hash))
        packed = ASN1_item_pack(pss, ASN1_ITEM_rptr(RSA_PSS_PARAMS), NULL);
    ok = packed && X509_ALGOR_set0(algorithm, OBJ_nid2obj(NID_rsassaPss), V_ASN1_SEQUENCE, packed);
    RSA_PSS_PARAMS_free(pss);
    return ok;
}

/* What OpenSSL has not set for a key that it cannot sign with. */
static bool set_algorithm(const Draft *draft)
{
    const P11dFamily *family = draft->signing->algorithm.family;
    X509_ALGOR *algorithm = NULL;
    CMS_SignerInfo_get0_algs(draft->signer, NULL, NULL, NULL, &algorithm);
    if (family->pss)
        return set_pss(algorithm, draft->signing, draft->identity->md);
    return draft->signing->algorithm.hash || /* RFC 8419, section 2.1: no parameters */
           X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_PKEY_get_id(draft->identity->public_key)),
                           V_ASN1_UNDEF, NULL);
}

/* Signs the attributes by PKCS#11 and fills the signature in. */
static gboolean sign_directly(const Draft *draft, const char *name, GError **error)
{
    const P11dSigning *signing = draft->signing;
    if (!set_algorithm(draft))
        return openssl_failed(signing, "make a CMS signature", error);
    g_autoptr(GBytes) attributes = p11d_cmssigner_attributes(draft->signer);
    g_autoptr(GBytes) raw = p11d_signing_sign_bytes(signing, attributes, name, error);
    g_autoptr(GBytes) signature = raw ? p11d_signing_der(signing, raw, error) : NULL;
    if (!signature)
        return FALSE;
    gsize size;
    const void *data = g_bytes_get_data(signature, &size);
    return ASN1_OCTET_STRING_set(CMS_SignerInfo_get0_signature(draft->signer), data, (int)size)
               ? TRUE
               : openssl_failed(signing, "make a CMS signature", error);
}

/* The one place where it matters by what way the private key is used. */
static gboolean sign_attributes(const Draft *draft, const char *name, GError **error)
{
    if (!draft->identity->key)
        return sign_directly(draft, name, error);
    if (CMS_SignerInfo_sign(draft->signer))
        return TRUE;
    p11d_tokenkey_fail(draft->signing, error);
    return FALSE;
}

/* What was made must verify with the certificate that it holds: this finds a certificate that is of
 * another key where the token does not tell its public half, and a token that is broken. */
static gboolean check(const Draft *draft, GBytes *digest, GError **error)
{
    P11dCmssigner signer = {0};
    g_auto(P11dFinding) finding = {0};
    gboolean ok = p11d_cmssigner_init(&signer, draft->signer, error) &&
                  p11d_cmssigner_check(&signer, draft->identity->public_key, digest,
                                       CMS_get0_eContentType(draft->message), &finding, error);
    p11d_cmssigner_clear(&signer);
    if (!ok)
        return FALSE;
    if (finding.verdict == P11D_VERDICT_GOOD) {
        p11d_console_detail("the signature verifies");
        return TRUE;
    }
    g_autofree char *uri = p11d_item_uri(draft->signing->key);
    p11d_failure_set(error, P11D_FAILURE_DEVICE,
                     "the certificate may be of another private key; or the token is broken",
                     "%s gave a signature that does not verify; it is not written", uri);
    return FALSE;
}

static GBytes *encode(const Draft *draft, GError **error)
{
    unsigned char *der = NULL;
    int size = i2d_CMS_ContentInfo(draft->message, &der);
    GBytes *bytes = size > 0 ? g_bytes_new(der, (gsize)size) : NULL;
    OPENSSL_free(der);
    if (!bytes)
        openssl_failed(draft->signing, "write a CMS signature", error);
    return bytes;
}

GBytes *p11d_cms_sign(const P11dSigning *signing, P11dInput *input, GError **error)
{
    Draft draft = {.signing = signing, .identity = signing->prepared};
    GBytes *message = NULL;
    if (!begin(&draft)) {
        openssl_failed(signing, "make a CMS signature", error);
    } else {
        g_autoptr(GBytes) digest = take_content(&draft, input, error);
        if (digest && !add_attributes(&draft, digest))
            openssl_failed(signing, "make a CMS signature", error);
        else if (digest && sign_attributes(&draft, input->name, error) &&
                 check(&draft, digest, error))
            message = encode(&draft, error);
    }
    CMS_ContentInfo_free(draft.message);
    ERR_clear_error();
    return message;
}
