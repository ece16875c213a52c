// SPDX-License-Identifier: MIT
#include "pemtext.h"

#include <criterion/criterion.h>
#include <string.h>

/* The pieces of text, one after the other: "line", "LABEL:bytes in base64" or "LABEL!" where it is
 * broken, with '|' behind each. */
static char *pieces_of(const char *text, gsize size)
{
    GString *said = g_string_new(NULL);
    P11dPemtext pem = p11d_pemtext(text, size);
    P11dPempiece piece;
    while (p11d_pemtext_next(&pem, &piece)) {
        g_autoptr(GBytes) bytes = *piece.label ? p11d_pemtext_decode(&piece) : NULL;
        g_autofree char *base64 =
            bytes ? g_base64_encode(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes)) : NULL;
        if (*piece.label)
            g_string_append_printf(said, "%s%s%s|", piece.label, base64 ? ":" : "!",
                                   base64 ? base64 : "");
        else
            g_string_append_printf(said, "%.*s|", (int)piece.size, piece.text);
    }
    return g_string_free(said, FALSE);
}

Test(pemtext, blocks_and_lines_however_they_are_written_down)
{
    static const struct {
        const char *text;
        const char *pieces;
    } rows[] = {
        {"", ""},
        {"\n", "|"},
        {"one\ntwo", "one|two|"},
        {"-----BEGIN X-----\nAAEC\n-----END X-----\n", "X:AAEC|"},
        {"-----BEGIN X-----\nAAEC\n-----END X-----", "X:AAEC|"},
        {"\xef\xbb\xbf-----BEGIN X-----\r\nAAEC\r\n-----END X-----\r\n", "X:AAEC|"},
        {"\xef\xbb\xbfone\n", "one|"},
        {"-----BEGIN X----- \t\n\nAA  \n \nEC\n\n-----END X----- \n", "X:AAEC|"},
        {"a\n-----BEGIN X-----\nAAEC\n-----END X-----\nb\n", "a|X:AAEC|b|"},
        {"-----BEGIN X-----\nAAEC\n-----END X-----\n-----BEGIN Y Z-----\nAAED\n-----END Y Z-----\n",
         "X:AAEC|Y Z:AAED|"},
        /* What is no block of PEM. */
        {"x -----BEGIN X-----\n", "x -----BEGIN X-----|"},
        {"-----BEGIN X\n-----BEGIN-----\n", "-----BEGIN X|-----BEGIN-----|"},
        {"-----begin x-----\n-----END X-----\n", "-----begin x-----|-----END X-----|"},
        /* What is broken. */
        {"-----BEGIN X-----", "X!|"},
        {"-----BEGIN X-----\nAAEC\n", "X!|"},
        {"-----BEGIN X-----\nAAEC\n-----END Y-----\nb\n", "X!|b|"},
        {"-----BEGIN X-----\n-----END X-----\n", "X!|"},
        {"-----BEGIN X-----\nAA*C\n-----END X-----\n", "X!|"},
        {"-----BEGIN X-----\n# no\nAAEC\n-----END X-----\n", "X!|"},
        {"-----BEGIN X-----\nAAEC\n-----BEGIN Y-----\nAAED\n-----END Y-----\n", "X!|Y:AAED|"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *pieces = pieces_of(rows[i].text, strlen(rows[i].text));
        cr_expect_str_eq(pieces, rows[i].pieces, "%s gave %s", rows[i].text, pieces);
    }
}

Test(pemtext, no_byte_behind_the_text_is_looked_at)
{
    static const char text[] = "\xef\xbb\xbf-----BEGIN X-----\nAAEC\n-----END X-----\n";
    for (gsize size = 0; size < sizeof text; size++) {
        char *copy = g_memdup2(text, size); /* a sanitizer sees what is read behind it */
        g_free(pieces_of(copy, size));
        g_free(copy);
    }
}

Test(pemtext, a_long_label_is_cut_off_and_a_line_is_told)
{
    g_autofree char *label = g_strnfill(100, 'X');
    g_autofree char *text =
        g_strdup_printf("a\n-----BEGIN %s-----\nAAEC\n-----END %s-----\n", label, label);
    P11dPemtext pem = p11d_pemtext(text, strlen(text));
    P11dPempiece piece;
    cr_assert(p11d_pemtext_next(&pem, &piece));
    cr_assert_eq(piece.line, 1);
    cr_assert(p11d_pemtext_next(&pem, &piece));
    cr_assert_eq(piece.line, 2);
    cr_assert_eq(strlen(piece.label), sizeof piece.label - 1);
    cr_assert_not(piece.broken);
    cr_assert_not(p11d_pemtext_next(&pem, &piece));
}
