// SPDX-License-Identifier: MIT
/* Ids are a list of what a service calls its objects. */
#ifndef P11D_IDS_H
#define P11D_IDS_H

#include "pkcs11.h"

#include <stddef.h>
#include <stdint.h>

typedef struct P11dIds {
    uint64_t *items; /* owned */
    size_t count;
    size_t capacity;
} P11dIds;

/* Makes room for that many. Errors: CKR_HOST_MEMORY; ids is as before then. */
CK_RV p11d_ids_reserve(P11dIds *ids, size_t capacity);

/* Errors: as p11d_ids_reserve, which may be called first; then there are none. */
CK_RV p11d_ids_append(P11dIds *ids, uint64_t id);

/* Takes out the id, if it is there. */
void p11d_ids_remove(P11dIds *ids, uint64_t id);

void p11d_ids_sort(P11dIds *ids);

/* Frees; ids is then empty and may be used again. */
void p11d_ids_clear(P11dIds *ids);

#endif
