// SPDX-License-Identifier: MIT
/*
 * DER is bytes read as DER elements (ITU-T X.690): tag, definite length, content. It reads what
 * services send, so it trusts no length, allocates nothing and never recurses; what it returns
 * points into the bytes. Only what keys and certificates need is here: one-byte tags, and lengths
 * of at most four bytes.
 */
#ifndef P11D_DER_H
#define P11D_DER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "bytes.h"

/* Tags (X.690, section 8.1.2). */
#define P11D_DER_INTEGER 0x02
#define P11D_DER_BIT_STRING 0x03
#define P11D_DER_OCTET_STRING 0x04
#define P11D_DER_NULL 0x05
#define P11D_DER_OID 0x06
#define P11D_DER_PRINTABLE_STRING 0x13
#define P11D_DER_SEQUENCE 0x30
#define P11D_DER_CONTEXT_0 0xa0 /* [0], constructed */

/* The size bytes at data, which must outlive what is returned. */
P11dBytes p11d_der(const void *data, size_t size);

/* True if both hold the same bytes. */
bool p11d_der_equal(P11dBytes a, P11dBytes b);

/* Less than, equal to or greater than 0: an order of bytes, in which the shorter ones come first.
 */
int p11d_der_compare(P11dBytes a, P11dBytes b);

/* A big-endian number without its leading zeros. */
P11dBytes p11d_der_without_zeros(P11dBytes number);

/* True if the next element of der has that tag. */
bool p11d_der_is(const P11dBytes *der, uint8_t tag);

/*
 * Takes the next element off the front of der. content (may be NULL): what is inside; whole (may be
 * NULL): the element with tag and length.
 * Returns false, and der is not moved, if the tag is another, the length is not in definite minimal
 * form, or the element does not end within der.
 */
bool p11d_der_take(P11dBytes *der, uint8_t tag, P11dBytes *content, P11dBytes *whole);

/* Takes the next element whatever its tag (of one byte) is. As above. */
bool p11d_der_take_any(P11dBytes *der, P11dBytes *whole);

/* Takes an INTEGER that is not negative; magnitude: big endian, without leading zeros (empty for
 * 0). As p11d_der_take. */
bool p11d_der_take_unsigned(P11dBytes *der, P11dBytes *magnitude);

/* Takes a BIT STRING of whole bytes; bits: without the byte that counts unused bits. As
 * p11d_der_take. */
bool p11d_der_take_bits(P11dBytes *der, P11dBytes *bits);

/* The content of the only element in der if that is an OCTET STRING, to its last byte; else der
 * itself. For values that some wrap and some do not (EC points). */
P11dBytes p11d_der_unwrap(P11dBytes der);

/* Appends an element to buffer; the buffer keeps a failure (no_memory, too_large). */
void p11d_der_write(P11dBuffer *buffer, uint8_t tag, P11dBytes content);

/* Appends magnitude (big endian, leading zeros allowed) as INTEGER. */
void p11d_der_write_unsigned(P11dBuffer *buffer, P11dBytes magnitude);

#endif
