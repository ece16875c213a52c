// SPDX-License-Identifier: MIT
/*
 * BLAKE2b (RFC 7693) without a key, in every length of digest: libcrypto has 64 bytes only, and
 * b2sum -l writes others.
 */
#ifndef P11D_BLAKE2B_H
#define P11D_BLAKE2B_H

#include <stddef.h>
#include <stdint.h>

#define P11D_BLAKE2B_BLOCK 128
#define P11D_BLAKE2B_MAX_SIZE 64

typedef struct P11dBlake2b {
    uint64_t state[8];
    uint64_t count[2];                 /* bytes so far, the low half first */
    uint8_t block[P11D_BLAKE2B_BLOCK]; /* of which the first used bytes wait */
    size_t used;
    size_t size; /* of the digest, in bytes */
} P11dBlake2b;

/* Starts a digest of size bytes, 1 to P11D_BLAKE2B_MAX_SIZE. */
void p11d_blake2b_init(P11dBlake2b *hash, size_t size);

/* The next size bytes of the content. */
void p11d_blake2b_update(P11dBlake2b *hash, const void *bytes, size_t size);

/* Ends it. digest: as many bytes as init said. */
void p11d_blake2b_final(P11dBlake2b *hash, uint8_t *digest);

#endif
