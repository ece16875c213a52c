// SPDX-License-Identifier: MIT
#include "buffer.h"

#include <criterion/criterion.h>
#include <string.h>

static const uint8_t zeroes[256];

/* Every allocation passes here; see wrapped_memory in meson.build. */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);

void __real_free(void *memory);
void __wrap_free(void *memory);

static bool memory_is_out;
static const void *watched;
static bool was_wiped;

void *__wrap_malloc(size_t size)
{
    return memory_is_out ? NULL : __real_malloc(size);
}

void __wrap_free(void *memory)
{
    if (memory && memory == watched)
        was_wiped = memcmp(memory, zeroes, 8) == 0;
    __real_free(memory);
}

Test(buffer, holds_nothing_and_has_no_memory_after_init)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 100);
    cr_assert_null(buffer.data);
    cr_assert_eq(buffer.size, 0);
    p11d_buffer_clear(&buffer);
}

Test(buffer, appends_in_order)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 1 << 20);
    for (uint32_t i = 0; i < 10000; i++)
        cr_assert(p11d_buffer_append(&buffer, &i, sizeof i));
    cr_assert_eq(buffer.size, 40000);
    cr_assert_leq(buffer.capacity, 65536);
    for (uint32_t i = 0; i < 10000; i++)
        cr_assert_eq(memcmp(buffer.data + i * sizeof i, &i, sizeof i), 0);
    p11d_buffer_clear(&buffer);
}

Test(buffer, reserve_makes_room_and_leaves_the_size)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 4096);
    uint8_t *place = p11d_buffer_reserve(&buffer, 4096);
    cr_assert_not_null(place);
    cr_assert_eq(buffer.size, 0);
    memset(place, 1, 4096);
    buffer.size = 4096;
    cr_assert_not_null(p11d_buffer_reserve(&buffer, 0));
    cr_assert_null(p11d_buffer_reserve(&buffer, 1));
    p11d_buffer_clear(&buffer);
}

Test(buffer, the_limit_is_never_passed_and_failure_sticks_until_reset)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 10);
    cr_assert(p11d_buffer_append(&buffer, "12345678", 8));
    cr_assert_not(p11d_buffer_append(&buffer, "abc", 3));
    cr_assert(buffer.too_large);
    cr_assert_not(buffer.no_memory);
    cr_assert_eq(buffer.size, 8);
    cr_assert_eq(memcmp(buffer.data, "12345678", 8), 0);
    cr_assert_not(p11d_buffer_append(&buffer, "a", 1), "the failure must stick");
    cr_assert_leq(buffer.capacity, 10);
    p11d_buffer_reset(&buffer);
    cr_assert_not(buffer.too_large);
    cr_assert(p11d_buffer_append(&buffer, "0123456789", 10));
    p11d_buffer_clear(&buffer);
}

Test(buffer, sizes_near_the_top_of_size_t_do_not_wrap)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 1000);
    cr_assert(p11d_buffer_append(&buffer, "12345678", 8));
    cr_assert_null(p11d_buffer_reserve(&buffer, SIZE_MAX));
    cr_assert(buffer.too_large);
    p11d_buffer_clear(&buffer);
}

Test(buffer, running_out_of_memory_is_told_apart_and_loses_nothing)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, SIZE_MAX);
    cr_assert(p11d_buffer_append(&buffer, "1", 1));
    memory_is_out = true;
    bool appended = p11d_buffer_append(&buffer, zeroes, buffer.capacity);
    memory_is_out = false;
    cr_assert_not(appended);
    cr_assert(buffer.no_memory);
    cr_assert_not(buffer.too_large);
    cr_assert_eq(buffer.size, 1);
    cr_assert_eq(buffer.data[0], '1');
    cr_assert_not(p11d_buffer_append(&buffer, "2", 1), "the failure must stick");
    p11d_buffer_reset(&buffer);
    cr_assert(p11d_buffer_append(&buffer, "2", 1));
    p11d_buffer_clear(&buffer);
}

Test(buffer, trap_pin_is_wiped_and_in_no_log__in_outgrown_buffers)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 1 << 20);
    cr_assert(p11d_buffer_append(&buffer, "PIN 1234", 8));
    watched = buffer.data;
    cr_assert_not_null(p11d_buffer_reserve(&buffer, 100000));
    cr_assert(was_wiped, "by growing");
    was_wiped = false;
    watched = buffer.data;
    p11d_buffer_reset(&buffer);
    cr_assert(was_wiped, "by resetting a large one");
    cr_assert(p11d_buffer_append(&buffer, "PIN 1234", 8));
    was_wiped = false;
    watched = buffer.data;
    p11d_buffer_clear(&buffer);
    cr_assert(was_wiped, "by clearing");
}

Test(buffer, consume_moves_the_rest_and_wipes_behind_it)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 100);
    cr_assert(p11d_buffer_append(&buffer, "secret-rest", 11));
    p11d_buffer_consume(&buffer, 7);
    cr_assert_eq(buffer.size, 4);
    cr_assert_eq(memcmp(buffer.data, "rest", 4), 0);
    cr_assert_eq(memcmp(buffer.data + 4, zeroes, 7), 0);
    p11d_buffer_consume(&buffer, 1000);
    cr_assert_eq(buffer.size, 0);
    cr_assert_eq(memcmp(buffer.data, zeroes, 11), 0);
    p11d_buffer_consume(&buffer, 1);
    p11d_buffer_clear(&buffer);
}

Test(buffer, reset_wipes_and_keeps_small_memory)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 100);
    cr_assert(p11d_buffer_append(&buffer, "123456", 6));
    const uint8_t *memory = buffer.data;
    p11d_buffer_reset(&buffer);
    cr_assert_eq(buffer.data, memory);
    cr_assert_eq(memcmp(memory, zeroes, 6), 0);
    p11d_buffer_clear(&buffer);
}

Test(buffer, truncate_wipes_behind_what_it_keeps_and_forgets_failures)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 16);
    cr_assert(p11d_buffer_append(&buffer, "kept secret", 11));
    cr_assert_not(p11d_buffer_append(&buffer, "too much", 8));
    p11d_buffer_truncate(&buffer, 4);
    cr_assert_eq(buffer.size, 4);
    cr_assert_arr_eq(buffer.data, "kept\0\0\0\0\0\0\0", 11);
    cr_assert_not(buffer.too_large);
    p11d_buffer_truncate(&buffer, 5);
    cr_assert_eq(buffer.size, 4);
    p11d_buffer_clear(&buffer);
}

Test(buffer, reset_gives_large_memory_back)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 1 << 20);
    cr_assert_not_null(p11d_buffer_reserve(&buffer, 100 << 10));
    p11d_buffer_reset(&buffer);
    cr_assert_null(buffer.data);
    cr_assert_eq(buffer.capacity, 0);
    p11d_buffer_clear(&buffer);
}

Test(buffer, clear_can_be_used_again)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 100);
    cr_assert(p11d_buffer_append(&buffer, "1", 1));
    p11d_buffer_clear(&buffer);
    cr_assert_null(buffer.data);
    cr_assert(p11d_buffer_append(&buffer, "2", 1));
    p11d_buffer_clear(&buffer);
    p11d_buffer_clear(&buffer);
}
