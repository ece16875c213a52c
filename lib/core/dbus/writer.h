// SPDX-License-Identifier: MIT
/*
 * A writer appends values to a buffer in D-Bus marshalling (D-Bus Specification, "Marshaling"), in
 * this machine's byte order. It allocates nothing but the buffer's memory. Failures stick: callers
 * write a whole message and ask once, with p11d_writer_ok.
 */
#ifndef P11D_WRITER_H
#define P11D_WRITER_H

#include "buffer.h"

typedef struct P11dWriter {
    P11dBuffer *buffer;
    size_t start; /* offset in buffer that alignment counts from: the start of the message */
    bool failed;
} P11dWriter;

/* The place of an array whose length is still to be written. */
typedef struct P11dArray {
    size_t length_at; /* offset in the buffer of the length */
    size_t elements;  /* offset in the buffer of the first element */
} P11dArray;

/* Begins to write at the end of buffer; alignment counts from there. buffer is borrowed. */
void p11d_writer_init(P11dWriter *writer, P11dBuffer *buffer);

/* False if anything could not be written: over the buffer's limit, out of memory, or a value that
 * D-Bus cannot carry. */
bool p11d_writer_ok(const P11dWriter *writer);

void p11d_writer_align(P11dWriter *writer, size_t alignment);
void p11d_writer_byte(P11dWriter *writer, uint8_t value);       /* y */
void p11d_writer_boolean(P11dWriter *writer, bool value);       /* b */
void p11d_writer_uint32(P11dWriter *writer, uint32_t value);    /* u, i and h */
void p11d_writer_uint64(P11dWriter *writer, uint64_t value);    /* t and x */
void p11d_writer_string(P11dWriter *writer, const char *value); /* s and o; must be valid UTF-8 */
/* s, from size bytes that need no NUL. Fails on NUL or what is not UTF-8. */
void p11d_writer_text(P11dWriter *writer, const void *bytes, size_t size);
void p11d_writer_signature(P11dWriter *writer, const char *value);          /* g */
void p11d_writer_bytes(P11dWriter *writer, const void *bytes, size_t size); /* ay */

/* Begins an array whose elements are aligned to alignment (8 for structs and dict entries). */
P11dArray p11d_writer_array_begin(P11dWriter *writer, size_t alignment);
void p11d_writer_array_end(P11dWriter *writer, P11dArray array);

/* Begins a struct or a dict entry; it has no end mark. */
void p11d_writer_struct(P11dWriter *writer);

/* Begins a variant: writes its signature; the one value of that signature must follow. */
void p11d_writer_variant(P11dWriter *writer, const char *signature);

/* Begins an entry of a{sv}: a dict entry, its key, and the variant's signature; the value must
 * follow. */
void p11d_writer_entry(P11dWriter *writer, const char *key, const char *signature);

/* Appends bytes that were marshalled elsewhere from an offset with the same remainder of 8, for
 * example the elements of an a{sv} kept since C_SignInit. */
void p11d_writer_raw(P11dWriter *writer, const void *bytes, size_t size);

/* Takes back, and wipes, what was written since the buffer had size bytes: for a value that turned
 * out halfway to be one that cannot be written. A failure sticks all the same. */
void p11d_writer_rewind(P11dWriter *writer, size_t size);

#endif
