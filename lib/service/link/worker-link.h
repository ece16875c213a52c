// SPDX-License-Identifier: MIT
/*
 * A worker link is the socket between the supervisor and one worker: D-Bus messages in the core's
 * codec. The worker says on it which tokens it has, in the signals of
 * org.freedesktop.DBus.ObjectManager and .Properties; the supervisor hands it the control channels
 * of new clients. Nobody waits for a reply, so neither process can block the other.
 * An update may have replaced the program of one side while the other runs: each begins with the
 * version that it speaks, and what it does not understand it leaves out, with a line in the log.
 */
#ifndef P11D_WORKER_LINK_H
#define P11D_WORKER_LINK_H

#include "channel.h"
#include "credentials.h"

/* What is said on the link. It is another version where one side would take wrong what the other
 * says; new messages, and new fields in old ones, are none. */
#ifndef P11D_WORKER_LINK_VERSION
#define P11D_WORKER_LINK_VERSION 1
#endif

/* The descriptor number under which a worker finds its end of the link. */
#define P11D_WORKER_LINK_DESCRIPTOR 3

/* Arguments of a worker: clients may change what it serves, all of them or those of its own user
 * and root. */
#define P11D_WORKER_LINK_WRITERS_ALL "-w"
#define P11D_WORKER_LINK_WRITERS_OWNER "-o"

/* The exit status of a worker that cannot go on with what it serves and has done nothing wrong:
 * another one is to be started at once. */
#define P11D_WORKER_LINK_ANEW 4

/* Queues the version, which is the first message of either side. */
P11dStatus p11d_worker_link_queue_hello(P11dChannel *link);

/*
 * Worker: queues InterfacesAdded for the token at path. properties: marshalled elements of the
 * a{sv} of org.p11dbus.Token1 (as for p11d_writer_raw), size bytes.
 */
P11dStatus p11d_worker_link_queue_token_added(P11dChannel *link, const char *path,
                                              const void *properties, size_t size);
/* Worker: queues InterfacesRemoved. */
P11dStatus p11d_worker_link_queue_token_removed(P11dChannel *link, const char *path);
/* Worker: queues PropertiesChanged of Token1 with these properties. */
P11dStatus p11d_worker_link_queue_token_changed(P11dChannel *link, const char *path,
                                                const void *properties, size_t size);
/* Worker: queues the word that every token it has at start was announced. */
P11dStatus p11d_worker_link_queue_ready(P11dChannel *link);

/*
 * Supervisor: hands a new client's control channel over to the worker. path: of the token;
 * credentials: borrowed; fd: the worker's end of the channel, borrowed (the caller closes it).
 * Sends without waiting longer than deadline. Errors: as p11d_channel_send.
 */
P11dStatus p11d_worker_link_send_client(P11dChannel *link, const char *path,
                                        const P11dCredentials *credentials, int fd,
                                        P11dDeadline deadline);

/* The other side of a link, as its messages show it. */
typedef struct P11dWorkerLinkPeer {
    const char *name; /* for the log: "the service"; borrowed */
    bool greeted;     /* its version is known */
    bool told;        /* that something was not understood: one line of the log is enough */
} P11dWorkerLinkPeer;

/* What a message on a link says. */
typedef enum P11dWorkerLinkKind {
    P11D_WORKER_LINK_NOTHING, /* it is done with: the version, or something not understood */
    P11D_WORKER_LINK_TOKEN_ADDED,
    P11D_WORKER_LINK_TOKEN_REMOVED,
    P11D_WORKER_LINK_TOKEN_CHANGED,
    P11D_WORKER_LINK_READY,
    P11D_WORKER_LINK_CLIENT,
} P11dWorkerLinkKind;

/* Tells what message says; *path (of the token) points into it, NULL for _READY. Another version,
 * and what is not understood, goes to the log. */
P11dWorkerLinkKind p11d_worker_link_kind(P11dWorkerLinkPeer *peer, const P11dMessage *message,
                                         const char **path);

/* Of a CLIENT: its credentials, which the caller clears. False if they do not name the user, or
 * memory ran out. The descriptor is taken from the channel with p11d_channel_take(link, 0). */
bool p11d_worker_link_read_client(P11dWorkerLinkPeer *peer, const P11dMessage *message,
                                  P11dCredentials *credentials);

#endif
