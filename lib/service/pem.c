// SPDX-License-Identifier: MIT
#include "pem.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <string.h>

/* The passphrase where the message that brought it holds it. */
typedef struct Passphrase {
    const uint8_t *bytes;
    size_t size;
} Passphrase;

struct P11dPemType {
    const char *label;
    P11dPemKind kind;
    EVP_PKEY *(*decode)(const uint8_t *der, long size);
    /* NULL: encrypted if the header says so, and then as PEM does it (RFC 1421). */
    EVP_PKEY *(*decrypt)(const uint8_t *der, long size, const Passphrase *passphrase);
    const char *advice; /* on a form that is not supported; NULL: none */
};

static EVP_PKEY *decode_pkcs8(const uint8_t *der, long size)
{
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &der, size);
    EVP_PKEY *key = info ? EVP_PKCS82PKEY(info) : NULL;
    PKCS8_PRIV_KEY_INFO_free(info);
    return key;
}

static EVP_PKEY *decrypt_pkcs8(const uint8_t *der, long size, const Passphrase *passphrase)
{
    X509_SIG *sealed = d2i_X509_SIG(NULL, &der, size);
    PKCS8_PRIV_KEY_INFO *info = NULL;
    EVP_PKEY *key = NULL;

    if (sealed)
        info = PKCS8_decrypt(sealed, (const char *)passphrase->bytes, (int)passphrase->size);
    if (info)
        key = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    X509_SIG_free(sealed);
    return key;
}

static EVP_PKEY *decode_rsa(const uint8_t *der, long size)
{
    return d2i_PrivateKey(EVP_PKEY_RSA, NULL, &der, size);
}

static EVP_PKEY *decode_ec(const uint8_t *der, long size)
{
    return d2i_PrivateKey(EVP_PKEY_EC, NULL, &der, size);
}

static EVP_PKEY *decode_public(const uint8_t *der, long size)
{
    return d2i_PUBKEY(NULL, &der, size);
}

static EVP_PKEY *decode_rsa_public(const uint8_t *der, long size)
{
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &der, size);
}

static const P11dPemType types[] = {
    {"PRIVATE KEY", P11D_PEM_PRIVATE, decode_pkcs8, NULL, NULL},
    {"ENCRYPTED PRIVATE KEY", P11D_PEM_PRIVATE, NULL, decrypt_pkcs8, NULL},
    {"RSA PRIVATE KEY", P11D_PEM_PRIVATE, decode_rsa, NULL, NULL},
    {"EC PRIVATE KEY", P11D_PEM_PRIVATE, decode_ec, NULL, NULL},
    {"PUBLIC KEY", P11D_PEM_PUBLIC, decode_public, NULL, NULL},
    {"RSA PUBLIC KEY", P11D_PEM_PUBLIC, decode_rsa_public, NULL, NULL},
    {"CERTIFICATE", P11D_PEM_CERTIFICATE, NULL, NULL, NULL},
    {"X509 CERTIFICATE", P11D_PEM_CERTIFICATE, NULL, NULL, NULL},
    {"OPENSSH PRIVATE KEY", P11D_PEM_FOREIGN, NULL, NULL,
     "ssh-keygen -p -m PKCS8 -f FILE converts one of RSA or ECDSA"},
    {"DSA PRIVATE KEY", P11D_PEM_FOREIGN, NULL, NULL, NULL},
    {"PGP PRIVATE KEY BLOCK", P11D_PEM_FOREIGN, NULL, NULL, NULL},
};
static const P11dPemType other = {"", P11D_PEM_OTHER, NULL, NULL, NULL};
static const P11dPemType other_private = {"a PRIVATE KEY of another form", P11D_PEM_FOREIGN, NULL,
                                          NULL, NULL};

static const P11dPemType *find_type(const char *label)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (strcmp(types[i].label, label) == 0)
            return &types[i];
    }
    return strstr(label, "PRIVATE KEY") ? &other_private : &other;
}

P11dPemResult p11d_pem_read(BIO *bio, P11dPem *pem)
{
    char *label = NULL;

    memset(pem, 0, sizeof *pem);
    ERR_clear_error();
    if (PEM_read_bio(bio, &label, &pem->header, &pem->data, &pem->size) != 1) {
        bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
        ERR_clear_error();
        return end ? P11D_PEM_END : P11D_PEM_DAMAGED;
    }
    pem->type = find_type(label);
    OPENSSL_free(label);
    return P11D_PEM_BLOCK;
}

void p11d_pem_clear(P11dPem *pem)
{
    OPENSSL_free(pem->header);
    OPENSSL_clear_free(pem->data, (size_t)pem->size);
    memset(pem, 0, sizeof *pem);
}

P11dPemKind p11d_pem_kind(const P11dPem *pem)
{
    return pem->type->kind;
}

const char *p11d_pem_label(const P11dPem *pem)
{
    return pem->type->label;
}

const char *p11d_pem_advice(const P11dPem *pem)
{
    return pem->type->advice;
}

bool p11d_pem_is_encrypted(const P11dPem *pem)
{
    return pem->type->kind == P11D_PEM_PRIVATE &&
           (pem->type->decrypt || strstr(pem->header, "ENCRYPTED"));
}

bool p11d_pem_equal(const P11dPem *a, const P11dPem *b)
{
    return a->type == b->type && a->size == b->size &&
           (!a->type ||
            (strcmp(a->header, b->header) == 0 && memcmp(a->data, b->data, (size_t)a->size) == 0));
}

EVP_PKEY *p11d_pem_key(const P11dPem *pem)
{
    EVP_PKEY *key = pem->type->decode ? pem->type->decode(pem->data, pem->size) : NULL;
    ERR_clear_error();
    return key;
}

static int give_passphrase(char *buffer, int capacity, int writing, void *data)
{
    const Passphrase *passphrase = data;
    if (writing || capacity < 0 || passphrase->size > (size_t)capacity)
        return -1;
    if (passphrase->size > 0) /* without any, bytes may be NULL */
        memcpy(buffer, passphrase->bytes, passphrase->size);
    return (int)passphrase->size;
}

/* PEM's own encryption works in place, so on a copy of the block. */
static EVP_PKEY *decrypt_traditional(const P11dPem *pem, Passphrase *passphrase)
{
    EVP_CIPHER_INFO cipher;
    EVP_PKEY *key = NULL;
    long size = pem->size;
    char *header = OPENSSL_strdup(pem->header);
    uint8_t *data = OPENSSL_memdup(pem->data, (size_t)pem->size);

    if (header && data && PEM_get_EVP_CIPHER_INFO(header, &cipher) &&
        PEM_do_header(&cipher, data, &size, give_passphrase, passphrase))
        key = pem->type->decode(data, size);
    OPENSSL_clear_free(data, (size_t)pem->size);
    OPENSSL_free(header);
    return key;
}

/* Ciphers of the last century are in OpenSSL's legacy provider, which is not loaded. */
static bool error_is_unsupported(void)
{
    unsigned long error;
    bool found = false;
    while ((error = ERR_get_error()) != 0) {
        int reason = ERR_GET_REASON(error);
        if (ERR_GET_LIB(error) == ERR_LIB_EVP)
            found = found || reason == ERR_R_UNSUPPORTED || reason == EVP_R_UNSUPPORTED_CIPHER ||
                    reason == EVP_R_UNSUPPORTED_ALGORITHM || reason == EVP_R_UNKNOWN_PBE_ALGORITHM;
        else if (ERR_GET_LIB(error) == ERR_LIB_PEM)
            found = found || reason == PEM_R_UNSUPPORTED_ENCRYPTION;
    }
    return found;
}

EVP_PKEY *p11d_pem_unlock(const P11dPem *pem, const uint8_t *bytes, size_t size, bool *unsupported)
{
    Passphrase passphrase = {bytes, size};
    EVP_PKEY *key = NULL;

    *unsupported = false;
    if (size > INT_MAX)
        return NULL;
    ERR_clear_error();
    if (pem->type->decrypt)
        key = pem->type->decrypt(pem->data, pem->size, &passphrase);
    else
        key = decrypt_traditional(pem, &passphrase);
    bool found = error_is_unsupported();
    *unsupported = found && !key;
    return key;
}

X509 *p11d_pem_certificate(const P11dPem *pem)
{
    const uint8_t *der = pem->data;
    X509 *certificate = d2i_X509(NULL, &der, pem->size);
    if (certificate && der != pem->data + pem->size) {
        X509_free(certificate);
        certificate = NULL;
    }
    ERR_clear_error();
    return certificate;
}
