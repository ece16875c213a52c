// SPDX-License-Identifier: MIT
#include "progress.h"

#include <criterion/criterion.h>
#include <string.h>

static char *text_of(const char *name, guint64 done, guint64 total, unsigned columns)
{
    P11dProgress progress = {.name = name, .done = done, .total = total};
    return p11d_progress_text(&progress, 2, columns);
}

Test(progress, no_line_is_wider_than_the_terminal)
{
    for (unsigned columns = 30; columns < 200; columns++)
        for (guint64 done = 1; done <= 1000000; done *= 10) {
            g_autofree char *text = text_of("a file with a name", done, 1000000, columns);
            cr_assert_leq(g_utf8_strlen(text, -1), (glong)columns, "%s", text);
        }
}

Test(progress, bar_is_filled_as_far_as_it_is)
{
    g_autofree char *half = text_of("data", 500, 1000, 100);
    const char *bar = strchr(half, '[');
    cr_assert(bar, "%s", half);
    cr_assert_eq(strspn(bar + 1, "#"), 20);
    cr_assert_eq(strspn(bar + 21, "."), 20);
    cr_assert(strstr(half, "2 s left"), "%s", half);
    g_autofree char *whole = text_of("data", 1000, 1000, 100);
    cr_assert_eq(strspn(strchr(whole, '[') + 1, "#"), 40);
}

Test(progress, without_an_end_only_numbers_are_shown)
{
    g_autofree char *unknown = text_of("data", 2048, 0, 100);
    cr_assert(strstr(unknown, "1.0 KiB a second") || strstr(unknown, "1.0\302\240KiB a second"),
              "%s", unknown);
    cr_assert_null(strchr(unknown, '['));
    g_autofree char *grown = text_of("data", 2000, 1000, 100);
    cr_assert_null(strchr(grown, '['));
}

Test(progress, control_characters_of_a_name_are_shown_as_text)
{
    g_autofree char *text = text_of("a\033[2Jb\n", 1, 2, 100);
    cr_assert_null(strchr(text, '\033'));
    cr_assert_null(strchr(text, '\n'));
}
