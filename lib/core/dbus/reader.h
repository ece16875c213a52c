// SPDX-License-Identifier: MIT
/*
 * A reader takes values out of bytes in D-Bus marshalling that came from somewhere else. It trusts
 * none of them: every length is checked against what is there before it is used, and nothing is
 * allocated or copied. What it returns points into the bytes. Failures stick: after the first,
 * every call returns false and fills nothing. Messages are validated against their signature once
 * (p11d_reader_validate); reading values in the order of that signature then cannot fail.
 */
#ifndef P11D_READER_H
#define P11D_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The deepest nesting of arrays, structs and variants together that is accepted; a dict entry
 * counts as one with its array. */
#define P11D_READER_DEPTH 16
/* The longest content of an array, in bytes (D-Bus Specification, "Container Types"). */
#define P11D_READER_ARRAY_MAX ((size_t)64 << 20)

typedef struct P11dReader {
    const uint8_t *data; /* the start of the message: alignment counts from here */
    size_t position;     /* of the next value */
    size_t end;          /* one after the last byte that may be read */
    bool swap;           /* the other byte order */
    bool failed;
} P11dReader;

/* Reads size bytes at data, which must outlive the reader. */
void p11d_reader_init(P11dReader *reader, const void *data, size_t size, bool swap);

bool p11d_reader_ok(const P11dReader *reader);
/* True if nothing is left (or the reader failed): ends the loop over an array. */
bool p11d_reader_at_end(const P11dReader *reader);

bool p11d_reader_align(P11dReader *reader, size_t alignment); /* padding must be zero */
bool p11d_reader_byte(P11dReader *reader, uint8_t *value);
bool p11d_reader_boolean(P11dReader *reader, bool *value); /* only 0 and 1 are accepted */
bool p11d_reader_uint32(P11dReader *reader, uint32_t *value);
bool p11d_reader_uint64(P11dReader *reader, uint64_t *value);
/* s; NUL-terminated, checked UTF-8 without NUL inside. size, in bytes, may be NULL. */
bool p11d_reader_string(P11dReader *reader, const char **value, size_t *size);
bool p11d_reader_object_path(P11dReader *reader, const char **value); /* o, syntax checked */
bool p11d_reader_signature(P11dReader *reader, const char **value);   /* g, syntax checked */
bool p11d_reader_bytes(P11dReader *reader, const uint8_t **bytes, size_t *size); /* ay */

/* Enters an array: elements reads its content alone, reader goes on behind it. After a failure
 * elements has failed too, so that a loop over it ends. */
bool p11d_reader_array(P11dReader *reader, size_t alignment, P11dReader *elements);
/* Enters a struct or dict entry. */
bool p11d_reader_struct(P11dReader *reader);
/* Enters a variant: the value of that one complete type must be read next. */
bool p11d_reader_variant(P11dReader *reader, const char **signature);
/* Enters the next entry of an a{sv} read through elements. */
bool p11d_reader_entry(P11dReader *elements, const char **key, const char **signature);

/* Skips one complete type; signature holds exactly one. */
bool p11d_reader_skip(P11dReader *reader, const char *signature);

/*
 * Walks all that is left by signature (any number of complete types) and says whether it is well
 * formed and complete, to the last byte. reader itself is not moved.
 * overhead: the most bytes allowed outside of byte arrays (ay), 0 for no limit; it bounds the work
 * that a small number of large containers can cause.
 */
bool p11d_reader_validate(const P11dReader *reader, const char *signature, size_t overhead);

#endif
