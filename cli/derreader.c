// SPDX-License-Identifier: MIT
#include "derreader.h"

#define HIGH_TAG 0x1f /* the tag number follows in octets of its own: nothing here has one */
#define LONG_LENGTH 0x80U
#define MAX_LENGTH_SIZE 4

P11dDerReader p11d_derreader_new(const void *bytes, size_t size)
{
    return (P11dDerReader){bytes, size};
}

bool p11d_derreader_is_at(const P11dDerReader *reader, guint8 identifier)
{
    return reader->left > 0 && *reader->p == identifier;
}

static bool next_byte(P11dDerReader *reader, guint8 *byte)
{
    if (reader->left == 0)
        return false;
    *byte = *reader->p++;
    reader->left--;
    return true;
}

/* Reads a length that is no longer than what is left behind it. */
static bool read_length(P11dDerReader *reader, size_t *length)
{
    guint8 byte;
    if (!next_byte(reader, &byte))
        return false;
    *length = byte;
    if (byte & LONG_LENGTH) {
        size_t count = byte ^ LONG_LENGTH;
        if (count == 0 || count > MAX_LENGTH_SIZE) /* 0: indefinite, which is no DER */
            return false;
        for (*length = 0; count > 0; count--) {
            if (!next_byte(reader, &byte))
                return false;
            *length = *length << 8 | byte;
        }
    }
    return *length <= reader->left;
}

bool p11d_derreader_next(P11dDerReader *reader, P11dDerReader *content, P11dDerReader *whole)
{
    P11dDerReader rest = *reader;
    guint8 identifier;
    size_t length;
    if (!next_byte(&rest, &identifier) || (identifier & HIGH_TAG) == HIGH_TAG ||
        !read_length(&rest, &length))
        return false;
    const guint8 *end = rest.p + length;
    if (content)
        *content = p11d_derreader_new(rest.p, length);
    if (whole)
        *whole = p11d_derreader_new(reader->p, (size_t)(end - reader->p));
    *reader = p11d_derreader_new(end, rest.left - length);
    return true;
}

bool p11d_derreader_enter(P11dDerReader *reader, guint8 identifier, P11dDerReader *content)
{
    return p11d_derreader_is_at(reader, identifier) && p11d_derreader_next(reader, content, NULL);
}
