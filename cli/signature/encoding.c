// SPDX-License-Identifier: MIT
#include "encoding.h"

#include <stdbool.h>
#include <string.h>

#include "failure.h"
#include "pemtext.h"
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

/* Whether a signature can stand in a block of PEM with that label. */
static bool can_hold_signature(const char *label)
{
    static const char *const others[] = {"CERTIFICATE", "CRL", "KEY"};
    for (size_t i = 0; i < G_N_ELEMENTS(others); i++)
        if (g_str_has_suffix(label, others[i]))
            return false;
    return true;
}

/* The first block of text that can be a signature, or else the first. False if there is none. */
static bool find_block(const char *text, gsize size, P11dPempiece *block)
{
    P11dPemtext pem = p11d_pemtext(text, size);
    P11dPempiece piece;
    bool found = false;
    while (p11d_pemtext_next(&pem, &piece)) {
        if (!*piece.label)
            continue;
        if (!found || can_hold_signature(piece.label))
            *block = piece;
        found = true;
        if (can_hold_signature(piece.label))
            break;
    }
    return found;
}

static GBytes *decode_hex(const char *text, gsize size)
{
    g_autofree char *squeezed = p11d_text_squeeze(text, size);
    return p11d_text_parse_hex(squeezed);
}

static P11dEncoding recognise(const char *text, gsize size)
{
    P11dPempiece block;
    if (find_block(text, size, &block))
        return P11D_ENCODING_PEM;
    /* Digits of hex are digits of base64 too, so hex comes first. A signature in binary that is
     * nothing but such digits does not happen: one of 64 bytes does once in 10^38. */
    g_autoptr(GBytes) hex = decode_hex(text, size);
    if (hex)
        return P11D_ENCODING_HEX;
    g_autoptr(GBytes) base64 = p11d_text_parse_base64(text, size);
    return base64 ? P11D_ENCODING_BASE64 : P11D_ENCODING_BINARY;
}

GBytes *p11d_encoding_decode(P11dEncoding encoding, GBytes *written)
{
    P11dPempiece block;
    gsize size;
    const char *text = g_bytes_get_data(written, &size);
    bool is_text = size > 0 && !memchr(text, '\0', size);
    if (encoding == P11D_ENCODING_BINARY || (encoding == P11D_ENCODING_UNKNOWN && !is_text))
        return g_bytes_ref(written);
    if (!is_text)
        return NULL;
    p11d_text_skip_mark(&text, &size);
    if (encoding == P11D_ENCODING_UNKNOWN)
        encoding = recognise(text, size);
    switch (encoding) {
    case P11D_ENCODING_BASE64:
        return p11d_text_parse_base64(text, size);
    case P11D_ENCODING_HEX:
        return decode_hex(text, size);
    case P11D_ENCODING_PEM:
        return find_block(text, size, &block) ? p11d_pemtext_decode(&block) : NULL;
    default:
        return g_bytes_ref(written);
    }
}
