// SPDX-License-Identifier: MIT
/*
 * Key streams are the streams (keystream.h) of one view. Each has a number, belongs to the channel
 * that began it, and ends with that, with its key and with the login. Functions here are called
 * with the token's lock held, but for p11d_keystreams_free.
 */
#ifndef P11D_KEYSTREAMS_H
#define P11D_KEYSTREAMS_H

#include "keystream.h"

/* The most streams of one view. */
#define P11D_KEYSTREAMS_MAX 64

/* A stream as its view holds it. */
typedef struct P11dHeldStream P11dHeldStream;
struct P11dHeldStream {
    P11dKeyStream *stream; /* owned */
    P11dHeldStream *next;
    uint64_t id;
    uint64_t channel;
    uint64_t key; /* its id; 0: none */
    bool used;    /* a call is about it */
    bool ended;
};

/* All zero: none. */
typedef struct P11dKeyStreams {
    P11dHeldStream *first;
    size_t count;
    uint64_t last_id;
    uint64_t ended; /* how often all of them were ended: the client logged out */
} P11dKeyStreams;

/* Adds stream, which the view owns from then on, of that channel and with the key of that id (0:
 * none); *id is its number. False: there are too many, or memory ran out. */
bool p11d_keystreams_add(P11dKeyStreams *streams, P11dKeyStream *stream, uint64_t channel,
                         uint64_t key, uint64_t *id);
/* The stream of that number, if it is that channel's, in use until it is released; or NULL. */
P11dHeldStream *p11d_keystreams_find(const P11dKeyStreams *streams, uint64_t id, uint64_t channel);
/* Held is in use no more. False: it does not go on, or was ended meanwhile; it is taken out, and
 * the caller's to free. */
bool p11d_keystreams_release(P11dKeyStreams *streams, P11dHeldStream *held, bool goes_on);
/* Whether a stream ends. */
typedef bool P11dKeyStreamEnds(const P11dHeldStream *held, void *data);
/* Ends those, and puts them before the others of *ended, which the caller is to free; a stream that
 * is in use is ended when it is released. */
void p11d_keystreams_end_some(P11dKeyStreams *streams, P11dKeyStreamEnds *ends, void *data,
                              P11dHeldStream **ended);
/* Ends all. What is returned (or NULL) is the caller's to free; a stream that is in use is ended
 * when it is released. */
P11dHeldStream *p11d_keystreams_end(P11dKeyStreams *streams);
/* Takes out one stream of that channel, if there is any; or NULL. */
P11dHeldStream *p11d_keystreams_take(P11dKeyStreams *streams, uint64_t channel);
/* Wipes and frees held and those behind it. Safe on NULL. */
void p11d_keystreams_free(P11dHeldStream *held);

#endif
