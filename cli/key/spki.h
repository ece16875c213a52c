// SPDX-License-Identifier: MIT
/*
 * An spki is a public key as X.509 has it, a SubjectPublicKeyInfo (RFC 5280, section 4.1). What
 * kind of key it is can be read from it without making a key of it.
 */
#ifndef P11D_SPKI_H
#define P11D_SPKI_H

#include <glib.h>
#include <openssl/evp.h>

#include "algorithm.h"

/* As p11d_evpkey_describe; type is CK_UNAVAILABLE_INFORMATION too for what is no spki. That the
 * numbers in it make a key is not checked. */
P11dAlgorithmKey p11d_spki_describe(const void *der, size_t size);

/* The DER of key. NULL if OpenSSL cannot write it. The caller owns it. */
GBytes *p11d_spki_of_key(const EVP_PKEY *key);

/* The SHA-256 of that DER in hex; NULL as above. The caller frees it. */
char *p11d_spki_sha256(const EVP_PKEY *key);

#endif
