// SPDX-License-Identifier: MIT
#include "secret.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

Test(secret, none_is_not_the_same_as_an_empty_one)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert_null(secret.data);
    cr_assert(p11d_secret_set(&secret, NULL, 0));
    cr_assert_not_null(secret.data);
    cr_assert_eq(secret.size, 0);
    cr_assert_eq(secret.data[0], '\0');
    p11d_secret_clear(&secret);
    cr_assert_null(secret.data);
    p11d_secret_clear(&secret);
}

Test(secret, is_bytes_and_one_more_nul)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert(p11d_secret_set(&secret, "a\0b", 3));
    cr_assert_eq(secret.size, 3);
    cr_assert_arr_eq(secret.data, "a\0b\0", 4);
    p11d_secret_clear(&secret);
}

Test(secret, a_whole_page_still_has_its_nul)
{
    static uint8_t page[8192];
    memset(page, 'x', sizeof page);
    P11dSecret secret = P11D_SECRET_INIT;
    for (size_t size = 4090; size <= 4100; size++) {
        cr_assert(p11d_secret_set(&secret, page, size));
        cr_assert_gt(secret.mapped, size);
        cr_assert_eq(secret.data[size], '\0');
    }
    p11d_secret_clear(&secret);
}

Test(secret, may_be_set_from_itself)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert(p11d_secret_set(&secret, "123456", 6));
    cr_assert(p11d_secret_set(&secret, secret.data + 2, 4));
    cr_assert_str_eq((char *)secret.data, "3456");
    p11d_secret_clear(&secret);
}

Test(secret, truncate_wipes_what_is_cut_off)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert(p11d_secret_set(&secret, "123456\n", 7));
    p11d_secret_truncate(&secret, 9);
    cr_assert_eq(secret.size, 7);
    p11d_secret_truncate(&secret, 4);
    cr_assert_eq(secret.size, 4);
    cr_assert_arr_eq(secret.data, "1234\0\0\0", 7);
    p11d_secret_clear(&secret);
}

Test(secret, too_large_is_none_at_all)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert(p11d_secret_set(&secret, "old", 3));
    cr_assert_not(p11d_secret_set(&secret, NULL, SIZE_MAX));
    cr_assert_null(secret.data);
    cr_assert_not(p11d_secret_set(&secret, NULL, SIZE_MAX / 2));
    cr_assert_null(secret.data);
}

/* The line VmFlags of the mapping that holds address. */
static void mapping_flags(const void *address, char *flags, size_t size)
{
    FILE *maps = fopen("/proc/self/smaps", "re");
    cr_assert_not_null(maps);
    char line[512];
    bool inside = false;
    flags[0] = '\0';
    while (fgets(line, sizeof line, maps)) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = (uintptr_t)address >= start && (uintptr_t)address < end;
        else if (inside && strncmp(line, "VmFlags:", 8) == 0)
            snprintf(flags, size, "%s", line);
    }
    fclose(maps);
}

Test(secret, is_left_out_of_core_dumps)
{
    P11dSecret secret = P11D_SECRET_INIT;
    cr_assert(p11d_secret_set(&secret, "123456", 6));
    char flags[512];
    mapping_flags(secret.data, flags, sizeof flags);
    if (flags[0] == '\0')
        cr_skip_test("this kernel has no VmFlags");
    cr_assert_not_null(strstr(flags, " dd"), "%s", flags);
    p11d_secret_clear(&secret);
}
