// SPDX-License-Identifier: MIT
#include "lineends.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct {
    const char *text;
    const char *crlf;
    const char *lf;
} rows[] = {
    {"", "", ""},
    {"a", "a", "a"},
    {"\n", "\r\n", "\n"},
    {"\r\n", "\r\n", "\n"},
    {"a\nb\n", "a\r\nb\r\n", "a\nb\n"},
    {"a\r\nb\r\n", "a\r\nb\r\n", "a\nb\n"},
    {"a\nb\r\nc", "a\r\nb\r\nc", "a\nb\nc"},
    {"\n\n\n", "\r\n\r\n\r\n", "\n\n\n"},
    {"\r", "\r", "\r"},
    {"a\rb\r", "a\rb\r", "a\rb\r"},
    {"\r\r\n", "\r\r\n", "\r\n"},
    {"\n\r", "\r\n\r", "\n\r"},
    {"\n\r\n\r\r", "\r\n\r\n\r\r", "\n\n\r\r"},
};

/* However the text is cut into pieces. */
static void check(const char *text, bool crlf, const char *expected)
{
    size_t size = strlen(text);
    for (size_t cut = 0; cut <= size; cut++)
        for (size_t second = cut; second <= size; second++) {
            P11dLineends ends = {.crlf = crlf};
            GByteArray *out = g_byte_array_new();
            GString *all = g_string_new(NULL);
            const size_t bounds[] = {0, cut, second, size};
            for (size_t i = 0; i < 3; i++) {
                if (bounds[i] == bounds[i + 1])
                    continue;
                p11d_lineends_convert(&ends, (const guint8 *)text + bounds[i],
                                      bounds[i + 1] - bounds[i], out);
                g_string_append_len(all, (const char *)out->data, (gssize)out->len);
            }
            p11d_lineends_convert(&ends, (const guint8 *)"", 0, out);
            g_string_append_len(all, (const char *)out->data, (gssize)out->len);
            cr_assert_str_eq(all->str, expected, "%zu %zu", cut, second);
            g_string_free(all, TRUE);
            g_byte_array_unref(out);
        }
}

Test(lineends, are_what_they_are_to_be)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        check(rows[i].text, true, rows[i].crlf);
        check(rows[i].text, false, rows[i].lf);
    }
}
