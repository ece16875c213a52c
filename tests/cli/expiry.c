// SPDX-License-Identifier: MIT
#include "expiry.h"

#include <criterion/criterion.h>

#include "moment.h"

#define DAY (24 * 60 * 60)
#define NOW 1800000000 /* 2027-01-15 */

static const struct {
    gint64 not_before;
    gint64 not_after;
    P11dExpiry expiry;
    const char *text;
} rows[] = {
    {NOW - DAY, NOW + 31 * DAY, P11D_EXPIRY_FAR, "until 2027-02-15"},
    {NOW - DAY, NOW + 30 * DAY + 1, P11D_EXPIRY_FAR, "until 2027-02-14"},
    {NOW - DAY, NOW + 30 * DAY, P11D_EXPIRY_NEAR, "expires in 30 days"},
    {NOW - DAY, NOW + 2 * DAY - 1, P11D_EXPIRY_NEAR, "expires in 1 day"},
    {NOW - DAY, NOW + DAY - 1, P11D_EXPIRY_NEAR, "expires within a day"},
    {NOW - DAY, NOW, P11D_EXPIRY_NEAR, "expires within a day"},
    {NOW - DAY, NOW - 1, P11D_EXPIRY_PAST, "expired 2027-01-15"},
    {NOW, NOW + 31 * DAY, P11D_EXPIRY_FAR, "until 2027-02-15"},
    {NOW + 1, NOW + 31 * DAY, P11D_EXPIRY_EARLY, "not yet valid"},
    {NOW + 1, NOW - 1, P11D_EXPIRY_PAST, "expired 2027-01-15"},
    {P11D_MOMENT_UNKNOWN, NOW + 12 * DAY, P11D_EXPIRY_NEAR, "expires in 12 days"},
    {NOW - DAY, P11D_MOMENT_UNKNOWN, P11D_EXPIRY_UNKNOWN, ""},
};

Test(expiry, rows)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        cr_assert_eq(p11d_expiry_of(rows[i].not_before, rows[i].not_after, NOW), rows[i].expiry,
                     "row %zu", i);
        g_autofree char *text = p11d_expiry_text(rows[i].not_before, rows[i].not_after, NOW);
        cr_assert_str_eq(text, rows[i].text, "row %zu: %s", i, text);
    }
}
