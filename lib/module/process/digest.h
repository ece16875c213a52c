// SPDX-License-Identifier: MIT
/*
 * A digest is a hash function at work, inside the process of the application: one of the functions
 * of the core's hash table, computed by nettle. It is a plain value without allocations, so it can
 * be part of an operation's state and be copied to look at an intermediate result.
 */
#ifndef P11D_DIGEST_H
#define P11D_DIGEST_H

#include <nettle/sha1.h>
#include <nettle/sha2.h>
#include <nettle/sha3.h>
#include <stdbool.h>

#include "hash.h"

/* The longest DigestInfo, in bytes. */
#define P11D_DIGEST_INFO_MAX (P11D_HASH_MAX_PREFIX + P11D_HASH_MAX_SIZE)

struct nettle_hash;

typedef union P11dDigestState {
    struct sha1_ctx sha1;
    struct sha256_ctx sha256;
    struct sha512_ctx sha512;
    struct sha3_224_ctx sha3_224;
    struct sha3_256_ctx sha3_256;
    struct sha3_384_ctx sha3_384;
    struct sha3_512_ctx sha3_512;
} P11dDigestState;

/* The most bytes of a state that is saved. */
#define P11D_DIGEST_STATE_MAX sizeof(P11dDigestState)

typedef struct P11dDigest {
    const P11dHash *hash;               /* NULL: not begun */
    const struct nettle_hash *function; /* that computes it */
    P11dDigestState state;
} P11dDigest;

/* Begins. mechanism: of the digest, CKM_SHA256. Returns false if there is no such hash function
 * here; digest is then not begun. */
bool p11d_digest_init(P11dDigest *digest, CK_MECHANISM_TYPE mechanism);

/* True if p11d_digest_init would succeed. */
bool p11d_digest_supports(CK_MECHANISM_TYPE mechanism);

/* Bytes of the result; 0 if not begun. */
size_t p11d_digest_size(const P11dDigest *digest);

/* Takes size bytes (bytes may be NULL for size 0). No effect if not begun. */
void p11d_digest_update(P11dDigest *digest, const void *bytes, size_t size);

/* Writes the result, p11d_digest_size bytes, to output and returns that size; digest is wiped and
 * not begun any more. 0 if it was not begun. */
size_t p11d_digest_final(P11dDigest *digest, uint8_t output[P11D_HASH_MAX_SIZE]);

/* Makes copy an independent digest in the same state. */
void p11d_digest_copy(P11dDigest *copy, const P11dDigest *digest);

/* Writes what digest has come to, and returns its size in bytes; 0 if it was not begun. It holds
 * what was taken last, so it is as secret as that. */
size_t p11d_digest_save(const P11dDigest *digest, uint8_t state[P11D_DIGEST_STATE_MAX]);

/* Goes on from there. state: size bytes, of which nobody knows where they come from. Returns false,
 * and digest is not begun, if they are no state of that hash function. */
bool p11d_digest_restore(P11dDigest *digest, CK_MECHANISM_TYPE mechanism, const uint8_t *state,
                         size_t size);

/* Wipes; digest is then not begun. */
void p11d_digest_wipe(P11dDigest *digest);

/*
 * Writes the DigestInfo (RFC 8017, section 9.2) around a digest made with mechanism to info, for
 * RSA PKCS #1 v1.5. Returns its size in bytes, 0 if there is no such hash function or size is not
 * that of its digests.
 */
size_t p11d_digest_info(CK_MECHANISM_TYPE mechanism, const uint8_t *digest, size_t size,
                        uint8_t info[P11D_DIGEST_INFO_MAX]);

#endif
