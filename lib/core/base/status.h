// SPDX-License-Identifier: MIT
/*
 * A status says how a transport operation ended. It knows nothing of PKCS#11; the module and the
 * service each turn it into their own terms in one place.
 */
#ifndef P11D_STATUS_H
#define P11D_STATUS_H

typedef enum P11dStatus {
    P11D_OK = 0,
    P11D_TIMEOUT,   /* the deadline passed first; what had arrived so far is kept */
    P11D_CLOSED,    /* the other side hung up, or the descriptor is no longer ours */
    P11D_MALFORMED, /* the other side broke the protocol; the channel must be closed */
    P11D_TOO_LARGE, /* a message over the limit; an outgoing one was not sent at all */
    P11D_NO_MEMORY, /* memory ran out; nothing was lost but this operation */
    P11D_REFUSED,   /* the bus or the service said no (authentication, an error reply) */
    P11D_SYSTEM,    /* a system call failed; errno says why */
} P11dStatus;

#endif
