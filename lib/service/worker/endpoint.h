// SPDX-License-Identifier: MIT
/*
 * An endpoint is the worker's end of one channel of a client. It has one owner at a time: epoll
 * while nothing happens on it (armed for one event), the main thread for a moment, or a thread of
 * the pool, which serves calls until the channel was idle for a while and then gives it back to
 * epoll. Only who owns it closes it. What arrives, and what its end means, is the affair of those
 * who it was made for.
 */
#ifndef P11D_ENDPOINT_H
#define P11D_ENDPOINT_H

#include "channel.h"
#include "pool.h"

typedef struct P11dEndpoint P11dEndpoint;

/* Where the endpoints of a worker wait and are served. */
typedef struct P11dEndpointLoop {
    P11dPool *pool;
    int epoll; /* where channels wait that no thread serves */
    int stop;  /* eventfd, readable for good once the worker ends */
} P11dEndpointLoop;

/* What the endpoints of one client have in common. */
typedef struct P11dEndpointGroup {
    const P11dEndpointLoop *loop;
    /* Handles a message that arrived. Returns false if the channel is of no further use. */
    bool (*message)(P11dEndpoint *endpoint, const P11dMessage *message);
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
    int fd;          /* of channel, as long as that is open */
    bool control;    /* the group's control channel: others write signals to it, and an error then
                      * closes it, so the channel is only used under the lock */
    bool registered; /* with epoll; under the lock, as is the next */
    bool parked;     /* owned by epoll */
};

/* Makes an endpoint of descriptor, owned from then on (closed on failure). The group is borrowed.
 * NULL if memory ran out. */
P11dEndpoint *p11d_endpoint_new(P11dEndpointGroup *group, P11dDescriptor *descriptor, bool control);

/* Closes and frees an endpoint that nobody knows (any more). */
void p11d_endpoint_free(P11dEndpoint *endpoint);

/* Gives the endpoint to epoll: from then on it belongs to whoever gets the event. With the lock
 * held. Returns false if epoll does not take it. */
bool p11d_endpoint_park(P11dEndpoint *endpoint);

/* Takes a parked endpoint, which is to be closed, out of epoll, so that no event comes for it any
 * more. Called by the main thread alone, with the lock held. */
void p11d_endpoint_disarm(P11dEndpoint *endpoint);
/* The main thread got the event, or has disarmed a parked endpoint: has it served by the pool. With
 * the lock held. */
void p11d_endpoint_unpark(P11dEndpoint *endpoint);

/* Begins a message to the other side, as p11d_channel_begin. On a control channel this takes the
 * lock, so what takes long is to be done before. */
void p11d_endpoint_begin(P11dEndpoint *endpoint, P11dWriter *writer, P11dMessage *message);

/* Sends it without waiting, with fd (borrowed) if that is not -1, and frees the lock. What the
 * socket does not take is kept and sent before the next call is read. Errors: as
 * p11d_channel_queue; on P11D_TOO_LARGE and P11D_MALFORMED another message may follow. */
P11dStatus p11d_endpoint_finish(P11dEndpoint *endpoint, P11dWriter *writer, int fd);

#endif
