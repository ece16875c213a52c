// SPDX-License-Identifier: MIT
#include "nearest.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

static const char *const names[] = {
    "mykey",
    "my key",
    "signing-key",
    "Schl\303\274ssel",
    "p256",
    "p384",
    "ed25519",
    "ed448",
    "web-1",
    "web-2",
    "web-3",
    "web-4",
    "e\314\201t\303\251",
    "rs",
    "mykey",
    "a\nb_line",
    NULL,
};

typedef struct Row {
    char word[32];
    char nearest[64]; /* with a blank between them */
} Row;

ParameterizedTestParameters(nearest, what_is_near_is_found_and_nothing_else)
{
    static const Row rows[] = {
        {"myky", "mykey"},          /* a letter missing */
        {"mykeyy", "mykey"},        /* one too many */
        {"mykez", "mykey"},         /* another */
        {"mkyey", "mykey"},         /* two swapped */
        {"mykey", "my key"},        /* itself is no news */
        {"MYKEY", "mykey"},         /* the case, which counts */
        {"signing", "signing-key"}, /* the start of it */
        {"schl\303\274ssel", "Schl\303\274ssel"},
        {"Schlu\314\210ssel", "Schl\303\274ssel"},    /* composed another way */
        {"\303\251te\314\201", "e\314\201t\303\251"}, /* both ways */
        {"p255", "p256"},
        {"web-9", "web-1 web-2 web-3"}, /* no more than three */
        {"ec", ""},                     /* half of it would be another */
        {"si", ""},                     /* too short for a start */
        {"nothing", ""},
        {"", ""},
        {"k", ""},
        {"ed", ""},
    };
    Row *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Row, parameters, G_N_ELEMENTS(rows));
}

ParameterizedTest(Row *row, nearest, what_is_near_is_found_and_nothing_else)
{
    g_auto(GStrv) found = p11d_nearest_find(row->word, names);
    g_autofree char *joined = g_strjoinv(" ", found);
    cr_assert_str_eq(joined, row->nearest, "%s: %s", row->word, joined);
}

Test(nearest, words_of_any_size_and_bytes_are_taken)
{
    g_autofree char *huge = g_strnfill(1 << 20, 'x');
    g_auto(GStrv) none = p11d_nearest_find(huge, names);
    cr_assert_null(*none);
    const char *const odd[] = {huge, "\377\376\375", NULL};
    g_auto(GStrv) bytes = p11d_nearest_find("\377\376\375\374", odd);
    cr_assert_str_eq(*bytes, "\377\376\375");
}

Test(nearest, a_hint_says_them_before_the_rest)
{
    g_autofree char *three = p11d_nearest_hint("web-0", names, "\"", "\"", "look");
    cr_assert_str_eq(three, "did you mean \"web-1\", \"web-2\" or \"web-3\"? look");
    g_autofree char *one = p11d_nearest_hint("p385", names, "--", "", NULL);
    cr_assert_str_eq(one, "did you mean --p384?");
    g_autofree char *none = p11d_nearest_hint("nothing", names, "", "", "look");
    cr_assert_str_eq(none, "look");
    g_autofree char *control = p11d_nearest_hint("a\nb_lime", names, "", "", NULL);
    cr_assert_str_eq(control, "did you mean a\\x0ab_line?");
}
