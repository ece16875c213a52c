// SPDX-License-Identifier: MIT
/*
 * A message is the header of a D-Bus message (D-Bus Specification, "Message Format") and a reader
 * on its body. Parsing copies nothing: the strings point into the bytes that were parsed.
 */
#ifndef P11D_MESSAGE_H
#define P11D_MESSAGE_H

#include "reader.h"
#include "status.h"
#include "writer.h"

/* The largest message on a channel, in bytes, and the largest that passes the bus. */
#define P11D_MESSAGE_MAX ((size_t)64 << 20)
#define P11D_MESSAGE_MAX_ON_BUS ((size_t)16 << 20)
/* Bytes needed before p11d_message_size can tell the size. */
#define P11D_MESSAGE_PREFIX 16
/* The most bytes of a request outside of byte arrays. */
#define P11D_MESSAGE_OVERHEAD ((size_t)64 << 10)
/* The most descriptors with one message. */
#define P11D_MESSAGE_DESCRIPTORS 4

typedef enum P11dMessageType {
    P11D_MESSAGE_CALL = 1,
    P11D_MESSAGE_RETURN = 2,
    P11D_MESSAGE_ERROR = 3,
    P11D_MESSAGE_SIGNAL = 4,
} P11dMessageType;

#define P11D_MESSAGE_NO_REPLY_EXPECTED 0x1
#define P11D_MESSAGE_NO_AUTO_START 0x2

typedef struct P11dMessage {
    P11dMessageType type;
    uint8_t flags;
    uint32_t serial;
    uint32_t reply_serial; /* 0: none */
    const char *path;      /* NULL where the header has no such field, and so on */
    const char *interface;
    const char *member;
    const char *error_name;
    const char *destination;
    const char *sender;
    const char *signature; /* of the body; "" for none, never NULL after parsing */
    uint32_t descriptors;  /* how many the header says come with it */
    P11dReader body;       /* filled by parsing; ignored by writing */
} P11dMessage;

/*
 * How long the message is that begins with these P11D_MESSAGE_PREFIX bytes.
 * limit: the most that is accepted. *size: all of it, header and body, in bytes.
 * Errors: P11D_MALFORMED, P11D_TOO_LARGE.
 */
P11dStatus p11d_message_size(const uint8_t *prefix, size_t limit, size_t *size);

/*
 * Parses a whole message of size bytes at data (8-byte aligned, outlives message) and checks all
 * of it: header fields and their types, names, and the body against the header's signature, with
 * overhead as for p11d_reader_validate; the header may take as much again. Unknown header fields
 * are skipped. Stricter than D-Bus must be: other types than the four, a known field twice, and
 * more descriptors than P11D_MESSAGE_DESCRIPTORS are malformed.
 * Errors: P11D_MALFORMED; message is empty then, its body has failed.
 */
P11dStatus p11d_message_parse(const uint8_t *data, size_t size, size_t overhead,
                              P11dMessage *message);

/*
 * Begins a message at the end of buffer: writes the header from the fields of message that are set
 * (serial must not be 0; signature NULL counts as ""), leaves writer where the body begins.
 */
void p11d_message_begin(P11dWriter *writer, P11dBuffer *buffer, const P11dMessage *message);

/*
 * Ends the message: fills in the length of the body.
 * Errors: P11D_TOO_LARGE, P11D_NO_MEMORY; P11D_MALFORMED if a value could not be marshalled. The
 * message is taken back then: the buffer holds what it held before the message began.
 */
P11dStatus p11d_message_end(P11dWriter *writer);

#endif
