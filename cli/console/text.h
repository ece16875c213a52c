// SPDX-License-Identifier: MIT
/*
 * Text is what tokens, files and URIs call things, made fit to be shown: a label may hold bytes
 * that would move the cursor or colour the terminal of whoever lists it.
 */
#ifndef P11D_TEXT_H
#define P11D_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

/* size bytes as valid UTF-8 in one line: control and format characters, newlines among them, and
 * invalid bytes become \xNN or \u{NNNN}. size -1: up to the NUL. The caller frees it. */
char *p11d_text_visible(const void *bytes, gssize size);

/* The same, but newlines stay: for lists. */
char *p11d_text_visible_lines(const char *text);

/* A JSON document without what JSON allows in strings as it is, and terminals obey or do not show:
 * DEL, the controls from U+0080 on and format characters become \uNNNN. The caller frees it. */
char *p11d_text_json(const char *json);

/* A blank-padded field of a PKCS#11 structure, as valid UTF-8 without the padding (not escaped:
 * for JSON and comparison). The caller frees it. */
char *p11d_text_of_field(const void *field, size_t size);

/* size bytes as lower-case hex. The caller frees it. */
char *p11d_text_hex(const void *bytes, size_t size);

/* Hex digits, in either case, with or without ':' between the bytes. NULL if text is not that. */
GBytes *p11d_text_parse_hex(const char *text);

/* size characters, up to a NUL, without those that are white space. The caller frees it. */
char *p11d_text_squeeze(const char *text, gsize size);

/* size characters of base64 (RFC 4648, section 4), with white space anywhere. NULL if text is not
 * exactly that, its padding included, or holds nothing. The caller owns it. */
GBytes *p11d_text_parse_base64(const char *text, gsize size);

/* Goes over a byte order mark (U+FEFF in UTF-8), which some editors put in front of a text. */
void p11d_text_skip_mark(const char **text, gsize *size);

/* True if size bytes are white space and nothing else. */
bool p11d_text_is_blank(const void *bytes, gsize size);

#endif
