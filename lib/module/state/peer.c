// SPDX-License-Identifier: MIT
#include "peer.h"

#include <stdio.h>
#include <stdlib.h>

#include "lock.h"

static P11dPeer *enlist(P11dInstance *instance)
{
    P11dPeer *peer = calloc(1, sizeof *peer);
    if (!peer)
        return NULL;
    peer->references = 1;
    peer->instance = instance;
    peer->next = instance->peers;
    if (peer->next)
        peer->next->previous = peer;
    instance->peers = peer;
    return peer;
}

P11dPeer *p11d_peer_new(P11dInstance *instance, P11dDescriptor *descriptor, bool carries)
{
    P11dPeer *peer = enlist(instance);
    if (!peer) {
        p11d_descriptor_close(descriptor);
        return NULL;
    }
    peer->descriptor = descriptor;
    p11d_channel_init(&peer->bus.channel, descriptor, P11D_MESSAGE_MAX);
    peer->bus.channel.accepts_descriptors = carries;
    return peer;
}

P11dPeer *p11d_peer_new_on_bus(P11dInstance *instance, P11dBus *bus, const char *destination)
{
    P11dPeer *peer = enlist(instance);
    if (!peer) {
        p11d_bus_clear(bus);
        return NULL;
    }
    peer->bus = *bus;
    *bus = (P11dBus){0};
    peer->descriptor = peer->bus.channel.descriptor;
    peer->on_bus = true;
    snprintf(peer->destination, sizeof peer->destination, "%s", destination);
    return peer;
}

P11dPeer *p11d_peer_reference(P11dPeer *peer)
{
    peer->references++;
    return peer;
}

void p11d_peer_release(P11dPeer *peer)
{
    if (!peer || --peer->references > 0)
        return;
    if (peer->next)
        peer->next->previous = peer->previous;
    if (peer->previous)
        peer->previous->next = peer->next;
    else
        peer->instance->peers = peer->next;
    p11d_bus_clear(&peer->bus);
    free(peer);
}

void p11d_peer_yield(P11dPeer *peer)
{
    peer->busy = false;
    p11d_lock_wake();
}

void p11d_peer_shutdown_all(P11dInstance *instance)
{
    for (P11dPeer *peer = instance->peers; peer; peer = peer->next)
        p11d_descriptor_shutdown(peer->descriptor);
}
