// SPDX-License-Identifier: MIT
/*
 * A derreader walks over DER (X.690, section 10) element by element and stays within its bytes. It
 * is for finding a few elements of a certificate quickly: OpenSSL's parser looks for a decoder for
 * the public key in each, which takes longer than all else that list does.
 */
#ifndef P11D_DERREADER_H
#define P11D_DERREADER_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>

/* Identifier octets. */
enum {
    P11D_DER_INTEGER = 0x02,
    P11D_DER_BIT_STRING = 0x03,
    P11D_DER_OBJECT = 0x06,
    P11D_DER_SEQUENCE = 0x30,
    P11D_DER_CONTEXT_0 = 0xa0, /* [0], constructed */
};

typedef struct P11dDerReader {
    const guint8 *p; /* borrowed */
    size_t left;     /* bytes */
} P11dDerReader;

P11dDerReader p11d_derreader_new(const void *bytes, size_t size);

/* True if the next element has that identifier. */
bool p11d_derreader_is_at(const P11dDerReader *reader, guint8 identifier);

/* Takes the next element, whatever it is: its content, and with identifier and length. Either may
 * be NULL. False, with the reader where it was, if there is none that is whole and definite. */
bool p11d_derreader_next(P11dDerReader *reader, P11dDerReader *content, P11dDerReader *whole);

/* The same for the content of an element that must have that identifier. */
bool p11d_derreader_enter(P11dDerReader *reader, guint8 identifier, P11dDerReader *content);

#endif
