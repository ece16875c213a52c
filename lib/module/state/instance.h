// SPDX-License-Identifier: MIT
/*
 * An instance is the module between C_Initialize and C_Finalize: configuration, service, tokens,
 * sessions. Calls in flight hold references to it (life.h).
 */
#ifndef P11D_INSTANCE_H
#define P11D_INSTANCE_H

#include "configuration.h"
#include "pkcs11.h"

typedef struct P11dPeer P11dPeer;
typedef struct P11dToken P11dToken;
typedef struct P11dSession P11dSession;
typedef struct P11dWaiter P11dWaiter;

typedef struct P11dInstance {
    unsigned references; /* one while it is the current one, one for every call in flight */
    bool finalized;
    P11dConfiguration configuration;
    P11dPeer *peers; /* all that exist, so that C_Finalize can wake who waits for them */
    struct {
        P11dPeer *peer;    /* the manager channel, or the bus; NULL while not connected */
        bool connecting;   /* a thread is at it */
        unsigned attempts; /* how many came to their end */
        CK_RV outcome;     /* of the last attempt */
        bool known;        /* was there before: if it is not, it may be about to come back */
    } service;             /* what the module talks to, see discovery.h */
    P11dToken **tokens;    /* in the order of their slots; none is freed before the instance is */
    size_t token_count;
    P11dSession **sessions; /* in the order of their handles */
    size_t session_count;
    P11dWaiter *waiters; /* calls of C_WaitForSlotEvent, each on its stack */
} P11dInstance;

#endif
