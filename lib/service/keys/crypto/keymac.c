// SPDX-License-Identifier: MIT
#include "keymac.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <string.h>

/* The hash of "sha256-hmac" and its like, which are called after it; NULL: it is none of them. */
static const P11dHash *hash_of(const P11dMechanism *mechanism)
{
    static const char suffix[] = "-hmac";
    char name[32];
    size_t size = mechanism ? strlen(mechanism->name) : 0;
    if (size < sizeof suffix || size >= sizeof name)
        return NULL;
    size -= sizeof suffix - 1;
    if (strcmp(mechanism->name + size, suffix) != 0)
        return NULL;
    snprintf(name, sizeof name, "%.*s", (int)size, mechanism->name);
    return p11d_hash_of_name(name);
}

bool p11d_keymac_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    return p11d_servedkey_digest(hash_of(mechanism)) &&
           p11d_servedkey_secret_sizes(CKK_GENERIC_SECRET, smallest, largest);
}

CK_RV p11d_keymac_begin(const P11dServedKey *key, const P11dParameters *parameters,
                        EVP_MAC_CTX **context)
{
    const P11dMechanism *mechanism = p11d_mechanism_find(parameters->mechanism.mechanism);
    const EVP_MD *digest = p11d_servedkey_digest(hash_of(mechanism));
    *context = NULL;
    if (!digest)
        return CKR_MECHANISM_INVALID;
    if (key->type != CKK_GENERIC_SECRET)
        return CKR_KEY_TYPE_INCONSISTENT;
    if (parameters->prehashed)
        return CKR_MECHANISM_PARAM_INVALID;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, OSSL_MAC_NAME_HMAC, NULL);
    *context = mac ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (!*context)
        return CKR_HOST_MEMORY;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)EVP_MD_get0_name(digest),
                                         0),
        OSSL_PARAM_construct_end(),
    };
    if (EVP_MAC_init(*context, key->secret, key->secret_size, params) == 1)
        return CKR_OK;
    EVP_MAC_CTX_free(*context);
    *context = NULL;
    return p11d_servedkey_failure();
}

static CK_RV finish(EVP_MAC_CTX *context, uint8_t mac[EVP_MAX_MD_SIZE], size_t *size)
{
    return EVP_MAC_final(context, mac, size, EVP_MAX_MD_SIZE) == 1 ? CKR_OK
                                                                   : p11d_servedkey_failure();
}

CK_RV p11d_keymac_finish(EVP_MAC_CTX *context, P11dBuffer *output)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    size_t size = 0;
    CK_RV rv = finish(context, mac, &size);
    if (rv == CKR_OK && !p11d_buffer_append(output, mac, size))
        rv = CKR_HOST_MEMORY;
    return rv;
}

CK_RV p11d_keymac_compare(EVP_MAC_CTX *context, P11dBytes mac)
{
    uint8_t right[EVP_MAX_MD_SIZE];
    size_t size = 0;
    if (mac.size != EVP_MAC_CTX_get_mac_size(context))
        return CKR_SIGNATURE_LEN_RANGE;
    CK_RV rv = finish(context, right, &size);
    if (rv == CKR_OK && CRYPTO_memcmp(right, mac.data, size) != 0)
        rv = CKR_SIGNATURE_INVALID;
    OPENSSL_cleanse(right, sizeof right);
    return rv;
}

/* Begins with all of the message. */
static CK_RV feed(const P11dServedKey *key, const P11dParameters *parameters, P11dBytes message,
                  EVP_MAC_CTX **context)
{
    CK_RV rv = p11d_keymac_begin(key, parameters, context);
    if (rv == CKR_OK && message.size > 0 &&
        EVP_MAC_update(*context, message.data, message.size) != 1)
        rv = p11d_servedkey_failure();
    return rv;
}

CK_RV p11d_keymac_sign(P11dServedKey *key, const P11dParameters *parameters, const P11dBytes *bytes,
                       P11dBuffer *output)
{
    EVP_MAC_CTX *context;
    CK_RV rv = feed(key, parameters, bytes[0], &context);
    if (rv == CKR_OK)
        rv = p11d_keymac_finish(context, output);
    EVP_MAC_CTX_free(context);
    return rv;
}

CK_RV p11d_keymac_verify(P11dServedKey *key, const P11dParameters *parameters,
                         const P11dBytes *bytes, P11dBuffer *output)
{
    EVP_MAC_CTX *context;
    (void)output;
    CK_RV rv = feed(key, parameters, bytes[0], &context);
    if (rv == CKR_OK)
        rv = p11d_keymac_compare(context, bytes[1]);
    EVP_MAC_CTX_free(context);
    return rv;
}
