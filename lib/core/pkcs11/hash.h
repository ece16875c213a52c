// SPDX-License-Identifier: MIT
/*
 * A hash is one row for each hash function that PKCS#11 mechanisms name: its digest mechanism, how
 * it is called in parameters, its MGF1, its size, and the DigestInfo prefix that RSA PKCS #1 v1.5
 * puts before a digest (RFC 8017, section 9.2, notes). It computes nothing; that is nettle's and
 * OpenSSL's work.
 */
#ifndef P11D_HASH_H
#define P11D_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "pkcs11.h"

#define P11D_HASH_MAX_SIZE 64
#define P11D_HASH_MAX_PREFIX 19

typedef struct P11dHash {
    CK_MECHANISM_TYPE mechanism; /* CKM_SHA256 */
    CK_ULONG mgf;                /* CKG_MGF1_SHA256, or CK_UNAVAILABLE_INFORMATION */
    CK_ULONG kdf;                /* CKD_SHA256_KDF, or CK_UNAVAILABLE_INFORMATION */
    const char *name;            /* "sha256": the digest mechanism's name; OpenSSL knows it too */
    size_t size;                 /* of a digest, bytes */
    uint8_t prefix[P11D_HASH_MAX_PREFIX]; /* DER of DigestInfo up to the digest */
    size_t prefix_size;
} P11dHash;

extern const P11dHash p11d_hashes[];
extern const size_t p11d_hash_count;

/* The row, or NULL (also for CK_UNAVAILABLE_INFORMATION). */
const P11dHash *p11d_hash_of_mechanism(CK_MECHANISM_TYPE mechanism);
const P11dHash *p11d_hash_of_mgf(CK_ULONG mgf);
const P11dHash *p11d_hash_of_kdf(CK_ULONG kdf);
const P11dHash *p11d_hash_of_name(const char *name);

/* The row of the algorithm's OBJECT IDENTIFIER, of which size bytes at oid are the content; or
 * NULL. */
const P11dHash *p11d_hash_of_oid(const uint8_t *oid, size_t size);

#endif
