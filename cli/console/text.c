// SPDX-License-Identifier: MIT
#include "text.h"

#include <string.h>

static bool is_shown(gunichar c, bool newlines)
{
    if (c == '\n')
        return newlines;
    /* Format characters (bidirectional overrides, zero-width ones) make a name look like another.
     */
    return g_unichar_isprint(c) && g_unichar_type(c) != G_UNICODE_FORMAT;
}

static char *make_visible(const char *bytes, size_t size, bool newlines)
{
    GString *shown = g_string_sized_new(size);
    const char *end = bytes + size;
    for (const char *p = bytes; p < end;) {
        gunichar c = g_utf8_get_char_validated(p, end - p);
        if (c == (gunichar)-1 || c == (gunichar)-2 || c == 0) {
            g_string_append_printf(shown, "\\x%02x", (unsigned char)*p++);
            continue;
        }
        if (is_shown(c, newlines))
            g_string_append_unichar(shown, c);
        else
            g_string_append_printf(shown, c < 0x100 ? "\\x%02x" : "\\u{%x}", (unsigned)c);
        p = g_utf8_next_char(p);
    }
    return g_string_free(shown, FALSE);
}

char *p11d_text_visible(const void *bytes, gssize size)
{
    return make_visible(bytes, size < 0 ? strlen(bytes) : (size_t)size, false);
}

char *p11d_text_visible_lines(const char *text)
{
    return make_visible(text, strlen(text), true);
}

char *p11d_text_json(const char *json)
{
    GString *plain = g_string_new(NULL);
    for (const char *p = json; *p; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);
        if (c >= 0x7f && c <= 0xffff && !is_shown(c, true))
            g_string_append_printf(plain, "\\u%04x", (unsigned)c);
        else
            g_string_append_unichar(plain, c);
    }
    return g_string_free(plain, FALSE);
}

char *p11d_text_of_field(const void *field, size_t size)
{
    const char *text = field;
    /* The standard pads with blanks; modules that pad with NUL exist. */
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\0'))
        size--;
    return g_utf8_make_valid(text, (gssize)size);
}

char *p11d_text_hex(const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *p = bytes;
    char *hex = g_malloc(2 * size + 1);
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[p[i] >> 4];
        hex[2 * i + 1] = digits[p[i] & 0xf];
    }
    hex[2 * size] = '\0';
    return hex;
}

GBytes *p11d_text_parse_hex(const char *text)
{
    g_autoptr(GByteArray) bytes = g_byte_array_new();
    while (*text) {
        if (bytes->len > 0 && *text == ':')
            text++;
        int high = g_ascii_xdigit_value(text[0]);
        int low = high < 0 ? -1 : g_ascii_xdigit_value(text[1]);
        if (low < 0)
            return NULL;
        guint8 byte = (guint8)(high << 4 | low);
        g_byte_array_append(bytes, &byte, 1);
        text += 2;
    }
    return bytes->len > 0 ? g_byte_array_free_to_bytes(g_steal_pointer(&bytes)) : NULL;
}

char *p11d_text_squeeze(const char *text, gsize size)
{
    GString *squeezed = g_string_sized_new(size);
    for (gsize i = 0; i < size; i++)
        if (!g_ascii_isspace(text[i]))
            g_string_append_c(squeezed, text[i]);
    return g_string_free(squeezed, FALSE);
}

/* g_base64_decode takes anything: here nothing but digits in groups of four, padded at the end. */
GBytes *p11d_text_parse_base64(const char *text, gsize size)
{
    if (size > 0 && memchr(text, '\0', size))
        return NULL;
    g_autofree char *squeezed = p11d_text_squeeze(text, size);
    size_t length = strlen(squeezed);
    size_t digits =
        strspn(squeezed, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(squeezed + digits, "=");
    if (length == 0 || length % 4 != 0 || digits + padding != length || padding > 2)
        return NULL;
    guint8 *bytes = g_base64_decode(squeezed, &size);
    return g_bytes_new_take(bytes, size);
}

void p11d_text_skip_mark(const char **text, gsize *size)
{
    static const char mark[] = "\xef\xbb\xbf";
    if (*size < strlen(mark) || memcmp(*text, mark, strlen(mark)) != 0)
        return;
    *text += strlen(mark);
    *size -= strlen(mark);
}

bool p11d_text_is_blank(const void *bytes, gsize size)
{
    const char *text = bytes;
    while (size > 0 && g_ascii_isspace(text[size - 1]))
        size--;
    return size == 0;
}
