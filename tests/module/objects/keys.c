// SPDX-License-Identifier: MIT
#include "keys.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

static Bytes take(unsigned char *der, int size)
{
    cr_assert(size > 0 && der != NULL);
    Bytes bytes = {malloc((size_t)size), (size_t)size};
    memcpy(bytes.data, der, (size_t)size);
    OPENSSL_free(der);
    return bytes;
}

EVP_PKEY *keys_generate(const char *name)
{
    static const char *const plain[] = {"ED25519", "ED448", "X25519", "X448"};
    EVP_PKEY *key = NULL;
    if (strncmp(name, "RSA-", 4) == 0)
        key = EVP_RSA_gen((unsigned)atoi(name + 4));
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
        if (strcmp(name, plain[i]) == 0)
            key = EVP_PKEY_Q_keygen(NULL, NULL, name);
    if (key == NULL)
        key = EVP_EC_gen(name);
    cr_assert(key != NULL, "OpenSSL cannot make a key of kind %s", name);
    return key;
}

Bytes keys_info(EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(key, &der);
    return take(der, size);
}

static X509 *make_certificate(EVP_PKEY *key, const char *common_name, long serial)
{
    X509 *certificate = X509_new();
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)common_name, -1,
                               -1, 0);
    X509_set_issuer_name(certificate, name);
    cr_assert(X509_set_pubkey(certificate, key));
    return certificate;
}

void keys_id(EVP_PKEY *key, unsigned char id[20])
{
    X509 *certificate = make_certificate(key, "id", 1);
    unsigned size = 0;
    cr_assert(X509_pubkey_digest(certificate, EVP_sha1(), id, &size));
    cr_assert_eq(size, 20);
    X509_free(certificate);
}

Bytes keys_certificate(EVP_PKEY *key, const char *common_name, long serial)
{
    X509 *certificate = make_certificate(key, common_name, serial);
    int type = EVP_PKEY_get_base_id(key);
    const EVP_MD *md = type == EVP_PKEY_ED25519 || type == EVP_PKEY_ED448 ? NULL : EVP_sha256();
    cr_assert(X509_sign(certificate, key, md) > 0);
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    X509_free(certificate);
    return take(der, size);
}
