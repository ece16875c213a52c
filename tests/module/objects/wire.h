// SPDX-License-Identifier: MIT
/*
 * A wire holds a message body as a service would send it: one a{sv} of attributes, or a whole reply
 * to ListObjects. For tests; failures end the test.
 */
#ifndef P11D_TEST_WIRE_H
#define P11D_TEST_WIRE_H

#include "reader.h"
#include "writer.h"

typedef struct Wire {
    P11dBuffer buffer;
    P11dWriter writer;
    P11dArray objects;
    P11dArray attributes;
} Wire;

/* One a{sv}: begin, any number of attributes, end. */
void wire_begin_attributes(Wire *wire);
void wire_end_attributes(Wire *wire);

/* A reply to ListObjects: begin, objects (each with attributes), end. */
void wire_begin(Wire *wire, uint64_t generation, bool complete);
void wire_begin_object(Wire *wire, uint64_t id);
void wire_end_object(Wire *wire);
void wire_end(Wire *wire, const uint64_t *removed, size_t removed_count);

/* One attribute by its D-Bus name. */
void wire_text(Wire *wire, const char *name, const char *value);
void wire_bytes(Wire *wire, const char *name, const void *value, size_t size);
void wire_boolean(Wire *wire, const char *name, bool value);
void wire_number(Wire *wire, const char *name, uint64_t value);
void wire_names(Wire *wire, const char *name, const char *const *values);

/* A validated reader on all of it. signature: "a{sv}" or "tba(ta{sv})at". */
P11dReader wire_reader(const Wire *wire, const char *signature);

void wire_clear(Wire *wire);

#endif
