// SPDX-License-Identifier: MIT
#include "ids.h"

#include <stdlib.h>

CK_RV p11d_ids_reserve(P11dIds *ids, size_t capacity)
{
    if (capacity <= ids->capacity)
        return CKR_OK;
    const size_t wanted = capacity > 2 * ids->capacity ? capacity : 2 * ids->capacity;
    uint64_t *items = reallocarray(ids->items, wanted, sizeof *items);
    if (!items)
        return CKR_HOST_MEMORY;
    ids->items = items;
    ids->capacity = wanted;
    return CKR_OK;
}

CK_RV p11d_ids_append(P11dIds *ids, uint64_t id)
{
    const CK_RV rv = p11d_ids_reserve(ids, ids->count + 1);
    if (rv == CKR_OK)
        ids->items[ids->count++] = id;
    return rv;
}

void p11d_ids_remove(P11dIds *ids, uint64_t id)
{
    size_t kept = 0;
    for (size_t i = 0; i < ids->count; i++) {
        if (ids->items[i] != id)
            ids->items[kept++] = ids->items[i];
    }
    ids->count = kept;
}

static int compare(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

void p11d_ids_sort(P11dIds *ids)
{
    if (ids->count > 1)
        qsort(ids->items, ids->count, sizeof *ids->items, compare);
}

void p11d_ids_clear(P11dIds *ids)
{
    free(ids->items);
    *ids = (P11dIds){0};
}
