// SPDX-License-Identifier: MIT
#include "keyderive.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/kdf.h>
#include <string.h>

#include "curve.h"

/* The longest secret that two keys agree on: P-521 has 66 bytes. */
#define AGREED_MAX 80

typedef struct Agreed {
    uint8_t bytes[AGREED_MAX];
    size_t size;
} Agreed;

static bool is_ecdh(CK_MECHANISM_TYPE type)
{
    return type == CKM_ECDH1_DERIVE || type == CKM_ECDH1_COFACTOR_DERIVE;
}

/* RFC 7748 has no cofactor mode of its own. */
static bool takes(CK_MECHANISM_TYPE type, CK_KEY_TYPE key_type)
{
    return key_type == CKK_EC || (key_type == CKK_EC_MONTGOMERY && type == CKM_ECDH1_DERIVE);
}

bool p11d_keyderive_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    return is_ecdh(mechanism->type) && p11d_servedkey_sizes(CKK_EC, smallest, largest);
}

/* The public key of the other side, on the curve of key; NULL: it is none. */
static EVP_PKEY *decode_peer(const P11dServedKey *key, P11dBytes value)
{
    P11dBytes point = p11d_curve_unwrap(key->type, p11d_servedkey_curve(key), value);
    if (key->type == CKK_EC_MONTGOMERY)
        return EVP_PKEY_new_raw_public_key_ex(NULL, EVP_PKEY_get0_type_name(key->key), NULL,
                                              point.data, point.size);
    EVP_PKEY *peer = EVP_PKEY_new();
    if (peer && EVP_PKEY_copy_parameters(peer, key->key) == 1 &&
        EVP_PKEY_set1_encoded_public_key(peer, point.data, point.size) == 1)
        return peer;
    EVP_PKEY_free(peer);
    return NULL;
}

/* What both sides agree on, the private key of one and the public one of the other. OpenSSL looks
 * whether that is a point on the curve and makes a secret. */
static CK_RV agree(EVP_PKEY *own, EVP_PKEY *peer, Agreed *agreed)
{
    EVP_PKEY_CTX *context = peer ? EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL) : NULL;
    CK_RV rv = peer ? CKR_FUNCTION_FAILED : CKR_MECHANISM_PARAM_INVALID;
    agreed->size = sizeof agreed->bytes;
    if (context && EVP_PKEY_derive_init(context) == 1)
        rv = EVP_PKEY_derive_set_peer_ex(context, peer, 1) == 1 &&
                     EVP_PKEY_derive(context, agreed->bytes, &agreed->size) == 1
                 ? CKR_OK
                 : CKR_MECHANISM_PARAM_INVALID;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return rv;
}

/* ANSI X9.63 (SEC 1, section 3.6.1). */
static CK_RV stretch(Agreed *agreed, const CK_ECDH1_DERIVE_PARAMS *ecdh, const EVP_MD *digest,
                     uint8_t *place, size_t size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, OSSL_KDF_NAME_X963KDF, NULL);
    EVP_KDF_CTX *context = kdf ? EVP_KDF_CTX_new(kdf) : NULL;
    OSSL_PARAM params[4] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest),
                                         0),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, agreed->bytes, agreed->size),
        OSSL_PARAM_construct_end(), OSSL_PARAM_construct_end()};
    if (ecdh->ulSharedDataLen > 0)
        params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, ecdh->pSharedData,
                                                      ecdh->ulSharedDataLen);
    bool ok = context && EVP_KDF_derive(context, place, size, params) == 1;
    EVP_KDF_CTX_free(context);
    EVP_KDF_free(kdf);
    ERR_clear_error();
    return ok ? CKR_OK : CKR_FUNCTION_FAILED;
}

/* Appends what ecdh makes of what was agreed on. digest: NULL: that itself. */
static CK_RV finish(Agreed *agreed, const CK_ECDH1_DERIVE_PARAMS *ecdh, const EVP_MD *digest,
                    size_t wanted, P11dBuffer *secret)
{
    size_t all = digest ? (size_t)EVP_MD_get_size(digest) : agreed->size;
    size_t size = wanted > 0 ? wanted : all;
    if (!digest && size > all)
        return CKR_KEY_SIZE_RANGE;
    uint8_t *place = p11d_buffer_reserve(secret, size);
    if (!place)
        return CKR_HOST_MEMORY;
    CK_RV rv = CKR_OK;
    if (digest)
        rv = stretch(agreed, ecdh, digest, place, size);
    else
        memcpy(place, agreed->bytes + all - size, size);
    if (rv == CKR_OK)
        secret->size += size;
    return rv;
}

/* How a secret is made of what is agreed on: *digest, NULL: it is that itself. */
static CK_RV read_parameters(const P11dServedKey *key, const P11dParameters *parameters,
                             const EVP_MD **digest)
{
    const CK_ECDH1_DERIVE_PARAMS *ecdh = parameters->mechanism.pParameter;
    if (!is_ecdh(parameters->mechanism.mechanism))
        return CKR_MECHANISM_INVALID;
    if (!takes(parameters->mechanism.mechanism, key->type))
        return CKR_KEY_TYPE_INCONSISTENT;
    *digest = ecdh ? p11d_servedkey_digest(p11d_hash_of_kdf(ecdh->kdf)) : NULL;
    return !ecdh || (ecdh->kdf != CKD_NULL && !*digest) || (!*digest && ecdh->ulSharedDataLen > 0)
               ? CKR_MECHANISM_PARAM_INVALID
               : CKR_OK;
}

/* Appends the secret of own and the public key at point. */
static CK_RV derive(const P11dServedKey *key, const P11dParameters *parameters, P11dBytes point,
                    size_t wanted, P11dBuffer *secret)
{
    const EVP_MD *digest;
    Agreed agreed;
    CK_RV rv = read_parameters(key, parameters, &digest);
    if (rv != CKR_OK)
        return rv;
    EVP_PKEY *peer = decode_peer(key, point);
    rv = agree(key->key, peer, &agreed);
    EVP_PKEY_free(peer);
    if (rv == CKR_OK)
        rv = finish(&agreed, parameters->mechanism.pParameter, digest, wanted, secret);
    explicit_bzero(&agreed, sizeof agreed);
    return rv;
}

CK_RV p11d_keyderive(P11dServedKey *key, const P11dParameters *parameters, size_t wanted,
                     P11dBuffer *secret)
{
    const CK_ECDH1_DERIVE_PARAMS *ecdh = parameters->mechanism.pParameter;
    const P11dBytes none = {NULL, 0};
    return derive(key, parameters, ecdh ? p11d_der(ecdh->pPublicData, ecdh->ulPublicDataLen) : none,
                  wanted, secret);
}

static bool names_nobody(const P11dParameters *parameters)
{
    const CK_ECDH1_DERIVE_PARAMS *ecdh = parameters->mechanism.pParameter;
    return !ecdh || ecdh->ulPublicDataLen == 0;
}

CK_RV p11d_keyderive_decapsulate(const P11dServedKey *key, const P11dParameters *parameters,
                                 P11dBytes ciphertext, size_t wanted, P11dBuffer *secret)
{
    if (!names_nobody(parameters))
        return CKR_MECHANISM_PARAM_INVALID;
    CK_RV rv = derive(key, parameters, ciphertext, wanted, secret);
    /* What is wrong with the public key is wrong with the ciphertext, which it is. */
    const EVP_MD *digest;
    return rv == CKR_MECHANISM_PARAM_INVALID && read_parameters(key, parameters, &digest) == CKR_OK
               ? CKR_WRAPPED_KEY_INVALID
               : rv;
}

/* A pair of keys on the curve of key, or NULL. */
static EVP_PKEY *make_ephemeral(const P11dServedKey *key)
{
    EVP_PKEY *ephemeral = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL);
    if (context && EVP_PKEY_keygen_init(context) == 1)
        EVP_PKEY_keygen(context, &ephemeral);
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    return ephemeral;
}

static CK_RV append_public(EVP_PKEY *key, P11dBuffer *ciphertext)
{
    unsigned char *point = NULL;
    size_t size = EVP_PKEY_get1_encoded_public_key(key, &point);
    bool ok = size > 0 && p11d_buffer_append(ciphertext, point, size);
    OPENSSL_free(point);
    return ok ? CKR_OK : size > 0 ? CKR_HOST_MEMORY : CKR_FUNCTION_FAILED;
}

CK_RV p11d_keyderive_encapsulate(const P11dServedKey *key, const P11dParameters *parameters,
                                 size_t wanted, P11dBuffer *ciphertext, P11dBuffer *secret)
{
    const EVP_MD *digest;
    Agreed agreed;
    CK_RV rv = read_parameters(key, parameters, &digest);
    if (rv == CKR_OK && !names_nobody(parameters))
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv != CKR_OK)
        return rv;
    EVP_PKEY *ephemeral = make_ephemeral(key);
    rv = ephemeral ? agree(ephemeral, key->key, &agreed) : CKR_FUNCTION_FAILED;
    if (rv == CKR_OK)
        rv = finish(&agreed, parameters->mechanism.pParameter, digest, wanted, secret);
    if (rv == CKR_OK)
        rv = append_public(ephemeral, ciphertext);
    EVP_PKEY_free(ephemeral);
    explicit_bzero(&agreed, sizeof agreed);
    return rv;
}
