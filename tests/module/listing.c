// SPDX-License-Identifier: MIT
#include "listing.h"

#include <criterion/criterion.h>

static void init(Listing *listing)
{
    p11d_buffer_init(&listing->buffer, (size_t)64 << 20);
    p11d_writer_init(&listing->writer, &listing->buffer);
}

void listing_begin_attributes(Listing *listing)
{
    init(listing);
    listing->attributes = p11d_writer_array_begin(&listing->writer, 8);
}

void listing_end_attributes(Listing *listing)
{
    p11d_writer_array_end(&listing->writer, listing->attributes);
}

void listing_begin(Listing *listing, uint64_t generation, bool complete)
{
    init(listing);
    p11d_writer_uint64(&listing->writer, generation);
    p11d_writer_boolean(&listing->writer, complete);
    listing->objects = p11d_writer_array_begin(&listing->writer, 8);
}

void listing_begin_object(Listing *listing, uint64_t id)
{
    p11d_writer_struct(&listing->writer);
    p11d_writer_uint64(&listing->writer, id);
    listing->attributes = p11d_writer_array_begin(&listing->writer, 8);
}

void listing_end_object(Listing *listing)
{
    p11d_writer_array_end(&listing->writer, listing->attributes);
}

void listing_end(Listing *listing, const uint64_t *removed, size_t removed_count)
{
    p11d_writer_array_end(&listing->writer, listing->objects);
    P11dArray ids = p11d_writer_array_begin(&listing->writer, 8);
    for (size_t i = 0; i < removed_count; i++)
        p11d_writer_uint64(&listing->writer, removed[i]);
    p11d_writer_array_end(&listing->writer, ids);
}

void listing_text(Listing *listing, const char *name, const char *value)
{
    p11d_writer_entry(&listing->writer, name, "s");
    p11d_writer_string(&listing->writer, value);
}

void listing_bytes(Listing *listing, const char *name, const void *value, size_t size)
{
    p11d_writer_entry(&listing->writer, name, "ay");
    p11d_writer_bytes(&listing->writer, value, size);
}

void listing_boolean(Listing *listing, const char *name, bool value)
{
    p11d_writer_entry(&listing->writer, name, "b");
    p11d_writer_boolean(&listing->writer, value);
}

void listing_number(Listing *listing, const char *name, uint64_t value)
{
    p11d_writer_entry(&listing->writer, name, "t");
    p11d_writer_uint64(&listing->writer, value);
}

void listing_names(Listing *listing, const char *name, const char *const *values)
{
    p11d_writer_entry(&listing->writer, name, "as");
    P11dArray names = p11d_writer_array_begin(&listing->writer, 4);
    for (; *values != NULL; values++)
        p11d_writer_string(&listing->writer, *values);
    p11d_writer_array_end(&listing->writer, names);
}

P11dReader listing_reader(const Listing *listing, const char *signature)
{
    P11dReader reader;
    cr_assert(p11d_writer_ok(&listing->writer));
    p11d_reader_init(&reader, listing->buffer.data, listing->buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, signature, 0));
    return reader;
}

void listing_clear(Listing *listing)
{
    p11d_buffer_clear(&listing->buffer);
}
