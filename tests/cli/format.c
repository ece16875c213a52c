// SPDX-License-Identifier: MIT
#include "format.h"

#include <criterion/criterion.h>
#include <string.h>

#include "failure.h"

Test(format, the_names_in_help_texts_are_those_of_the_table)
{
    g_auto(GStrv) names = g_strsplit(P11D_FORMAT_NAMES, "|", -1);
    size_t count = 0;
    for (const P11dFormat *format; (format = p11d_format_get(count)) != NULL; count++) {
        cr_assert(g_strv_contains((const char *const *)names, format->name), "%s", format->name);
        cr_assert_eq(p11d_format_find(format->name, NULL), format);
    }
    cr_assert_eq(g_strv_length(names), count);
}

Test(format, a_name_that_is_none_is_a_usage_error)
{
    g_autoptr(GError) error = NULL;
    cr_assert_null(p11d_format_find("pgp", &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_USAGE));
}

Test(format, every_kind_of_trust_has_a_format_that_anything_looks_like)
{
    g_autoptr(GBytes) sshsig = g_bytes_new("SSHSIG", 6);
    g_autoptr(GBytes) nonsense = g_bytes_new("nonsense", 8);
    cr_assert_str_eq(p11d_format_recognise(sshsig, P11D_TRUST_KEY)->name, "ssh");
    cr_assert_str_eq(p11d_format_recognise(nonsense, P11D_TRUST_KEY)->name, "der");
    cr_assert_str_eq(p11d_format_recognise(nonsense, P11D_TRUST_SIGNERS)->name, "ssh");
}
