// SPDX-License-Identifier: MIT
#include "encoding.h"

#include <stdbool.h>
#include <string.h>

#include "failure.h"
#include "text.h"

#define PEM_BEGIN "-----BEGIN "
#define PEM_END "-----END "
#define DASHES "-----"

static const char *const names[] = {
    [P11D_ENCODING_BINARY] = "binary",
    [P11D_ENCODING_BASE64] = "base64",
    [P11D_ENCODING_HEX] = "hex",
    [P11D_ENCODING_PEM] = "pem",
};

gboolean p11d_encoding_find(P11dEncoding *encoding, const char *name, GError **error)
{
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(names[i], name) == 0) {
            *encoding = (P11dEncoding)i;
            return TRUE;
        }
    p11d_failure_set(error, P11D_FAILURE_USAGE, "encodings are " P11D_ENCODING_NAMES,
                     "there is no encoding \"%s\"", name);
    return FALSE;
}

static char *encode_pem(const char *base64, const char *label, unsigned column)
{
    GString *text = g_string_new(NULL);
    g_string_append_printf(text, PEM_BEGIN "%s" DASHES "\n", label);
    for (size_t left = strlen(base64); left > 0;) {
        size_t size = MIN(left, column);
        g_string_append_len(text, base64, (gssize)size);
        g_string_append_c(text, '\n');
        base64 += size;
        left -= size;
    }
    g_string_append_printf(text, PEM_END "%s" DASHES "\n", label);
    return g_string_free(text, FALSE);
}

GBytes *p11d_encoding_encode(P11dEncoding encoding, GBytes *bytes, const char *label,
                             unsigned column)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(bytes, &size);
    if (encoding == P11D_ENCODING_BINARY)
        return g_bytes_ref(bytes);
    g_autofree char *plain = encoding == P11D_ENCODING_HEX
                                 ? p11d_text_hex(data, size)
                                 : g_base64_encode(data ? data : (const guint8 *)"", size);
    char *text = encoding == P11D_ENCODING_PEM ? encode_pem(plain, label, column)
                                               : g_strconcat(plain, "\n", NULL);
    return g_bytes_new_take(text, strlen(text));
}

/* text without its white space. */
static char *squeeze(const char *text, size_t size)
{
    GString *squeezed = g_string_sized_new(size);
    for (size_t i = 0; i < size; i++)
        if (!g_ascii_isspace(text[i]))
            g_string_append_c(squeezed, text[i]);
    return g_string_free(squeezed, FALSE);
}

/* Strict, which g_base64_decode is not: nothing but digits in groups of four, padded at the end. */
static GBytes *decode_base64(const char *text)
{
    size_t length = strlen(text);
    size_t digits =
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    size_t padding = strspn(text + digits, "=");
    if (length == 0 || length % 4 != 0 || digits + padding != length || padding > 2)
        return NULL;
    gsize size;
    guint8 *bytes = g_base64_decode(text, &size);
    return g_bytes_new_take(bytes, size);
}

/* The first block of text. */
static GBytes *decode_pem(const char *text, size_t size)
{
    const char *begin = g_strstr_len(text, (gssize)size, PEM_BEGIN);
    if (!begin)
        return NULL;
    const char *label = begin + strlen(PEM_BEGIN);
    size_t left = size - (size_t)(label - text);
    const char *body = g_strstr_len(label, (gssize)left, DASHES "\n");
    if (!body)
        body = g_strstr_len(label, (gssize)left, DASHES "\r\n");
    const char *end =
        body ? g_strstr_len(body, (gssize)(size - (size_t)(body - text)), PEM_END) : NULL;
    if (!end || memchr(label, '\n', (size_t)(body - label)))
        return NULL;
    body += strlen(DASHES);
    g_autofree char *base64 = squeeze(body, (size_t)(end - body));
    return decode_base64(base64);
}

static P11dEncoding recognise(const char *squeezed, const char *text, size_t size)
{
    if (g_strstr_len(text, (gssize)MIN(size, strlen(PEM_BEGIN)), PEM_BEGIN))
        return P11D_ENCODING_PEM;
    /* Digits of hex are digits of base64 too, so hex comes first. A signature in binary that is
     * nothing but such digits does not happen: one of 64 bytes does once in 10^38. */
    g_autoptr(GBytes) hex = p11d_text_parse_hex(squeezed);
    if (hex)
        return P11D_ENCODING_HEX;
    g_autoptr(GBytes) base64 = decode_base64(squeezed);
    return base64 ? P11D_ENCODING_BASE64 : P11D_ENCODING_BINARY;
}

GBytes *p11d_encoding_decode(P11dEncoding encoding, GBytes *written)
{
    gsize size;
    const char *text = g_bytes_get_data(written, &size);
    bool is_text = size > 0 && !memchr(text, '\0', size);
    if (encoding == P11D_ENCODING_BINARY || (encoding == P11D_ENCODING_UNKNOWN && !is_text))
        return g_bytes_ref(written);
    if (!is_text)
        return NULL;
    g_autofree char *squeezed = squeeze(text, size);
    if (encoding == P11D_ENCODING_UNKNOWN)
        encoding = recognise(squeezed, text, size);
    switch (encoding) {
    case P11D_ENCODING_BASE64:
        return decode_base64(squeezed);
    case P11D_ENCODING_HEX:
        return p11d_text_parse_hex(squeezed);
    case P11D_ENCODING_PEM:
        return decode_pem(text, size);
    default:
        return g_bytes_ref(written);
    }
}
