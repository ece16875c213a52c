// SPDX-License-Identifier: MIT
/*
 * A name index finds the rows of a constant table by name. It fills itself when it is first used,
 * without a lock: threads that come at the same time compute the same content and store it
 * atomically, so that a child of fork(2) never finds it half made and never waits for it.
 */
#ifndef P11D_NAME_INDEX_H
#define P11D_NAME_INDEX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* At least twice the rows of the largest table; a power of two. */
#define P11D_NAME_INDEX_SLOTS 1024

typedef struct P11dNameIndex {
    const char *(*name_of_row)(size_t row);
    size_t count;      /* of rows, at most half of P11D_NAME_INDEX_SLOTS */
    atomic_bool ready; /* slots are filled */
    _Atomic(uint16_t) slots[P11D_NAME_INDEX_SLOTS]; /* 0: free; otherwise a row plus one */
} P11dNameIndex;

/* Finds the row of that name. Returns false if there is none. */
bool p11d_name_index_find(P11dNameIndex *index, const char *name, size_t *row);

#endif
