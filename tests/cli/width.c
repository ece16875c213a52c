// SPDX-License-Identifier: MIT
#include "width.h"

#include <criterion/criterion.h>
#include <glib.h>
#include <string.h>

static const char *const texts[] = {
    "",           "a",           "release-key-of-2027",
    "鍵鍵鍵鍵鍵", "a鍵b鍵c",     "e\u0301e\u0301e\u0301e\u0301", /* combining acute accents */
    "\u0301abc",  "naïve Größe",
};
static const int widths[] = {0, 1, 19, 10, 7, 4, 3, 11};

Test(width, wide_characters_take_two_columns_and_combining_ones_none)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        cr_assert_eq(p11d_width_of(texts[i]), widths[i], "row %zu", i);
}

Test(width, what_fits_stays_and_what_does_not_is_shortened_to_fit)
{
    for (size_t i = 0; i < G_N_ELEMENTS(texts); i++)
        for (int width = 1; width <= 20; width++) {
            g_autofree char *shown = p11d_width_shorten(texts[i], width);
            cr_assert(g_utf8_validate(shown, -1, NULL));
            cr_assert_leq(p11d_width_of(shown), width, "row %zu, width %d", i, width);
            cr_assert_eq(strstr(shown, "…") == NULL, widths[i] <= width);
            if (widths[i] <= width)
                cr_assert_str_eq(shown, texts[i]);
        }
}

Test(width, beginning_and_end_stay)
{
    static const struct {
        const char *text;
        int width;
        const char *shown;
    } rows[] = {
        {"release-key-of-2027", 9, "rele…2027"},
        {"release-key-of-2027", 10, "relea…2027"},
        {"鍵鍵鍵鍵鍵", 6, "鍵…鍵"},
        {"鍵鍵鍵鍵鍵", 2, "…"},
        {"e\u0301e\u0301e\u0301e\u0301", 3, "e\u0301…e\u0301"},
        {"abc", 1, "…"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = p11d_width_shorten(rows[i].text, rows[i].width);
        cr_assert_str_eq(shown, rows[i].shown, "row %zu: %s", i, shown);
    }
}

Test(width, words_are_wrapped_below_where_they_begin)
{
    static const struct {
        const char *text;
        int at, indent, width;
        const char *shown;
    } rows[] = {
        {"one two three", 0, 0, 0, "one two three"},
        {"one two three", 0, 2, 7, "one two\n  three"},
        {"one two three", 4, 4, 7, "one\n    two\n    three"},
        {"a-word-longer-than-that b", 3, 3, 8, "a-word-longer-than-that\n   b"},
        {"\u9375\u9375 \u9375", 0, 0, 6, "\u9375\u9375\n\u9375"},
        {"", 5, 5, 8, ""},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GString) out = g_string_new(NULL);
        p11d_width_wrap(out, rows[i].text, rows[i].at, rows[i].indent, rows[i].width);
        cr_assert_str_eq(out->str, rows[i].shown, "row %zu: %s", i, out->str);
    }
}
