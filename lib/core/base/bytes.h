// SPDX-License-Identifier: MIT
/*
 * Bytes are a run of bytes that somebody else owns.
 */
#ifndef P11D_BYTES_H
#define P11D_BYTES_H

#include <stddef.h>
#include <stdint.h>

typedef struct P11dBytes {
    const uint8_t *data; /* may be NULL where size is 0 */
    size_t size;         /* bytes */
} P11dBytes;

#endif
