// SPDX-License-Identifier: MIT
/*
 * A connection is this application in the eyes of one token at the service: a control channel, to
 * which login belongs, and a pool of call channels over which calls go that run at the same time.
 * A token whose service has no channels, or shall give none, is used over the bus, one call at a
 * time.
 */
#ifndef P11D_CONNECTION_H
#define P11D_CONNECTION_H

#include "peer.h"

/* The most call channels of one token, and the most that streams hold beside these. */
#define P11D_CONNECTION_CHANNELS 8
#define P11D_CONNECTION_STREAMS 64

typedef struct P11dConnection {
    P11dPeer *control; /* NULL while there is none */
    bool on_bus;       /* attached without channels */
    unsigned attempt;  /* of the service, when attached without channels: which one */
    bool attaching;    /* a thread is at it */
    bool known;        /* was attached before */
    bool patient;      /* if it is not there, it may be about to come back */
    struct {
        bool known;
        uint64_t number;
    } run; /* of the service, at the last attachment */
    /* Counts attachments and losses: channels of another epoch are not used again. */
    uint64_t epoch;
    uint64_t broken_logins;                   /* counts losses while somebody was logged in */
    P11dPeer *idle[P11D_CONNECTION_CHANNELS]; /* most recently used last */
    size_t idle_count;
    size_t open; /* of this epoch, idle and in use by calls */
    size_t most; /* that the service allows */
    size_t held; /* of this epoch, by streams */
} P11dConnection;

void p11d_connection_init(P11dConnection *connection);

/* Hangs up the idle call channels. */
void p11d_connection_close_idle(P11dConnection *connection);

/* Hangs up all that is not in use; what is in use is not used again. */
void p11d_connection_clear(P11dConnection *connection);

#endif
