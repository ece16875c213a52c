// SPDX-License-Identifier: MIT
#include "groups.h"

#include <criterion/criterion.h>

Test(groups, what_has_a_text_in_common_is_found_in_its_order)
{
    static int things[4];
    g_autoptr(P11dGroups) groups = p11d_groups_new();
    cr_assert_eq(p11d_groups_find(groups, "a")->len, 0);
    for (size_t i = 0; i < G_N_ELEMENTS(things); i++)
        p11d_groups_add(groups, i == 2 ? "b" : "a", &things[i]);
    const GPtrArray *group = p11d_groups_find(groups, "a");
    cr_assert_eq(group->len, 3);
    cr_assert_eq(group->pdata[0], &things[0]);
    cr_assert_eq(group->pdata[1], &things[1]);
    cr_assert_eq(group->pdata[2], &things[3]);
    cr_assert_eq(p11d_groups_find(groups, "b")->len, 1);
    cr_assert_eq(p11d_groups_find(groups, "")->len, 0);
}

Test(groups, nothing_is_freed_without_harm)
{
    p11d_groups_free(NULL);
}
