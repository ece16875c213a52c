// SPDX-License-Identifier: MIT
/*
 * The wire format of SSH (RFC 4251, section 5), in which OpenSSH keeps public keys and signatures:
 * numbers, strings of bytes and big integers, one after the other. A reader stays within its bytes.
 */
#ifndef P11D_SSHWIRE_H
#define P11D_SSHWIRE_H

#include <stdbool.h>

#include <glib.h>

typedef struct P11dSshwireReader {
    const guint8 *p; /* borrowed */
    gsize left;      /* bytes */
} P11dSshwireReader;

P11dSshwireReader p11d_sshwire_reader(const void *bytes, gsize size);

/* Each takes the next value. False, with the reader where it was, if there is no such value. */
bool p11d_sshwire_get_u32(P11dSshwireReader *reader, guint32 *value);
/* string points into the reader's bytes. */
bool p11d_sshwire_get_string(P11dSshwireReader *reader, const guint8 **string, gsize *size);
/* A big integer that is not negative: big-endian, without leading zero bytes, so zero has size 0.
 * One that is written longer than it has to be is none. */
bool p11d_sshwire_get_mpint(P11dSshwireReader *reader, const guint8 **number, gsize *size);

/* Each appends one value to out. A string has less than 2^32 bytes; number is big-endian, with
 * leading zero bytes or not. */
void p11d_sshwire_put_u32(GByteArray *out, guint32 value);
void p11d_sshwire_put_string(GByteArray *out, const void *string, gsize size);
void p11d_sshwire_put_mpint(GByteArray *out, const void *number, gsize size);

#endif
