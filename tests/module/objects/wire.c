// SPDX-License-Identifier: MIT
#include "wire.h"

#include <criterion/criterion.h>

static void init(Wire *wire)
{
    p11d_buffer_init(&wire->buffer, (size_t)64 << 20);
    p11d_writer_init(&wire->writer, &wire->buffer);
}

void wire_begin_attributes(Wire *wire)
{
    init(wire);
    wire->attributes = p11d_writer_array_begin(&wire->writer, 8);
}

void wire_end_attributes(Wire *wire)
{
    p11d_writer_array_end(&wire->writer, wire->attributes);
}

void wire_begin(Wire *wire, uint64_t generation, bool complete)
{
    init(wire);
    p11d_writer_uint64(&wire->writer, generation);
    p11d_writer_boolean(&wire->writer, complete);
    wire->objects = p11d_writer_array_begin(&wire->writer, 8);
}

void wire_begin_object(Wire *wire, uint64_t id)
{
    p11d_writer_struct(&wire->writer);
    p11d_writer_uint64(&wire->writer, id);
    wire->attributes = p11d_writer_array_begin(&wire->writer, 8);
}

void wire_end_object(Wire *wire)
{
    p11d_writer_array_end(&wire->writer, wire->attributes);
}

void wire_end(Wire *wire, const uint64_t *removed, size_t removed_count)
{
    p11d_writer_array_end(&wire->writer, wire->objects);
    P11dArray ids = p11d_writer_array_begin(&wire->writer, 8);
    for (size_t i = 0; i < removed_count; i++)
        p11d_writer_uint64(&wire->writer, removed[i]);
    p11d_writer_array_end(&wire->writer, ids);
}

void wire_text(Wire *wire, const char *name, const char *value)
{
    p11d_writer_entry(&wire->writer, name, "s");
    p11d_writer_string(&wire->writer, value);
}

void wire_bytes(Wire *wire, const char *name, const void *value, size_t size)
{
    p11d_writer_entry(&wire->writer, name, "ay");
    p11d_writer_bytes(&wire->writer, value, size);
}

void wire_boolean(Wire *wire, const char *name, bool value)
{
    p11d_writer_entry(&wire->writer, name, "b");
    p11d_writer_boolean(&wire->writer, value);
}

void wire_number(Wire *wire, const char *name, uint64_t value)
{
    p11d_writer_entry(&wire->writer, name, "t");
    p11d_writer_uint64(&wire->writer, value);
}

void wire_names(Wire *wire, const char *name, const char *const *values)
{
    p11d_writer_entry(&wire->writer, name, "as");
    P11dArray names = p11d_writer_array_begin(&wire->writer, 4);
    for (; *values != NULL; values++)
        p11d_writer_string(&wire->writer, *values);
    p11d_writer_array_end(&wire->writer, names);
}

P11dReader wire_reader(const Wire *wire, const char *signature)
{
    P11dReader reader;
    cr_assert(p11d_writer_ok(&wire->writer));
    p11d_reader_init(&reader, wire->buffer.data, wire->buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, signature, 0));
    return reader;
}

void wire_clear(Wire *wire)
{
    p11d_buffer_clear(&wire->buffer);
}
