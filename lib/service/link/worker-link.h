// SPDX-License-Identifier: MIT
/*
 * A worker link is the socket between the supervisor and one worker: D-Bus messages in the core's
 * codec. The worker says on it which tokens it has, in the signals of
 * org.freedesktop.DBus.ObjectManager and .Properties; the supervisor hands it the control channels
 * of new clients. Nobody waits for a reply, so neither process can block the other.
 */
#ifndef P11D_WORKER_LINK_H
#define P11D_WORKER_LINK_H

#include "channel.h"
#include "credentials.h"

/* The descriptor number under which a worker finds its end of the link. */
#define P11D_WORKER_LINK_DESCRIPTOR 3

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

/* What a message on a link says. */
typedef enum P11dWorkerLinkKind {
    P11D_WORKER_LINK_UNKNOWN, /* to be ignored */
    P11D_WORKER_LINK_TOKEN_ADDED,
    P11D_WORKER_LINK_TOKEN_REMOVED,
    P11D_WORKER_LINK_TOKEN_CHANGED,
    P11D_WORKER_LINK_READY,
    P11D_WORKER_LINK_CLIENT,
} P11dWorkerLinkKind;

/* Tells what message says; *path (of the token) points into it, NULL for _READY. */
P11dWorkerLinkKind p11d_worker_link_kind(const P11dMessage *message, const char **path);

/* Of a CLIENT: its credentials, which the caller clears. The descriptor is taken from the channel
 * with p11d_channel_take(link, 0). */
bool p11d_worker_link_read_client(const P11dMessage *message, P11dCredentials *credentials);

#endif
