// SPDX-License-Identifier: MIT
#include "der.h"

#include <string.h>

/* Tag byte, length byte, and at most four more bytes of length. */
#define HEADER_MAX 6

P11dBytes p11d_der(const void *data, size_t size)
{
    return (P11dBytes){.data = data, .size = size};
}

bool p11d_der_equal(P11dBytes a, P11dBytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int p11d_der_compare(P11dBytes a, P11dBytes b)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    return a.size > 0 ? memcmp(a.data, b.data, a.size) : 0;
}

bool p11d_der_is(const P11dBytes *der, uint8_t tag)
{
    return der->size > 0 && der->data[0] == tag;
}

/* Reads the length at der->data[1]: how long the header is, and the content after it. Minimal form
 * only (X.690, section 10.1), so that every element has one spelling. */
static bool read_length(const P11dBytes *der, size_t *header, size_t *content)
{
    if (der->size < 2)
        return false;
    uint8_t first = der->data[1];
    if (first < 0x80) {
        *header = 2;
        *content = first;
        return true;
    }
    size_t count = first & 0x7f;
    if (count == 0 || count > HEADER_MAX - 2 || der->size - 2 < count || der->data[2] == 0)
        return false;
    size_t length = 0;
    for (size_t i = 0; i < count; i++)
        length = length << 8 | der->data[2 + i];
    if (length < 0x80)
        return false;
    *header = 2 + count;
    *content = length;
    return true;
}

static bool take(P11dBytes *der, P11dBytes *content, P11dBytes *whole)
{
    size_t header, length;
    if (!read_length(der, &header, &length) || length > der->size - header)
        return false;
    if (content != NULL)
        *content = p11d_der(der->data + header, length);
    if (whole != NULL)
        *whole = p11d_der(der->data, header + length);
    der->data += header + length;
    der->size -= header + length;
    return true;
}

bool p11d_der_take(P11dBytes *der, uint8_t tag, P11dBytes *content, P11dBytes *whole)
{
    return p11d_der_is(der, tag) && take(der, content, whole);
}

bool p11d_der_take_any(P11dBytes *der, P11dBytes *whole)
{
    /* The low five bits all set announce a tag of several bytes (X.690, section 8.1.2.4). */
    return der->size > 0 && (der->data[0] & 0x1f) != 0x1f && take(der, NULL, whole);
}

P11dBytes p11d_der_without_zeros(P11dBytes number)
{
    while (number.size > 0 && number.data[0] == 0) {
        number.data++;
        number.size--;
    }
    return number;
}

bool p11d_der_take_unsigned(P11dBytes *der, P11dBytes *magnitude)
{
    P11dBytes left = *der;
    P11dBytes content;
    if (!p11d_der_take(&left, P11D_DER_INTEGER, &content, NULL))
        return false;
    if (content.size == 0 || (content.data[0] & 0x80) != 0)
        return false;
    *magnitude = p11d_der_without_zeros(content);
    *der = left;
    return true;
}

bool p11d_der_take_bits(P11dBytes *der, P11dBytes *bits)
{
    P11dBytes left = *der;
    P11dBytes content;
    if (!p11d_der_take(&left, P11D_DER_BIT_STRING, &content, NULL))
        return false;
    if (content.size == 0 || content.data[0] != 0)
        return false;
    *bits = p11d_der(content.data + 1, content.size - 1);
    *der = left;
    return true;
}

P11dBytes p11d_der_unwrap(P11dBytes der)
{
    P11dBytes left = der;
    P11dBytes content;
    bool wrapped = p11d_der_take(&left, P11D_DER_OCTET_STRING, &content, NULL) && left.size == 0;
    return wrapped ? content : der;
}

static void write_header(P11dBuffer *buffer, uint8_t tag, size_t length)
{
    uint8_t header[HEADER_MAX] = {tag};
    size_t size = 2;
    if (length < 0x80) {
        header[1] = (uint8_t)length;
    } else {
        size_t count = length > 0xffffff ? 4 : length > 0xffff ? 3 : length > 0xff ? 2 : 1;
        header[1] = (uint8_t)(0x80 | count);
        for (size_t i = 0; i < count; i++)
            header[2 + i] = (uint8_t)(length >> (8 * (count - 1 - i)));
        size += count;
    }
    p11d_buffer_append(buffer, header, size);
}

void p11d_der_write(P11dBuffer *buffer, uint8_t tag, P11dBytes content)
{
    if (content.size > UINT32_MAX) {
        buffer->too_large = true;
        return;
    }
    write_header(buffer, tag, content.size);
    if (content.size > 0)
        p11d_buffer_append(buffer, content.data, content.size);
}

void p11d_der_write_unsigned(P11dBuffer *buffer, P11dBytes magnitude)
{
    static const uint8_t zero = 0;
    magnitude = p11d_der_without_zeros(magnitude);
    /* A number is negative where its first bit is set, and never empty. */
    bool padded = magnitude.size == 0 || (magnitude.data[0] & 0x80) != 0;
    if (magnitude.size >= UINT32_MAX) {
        buffer->too_large = true;
        return;
    }
    write_header(buffer, P11D_DER_INTEGER, magnitude.size + padded);
    if (padded)
        p11d_buffer_append(buffer, &zero, 1);
    if (magnitude.size > 0)
        p11d_buffer_append(buffer, magnitude.data, magnitude.size);
}
