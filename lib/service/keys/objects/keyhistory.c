// SPDX-License-Identifier: MIT
#include "keyhistory.h"

void p11d_keyhistory_add(P11dKeyHistory *history, uint64_t id, uint64_t generation)
{
    size_t place = history->count % P11D_KEYHISTORY_MAX;
    if (history->count >= P11D_KEYHISTORY_MAX)
        history->forgotten = history->gone[place].generation;
    history->gone[place].id = id;
    history->gone[place].generation = generation;
    history->count++;
}

bool p11d_keyhistory_reaches(const P11dKeyHistory *history, uint64_t generation)
{
    return generation >= history->forgotten;
}

void p11d_keyhistory_write(const P11dKeyHistory *history, uint64_t generation, P11dWriter *writer)
{
    size_t count = history->count < P11D_KEYHISTORY_MAX ? history->count : P11D_KEYHISTORY_MAX;
    for (size_t i = 0; i < count; i++) {
        if (history->gone[i].generation > generation)
            p11d_writer_uint64(writer, history->gone[i].id);
    }
}
