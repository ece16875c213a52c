// SPDX-License-Identifier: MIT
/*
 * A checksum is what a list of them says of one file: its name, and its digest by a hash function.
 */
#ifndef P11D_CHECKSUM_H
#define P11D_CHECKSUM_H

#include <stdbool.h>

#include "hash.h"
#include "input.h"

/* BLAKE2b (RFC 7693) has digests of up to so many bytes, and of that many unless said. */
#define P11D_CHECKSUM_BLAKE2B_SIZE 64

typedef struct P11dChecksum {
    char *name;           /* bytes without NUL, none of them "./" or "//"; owned */
    unsigned line;        /* of the list, from 1 on */
    const P11dHash *hash; /* NULL: BLAKE2b */
    bool may_be_blake2b;  /* the list does not say which of the two it is */
    gsize size;           /* of the digest, in bytes */
    guint8 digest[P11D_HASH_MAX_SIZE];
} P11dChecksum;

void p11d_checksum_free(P11dChecksum *checksum);

/* The hash function: "sha256", "blake2b-256"; of two that it may be, sha512. The caller frees it.
 */
char *p11d_checksum_algorithm(const P11dChecksum *checksum);

/* Whether OpenSSL makes digests of size bytes by BLAKE2b: before version 3.2 of 64 bytes alone. */
bool p11d_checksum_has_blake2b(gsize size);

/* Whether all that is left of input has the digest. *algorithm: by which function, as above; the
 * caller frees it. FALSE with error set if that could not be found out. */
gboolean p11d_checksum_check(const P11dChecksum *checksum, P11dInput *input, bool *good,
                             char **algorithm, GError **error);

#endif
