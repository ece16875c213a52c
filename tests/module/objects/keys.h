// SPDX-License-Identifier: MIT
/*
 * Keys and certificates made by OpenSSL, and what OpenSSL itself says of their parts: the oracle
 * for the parsers of the module. Failures end the test.
 */
#ifndef P11D_TEST_KEYS_H
#define P11D_TEST_KEYS_H

#include <openssl/evp.h>
#include <stdint.h>

#include "pkcs11.h"

/* Bytes that the test owns; free(bytes.data). */
typedef struct Bytes {
    unsigned char *data;
    size_t size;
} Bytes;

/* name: "RSA-2048", "ED25519", "X448", … or the name of a curve ("P-256", "secp256k1"). The caller
 * frees it with EVP_PKEY_free. */
EVP_PKEY *keys_generate(const char *name);

/* SubjectPublicKeyInfo. */
Bytes keys_info(EVP_PKEY *key);

/* The SHA-1 of the public key's bits. */
void keys_id(EVP_PKEY *key, unsigned char id[20]);

/* A self-signed certificate in DER. */
Bytes keys_certificate(EVP_PKEY *key, const char *common_name, long serial);

#endif
