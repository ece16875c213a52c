// SPDX-License-Identifier: MIT
/*
 * A client is a control channel with the credentials of who is behind it, what the token keeps for
 * it (its view: login, opened keys), and the call channels that it opened. When the control channel
 * closes, the client is logged out at once and none of its channels serves another call. The
 * clients of a worker are kept together, so that all can be told of a change.
 */
#ifndef P11D_CLIENT_H
#define P11D_CLIENT_H

#include "endpoint.h"
#include "pool.h"
#include "worker-token.h"

/* The most call channels of one client, clients of one user, and clients of a worker. A module
 * keeps at most 8 call channels, and one for each of 64 streams. */
#define P11D_CLIENT_CHANNELS 72
#define P11D_CLIENTS_OF_USER 512
#define P11D_CLIENTS 4096
/* How many of the descriptors that this process may have are not for channels: for files of keys,
 * and for those that are on their way to clients. */
#define P11D_CLIENTS_SPARE_DESCRIPTORS (P11D_POOL_THREADS + 32)

typedef struct P11dClient P11dClient;

typedef struct P11dClients {
    P11dWorkerToken *token;
    const char *path;                   /* of the token on D-Bus */
    P11dEndpointLoop loop;              /* what is in it the worker owns */
    const P11dEndpointHandler *handler; /* of all endpoints */
    atomic_size_t channels;             /* of all clients: each is a descriptor */
    pthread_mutex_t lock;               /* of what follows; taken before any client's lock */
    P11dClient *first;
    size_t count;
} P11dClients;

struct P11dClient {
    P11dEndpointGroup group; /* gone: the control channel closed, or is to be closed. Its lock is
                              * also that of the last four */
    P11dClients *clients;
    P11dClient *next;
    P11dClient *previous;
    uid_t uid;
    pid_t pid; /* 0: not known */
    P11dView *view;
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

/* Takes the channels of clients that are gone out of epoll and has them closed, and their pending
 * calls canceled. all: of every client. Called by the main thread alone, and not while it holds
 * unhandled events of epoll. */
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
 * EMFILE at the limit of the client, or of the descriptors of this process. */
int p11d_client_open_channel(P11dClient *client);

/* The client that endpoint belongs to. */
P11dClient *p11d_client_of(P11dEndpoint *endpoint);

#endif
