// SPDX-License-Identifier: MIT
/*
 * A client is a control channel with the credentials of who is behind it, what the token keeps for
 * it (its view: login, opened keys), and the call channels that it opened. When the control channel
 * closes, the client is logged out at once and none of its channels serves another call. The
 * clients of a worker are kept together, so that all can be told of a change.
 */
#ifndef P11D_CLIENT_H
#define P11D_CLIENT_H

#include <stdatomic.h>

#include "endpoint.h"
#include "pool.h"
#include "worker-token.h"

/* The most call channels of one client, clients of one user, and clients of a worker. A module
 * keeps at most 8 call channels. */
#define P11D_CLIENT_CHANNELS 16
#define P11D_CLIENTS_OF_USER 512
#define P11D_CLIENTS 4096

typedef struct P11dClients {
    P11dWorkerToken *token;
    const char *path; /* of the token on D-Bus */
    P11dPool *pool;
    int epoll; /* where channels wait that no thread serves; owned by the worker, as are these: */
    int wake;  /* eventfd, written when the main thread should sweep */
    int stop;  /* eventfd, readable for good once the worker ends */
    pthread_mutex_t lock; /* of what follows; taken before any client's lock */
    P11dClient *first;
    size_t count;
} P11dClients;

struct P11dClient {
    P11dClients *clients;
    P11dClient *next;
    P11dClient *previous;
    uid_t uid;
    pid_t pid; /* 0: not known */
    P11dView *view;
    atomic_int large_messages; /* that arrive at this moment; see endpoint.c */
    /* No call is served any more: the control channel closed, or is to be closed. */
    atomic_bool gone;
    pthread_mutex_t lock;    /* of what follows, and of what is written to the control channel */
    P11dEndpoint *control;   /* NULL once closed */
    P11dEndpoint *endpoints; /* all, control too */
    size_t endpoint_count;
    bool told; /* ObjectsChanged was sent, and the client has not listed since */
};

/* Makes a client of its control channel, owned from then on. Over a limit, or without memory, the
 * channel is closed instead. */
void p11d_clients_add(P11dClients *clients, P11dDescriptor *control,
                      const P11dCredentials *credentials);

/* Tells all clients that objects have changed. Writes without waiting. */
void p11d_clients_notify(P11dClients *clients);

/* Takes the channels of clients that are gone out of epoll and has them closed. all: of every
 * client. Called by the main thread alone, and not while it holds unhandled events of epoll. */
void p11d_clients_sweep(P11dClients *clients, bool all);

/* True if there is no client any more. */
bool p11d_clients_is_empty(P11dClients *clients);

/*
 * Tells one client that its objects have changed, unless it was told already: writes the signal
 * without waiting. A client that does not read is dropped. Not to be called between
 * p11d_endpoint_begin and p11d_endpoint_finish.
 */
void p11d_client_notify(P11dClient *client);

/* The client lists: the next change is to be told again. To be called before the list is made. */
void p11d_client_lists(P11dClient *client);

/* Opens one more call channel. Returns the client's end, owned by the caller, or -1 with errno set:
 * EMFILE at the limit. */
int p11d_client_open_channel(P11dClient *client);

/* One of the client's channels was closed: takes endpoint out of it. With the control channel the
 * client is gone, with the last one it is freed. */
void p11d_client_remove(P11dClient *client, P11dEndpoint *endpoint);

#endif
