// SPDX-License-Identifier: MIT
/*
 * A request is one method call to a service: which method of which object, with which arguments.
 * What these are on the wire comes from the interface tables. It can be performed more
 * than once, on one peer after another, so its writer must give the same message each time.
 */
#ifndef P11D_REQUEST_H
#define P11D_REQUEST_H

#include "arguments.h"
#include "deadline.h"
#include "error-name.h"
#include "peer.h"

/* How long a call may take, in milliseconds. */
#define P11D_CALL_TIMEOUT ((int64_t)60 * 1000)
#define P11D_PERSON_TIMEOUT ((int64_t)10 * 60 * 1000) /* where a person acts */

typedef struct P11dRequest {
    const P11dInterface *interface;
    const char *method;
    const char *path;
    P11dArguments *arguments; /* what goes in; NULL: nothing */
    /* Takes the results, which end with the call; NULL: they do not matter. What it returns becomes
     * the answer's rv. Called without the lock. */
    CK_RV (*take)(const P11dArguments *results, void *data);
    /* In the place of these two, for methods with arguments of their own: they write the arguments
     * and read the results, which are valid by their signature. */
    void (*write)(P11dWriter *writer, void *data);
    CK_RV (*read)(P11dChannel *channel, P11dReader *body, void *data);
    void *data; /* for all three */
    /* Signals that come in between, NULL: dropped. Called without the lock. */
    P11dChannelSignal on_signal;
    void *signal_data;
    bool auto_start; /* the bus may start the service for this */
    P11dPeer **keep; /* p11d_callchannel_call: if its rv is CKR_OK, the channel goes here instead
                      * of back to the pool; NULL: it goes back */
    P11dDeadline deadline;
} P11dRequest;

typedef struct P11dAnswer {
    CK_RV rv;          /* what came of it, for the application */
    P11dStatus status; /* P11D_OK: the peer may be used again; an error reply is P11D_OK too */
    bool sent;         /* the request left completely, so that it may have had its effect */
    char error[P11D_ERROR_SIZE]; /* D-Bus name of an error reply; "" if there was none */
    P11dTrouble trouble;         /* what it says of the service */
    char sender[64];             /* on the bus: unique name of who answered */
} P11dAnswer;

/*
 * Sends request to peer and waits for the answer. Called without the lock, on a peer that this
 * thread has claimed. A peer whose answer's status is not P11D_OK must not be used again.
 */
void p11d_request_perform(const P11dRequest *request, P11dPeer *peer, P11dAnswer *answer);

/*
 * Waits until nobody speaks on peer and claims it for this thread, until p11d_peer_yield. Between
 * the two, and only then, the channel is used without the lock.
 * Errors: CKR_CRYPTOKI_NOT_INITIALIZED (C_Finalize came first), CKR_DEVICE_ERROR (deadline).
 */
CK_RV p11d_request_claim(P11dPeer *peer, P11dDeadline deadline);

/* Performs it from a thread that holds the lock: claims peer, gives the lock up, performs, takes
 * the lock and yields peer. */
void p11d_request_exchange(const P11dRequest *request, P11dPeer *peer, P11dAnswer *answer);

/*
 * Makes request an OpenChannel of that interface. *channel: NULL until it is performed, then the
 * descriptor that came, owned by the caller.
 */
void p11d_request_open_channel(P11dRequest *request, const P11dInterface *interface,
                               const char *path, P11dDeadline deadline, P11dDescriptor **channel);

#endif
