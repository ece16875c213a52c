// SPDX-License-Identifier: MIT
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

/* The first allocation: most requests and replies fit. */
#define CAPACITY_MIN ((size_t)512)
/* What a reset keeps. */
#define CAPACITY_KEPT ((size_t)64 << 10)

static void release(P11dBuffer *buffer)
{
    if (buffer->data)
        explicit_bzero(buffer->data, buffer->capacity);
    free(buffer->data);
    buffer->data = NULL;
    buffer->capacity = 0;
}

void p11d_buffer_init(P11dBuffer *buffer, size_t limit)
{
    *buffer = (P11dBuffer){.limit = limit};
}

/* Doubling keeps the cost of many small appends linear; the limit is never overshot. needed is at
 * most the limit. */
static size_t grown_capacity(const P11dBuffer *buffer, size_t needed)
{
    size_t capacity = buffer->capacity > CAPACITY_MIN ? buffer->capacity : CAPACITY_MIN;
    while (capacity < needed && capacity <= buffer->limit / 2)
        capacity *= 2;
    if (capacity < needed || capacity > buffer->limit)
        capacity = buffer->limit;
    return capacity;
}

/* Not realloc: it would leave the old content behind in freed memory. */
static bool grow(P11dBuffer *buffer, size_t needed)
{
    size_t capacity = grown_capacity(buffer, needed);
    uint8_t *data = malloc(capacity);
    if (!data)
        return false;
    if (buffer->size > 0)
        memcpy(data, buffer->data, buffer->size);
    release(buffer);
    buffer->data = data;
    buffer->capacity = capacity;
    return true;
}

uint8_t *p11d_buffer_reserve(P11dBuffer *buffer, size_t count)
{
    if (buffer->too_large || buffer->no_memory)
        return NULL;
    if (count > buffer->limit - buffer->size) {
        buffer->too_large = true;
        return NULL;
    }
    size_t needed = buffer->size + count;
    if ((!buffer->data || needed > buffer->capacity) && !grow(buffer, needed)) {
        buffer->no_memory = true;
        return NULL;
    }
    return buffer->data + buffer->size;
}

bool p11d_buffer_append(P11dBuffer *buffer, const void *bytes, size_t count)
{
    uint8_t *place = p11d_buffer_reserve(buffer, count);
    if (!place)
        return false;
    if (count > 0)
        memcpy(place, bytes, count);
    buffer->size += count;
    return true;
}

void p11d_buffer_consume(P11dBuffer *buffer, size_t count)
{
    if (count > buffer->size)
        count = buffer->size;
    if (count == 0)
        return;
    size_t rest = buffer->size - count;
    memmove(buffer->data, buffer->data + count, rest);
    explicit_bzero(buffer->data + rest, count);
    buffer->size = rest;
}

void p11d_buffer_truncate(P11dBuffer *buffer, size_t size)
{
    if (size < buffer->size) {
        explicit_bzero(buffer->data + size, buffer->size - size);
        buffer->size = size;
    }
    buffer->too_large = false;
    buffer->no_memory = false;
}

void p11d_buffer_reset(P11dBuffer *buffer)
{
    p11d_buffer_truncate(buffer, 0);
    if (buffer->capacity > CAPACITY_KEPT)
        release(buffer);
}

void p11d_buffer_clear(P11dBuffer *buffer)
{
    release(buffer);
    p11d_buffer_init(buffer, buffer->limit);
}
