// SPDX-License-Identifier: MIT
#include "keyhistory.h"

#include <criterion/criterion.h>

#include "reader.h"

static P11dKeyHistory history;

/* Expects that the ids first to last, and no others, are gone since that generation. */
static void expect_gone(uint64_t generation, uint64_t first, uint64_t last)
{
    bool seen[2 * P11D_KEYHISTORY_MAX] = {false};
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader, ids;
    uint64_t id, count = 0;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_keyhistory_write(&history, generation, &writer);
    p11d_writer_array_end(&writer, array);
    cr_assert(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_array(&reader, 8, &ids));
    for (; p11d_reader_uint64(&ids, &id); count++) {
        cr_assert(id >= first && id <= last && !seen[id], "id %lu", (unsigned long)id);
        seen[id] = true;
    }
    cr_assert_eq(count, last + 1 - first);
    p11d_buffer_clear(&buffer);
}

Test(keyhistory, an_empty_one_knows_that_nothing_is_gone)
{
    cr_assert(p11d_keyhistory_reaches(&history, 0));
    expect_gone(0, 1, 0);
}

Test(keyhistory, what_is_gone_since_a_generation)
{
    for (uint64_t id = 1; id <= 10; id++)
        p11d_keyhistory_add(&history, id, 100 + id);
    cr_assert(p11d_keyhistory_reaches(&history, 0));
    expect_gone(0, 1, 10);
    expect_gone(100, 1, 10);
    expect_gone(104, 5, 10);
    expect_gone(110, 11, 10);
}

Test(keyhistory, the_oldest_are_forgotten_and_that_is_known)
{
    const uint64_t last = P11D_KEYHISTORY_MAX + 50;
    for (uint64_t id = 1; id <= last; id++) {
        p11d_keyhistory_add(&history, id, 100 + id);
        cr_assert_eq(p11d_keyhistory_reaches(&history, 100), id <= P11D_KEYHISTORY_MAX);
    }
    cr_assert_not(p11d_keyhistory_reaches(&history, 149));
    cr_assert(p11d_keyhistory_reaches(&history, 150));
    expect_gone(150, 51, last);
    expect_gone(100 + last - 1, last, last);
}
