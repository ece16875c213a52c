// SPDX-License-Identifier: MIT
/*
 * A peer is one connection of an instance: a manager, control or call channel, or, for a service
 * without channels, the message bus itself. One thread at a time speaks on it. Peers are counted,
 * because a thread may wait for one that another has found dead.
 */
#ifndef P11D_PEER_H
#define P11D_PEER_H

#include "bus.h"
#include "instance.h"

struct P11dPeer {
    P11dBus bus; /* bus.channel is the channel, also where it is a private one */
    /* Of the channel when it was new: for shutdown from other threads. */
    P11dDescriptor *descriptor;
    bool on_bus;
    char destination[256]; /* on the bus: the service. Its unique name once that is known, so that
                            * what is meant for one run of it never reaches another */
    unsigned references;
    bool busy;      /* a thread speaks on it */
    bool held;      /* of a call channel: a stream holds it */
    uint64_t epoch; /* of a call channel: the attachment of its token that it belongs to */
    P11dInstance *instance;
    P11dPeer *next; /* in the instance's list */
    P11dPeer *previous;
};

/*
 * Makes a peer of a private channel, with one reference, not busy. descriptor: a connected socket,
 * which it owns in any case; carries: whether descriptors come over it (manager and control
 * channels). Returns NULL if memory ran out.
 */
P11dPeer *p11d_peer_new(P11dInstance *instance, P11dDescriptor *descriptor, bool carries);

/* Makes a peer of a connected bus, which it takes over (bus is cleared then in any case).
 * destination: the service, at most 255 bytes. Returns NULL if memory ran out. */
P11dPeer *p11d_peer_new_on_bus(P11dInstance *instance, P11dBus *bus, const char *destination);

P11dPeer *p11d_peer_reference(P11dPeer *peer);

/* Gives a reference up; the last one hangs up and frees. Safe on NULL. */
void p11d_peer_release(P11dPeer *peer);

/* Ends what p11d_request_claim began: another thread may speak on it. */
void p11d_peer_yield(P11dPeer *peer);

/* Wakes whoever waits for an answer from any peer of instance: they find the connection closed. */
void p11d_peer_shutdown_all(P11dInstance *instance);

#endif
