// SPDX-License-Identifier: MIT
/*
 * An SSHSIG is a signature as ssh-keygen -Y sign makes it (OpenSSH, PROTOCOL.sshsig): of a hash of
 * the data and of a namespace that says what the signature is for. It holds the public key.
 */
#ifndef P11D_SSHSIG_H
#define P11D_SSHSIG_H

#include <stdbool.h>

#include <glib.h>

/* A string of bytes in an SSHSIG. */
typedef struct P11dSshsigPart {
    const guint8 *data; /* borrowed */
    gsize size;         /* bytes */
} P11dSshsigPart;

typedef struct P11dSshsig {
    P11dSshsigPart key; /* a blob (sshkey.h) */
    P11dSshsigPart namespace;
    P11dSshsigPart hash;      /* of the data: a name */
    P11dSshsigPart algorithm; /* SSH's name */
    P11dSshsigPart signature; /* in that algorithm's own form */
    P11dSshsigPart more;      /* what security keys add; of all other keys a signature has none */
} P11dSshsig;

/* Takes bytes apart; the parts point into them. False if they are no SSHSIG of version 1 or have
 * no namespace; white space behind it does not matter. What is reserved in it is ignored, as it has
 * to be. */
bool p11d_sshsig_parse(P11dSshsig *sshsig, GBytes *bytes);

/* The other way round. */
GBytes *p11d_sshsig_write(const P11dSshsig *sshsig);

/* True if bytes begin like an SSHSIG. */
bool p11d_sshsig_is(GBytes *bytes);

/* What the key signs: namespace, and the digest of the data by the hash of that name. */
GBytes *p11d_sshsig_signed_data(const char *namespace, const char *hash, GBytes *digest);

/* text as a part, and whether a part is that text. */
P11dSshsigPart p11d_sshsig_part(const char *text);
P11dSshsigPart p11d_sshsig_part_of_bytes(GBytes *bytes);
bool p11d_sshsig_part_is(P11dSshsigPart part, const char *text);

#endif
