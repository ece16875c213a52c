// SPDX-License-Identifier: MIT
/*
 * An endpoint is the worker's end of one channel of a client. It has one owner at a time: epoll
 * while nothing happens on it (armed for one event), the main thread for a moment, or a thread of
 * the pool, which serves calls until the channel was idle for a while and then gives it back to
 * epoll. Only who owns it closes it. What arrives, and what its end means, is the affair of those
 * who it was made for. While a call is pending, nothing is read and no thread waits; the endpoint
 * belongs to the main thread, which learns from any thread that the call is complete.
 */
#ifndef P11D_ENDPOINT_H
#define P11D_ENDPOINT_H

#include "channel.h"
#include "pool.h"

typedef struct P11dEndpoint P11dEndpoint;

/* Where the endpoints of a worker wait and are served. */
typedef struct P11dEndpointLoop {
    P11dPool *pool;
    P11dPool *lane; /* for acts that take long; NULL: they are performed like others */
    int epoll;      /* where channels wait that no thread serves */
    int wake;       /* eventfd, written when the main thread has something to do */
    int stop;       /* eventfd, readable for good once the worker ends */
    _Atomic(P11dEndpoint *) completed; /* whose pending calls are complete */
} P11dEndpointLoop;

/* What became of a message. */
typedef enum P11dEndpointOutcome {
    P11D_ENDPOINT_SERVED,  /* the next may come */
    P11D_ENDPOINT_PENDING, /* until p11d_endpoint_complete */
    P11D_ENDPOINT_LOST,    /* the channel is of no further use */
} P11dEndpointOutcome;

/* What is done with the messages of endpoints. */
typedef struct P11dEndpointHandler {
    /* Handles a message that arrived. */
    P11dEndpointOutcome (*message)(P11dEndpoint *endpoint, const P11dMessage *message);
    /* The call that was pending is complete: answers it. */
    P11dEndpointOutcome (*resume)(P11dEndpoint *endpoint);
    /* Nobody waits any more for the pending call. Called once at most, by the main thread, with the
     * lock held, and never once the call is complete. */
    void (*cancel)(P11dEndpoint *endpoint);
} P11dEndpointHandler;

/* What the endpoints of one client have in common. */
typedef struct P11dEndpointGroup {
    P11dEndpointLoop *loop;
    const P11dEndpointHandler *handler;
    /* The channel is of no further use, and the endpoint out of epoll: it is to be freed. */
    void (*close)(P11dEndpoint *endpoint);
    pthread_mutex_t lock;      /* of what is written to the control channel, and where it is said */
    atomic_bool gone;          /* no message is handled any more */
    atomic_int large_messages; /* that arrive at this moment; see endpoint.c */
} P11dEndpointGroup;

struct P11dEndpoint {
    P11dJob job;
    P11dEndpointGroup *group;
    P11dEndpoint *next; /* of the same group */
    P11dEndpoint *previous;
    P11dChannel channel;
    uint64_t number; /* no other endpoint of the process has had it; not 0 */
    int fd;          /* of channel, as long as that is open */
    bool control;    /* the group's control channel: others write signals to it, and an error then
                      * closes it, so the channel is only used under the lock */
    bool registered; /* with epoll; under the lock, as are the next four */
    bool parked;     /* owned by epoll */
    bool suspended;  /* owned by the main thread: a call is pending */
    bool complete;   /* it is not pending any more */
    bool canceled;   /* nobody waits for it */
    void *pending;   /* of those who handle messages */
    P11dEndpoint *next_completed;
};

/* Makes an endpoint of descriptor, owned from then on (closed on failure). The group is borrowed.
 * NULL if memory ran out. */
P11dEndpoint *p11d_endpoint_new(P11dEndpointGroup *group, P11dDescriptor *descriptor, bool control);

/* Closes and frees an endpoint that nobody knows (any more). */
void p11d_endpoint_free(P11dEndpoint *endpoint);

/* Gives the endpoint to epoll: from then on it belongs to whoever gets the event. With the lock
 * held. Returns false if epoll does not take it. */
bool p11d_endpoint_park(P11dEndpoint *endpoint);

/* For the main thread, of an endpoint that epoll gave: has it served by the pool; on one that is
 * suspended the other side has hung up. With the lock held. */
void p11d_endpoint_wake(P11dEndpoint *endpoint);
/* For the main thread, with the lock held: the group is gone, so that a pending call of the
 * endpoint is canceled, and a parked endpoint closed. */
void p11d_endpoint_abandon(P11dEndpoint *endpoint);

/* The pending call of endpoint is complete. May be called by any thread, without the lock, also
 * before the handler has said that it is pending. */
void p11d_endpoint_complete(P11dEndpoint *endpoint);
/* Has those served whose calls are complete. Called by the main thread alone, and not while it
 * holds unhandled events of epoll. */
void p11d_endpoint_resume_all(P11dEndpointLoop *loop);

/* Begins a message to the other side, as p11d_channel_begin. On a control channel this takes the
 * lock, so what takes long is to be done before. */
void p11d_endpoint_begin(P11dEndpoint *endpoint, P11dWriter *writer, P11dMessage *message);

/* Sends it without waiting, with fd (borrowed) if that is not -1, and frees the lock. What the
 * socket does not take is kept and sent before the next call is read. Errors: as
 * p11d_channel_queue; on P11D_TOO_LARGE and P11D_MALFORMED another message may follow. */
P11dStatus p11d_endpoint_finish(P11dEndpoint *endpoint, P11dWriter *writer, int fd);
/* Drops what was begun, and frees the lock. */
void p11d_endpoint_drop(P11dEndpoint *endpoint);

#endif
