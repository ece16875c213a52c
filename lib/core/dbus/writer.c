// SPDX-License-Identifier: MIT
#include "writer.h"

#include <string.h>

#include "reader.h"
#include "signature.h"
#include "syntax.h"

void p11d_writer_init(P11dWriter *writer, P11dBuffer *buffer)
{
    *writer = (P11dWriter){.buffer = buffer, .start = buffer->size};
}

bool p11d_writer_ok(const P11dWriter *writer)
{
    return !writer->failed && !writer->buffer->too_large && !writer->buffer->no_memory;
}

/* Pads to alignment and makes room for size bytes more. Returns the place of those, NULL after a
 * failure. */
static uint8_t *place(P11dWriter *writer, size_t alignment, size_t size)
{
    if (writer->failed)
        return NULL;
    P11dBuffer *buffer = writer->buffer;
    size_t padding = -(buffer->size - writer->start) & (alignment - 1);
    size_t room = size > SIZE_MAX - padding ? SIZE_MAX : padding + size;
    uint8_t *bytes = p11d_buffer_reserve(buffer, room);
    if (!bytes) {
        writer->failed = true;
        return NULL;
    }
    for (size_t i = 0; i < padding; i++)
        bytes[i] = 0;
    buffer->size += room;
    return bytes + padding;
}

static void put(P11dWriter *writer, size_t alignment, const void *bytes, size_t size)
{
    uint8_t *to = place(writer, alignment, size);
    if (to && size > 0)
        memcpy(to, bytes, size);
}

void p11d_writer_align(P11dWriter *writer, size_t alignment)
{
    place(writer, alignment, 0);
}

void p11d_writer_byte(P11dWriter *writer, uint8_t value)
{
    put(writer, 1, &value, sizeof value);
}

void p11d_writer_boolean(P11dWriter *writer, bool value)
{
    p11d_writer_uint32(writer, value ? 1 : 0);
}

void p11d_writer_uint32(P11dWriter *writer, uint32_t value)
{
    put(writer, sizeof value, &value, sizeof value);
}

void p11d_writer_uint64(P11dWriter *writer, uint64_t value)
{
    put(writer, sizeof value, &value, sizeof value);
}

void p11d_writer_string(P11dWriter *writer, const char *value)
{
    p11d_writer_text(writer, value, strlen(value));
}

/* No message carries that much, so callers learn that it was too large. */
static void refuse_size(P11dWriter *writer)
{
    writer->failed = true;
    writer->buffer->too_large = true;
}

/* Bytes with their length before them; nul: and a NUL behind them that does not count. */
static void put_counted(P11dWriter *writer, const void *bytes, size_t size, bool nul)
{
    if (size > P11D_READER_ARRAY_MAX) {
        refuse_size(writer);
        return;
    }
    uint32_t length = (uint32_t)size;
    uint8_t *to = place(writer, sizeof length, sizeof length + size + nul);
    if (!to)
        return;
    memcpy(to, &length, sizeof length);
    if (size > 0)
        memcpy(to + sizeof length, bytes, size);
    if (nul)
        to[sizeof length + size] = 0;
}

void p11d_writer_text(P11dWriter *writer, const void *bytes, size_t size)
{
    if (p11d_syntax_is_text(bytes, size))
        put_counted(writer, bytes, size, true);
    else
        writer->failed = true;
}

static void put_signature(P11dWriter *writer, const P11dSignature *signature)
{
    uint8_t *to = place(writer, 1, 1 + signature->size + 1);
    if (!to)
        return;
    to[0] = (uint8_t)signature->size;
    memcpy(to + 1, signature->text, signature->size + 1);
}

void p11d_writer_signature(P11dWriter *writer, const char *value)
{
    P11dSignature signature;
    if (p11d_signature_parse(&signature, value))
        put_signature(writer, &signature);
    else
        writer->failed = true;
}

void p11d_writer_bytes(P11dWriter *writer, const void *bytes, size_t size)
{
    put_counted(writer, bytes, size, false);
}

P11dArray p11d_writer_array_begin(P11dWriter *writer, size_t alignment)
{
    P11dArray array;
    p11d_writer_uint32(writer, 0);
    array.length_at = writer->buffer->size - sizeof(uint32_t);
    p11d_writer_align(writer, alignment); /* not part of the length */
    array.elements = writer->buffer->size;
    return array;
}

void p11d_writer_array_end(P11dWriter *writer, P11dArray array)
{
    if (!p11d_writer_ok(writer))
        return;
    size_t size = writer->buffer->size - array.elements;
    if (size > P11D_READER_ARRAY_MAX) {
        refuse_size(writer);
        return;
    }
    uint32_t length = (uint32_t)size;
    memcpy(writer->buffer->data + array.length_at, &length, sizeof length);
}

void p11d_writer_struct(P11dWriter *writer)
{
    p11d_writer_align(writer, 8);
}

void p11d_writer_variant(P11dWriter *writer, const char *signature)
{
    P11dSignature parsed;
    if (p11d_signature_parse(&parsed, signature) && p11d_signature_is_single(&parsed))
        put_signature(writer, &parsed);
    else
        writer->failed = true;
}

void p11d_writer_entry(P11dWriter *writer, const char *key, const char *signature)
{
    p11d_writer_struct(writer);
    p11d_writer_string(writer, key);
    p11d_writer_variant(writer, signature);
}

void p11d_writer_raw(P11dWriter *writer, const void *bytes, size_t size)
{
    put(writer, 1, bytes, size);
}

void p11d_writer_rewind(P11dWriter *writer, size_t size)
{
    P11dBuffer *buffer = writer->buffer;
    if (buffer->size > size) {
        explicit_bzero(buffer->data + size, buffer->size - size);
        buffer->size = size;
    }
}
