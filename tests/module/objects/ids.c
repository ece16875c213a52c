// SPDX-License-Identifier: MIT
#include "ids.h"

#include <criterion/criterion.h>

Test(ids, they_are_kept_sorted_and_taken_out)
{
    P11dIds ids = {0};
    p11d_ids_remove(&ids, 1);
    p11d_ids_sort(&ids);
    for (uint64_t i = 0; i < 100; i++)
        cr_assert_eq(p11d_ids_append(&ids, UINT64_MAX - i % 50), CKR_OK);
    p11d_ids_sort(&ids);
    cr_assert_eq(ids.count, 100);
    for (size_t i = 0; i < 100; i++)
        cr_assert_eq(ids.items[i], UINT64_MAX - 49 + i / 2);
    p11d_ids_remove(&ids, UINT64_MAX);
    p11d_ids_remove(&ids, 4711);
    cr_assert_eq(ids.count, 98);
    cr_assert_eq(ids.items[97], UINT64_MAX - 1);
    p11d_ids_clear(&ids);
    cr_assert_eq(ids.count, 0);
}

Test(ids, once_there_is_room_nothing_can_fail)
{
    P11dIds ids = {0};
    cr_assert_eq(p11d_ids_reserve(&ids, 1000), CKR_OK);
    const uint64_t *items = ids.items;
    for (uint64_t i = 0; i < 1000; i++)
        cr_assert_eq(p11d_ids_append(&ids, i), CKR_OK);
    cr_assert_eq(ids.items, items);
    cr_assert_eq(ids.count, 1000);
    cr_assert_eq(ids.items[999], 999);
    p11d_ids_clear(&ids);
}
