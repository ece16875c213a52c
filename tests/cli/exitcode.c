// SPDX-License-Identifier: MIT
#include "exitcode.h"

#include <criterion/criterion.h>
#include <gio/gio.h>

#include "failure.h"

/* Scripts rely on these numbers. */
Test(exitcode, every_kind_of_failure_keeps_its_number)
{
    static const int codes[P11D_FAILURE_COUNT] = {
        [P11D_FAILURE_SIGNATURE] = 1, [P11D_FAILURE_CHECK] = 1,       [P11D_FAILURE_USAGE] = 2,
        [P11D_FAILURE_FILE] = 3,      [P11D_FAILURE_LEFT] = 3,        [P11D_FAILURE_NO_MATCH] = 4,
        [P11D_FAILURE_AMBIGUOUS] = 5, [P11D_FAILURE_PIN] = 6,         [P11D_FAILURE_DEVICE] = 7,
        [P11D_FAILURE_TIMEOUT] = 8,   [P11D_FAILURE_UNSUPPORTED] = 9,
    };
    for (size_t i = 0; i < P11D_FAILURE_COUNT; i++) {
        g_autoptr(GError) error = NULL;
        p11d_failure_set(&error, (P11dFailure)i, NULL, "failure %zu", i);
        cr_assert_eq(p11d_exitcode_of(error), codes[i], "%zu", i);
        cr_assert_eq(p11d_exitcode_at(i)->code, codes[i], "%zu", i);
        /* The help says each number once. */
        bool again = i > 0 && codes[i] == codes[i - 1];
        cr_assert_eq(p11d_exitcode_at(i)->meaning == NULL, again, "%zu", i);
    }
    cr_assert_null(p11d_exitcode_at(P11D_FAILURE_COUNT));
}

Test(exitcode, success_is_0)
{
    cr_assert_eq(p11d_exitcode_of(NULL), 0);
}

Test(exitcode, an_error_of_no_kind_is_trouble_with_the_device)
{
    g_autoptr(GError) error =
        g_error_new_literal(G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "not of this domain");
    cr_assert_eq(p11d_exitcode_of(error), 7);
    g_autoptr(GError) odd = g_error_new_literal(P11D_FAILURE, P11D_FAILURE_COUNT, "no such kind");
    cr_assert_eq(p11d_exitcode_of(odd), 7);
}

Test(exitcode, the_worst_error_is_kept)
{
    static const P11dFailure kinds[] = {P11D_FAILURE_FILE, P11D_FAILURE_SIGNATURE,
                                        P11D_FAILURE_AMBIGUOUS, P11D_FAILURE_FILE};
    g_autoptr(GError) worst = NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        GError *error = NULL;
        p11d_failure_set(&error, kinds[i], NULL, "failure %zu", i);
        p11d_exitcode_keep_worst(&worst, error);
        p11d_exitcode_keep_worst(&worst, NULL);
    }
    cr_assert_str_eq(worst->message, "failure 2");
}
