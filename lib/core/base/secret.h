// SPDX-License-Identifier: MIT
/*
 * A secret is a PIN, a passphrase or a private key in memory that is locked where the system
 * allows it, is left out of core dumps, and is wiped when it is cleared. It is bytes, not text; one
 * more NUL follows for the libraries that want one.
 */
#ifndef P11D_SECRET_H
#define P11D_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct P11dSecret {
    uint8_t *data; /* NULL: no secret at all, which is not the same as an empty one */
    size_t size;   /* bytes, without the final NUL */
    size_t mapped; /* bytes of the mapping behind data */
} P11dSecret;

#define P11D_SECRET_INIT                                                                           \
    {                                                                                              \
        0                                                                                          \
    }

/* Makes secret a copy of size bytes (bytes may be NULL for size 0: zeroes otherwise). What secret
 * held before is wiped. Returns false, with secret cleared, if memory ran out. */
bool p11d_secret_set(P11dSecret *secret, const void *bytes, size_t size);

/* Cuts the secret down to size bytes (no effect if it is shorter) and wipes what is cut off. */
void p11d_secret_truncate(P11dSecret *secret, size_t size);

/* Wipes and frees; secret is then no secret at all. Safe on one that already is. For
 * __attribute__((cleanup)). */
void p11d_secret_clear(P11dSecret *secret);

#endif
