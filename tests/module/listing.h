// SPDX-License-Identifier: MIT
/*
 * A listing is a message body as a service would send it: one a{sv} of attributes, or a whole reply
 * to ListObjects. For tests; failures end the test.
 */
#ifndef P11D_TEST_LISTING_H
#define P11D_TEST_LISTING_H

#include "reader.h"
#include "writer.h"

typedef struct Listing {
    P11dBuffer buffer;
    P11dWriter writer;
    P11dArray objects;
    P11dArray attributes;
} Listing;

/* One a{sv}: begin, any number of attributes, end. */
void listing_begin_attributes(Listing *listing);
void listing_end_attributes(Listing *listing);

/* A reply to ListObjects: begin, objects (each with attributes), end. */
void listing_begin(Listing *listing, uint64_t generation, bool complete);
void listing_begin_object(Listing *listing, uint64_t id);
void listing_end_object(Listing *listing);
void listing_end(Listing *listing, const uint64_t *removed, size_t removed_count);

/* One attribute by its D-Bus name. */
void listing_text(Listing *listing, const char *name, const char *value);
void listing_bytes(Listing *listing, const char *name, const void *value, size_t size);
void listing_boolean(Listing *listing, const char *name, bool value);
void listing_number(Listing *listing, const char *name, uint64_t value);
void listing_names(Listing *listing, const char *name, const char *const *values);

/* A validated reader on all of it. signature: "a{sv}" or "tba(ta{sv})at". */
P11dReader listing_reader(const Listing *listing, const char *signature);

void listing_clear(Listing *listing);

#endif
