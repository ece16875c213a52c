// SPDX-License-Identifier: MIT
/*
 * A buffer is a run of bytes that grows up to a limit and leaves no copy of itself behind: what it
 * held is wiped when it grows, when it is reset and when it is cleared. Every message is built and
 * read in one, so that no PIN stays in freed memory. A failed append leaves the content as it was
 * and sticks until the buffer is reset or truncated.
 */
#ifndef P11D_BUFFER_H
#define P11D_BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct P11dBuffer {
    uint8_t *data;   /* NULL while nothing was ever written */
    size_t size;     /* bytes in use */
    size_t capacity; /* bytes allocated */
    size_t limit;    /* size never exceeds this */
    bool too_large;  /* an append was refused because of limit */
    bool no_memory;  /* an append was refused because memory ran out */
} P11dBuffer;

/* Makes buffer empty, without allocating. limit: the most bytes that it may ever hold. */
void p11d_buffer_init(P11dBuffer *buffer, size_t limit);

/*
 * Makes room for count more bytes without changing size. Returns the place where they go (valid
 * until the next call on this buffer), or NULL if the limit or memory does not allow it.
 */
uint8_t *p11d_buffer_reserve(P11dBuffer *buffer, size_t count);

/* Appends count bytes. Returns false, and changes nothing, where reserve would return NULL. */
bool p11d_buffer_append(P11dBuffer *buffer, const void *bytes, size_t count);

/* Drops the first count bytes (at most size) and moves the rest to the front. */
void p11d_buffer_consume(P11dBuffer *buffer, size_t count);

/* Keeps the first size bytes, wipes what stands behind them, and forgets failures. */
void p11d_buffer_truncate(P11dBuffer *buffer, size_t size);

/* Wipes the content and forgets failures; the memory is kept for the next message unless it is
 * larger than 64 KiB. */
void p11d_buffer_reset(P11dBuffer *buffer);

/* Wipes and frees. The buffer is as after init and may be used again. */
void p11d_buffer_clear(P11dBuffer *buffer);

#endif
