// SPDX-License-Identifier: MIT
#include "encoding.h"

#include <criterion/criterion.h>
#include <string.h>

#include "failure.h"

static const P11dEncoding encodings[] = {P11D_ENCODING_BINARY, P11D_ENCODING_BASE64,
                                         P11D_ENCODING_HEX, P11D_ENCODING_PEM};

static GBytes *make_bytes(gsize size)
{
    guint8 *bytes = g_malloc(size);
    for (gsize i = 0; i < size; i++)
        bytes[i] = (guint8)(i * 37 + 0x80);
    return g_bytes_new_take(bytes, size);
}

static GBytes *text(const char *text)
{
    return g_bytes_new(text, strlen(text));
}

Test(encoding, every_encoding_goes_both_ways_and_is_recognised)
{
    for (gsize size = 1; size < 200; size++)
        for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++) {
            g_autoptr(GBytes) bytes = make_bytes(size);
            g_autoptr(GBytes) written = p11d_encoding_encode(encodings[i], bytes, "CMS", 64);
            g_autoptr(GBytes) told = p11d_encoding_decode(encodings[i], written);
            g_autoptr(GBytes) found = p11d_encoding_decode(P11D_ENCODING_UNKNOWN, written);
            cr_assert(told && g_bytes_equal(told, bytes), "%zu bytes, encoding %zu", size, i);
            cr_assert(found && g_bytes_equal(found, bytes), "%zu bytes, encoding %zu", size, i);
        }
}

Test(encoding, pem_is_what_rfc_7468_says)
{
    g_autoptr(GBytes) bytes = make_bytes(50);
    g_autoptr(GBytes) written = p11d_encoding_encode(P11D_ENCODING_PEM, bytes, "CMS", 64);
    g_autofree char *pem = g_strndup(g_bytes_get_data(written, NULL), g_bytes_get_size(written));
    g_auto(GStrv) lines = g_strsplit(pem, "\n", -1);
    cr_assert_eq(g_strv_length(lines), 5);
    cr_assert_str_eq(lines[0], "-----BEGIN CMS-----");
    cr_assert_eq(strlen(lines[1]), 64);
    cr_assert_eq(strlen(lines[2]), 4);
    cr_assert_str_eq(lines[3], "-----END CMS-----");
}

Test(encoding, text_around_pem_and_white_space_do_not_matter)
{
    static const char *const written[] = {
        "-----BEGIN X-----\r\nAAEC\r\n-----END X-----\r\n",
        "a comment\n-----BEGIN X-----\nAA\nEC\n-----END X-----\nand more\n",
    };
    for (size_t i = 0; i < G_N_ELEMENTS(written); i++) {
        g_autoptr(GBytes) pem = text(written[i]);
        g_autoptr(GBytes) bytes = p11d_encoding_decode(P11D_ENCODING_PEM, pem);
        cr_assert(bytes && g_bytes_get_size(bytes) == 3, "%s", written[i]);
    }
    g_autoptr(GBytes) hex = text(" 00:01 \n 0A\n");
    g_autoptr(GBytes) bytes = p11d_encoding_decode(P11D_ENCODING_HEX, hex);
    cr_assert_eq(g_bytes_get_size(bytes), 3);
}

Test(encoding, what_is_not_what_it_should_be_is_refused)
{
    static const struct {
        P11dEncoding encoding;
        const char *written;
    } wrong[] = {
        {P11D_ENCODING_BASE64, "AAE"},
        {P11D_ENCODING_BASE64, "A==="},
        {P11D_ENCODING_BASE64, "AA=A"},
        {P11D_ENCODING_BASE64, "AA-_"},
        {P11D_ENCODING_BASE64, ""},
        {P11D_ENCODING_HEX, "abc"},
        {P11D_ENCODING_HEX, "zz"},
        {P11D_ENCODING_PEM, "AAEC"},
        {P11D_ENCODING_PEM, "-----BEGIN X-----\nAAEC\n"},
        {P11D_ENCODING_PEM, "-----BEGIN X-----"},
        {P11D_ENCODING_PEM, "-----BEGIN X\n-----\nAAEC\n-----END X-----\n"},
        {P11D_ENCODING_PEM, "-----BEGIN X-----\nA*EC\n-----END X-----\n"},
        {P11D_ENCODING_PEM, "-----BEGIN X-----\n-----END X-----\n"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        g_autoptr(GBytes) written = text(wrong[i].written);
        cr_assert_null(p11d_encoding_decode(wrong[i].encoding, written), "%s", wrong[i].written);
    }
    g_autoptr(GBytes) nul = g_bytes_new("AA\0A", 4);
    cr_assert_null(p11d_encoding_decode(P11D_ENCODING_BASE64, nul));
    g_autoptr(GBytes) binary = p11d_encoding_decode(P11D_ENCODING_UNKNOWN, nul);
    cr_assert(g_bytes_equal(binary, nul));
}

Test(encoding, names)
{
    g_auto(GStrv) choices = g_strsplit(P11D_ENCODING_NAMES, "|", -1);
    for (size_t i = 0; i < G_N_ELEMENTS(encodings); i++) {
        P11dEncoding found = P11D_ENCODING_UNKNOWN;
        cr_assert(p11d_encoding_find(&found, choices[i], NULL), "%s", choices[i]);
        cr_assert_eq(found, encodings[i]);
    }
    cr_assert_null(choices[G_N_ELEMENTS(encodings)]);
    P11dEncoding kept = P11D_ENCODING_UNKNOWN;
    g_autoptr(GError) error = NULL;
    cr_assert_not(p11d_encoding_find(&kept, "der", &error));
    cr_assert(g_error_matches(error, P11D_FAILURE, P11D_FAILURE_USAGE));
    cr_assert_eq(kept, P11D_ENCODING_UNKNOWN);
}
