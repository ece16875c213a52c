// SPDX-License-Identifier: MIT
#include "text.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

typedef struct Shown {
    char in[32];
    char out[64];
} Shown;

ParameterizedTestParameters(text, what_could_move_the_cursor_is_escaped)
{
    static const Shown rows[] = {
        {"plain", "plain"},
        {"w\303\251b", "w\303\251b"},
        {"a\033[31mb", "a\\x1b[31mb"},
        {"a\nb\tc\r", "a\\x0ab\\x09c\\x0d"},
        {"\302\205\302\233", "\\x85\\x9b"},  /* C1 controls */
        {"\342\200\256abc", "\\u{202e}abc"}, /* right-to-left override */
        {"a\342\200\213b", "a\\u{200b}b"},   /* zero-width space */
        {"\377\376", "\\xff\\xfe"},          /* no UTF-8 */
        {"\303", "\\xc3"},                   /* half a character */
        {"\355\240\200", "\\xed\\xa0\\x80"}, /* a surrogate */
        {"\342\202\254 5", "\342\202\254 5"},
    };
    size_t count = sizeof rows / sizeof rows[0];
    Shown *parameters = cr_malloc(sizeof rows);
    memcpy(parameters, rows, sizeof rows);
    return cr_make_param_array(Shown, parameters, count);
}

ParameterizedTest(Shown *row, text, what_could_move_the_cursor_is_escaped)
{
    g_autofree char *shown = p11d_text_visible(row->in, -1);
    cr_assert_str_eq(shown, row->out);
}

Test(text, lines_keep_their_newlines_only)
{
    g_autofree char *shown = p11d_text_visible_lines("a\nb\033");
    cr_assert_str_eq(shown, "a\nb\\x1b");
}

Test(text, json_has_no_controls_and_means_the_same)
{
    g_autofree char *json = p11d_text_json("[\"\302\23331m \302\240\303\251 \x7f\342\200\256\"]\n");
    cr_assert_str_eq(json, "[\"\\u009b31m \302\240\303\251 \\u007f\\u202e\"]\n");
}

Test(text, a_nul_inside_is_shown)
{
    g_autofree char *shown = p11d_text_visible("a\0b", 3);
    cr_assert_str_eq(shown, "a\\x00b");
}

Test(text, a_field_loses_its_padding_and_nothing_else)
{
    g_autofree char *blank = p11d_text_of_field(" two words      ", 16);
    cr_assert_str_eq(blank, " two words");
    g_autofree char *empty = p11d_text_of_field("      ", 6);
    cr_assert_str_eq(empty, "");
    g_autofree char *full = p11d_text_of_field("full", 4);
    cr_assert_str_eq(full, "full");
    g_autofree char *padded = p11d_text_of_field("nul\0\0\0", 6);
    cr_assert_str_eq(padded, "nul");
}

Test(text, hex_goes_both_ways)
{
    g_autoptr(GBytes) bytes = p11d_text_parse_hex("00:fF10");
    cr_assert_not_null(bytes);
    g_autofree char *hex = p11d_text_hex(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
    cr_assert_str_eq(hex, "00ff10");
    for (const char **bad =
             (const char *[]){"", "0", "0g", "001", ":00", "00:", "00::11", "0x00", " 00", NULL};
         *bad; bad++)
        cr_assert_null(p11d_text_parse_hex(*bad), "\"%s\"", *bad);
}

Test(text, base64_with_white_space_anywhere_and_nothing_else)
{
    static const struct {
        const char *text;
        gssize size; /* of what is in it; -1: it is none */
    } rows[] = {{"AAEC", 3}, {" A\r\nA\tEC\n", 3}, {"AAE=", 2},   {"AA==", 1},
                {"AAE", -1}, {"A===", -1},         {"AA=A", -1},  {"AA-_", -1},
                {"", -1},    {" \n", -1},          {"AAEC=", -1}, {"AAEC\xef", -1}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GBytes) bytes = p11d_text_parse_base64(rows[i].text, strlen(rows[i].text));
        gssize size = bytes ? (gssize)g_bytes_get_size(bytes) : -1;
        cr_expect_eq(size, rows[i].size, "%s", rows[i].text);
    }
    cr_assert_null(p11d_text_parse_base64("AA\0EC", 5));
}

Test(text, a_byte_order_mark_is_gone_over_once)
{
    static const char marked[] = "\xef\xbb\xbf\xef\xbb\xbfx";
    const char *text = marked;
    gsize size = 7;
    p11d_text_skip_mark(&text, &size);
    cr_assert_eq(text, marked + 3);
    cr_assert_eq(size, 4);
    size = 2;
    p11d_text_skip_mark(&text, &size);
    cr_assert_eq(size, 2);
    cr_assert(p11d_text_is_blank(" \t\r\n", 4));
    cr_assert(p11d_text_is_blank(NULL, 0));
    cr_assert_not(p11d_text_is_blank(" x", 2));
    cr_assert_not(p11d_text_is_blank("\0", 1));
}
