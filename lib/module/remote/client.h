// SPDX-License-Identifier: MIT
/*
 * A client is this application in the eyes of one token at the service: a control channel, to which
 * login belongs, and a pool of call channels over which calls go that run at the same time. If the
 * connection was lost it is made again, silently where that is safe: the same run of the service
 * and no login; with another run the objects are bound again; a login that is lost ends the
 * sessions. A token whose service has no channels, or shall give none, is used over the bus, one
 * call at a time.
 */
#ifndef P11D_CLIENT_H
#define P11D_CLIENT_H

#include "peer.h"
#include "request.h"

/* The most call channels of one token. */
#define P11D_CLIENT_CHANNELS 8

typedef struct P11dToken P11dToken;

typedef struct P11dClient {
    P11dPeer *control; /* NULL while there is none */
    bool on_bus;       /* attached without channels */
    unsigned attempt;  /* of the service, when attached without channels: which connection */
    bool attaching;    /* a thread is at it */
    bool known;        /* was attached before */
    bool patient;      /* if it is not there, it may be about to come back */
    struct {
        bool known;
        uint64_t number;
    } run; /* of the service, at the last attachment */
    /* Counts attachments and losses: channels of another epoch are not used again. */
    uint64_t epoch;
    uint64_t broken_logins;               /* counts losses while somebody was logged in */
    P11dPeer *idle[P11D_CLIENT_CHANNELS]; /* most recently used last */
    size_t idle_count;
    size_t open; /* of this epoch, idle and in use */
    size_t most; /* that the service allows */
} P11dClient;

void p11d_client_init(P11dClient *client);
/* Hangs up all channels. */
void p11d_client_clear(P11dClient *client);

/*
 * Makes sure that the token is attached. Waits.
 * Errors: CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_HOST_MEMORY,
 * CKR_CRYPTOKI_NOT_INITIALIZED, and what the service answered.
 */
CK_RV p11d_client_attach(P11dToken *token, P11dDeadline deadline);

/* Reads what lies unread on the control channel, without waiting: ObjectsChanged makes
 * token->stale, the end of the channel detaches. No effect while another thread speaks on it. */
void p11d_client_look(P11dToken *token);

/* The connection to the token is gone. */
void p11d_client_lost(P11dToken *token);

/*
 * Takes a call channel, for this thread alone: an idle one, or, if fresh or there is none, a new
 * one. Waits, attaches if need be. Errors: as p11d_client_attach, and CKR_SESSION_HANDLE_INVALID
 * where a login was lost on the way.
 */
CK_RV p11d_client_take(P11dToken *token, bool fresh, P11dDeadline deadline, P11dPeer **channel);

/* Gives it back; good: it may be used again. */
void p11d_client_give(P11dToken *token, P11dPeer *channel, bool good);

/* Called with the lock before each sending of a request over channel; what is not CKR_OK ends the
 * call with that value and nothing sent. */
typedef CK_RV (*P11dClientPrepare)(P11dToken *token, P11dPeer *channel, void *data);

/*
 * Performs request on a call channel. A request that did not leave completely is sent once more on
 * a new channel; one that did is never repeated: CKR_DEVICE_ERROR. request->path is filled in.
 * prepare: may be NULL; gets request->data. Waits. Returns the answer's value, or as
 * p11d_client_take.
 */
CK_RV p11d_client_call(P11dToken *token, P11dRequest *request, P11dClientPrepare prepare);

#endif
