// SPDX-License-Identifier: MIT
#include "keysign.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

/* RFC 8017, 9.2: the padding of PKCS #1 v1.5 takes at least so many bytes. */
#define PKCS1_PADDING 11
/* P-521 needs 139. */
#define ECDSA_DER_MAX 160

/* One use of a key: what a mechanism makes of its arguments. */
typedef struct Work {
    P11dServedKey *key;
    const P11dParameters *parameters;
    P11dBytes input; /* to be signed, or what was: hashed, where the mechanism does that */
    const EVP_MD *digest;
    const EVP_MD *mgf;
    int salt;
    uint8_t room[P11D_SERVEDKEY_RSA_BITS_MAX / 8];
} Work;

/* A mechanism that everything else comes down to. check holds the arguments against it and brings
 * the input into its form; configure sets OpenSSL up for it (NULL: nothing to do). */
typedef struct Primitive {
    CK_MECHANISM_TYPE type;
    CK_RV (*check)(Work *work);
    bool (*configure)(EVP_PKEY_CTX *context, const Work *work);
    CK_RV (*sign)(const struct Primitive *primitive, Work *work, P11dBuffer *output);
    CK_RV (*verify)(const struct Primitive *primitive, Work *work, P11dBytes signature);
} Primitive;

static CK_RV check_pkcs1(Work *work)
{
    return work->input.size <= work->key->size - PKCS1_PADDING ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static bool configure_pkcs1(EVP_PKEY_CTX *context, const Work *work)
{
    (void)work;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
}

/* Data shorter than the modulus is a number with leading zeros (PKCS#11, CKM_RSA_X_509). */
static CK_RV check_x509(Work *work)
{
    const size_t size = work->key->size;
    if (work->input.size == 0 || work->input.size > size || size > sizeof work->room)
        return CKR_DATA_LEN_RANGE;
    memset(work->room, 0, size);
    memcpy(work->room + size - work->input.size, work->input.data, work->input.size);
    work->input = (P11dBytes){work->room, size};
    return CKR_OK;
}

static bool configure_x509(EVP_PKEY_CTX *context, const Work *work)
{
    (void)work;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1;
}

static CK_RV check_pss(Work *work)
{
    const CK_MECHANISM *mechanism = &work->parameters->mechanism;
    const CK_RSA_PKCS_PSS_PARAMS *pss = mechanism->pParameter;
    if (!pss || mechanism->ulParameterLen != sizeof *pss)
        return CKR_MECHANISM_PARAM_INVALID;

    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    const P11dHash *hash = p11d_hash_of_mechanism(pss->hashAlg);
    work->digest = p11d_servedkey_digest(hash);
    work->mgf = p11d_servedkey_digest(p11d_hash_of_mgf(pss->mgf));
    if (!work->digest || !work->mgf ||
        (row->hash != P11D_MECHANISM_NONE && row->hash != pss->hashAlg))
        return CKR_MECHANISM_PARAM_INVALID;
    if (work->input.size != hash->size)
        return CKR_DATA_LEN_RANGE;

    long longest = p11d_servedkey_longest_salt(work->key->key, hash);
    if (longest < 0 || pss->sLen > (CK_ULONG)longest)
        return CKR_MECHANISM_PARAM_INVALID;
    work->salt = (int)pss->sLen;
    return CKR_OK;
}

static bool configure_pss(EVP_PKEY_CTX *context, const Work *work)
{
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_signature_md(context, work->digest) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, work->mgf) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(context, work->salt) == 1;
}

/* Signs with a copy of what was prepared. */
static CK_RV sign_prepared(const Primitive *primitive, const Work *work, uint8_t *place,
                           size_t *size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_dup(work->key->prepared);
    bool ok = context && (!primitive->configure || primitive->configure(context, work)) &&
              EVP_PKEY_sign(context, place, size, work->input.data, work->input.size) == 1;
    EVP_PKEY_CTX_free(context);
    return ok ? CKR_OK : p11d_servedkey_failure();
}

static CK_RV sign_rsa(const Primitive *primitive, Work *work, P11dBuffer *output)
{
    size_t written = work->key->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    if (!place)
        return CKR_HOST_MEMORY;
    CK_RV rv = sign_prepared(primitive, work, place, &written);
    if (rv == CKR_OK)
        output->size += written;
    return rv;
}

/* Checks a signature in OpenSSL's form. */
static CK_RV verify_in_form(const Primitive *primitive, const Work *work, const uint8_t *signature,
                            size_t size)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, work->key->key, NULL);
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (context && EVP_PKEY_verify_init(context) == 1 &&
        (!primitive->configure || primitive->configure(context, work)))
        rv = EVP_PKEY_verify(context, signature, size, work->input.data, work->input.size) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return rv;
}

static CK_RV verify_rsa(const Primitive *primitive, Work *work, P11dBytes signature)
{
    return verify_in_form(primitive, work, signature.data, signature.size);
}

/* Longer input counts with its leftmost bits (PKCS#11, CKM_ECDSA). */
static CK_RV check_ecdsa(Work *work)
{
    if (work->input.size > work->key->size)
        work->input.size = work->key->size;
    return work->input.size > 0 ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static CK_RV sign_ecdsa(const Primitive *primitive, Work *work, P11dBuffer *output)
{
    uint8_t der[ECDSA_DER_MAX];
    size_t der_size = sizeof der;
    uint8_t *place = p11d_buffer_reserve(output, work->key->size);
    if (!place)
        return CKR_HOST_MEMORY;
    CK_RV rv = sign_prepared(primitive, work, der, &der_size);
    if (rv != CKR_OK)
        return rv;

    const uint8_t *start = der;
    int half = (int)(work->key->size / 2);
    ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &start, (long)der_size);
    bool ok = signature && BN_bn2binpad(ECDSA_SIG_get0_r(signature), place, half) == half &&
              BN_bn2binpad(ECDSA_SIG_get0_s(signature), place + half, half) == half;
    ECDSA_SIG_free(signature);
    if (!ok)
        return p11d_servedkey_failure();
    output->size += work->key->size;
    return CKR_OK;
}

/* Two numbers of half the size each, as OpenSSL takes them. Returns the size, 0: no memory. */
static size_t write_der(P11dBytes signature, uint8_t der[ECDSA_DER_MAX])
{
    const int half = (int)(signature.size / 2);
    BIGNUM *r = BN_bin2bn(signature.data, half, NULL);
    BIGNUM *s = BN_bin2bn(signature.data + half, half, NULL);
    ECDSA_SIG *numbers = ECDSA_SIG_new();
    uint8_t *end = der;
    int size = 0;
    if (r && s && numbers && ECDSA_SIG_set0(numbers, r, s) == 1) {
        r = s = NULL;
        if (i2d_ECDSA_SIG(numbers, NULL) <= ECDSA_DER_MAX)
            size = i2d_ECDSA_SIG(numbers, &end);
    }
    BN_free(r);
    BN_free(s);
    ECDSA_SIG_free(numbers);
    return size > 0 ? (size_t)size : 0;
}

static CK_RV verify_ecdsa(const Primitive *primitive, Work *work, P11dBytes signature)
{
    uint8_t der[ECDSA_DER_MAX];
    size_t size = write_der(signature, der);
    return size > 0 ? verify_in_form(primitive, work, der, size) : CKR_HOST_MEMORY;
}

/* OpenSSL 3.0 has none of Ed25519ctx, Ed25519ph and Ed448ph, and no context for Ed448. */
static CK_RV check_eddsa(Work *work)
{
    const CK_EDDSA_PARAMS *eddsa = work->parameters->mechanism.pParameter;
    bool plain = !eddsa || (!eddsa->phFlag && eddsa->ulContextDataLen == 0 &&
                            EVP_PKEY_is_a(work->key->key, "ED448"));
    return plain ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV sign_eddsa(const Primitive *primitive, Work *work, P11dBuffer *output)
{
    (void)primitive;
    size_t written = work->key->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    EVP_MD_CTX *context = place ? EVP_MD_CTX_new() : NULL;
    if (!context)
        return CKR_HOST_MEMORY;
    bool ok = EVP_DigestSignInit_ex(context, NULL, NULL, NULL, NULL, work->key->key, NULL) == 1 &&
              EVP_DigestSign(context, place, &written, work->input.data, work->input.size) == 1;
    EVP_MD_CTX_free(context);
    if (!ok)
        return p11d_servedkey_failure();
    output->size += written;
    return CKR_OK;
}

static CK_RV verify_eddsa(const Primitive *primitive, Work *work, P11dBytes signature)
{
    (void)primitive;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    CK_RV rv = CKR_FUNCTION_FAILED;
    if (context &&
        EVP_DigestVerifyInit_ex(context, NULL, NULL, NULL, NULL, work->key->key, NULL) == 1)
        rv = EVP_DigestVerify(context, signature.data, signature.size, work->input.data,
                              work->input.size) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
    EVP_MD_CTX_free(context);
    ERR_clear_error();
    return rv;
}

static const Primitive primitives[] = {
    {CKM_RSA_PKCS, check_pkcs1, configure_pkcs1, sign_rsa, verify_rsa},
    {CKM_RSA_PKCS_PSS, check_pss, configure_pss, sign_rsa, verify_rsa},
    {CKM_RSA_X_509, check_x509, configure_x509, sign_rsa, verify_rsa},
    {CKM_ECDSA, check_ecdsa, NULL, sign_ecdsa, verify_ecdsa},
    {CKM_EDDSA, check_eddsa, NULL, sign_eddsa, verify_eddsa},
};

/* *hash: what mechanism applies first, NULL for nothing. */
static const Primitive *find_primitive(const P11dMechanism *mechanism, const P11dHash **hash)
{
    *hash = NULL;
    CK_MECHANISM_TYPE type = mechanism->type;
    if (mechanism->hash != P11D_MECHANISM_NONE) {
        type = mechanism->raw;
        *hash = p11d_hash_of_mechanism(mechanism->hash);
        if (!p11d_servedkey_digest(*hash))
            return NULL;
    }
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (primitives[i].type == type)
            return &primitives[i];
    }
    return NULL;
}

bool p11d_keysign_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    const P11dHash *hash;
    return find_primitive(mechanism, &hash) &&
           p11d_servedkey_sizes(mechanism->key_type, smallest, largest);
}

/* Puts the digest of data, with what RSA PKCS #1 v1.5 wants before it, into place. */
static CK_RV digest(const P11dMechanism *mechanism, const P11dHash *hash, bool prehashed,
                    P11dBytes data, uint8_t *place, size_t *place_size)
{
    size_t start = 0;
    if (mechanism->digest_info) {
        memcpy(place, hash->prefix, hash->prefix_size);
        start = hash->prefix_size;
    }
    if (!prehashed) {
        if (EVP_Digest(data.data, data.size, place + start, NULL, p11d_servedkey_digest(hash),
                       NULL) != 1)
            return p11d_servedkey_failure();
    } else if (data.size == hash->size) {
        memcpy(place + start, data.data, data.size);
    } else {
        return CKR_DATA_LEN_RANGE;
    }
    *place_size = start + hash->size;
    return CKR_OK;
}

/* Makes work ready: what remains is the primitive's affair. digested: room for a digest. */
static CK_RV begin(Work *work, const P11dParameters *parameters, const Primitive **primitive,
                   uint8_t digested[P11D_HASH_MAX_PREFIX + EVP_MAX_MD_SIZE])
{
    const P11dMechanism *mechanism = p11d_mechanism_find(parameters->mechanism.mechanism);
    const P11dHash *hash = NULL;
    *primitive = mechanism ? find_primitive(mechanism, &hash) : NULL;
    if (!*primitive)
        return CKR_MECHANISM_INVALID;
    if (mechanism->key_type != work->key->type)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (parameters->prehashed && !hash)
        return CKR_MECHANISM_PARAM_INVALID;
    work->parameters = parameters;
    CK_RV rv = p11d_pss_check(&work->key->pss, &parameters->mechanism);
    if (rv == CKR_OK && hash) {
        size_t size = 0;
        rv = digest(mechanism, hash, parameters->prehashed, work->input, digested, &size);
        work->input = (P11dBytes){digested, size};
    }
    return rv == CKR_OK ? (*primitive)->check(work) : rv;
}

CK_RV p11d_keysign_check(P11dServedKey *key, const P11dParameters *parameters)
{
    static const uint8_t any[EVP_MAX_MD_SIZE];
    uint8_t digested[P11D_HASH_MAX_PREFIX + EVP_MAX_MD_SIZE];
    const P11dMechanism *mechanism = p11d_mechanism_find(parameters->mechanism.mechanism);
    const P11dHash *hash = mechanism ? p11d_hash_of_mechanism(mechanism->hash) : NULL;
    const Primitive *primitive;
    Work work = {.key = key, .input = {any, hash ? hash->size : 0}};
    return begin(&work, parameters, &primitive, digested);
}

CK_RV p11d_keysign_sign(P11dServedKey *key, const P11dParameters *parameters,
                        const P11dBytes *bytes, P11dBuffer *output)
{
    uint8_t digested[P11D_HASH_MAX_PREFIX + EVP_MAX_MD_SIZE];
    const Primitive *primitive;
    Work work = {.key = key, .input = bytes[0]};
    CK_RV rv = begin(&work, parameters, &primitive, digested);
    return rv == CKR_OK ? primitive->sign(primitive, &work, output) : rv;
}

CK_RV p11d_keysign_verify(P11dServedKey *key, const P11dParameters *parameters,
                          const P11dBytes *bytes, P11dBuffer *output)
{
    uint8_t digested[P11D_HASH_MAX_PREFIX + EVP_MAX_MD_SIZE];
    const Primitive *primitive;
    Work work = {.key = key, .input = bytes[0]};
    (void)output;
    CK_RV rv = begin(&work, parameters, &primitive, digested);
    if (rv == CKR_OK && bytes[1].size != key->size)
        rv = CKR_SIGNATURE_LEN_RANGE;
    return rv == CKR_OK ? primitive->verify(primitive, &work, bytes[1]) : rv;
}
