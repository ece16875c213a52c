// SPDX-License-Identifier: MIT
#include "keywrap.h"

#include <openssl/err.h>
#include <stdio.h>

#include "keyblock.h"
#include "keycipher.h"

/* RFC 3394, section 2.2.1, and RFC 5649, section 3: the most that wrapping adds, in bytes. */
#define OVERHEAD 16

typedef CK_RV Crypt(P11dServedKey *key, const P11dParameters *parameters, const P11dBytes *bytes,
                    P11dBuffer *output);

/* A mechanism: what encrypts and decrypts any data, or, by its name in OpenSSL, only keys. */
typedef struct Row {
    CK_MECHANISM_TYPE type;
    CK_KEY_TYPE key_type;
    Crypt *encrypt;
    Crypt *decrypt;
    const char *openssl;
} Row;

static const Row rows[] = {
    {CKM_RSA_PKCS, CKK_RSA, p11d_keycipher_encrypt, p11d_keycipher_decrypt, NULL},
    {CKM_RSA_PKCS_OAEP, CKK_RSA, p11d_keycipher_encrypt, p11d_keycipher_decrypt, NULL},
    {CKM_AES_CBC_PAD, CKK_AES, p11d_keyblock_encrypt, p11d_keyblock_decrypt, NULL},
    {CKM_AES_GCM, CKK_AES, p11d_keyblock_encrypt, p11d_keyblock_decrypt, NULL},
    {CKM_AES_KEY_WRAP, CKK_AES, NULL, NULL, "WRAP"},
    {CKM_AES_KEY_WRAP_KWP, CKK_AES, NULL, NULL, "WRAP-PAD"},
};

static const Row *find(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type)
            return &rows[i];
    }
    return NULL;
}

bool p11d_keywrap_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    const Row *row = find(mechanism->type);
    return row && (p11d_servedkey_sizes(row->key_type, smallest, largest) ||
                   p11d_servedkey_secret_sizes(row->key_type, smallest, largest));
}

/* Wraps or unwraps what is only for keys. refused: what it is if nothing comes of it. */
static CK_RV run(const Row *row, const P11dServedKey *key, bool wraps, P11dBytes input,
                 CK_RV refused, P11dBuffer *output)
{
    char name[24];
    int written = 0, rest = 0;
    snprintf(name, sizeof name, "AES-%zu-%s", 8 * key->secret_size, row->openssl);
    uint8_t *place = p11d_buffer_reserve(output, input.size + OVERHEAD);
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    EVP_CIPHER_CTX *context = place && cipher ? EVP_CIPHER_CTX_new() : NULL;
    CK_RV rv = place ? CKR_FUNCTION_FAILED : CKR_HOST_MEMORY;
    if (context)
        EVP_CIPHER_CTX_set_flags(context, EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    if (context && EVP_CipherInit_ex2(context, cipher, key->secret, NULL, wraps, NULL) == 1)
        rv = EVP_CipherUpdate(context, place, &written, input.data, (int)input.size) == 1 &&
                     EVP_CipherFinal_ex(context, place + written, &rest) == 1
                 ? CKR_OK
                 : refused;
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    ERR_clear_error();
    if (rv == CKR_OK)
        output->size += (size_t)(written + rest);
    return rv;
}

/* The errors of ciphers, told of keys. */
static CK_RV told(CK_RV rv, bool wraps)
{
    static const struct {
        CK_RV of_data, wrapping, unwrapping;
    } errors[] = {
        {CKR_KEY_TYPE_INCONSISTENT, CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
         CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
        {CKR_DATA_LEN_RANGE, CKR_KEY_SIZE_RANGE, CKR_KEY_SIZE_RANGE},
        {CKR_DATA_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_SIZE_RANGE},
        {CKR_ENCRYPTED_DATA_INVALID, CKR_WRAPPED_KEY_INVALID, CKR_WRAPPED_KEY_INVALID},
        {CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_LEN_RANGE},
    };
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        if (errors[i].of_data == rv)
            return wraps ? errors[i].wrapping : errors[i].unwrapping;
    }
    return rv;
}

static CK_RV work(P11dServedKey *key, const P11dParameters *parameters, bool wraps, P11dBytes input,
                  P11dBuffer *output)
{
    const P11dBytes bytes[2] = {input};
    const Row *row = find(parameters->mechanism.mechanism);
    if (!row)
        return CKR_MECHANISM_INVALID;
    if (row->key_type != key->type)
        return told(CKR_KEY_TYPE_INCONSISTENT, wraps);
    if (!row->openssl)
        return told((wraps ? row->encrypt : row->decrypt)(key, parameters, bytes, output), wraps);
    if (parameters->prehashed || parameters->mechanism.pParameter)
        return CKR_MECHANISM_PARAM_INVALID;
    if (input.size > P11D_SERVEDKEY_SECRET_MAX + OVERHEAD)
        return told(wraps ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_LEN_RANGE, wraps);
    return told(run(row, key, wraps, input, wraps ? CKR_DATA_LEN_RANGE : CKR_ENCRYPTED_DATA_INVALID,
                    output),
                wraps);
}

CK_RV p11d_keywrap_wrap(P11dServedKey *key, const P11dParameters *parameters, P11dBytes secret,
                        P11dBuffer *wrapped)
{
    return work(key, parameters, true, secret, wrapped);
}

CK_RV p11d_keywrap_unwrap(P11dServedKey *key, const P11dParameters *parameters, P11dBytes wrapped,
                          P11dBuffer *secret)
{
    return work(key, parameters, false, wrapped, secret);
}
