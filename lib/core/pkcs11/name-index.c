// SPDX-License-Identifier: MIT
#include "name-index.h"

#include <string.h>

/* FNV-1a. The names are constants of ours, so nobody can choose them to collide. */
static uint32_t hash(const char *name)
{
    uint32_t state = 2166136261u;
    for (; *name; name++)
        state = (state ^ (uint8_t)*name) * 16777619u;
    return state ^ state >> 16;
}

static size_t next_slot(size_t slot)
{
    return (slot + 1) % P11D_NAME_INDEX_SLOTS;
}

static void fill(P11dNameIndex *index)
{
    uint16_t slots[P11D_NAME_INDEX_SLOTS] = {0};
    for (size_t row = 0; row < index->count; row++) {
        size_t slot = hash(index->name_of_row(row)) % P11D_NAME_INDEX_SLOTS;
        while (slots[slot])
            slot = next_slot(slot);
        slots[slot] = (uint16_t)(row + 1);
    }
    for (size_t slot = 0; slot < P11D_NAME_INDEX_SLOTS; slot++)
        atomic_store_explicit(&index->slots[slot], slots[slot], memory_order_relaxed);
    atomic_store_explicit(&index->ready, true, memory_order_release);
}

bool p11d_name_index_find(P11dNameIndex *index, const char *name, size_t *row)
{
    if (!atomic_load_explicit(&index->ready, memory_order_acquire))
        fill(index);
    size_t slot = hash(name) % P11D_NAME_INDEX_SLOTS;
    for (;;) {
        size_t entry = atomic_load_explicit(&index->slots[slot], memory_order_relaxed);
        if (entry == 0)
            return false;
        if (strcmp(index->name_of_row(entry - 1), name) == 0) {
            *row = entry - 1;
            return true;
        }
        slot = next_slot(slot);
    }
}
