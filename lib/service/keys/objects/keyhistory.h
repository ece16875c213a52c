// SPDX-License-Identifier: MIT
/*
 * A key history is which objects of a key token are gone, and since when: what the answer to "what
 * has changed since?" needs. It remembers the last ones; who asks for more gets everything anew.
 */
#ifndef P11D_KEYHISTORY_H
#define P11D_KEYHISTORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "writer.h"

#define P11D_KEYHISTORY_MAX 1024

/* All zero: nothing is gone. */
typedef struct P11dKeyHistory {
    struct {
        uint64_t id;
        uint64_t generation;     /* in which it was gone */
    } gone[P11D_KEYHISTORY_MAX]; /* a ring */
    size_t count;                /* ever added */
    uint64_t forgotten;          /* what was gone up to this generation is not in it any more */
} P11dKeyHistory;

/* Adds an object that is gone in that generation, the newest so far. */
void p11d_keyhistory_add(P11dKeyHistory *history, uint64_t id, uint64_t generation);

/* True if it has all that is gone since that generation. */
bool p11d_keyhistory_reaches(const P11dKeyHistory *history, uint64_t generation);

/* Writes the elements of an array of the ids that are gone since that generation. */
void p11d_keyhistory_write(const P11dKeyHistory *history, uint64_t generation, P11dWriter *writer);

#endif
