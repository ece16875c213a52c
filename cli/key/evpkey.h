// SPDX-License-Identifier: MIT
/*
 * An evpkey is a public key for OpenSSL, made of the numbers that PKCS#11 attributes, OpenSSH keys
 * and the like hold.
 */
#ifndef P11D_EVPKEY_H
#define P11D_EVPKEY_H

#include <stddef.h>

#include <stdbool.h>

#include <openssl/evp.h>

#include "algorithm.h"

/* Big-endian numbers. NULL if OpenSSL does not take them; the caller frees all of these. */
EVP_PKEY *p11d_evpkey_rsa(const void *modulus, size_t modulus_size, const void *exponent,
                          size_t exponent_size);
/* group: OpenSSL's name of the curve; point: as in CKA_EC_POINT, in an OCTET STRING or not. */
EVP_PKEY *p11d_evpkey_ec(const char *group, const void *point, size_t size);
/* group: "ED25519" or "ED448"; point: as above. */
EVP_PKEY *p11d_evpkey_edwards(const char *group, const void *point, size_t size);
/* DER SubjectPublicKeyInfo. */
EVP_PKEY *p11d_evpkey_spki(const void *der, size_t size);
/* The key in a DER X.509 certificate. */
EVP_PKEY *p11d_evpkey_certificate(const void *der, size_t size);

/* What p11d_algorithm_find needs to know of it. type is CK_UNAVAILABLE_INFORMATION for a kind of
 * key that nothing here uses. */
P11dAlgorithmKey p11d_evpkey_describe(const EVP_PKEY *key);

/* Whether an RSA-PSS key is bound to a hash, another in MGF1, and a salt of *salt bytes or more
 * (RFC 4055, section 3.1). */
bool p11d_evpkey_is_bound(const EVP_PKEY *key, int *salt);

#endif
