// SPDX-License-Identifier: MIT
#include "signer.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "curve.h"
#include "pss.h"

/* The most hash functions that the core's table may have. */
#define HASHES_MAX 32
/* RFC 8017, 7.2.1 and 9.2: the padding of PKCS #1 v1.5 takes at least so many bytes. */
#define PKCS1_PADDING 11
/* The largest RSA key, in bits. */
#define RSA_BITS_MAX 8192
/* The longest name of a curve, in bytes with the zero behind it. */
#define CURVE_NAME_MAX 80

struct P11dSigner {
    atomic_uint references;
    EVP_PKEY *key;
    /* Made ready to sign once; each signature works on a copy, which costs a fraction of a
     * microsecond where making it anew costs three. NULL for EdDSA. */
    EVP_PKEY_CTX *prepared;
    CK_KEY_TYPE key_type;
    P11dPss pss;
    size_t size; /* of a signature: the modulus, twice the order, or EdDSA's; bytes */
};

/* A kind of key: how OpenSSL and PKCS#11 call it, and the sizes in the unit of CK_MECHANISM_INFO.
 */
typedef struct KeyKind {
    const char *name;
    CK_KEY_TYPE type;
    CK_ULONG smallest;
    CK_ULONG largest;
} KeyKind;

static const KeyKind key_kinds[] = {
    {"RSA", CKK_RSA, 2048, RSA_BITS_MAX},
    {"RSA-PSS", CKK_RSA, 2048, RSA_BITS_MAX},
    {"EC", CKK_EC, 256, 521},
    {"ED25519", CKK_EC_EDWARDS, 255, 448},
    {"ED448", CKK_EC_EDWARDS, 255, 448},
};

/* What OpenSSL calls the hash of each row of p11d_hashes; NULL where it has none. */
static EVP_MD *digests[HASHES_MAX];

bool p11d_signer_setup(void)
{
    for (size_t i = 0; i < p11d_hash_count && i < HASHES_MAX; i++)
        digests[i] = EVP_MD_fetch(NULL, p11d_hashes[i].name, NULL);
    ERR_clear_error();
    return true;
}

void p11d_signer_teardown(void)
{
    for (size_t i = 0; i < HASHES_MAX; i++) {
        EVP_MD_free(digests[i]);
        digests[i] = NULL;
    }
}

static const EVP_MD *digest_of(const P11dHash *hash)
{
    size_t i = hash ? (size_t)(hash - p11d_hashes) : HASHES_MAX;
    return i < HASHES_MAX ? digests[i] : NULL;
}

static const KeyKind *kind_of_key(const EVP_PKEY *key)
{
    for (size_t i = 0; i < sizeof key_kinds / sizeof key_kinds[0]; i++) {
        if (EVP_PKEY_is_a(key, key_kinds[i].name))
            return &key_kinds[i];
    }
    return NULL;
}

/* The name that OpenSSL has for the curve of an EC key; its row in the table, or NULL. */
static const P11dCurve *find_curve(const EVP_PKEY *key, char name[CURVE_NAME_MAX])
{
    return EVP_PKEY_get_group_name(key, name, CURVE_NAME_MAX, NULL) ? p11d_curve_of_openssl(name)
                                                                    : NULL;
}

static const char *unsupported_curve(const EVP_PKEY *key)
{
    static const char *const served[] = {"P-256", "P-384", "P-521", "secp256k1"};
    char name[CURVE_NAME_MAX] = "";
    const P11dCurve *curve = find_curve(key, name);

    if (!*name)
        return p11d_curve_none;
    for (size_t i = 0; curve && i < sizeof served / sizeof served[0]; i++) {
        if (strcmp(served[i], curve->name) == 0)
            return NULL;
    }
    return "its curve is not one of P-256, P-384, P-521 and secp256k1";
}

/* The longest salt for a hash (RFC 8017, 9.1.1: the encoded message holds both and two bytes more),
 * in bytes; negative: there is no room even for the hash. */
static long longest_salt(const EVP_PKEY *key, const P11dHash *hash)
{
    return ((long)EVP_PKEY_get_bits(key) - 1 + 7) / 8 - (long)hash->size - 2;
}

/* As p11d_pss_read. */
static bool read_pss(const EVP_PKEY *key, P11dPss *pss)
{
    uint8_t *der = NULL;
    *pss = (P11dPss){0};
    if (!EVP_PKEY_is_a(key, "RSA-PSS"))
        return true;
    int size = i2d_PUBKEY(key, &der);
    bool ok = size > 0 && p11d_pss_read(pss, der, (size_t)size);
    OPENSSL_free(der);
    return ok;
}

static const char *unsupported_pss(const EVP_PKEY *key)
{
    P11dPss pss;
    if (!read_pss(key, &pss))
        return p11d_pss_unknown;
    if (!pss.bound)
        return NULL;
    if (!digest_of(pss.hash) || !digest_of(pss.mgf))
        return p11d_pss_unknown;
    long longest = longest_salt(key, pss.hash);
    return longest >= 0 && pss.salt <= (CK_ULONG)longest
               ? NULL
               : "the salt that it wants is longer than it has room for";
}

const char *p11d_signer_unsupported(const EVP_PKEY *key)
{
    const KeyKind *kind = kind_of_key(key);
    if (!kind)
        return "it is neither an RSA, an EC, an Ed25519 nor an Ed448 key";
    if (kind->type == CKK_EC)
        return unsupported_curve(key);
    CK_ULONG bits = (CK_ULONG)EVP_PKEY_get_bits(key);
    if (kind->type == CKK_RSA && (bits < kind->smallest || bits > kind->largest))
        return "an RSA key must have from 2048 to 8192 bits";
    return unsupported_pss(key);
}

/* PKCS#11 wants r and s as long as the order, OpenSSL gives DER, which is at least that long. */
static size_t signature_size(const EVP_PKEY *key, const KeyKind *kind)
{
    char name[CURVE_NAME_MAX];
    const P11dCurve *curve = kind->type == CKK_EC ? find_curve(key, name) : NULL;
    if (curve)
        return 2 * curve->half;
    return (size_t)EVP_PKEY_get_size(key);
}

static EVP_PKEY_CTX *prepare(EVP_PKEY *key)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    if (context && EVP_PKEY_sign_init(context) == 1)
        return context;
    EVP_PKEY_CTX_free(context);
    return NULL;
}

P11dSigner *p11d_signer_new(EVP_PKEY *key)
{
    const KeyKind *kind = kind_of_key(key);
    P11dSigner *signer = kind ? calloc(1, sizeof *signer) : NULL;
    if (!signer) {
        EVP_PKEY_free(key);
        return NULL;
    }
    atomic_init(&signer->references, 1);
    signer->key = key;
    signer->key_type = kind->type;
    signer->size = signature_size(key, kind);
    read_pss(key, &signer->pss);
    if (kind->type != CKK_EC_EDWARDS) {
        signer->prepared = prepare(key);
        if (!signer->prepared) {
            p11d_signer_unref(signer);
            return NULL;
        }
    }
    return signer;
}

P11dSigner *p11d_signer_ref(P11dSigner *signer)
{
    atomic_fetch_add_explicit(&signer->references, 1, memory_order_relaxed);
    return signer;
}

void p11d_signer_unref(P11dSigner *signer)
{
    if (!signer || atomic_fetch_sub_explicit(&signer->references, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_CTX_free(signer->prepared);
    EVP_PKEY_free(signer->key);
    free(signer);
}

/* What OpenSSL's failure is to a caller whose arguments were checked already. */
static CK_RV failure(void)
{
    CK_RV rv = CKR_FUNCTION_FAILED;
    unsigned long error;
    while ((error = ERR_get_error()) != 0) {
        if (ERR_GET_LIB(error) == ERR_LIB_RSA &&
            ERR_GET_REASON(error) == RSA_R_DATA_TOO_LARGE_FOR_MODULUS)
            rv = CKR_DATA_INVALID;
    }
    return rv;
}

/* Signs with a copy of what was prepared, after configure has set it up further (may be NULL). */
static CK_RV sign_prepared(P11dSigner *signer,
                           bool (*configure)(EVP_PKEY_CTX *context, const void *settings),
                           const void *settings, const uint8_t *data, size_t size, uint8_t *place,
                           size_t *place_size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(signer->prepared);
    bool ok = context && (!configure || configure(context, settings)) &&
              EVP_PKEY_sign(context, place, place_size, data, size) == 1;
    EVP_PKEY_CTX_free(context);
    return ok ? CKR_OK : failure();
}

static CK_RV sign_rsa(P11dSigner *signer, bool (*configure)(EVP_PKEY_CTX *, const void *),
                      const void *settings, const uint8_t *data, size_t size, P11dBuffer *output)
{
    size_t written = signer->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    if (!place)
        return CKR_HOST_MEMORY;
    CK_RV rv = sign_prepared(signer, configure, settings, data, size, place, &written);
    if (rv == CKR_OK)
        output->size += written;
    return rv;
}

static bool configure_padding(EVP_PKEY_CTX *context, const void *settings)
{
    const int *padding = settings;
    return EVP_PKEY_CTX_set_rsa_padding(context, *padding) == 1;
}

static CK_RV sign_pkcs1(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                        size_t size, P11dBuffer *output)
{
    static const int padding = RSA_PKCS1_PADDING;
    (void)parameters;
    if (size > signer->size - PKCS1_PADDING)
        return CKR_DATA_LEN_RANGE;
    return sign_rsa(signer, configure_padding, &padding, data, size, output);
}

/* Data shorter than the modulus is a number with leading zeros (PKCS#11, CKM_RSA_X_509). */
static CK_RV sign_x509(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                       size_t size, P11dBuffer *output)
{
    static const int padding = RSA_NO_PADDING;
    uint8_t padded[RSA_BITS_MAX / 8] = {0};
    (void)parameters;
    if (size == 0 || size > signer->size || signer->size > sizeof padded)
        return CKR_DATA_LEN_RANGE;
    memcpy(padded + signer->size - size, data, size);
    return sign_rsa(signer, configure_padding, &padding, padded, signer->size, output);
}

typedef struct PssSettings {
    const EVP_MD *digest;
    const EVP_MD *mgf;
    int salt;
} PssSettings;

static bool configure_pss(EVP_PKEY_CTX *context, const void *data)
{
    const PssSettings *settings = data;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, settings->digest) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, settings->mgf) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, settings->salt) == 1;
}

static CK_RV sign_pss(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                      size_t size, P11dBuffer *output)
{
    const CK_RSA_PKCS_PSS_PARAMS *pss = parameters->mechanism.pParameter;
    if (!pss || parameters->mechanism.ulParameterLen != sizeof *pss)
        return CKR_MECHANISM_PARAM_INVALID;

    const P11dMechanism *row = p11d_mechanism_find(parameters->mechanism.mechanism);
    const P11dHash *hash = p11d_hash_of_mechanism(pss->hashAlg);
    PssSettings settings = {digest_of(hash), digest_of(p11d_hash_of_mgf(pss->mgf)), 0};
    if (!settings.digest || !settings.mgf ||
        (row->hash != P11D_MECHANISM_NONE && row->hash != pss->hashAlg))
        return CKR_MECHANISM_PARAM_INVALID;
    if (size != hash->size)
        return CKR_DATA_LEN_RANGE;

    long longest = longest_salt(signer->key, hash);
    if (longest < 0 || pss->sLen > (CK_ULONG)longest)
        return CKR_MECHANISM_PARAM_INVALID;
    settings.salt = (int)pss->sLen;
    return sign_rsa(signer, configure_pss, &settings, data, size, output);
}

static CK_RV sign_ecdsa(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                        size_t size, P11dBuffer *output)
{
    uint8_t der[160]; /* P-521 needs 139 */
    size_t der_size = sizeof der;
    (void)parameters;
    if (size == 0)
        return CKR_DATA_LEN_RANGE;
    /* Longer input counts with its leftmost bits (PKCS#11, CKM_ECDSA). */
    if (size > signer->size)
        size = signer->size;
    uint8_t *place = p11d_buffer_reserve(output, signer->size);
    if (!place)
        return CKR_HOST_MEMORY;
    CK_RV rv = sign_prepared(signer, NULL, NULL, data, size, der, &der_size);
    if (rv != CKR_OK)
        return rv;

    const uint8_t *start = der;
    int half = (int)(signer->size / 2);
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &start, (long)der_size);
    bool ok = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), place, half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(signature), place + half, half) == half;
    ECDSA_SIG_free(signature);
    if (!ok)
        return failure();
    output->size += signer->size;
    return CKR_OK;
}

static CK_RV sign_eddsa(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                        size_t size, P11dBuffer *output)
{
    /* OpenSSL 3.0 has none of Ed25519ctx, Ed25519ph and Ed448ph, and no context for Ed448. */
    const CK_EDDSA_PARAMS *eddsa = parameters->mechanism.pParameter;
    bool plain = !eddsa || (!eddsa->phFlag && eddsa->ulContextDataLen == 0 &&
                            EVP_PKEY_is_a(signer->key, "ED448"));
    if (!plain)
        return CKR_MECHANISM_PARAM_INVALID;

    size_t written = signer->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    EVP_MD_CTX *context = place ? EVP_MD_CTX_new() : NULL;
    if (!context)
        return CKR_HOST_MEMORY;
    bool ok = EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, signer->key, NULL) == 1 &&
              EVP_DigestSign(context, place, &written, data, size) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        return failure();
    output->size += written;
    return CKR_OK;
}

/* The mechanisms that everything else comes down to. */
typedef struct Primitive {
    CK_MECHANISM_TYPE type;
    CK_RV(*sign)
    (P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data, size_t size,
     P11dBuffer *output);
} Primitive;

static const Primitive primitives[] = {
    {CKM_RSA_PKCS, sign_pkcs1}, {CKM_RSA_PKCS_PSS, sign_pss}, {CKM_RSA_X_509, sign_x509},
    {CKM_ECDSA, sign_ecdsa},    {CKM_EDDSA, sign_eddsa},
};

/* *hash: what mechanism applies first, NULL for nothing. */
static const Primitive *find_primitive(const P11dMechanism *mechanism, const P11dHash **hash)
{
    *hash = NULL;
    CK_MECHANISM_TYPE type = mechanism->type;
    if (mechanism->hash != P11D_MECHANISM_NONE) {
        type = mechanism->raw;
        *hash = p11d_hash_of_mechanism(mechanism->hash);
        if (!digest_of(*hash))
            return NULL;
    }
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (primitives[i].type == type)
            return &primitives[i];
    }
    return NULL;
}

bool p11d_signer_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    const P11dHash *hash;
    if (!find_primitive(mechanism, &hash))
        return false;
    for (size_t i = 0; i < sizeof key_kinds / sizeof key_kinds[0]; i++) {
        if (key_kinds[i].type == mechanism->key_type) {
            *smallest = key_kinds[i].smallest;
            *largest = key_kinds[i].largest;
            return true;
        }
    }
    return false;
}

/* Puts the digest of data, with what RSA PKCS #1 v1.5 wants before it, into place. */
static CK_RV digest(const P11dMechanism *mechanism, const P11dHash *hash, bool prehashed,
                    const uint8_t *data, size_t size, uint8_t *place, size_t *place_size)
{
    size_t start = 0;
    if (mechanism->digest_info) {
        memcpy(place, hash->prefix, hash->prefix_size);
        start = hash->prefix_size;
    }
    if (!prehashed) {
        if (EVP_Digest(data, size, place + start, NULL, digest_of(hash), NULL) != 1)
            return failure();
    } else if (size == hash->size) {
        memcpy(place + start, data, size);
    } else {
        return CKR_DATA_LEN_RANGE;
    }
    *place_size = start + hash->size;
    return CKR_OK;
}

CK_RV p11d_signer_sign(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                       size_t size, P11dBuffer *output)
{
    const P11dMechanism *mechanism = p11d_mechanism_find(parameters->mechanism.mechanism);
    const P11dHash *hash = NULL;
    const Primitive *primitive = mechanism ? find_primitive(mechanism, &hash) : NULL;
    uint8_t digested[P11D_HASH_MAX_PREFIX + EVP_MAX_MD_SIZE];

    if (!primitive)
        return CKR_MECHANISM_INVALID;
    if (mechanism->key_type != signer->key_type)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (parameters->prehashed && !hash)
        return CKR_MECHANISM_PARAM_INVALID;
    CK_RV rv = p11d_pss_check(&signer->pss, &parameters->mechanism);
    if (rv != CKR_OK)
        return rv;
    if (hash) {
        rv = digest(mechanism, hash, parameters->prehashed, data, size, digested, &size);
        if (rv != CKR_OK)
            return rv;
        data = digested;
    }
    return primitive->sign(signer, parameters, data, size, output);
}
