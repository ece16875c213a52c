// SPDX-License-Identifier: MIT
#include "keyrecover.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

/* OpenSSL's padding for a mechanism; 0: there is none. */
static int padding_of(CK_MECHANISM_TYPE type)
{
    return type == CKM_RSA_PKCS ? RSA_PKCS1_PADDING : type == CKM_RSA_X_509 ? RSA_NO_PADDING : 0;
}

bool p11d_keyrecover_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    return padding_of(mechanism->type) != 0 && p11d_servedkey_sizes(CKK_RSA, smallest, largest);
}

CK_RV p11d_keyrecover_check(const P11dServedKey *key, const P11dParameters *parameters)
{
    if (padding_of(parameters->mechanism.mechanism) == 0)
        return CKR_MECHANISM_INVALID;
    if (key->type != CKK_RSA)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (key->pss.only)
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    return parameters->prehashed ? CKR_MECHANISM_PARAM_INVALID : CKR_OK;
}

CK_RV p11d_keyrecover_recover(P11dServedKey *key, const P11dParameters *parameters,
                              P11dBytes signature, P11dBuffer *output)
{
    CK_RV rv = p11d_keyrecover_check(key, parameters);
    if (rv == CKR_OK && signature.size != key->size)
        rv = CKR_SIGNATURE_LEN_RANGE;
    if (rv != CKR_OK)
        return rv;
    size_t written = key->size;
    uint8_t *place = p11d_buffer_reserve(output, written);
    EVP_PKEY_CTX *context = place ? EVP_PKEY_CTX_new_from_pkey(NULL, key->key, NULL) : NULL;
    rv = place ? CKR_FUNCTION_FAILED : CKR_HOST_MEMORY;
    if (context && EVP_PKEY_verify_recover_init(context) == 1 &&
        EVP_PKEY_CTX_set_rsa_padding(context, padding_of(parameters->mechanism.mechanism)) == 1)
        rv = EVP_PKEY_verify_recover(context, place, &written, signature.data, signature.size) == 1
                 ? CKR_OK
                 : CKR_SIGNATURE_INVALID;
    EVP_PKEY_CTX_free(context);
    ERR_clear_error();
    if (rv == CKR_OK)
        output->size += written;
    return rv;
}
