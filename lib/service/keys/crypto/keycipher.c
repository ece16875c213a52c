// SPDX-License-Identifier: MIT
#include "keycipher.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <string.h>

/* RFC 8017, 7.2.1: the padding of PKCS #1 v1.5 takes at least so many bytes. */
#define PKCS1_PADDING 11

/* A mechanism. overhead: the bytes of the modulus that a plaintext cannot have, negative: the
 * parameters are none that this can do. configure sets OpenSSL up for it. */
typedef struct Primitive {
    CK_MECHANISM_TYPE type;
    long (*overhead)(const P11dParameters *parameters);
    bool (*configure)(EVP_PKEY_CTX *context, const P11dParameters *parameters);
} Primitive;

static long overhead_pkcs1(const P11dParameters *parameters)
{
    (void)parameters;
    return PKCS1_PADDING;
}

static bool configure_pkcs1(EVP_PKEY_CTX *context, const P11dParameters *parameters)
{
    (void)parameters;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
}

static long overhead_x509(const P11dParameters *parameters)
{
    (void)parameters;
    return 0;
}

static bool configure_x509(EVP_PKEY_CTX *context, const P11dParameters *parameters)
{
    (void)parameters;
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING) == 1;
}

/* RFC 8017, 7.1.1. */
static long overhead_oaep(const P11dParameters *parameters)
{
    const CK_RSA_PKCS_OAEP_PARAMS *oaep = parameters->mechanism.pParameter;
    const P11dHash *hash = oaep ? p11d_hash_of_mechanism(oaep->hashAlg) : NULL;
    if (!p11d_servedkey_digest(hash) || !p11d_servedkey_digest(p11d_hash_of_mgf(oaep->mgf)))
        return -1;
    return 2 * (long)hash->size + 2;
}

/* The context owns its label. */
static bool set_label(EVP_PKEY_CTX *context, const CK_RSA_PKCS_OAEP_PARAMS *oaep)
{
    if (oaep->ulSourceDataLen == 0)
        return true;
    void *label = OPENSSL_memdup(oaep->pSourceData, oaep->ulSourceDataLen);
    if (label && EVP_PKEY_CTX_set0_rsa_oaep_label(context, label, (int)oaep->ulSourceDataLen) == 1)
        return true;
    OPENSSL_free(label);
    return false;
}

static bool configure_oaep(EVP_PKEY_CTX *context, const P11dParameters *parameters)
{
    const CK_RSA_PKCS_OAEP_PARAMS *oaep = parameters->mechanism.pParameter;
    const EVP_MD *hash = p11d_servedkey_digest(p11d_hash_of_mechanism(oaep->hashAlg));
    const EVP_MD *mgf = p11d_servedkey_digest(p11d_hash_of_mgf(oaep->mgf));
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_OAEP_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_oaep_md(context, hash) == 1 &&
           EVP_PKEY_CTX_set_rsa_mgf1_md(context, mgf) == 1 && set_label(context, oaep);
}

static const Primitive primitives[] = {
    {CKM_RSA_PKCS, overhead_pkcs1, configure_pkcs1},
    {CKM_RSA_PKCS_OAEP, overhead_oaep, configure_oaep},
    {CKM_RSA_X_509, overhead_x509, configure_x509},
};

static const Primitive *find_primitive(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < sizeof primitives / sizeof primitives[0]; i++) {
        if (primitives[i].type == type)
            return &primitives[i];
    }
    return NULL;
}

bool p11d_keycipher_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    return find_primitive(mechanism->type) && p11d_servedkey_sizes(CKK_RSA, smallest, largest);
}

bool p11d_keycipher_takes(const P11dServedKey *key)
{
    return key->type == CKK_RSA && !key->pss.only;
}

/* Holds key and mechanism against each other. *longest: the longest plaintext, in bytes. */
static CK_RV check(const P11dServedKey *key, const P11dParameters *parameters,
                   const Primitive **primitive, size_t *longest)
{
    *primitive = find_primitive(parameters->mechanism.mechanism);
    if (!*primitive)
        return CKR_MECHANISM_INVALID;
    if (key->type != CKK_RSA)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (!p11d_keycipher_takes(key))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    long overhead = (*primitive)->overhead(parameters);
    if (parameters->prehashed || overhead < 0 || (size_t)overhead > key->size)
        return CKR_MECHANISM_PARAM_INVALID;
    *longest = key->size - (size_t)overhead;
    return CKR_OK;
}

typedef int Crypt(EVP_PKEY_CTX *context, unsigned char *output, size_t *output_size,
                  const unsigned char *input, size_t input_size);

/* Appends what crypt makes of input. refused: what it is if it makes nothing of it. */
static CK_RV compute(P11dServedKey *key, const Primitive *primitive,
                     const P11dParameters *parameters, int (*init)(EVP_PKEY_CTX *), Crypt *crypt,
                     P11dBytes input, CK_RV refused, P11dBuffer *output)
{
    size_t written = key->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    EVP_PKEY_CTX *context = place ? EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL) : NULL;
    CK_RV rv = place ? CKR_FUNCTION_FAILED : CKR_HOST_MEMORY;
    if (context && init(context) == 1 && primitive->configure(context, parameters))
        rv = crypt(context, place, &written, input.data, input.size) == 1 ? CKR_OK : refused;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (rv == CKR_OK)
        output->size += written;
    return rv;
}

CK_RV p11d_keycipher_encrypt(P11dServedKey *key, const P11dParameters *parameters,
                             const P11dBytes *bytes, P11dBuffer *output)
{
    uint8_t padded[P11D_SERVEDKEY_RSA_BITS_MAX / 8] = {0};
    const Primitive *primitive;
    P11dBytes input = bytes[0];
    size_t longest;
    CK_RV rv = check(key, parameters, &primitive, &longest);
    if (rv != CKR_OK)
        return rv;
    if (input.size > longest || key->size > sizeof padded)
        return CKR_DATA_LEN_RANGE;
    if (primitive->type == CKM_RSA_X_509) { /* a number, with leading zeros */
        if (input.size > 0)
            memcpy(padded + key->size - input.size, input.data, input.size);
        input = (P11dBytes){padded, key->size};
    }
    rv = compute(key, primitive, parameters, EVP_PKEY_encrypt_init, EVP_PKEY_encrypt, input,
                 CKR_DATA_INVALID, output);
    explicit_bzero(padded, sizeof padded);
    return rv;
}

CK_RV p11d_keycipher_decrypt(P11dServedKey *key, const P11dParameters *parameters,
                             const P11dBytes *bytes, P11dBuffer *output)
{
    const Primitive *primitive;
    size_t longest;
    CK_RV rv = check(key, parameters, &primitive, &longest);
    if (rv != CKR_OK)
        return rv;
    if (bytes[0].size != key->size)
        return CKR_ENCRYPTED_DATA_LEN_RANGE;
    return compute(key, primitive, parameters, EVP_PKEY_decrypt_init, EVP_PKEY_decrypt, bytes[0],
                   CKR_ENCRYPTED_DATA_INVALID, output);
}
