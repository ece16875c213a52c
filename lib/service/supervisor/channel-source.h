// SPDX-License-Identifier: MIT
/*
 * A channel source serves a channel from a GLib main loop: it sends what is queued when the socket
 * takes it, and receives one message a turn, so that a busy peer keeps nobody else waiting. It
 * reads no further message while one of ours is not sent yet, nor while it is paused: a peer that
 * does not read is not served.
 */
#ifndef P11D_CHANNEL_SOURCE_H
#define P11D_CHANNEL_SOURCE_H

#include <glib.h>

#include "channel.h"

typedef struct P11dChannelHandler {
    /* message is valid during the call. */
    void (*message)(const P11dMessage *message, void *data);
    /* The channel cannot go on (hung up: P11D_CLOSED). The source has ended before the call;
     * the channel itself is the owner's to clear. */
    void (*end)(P11dStatus why, void *data);
} P11dChannelHandler;

/*
 * Attaches a source to the default main context. channel, handler and data are borrowed and outlive
 * it. Returns NULL if the channel is closed already. The caller ends and frees the source with
 * p11d_channel_source_remove, in a handler too.
 */
GSource *p11d_channel_source_add(P11dChannel *channel, const P11dChannelHandler *handler,
                                 void *data);

/* Stops receiving, or goes on with it. A hang-up is noticed in either case. */
void p11d_channel_source_pause(GSource *source, gboolean paused);

/* To be called after p11d_channel_queue: the rest is sent from the main loop. */
void p11d_channel_source_queued(GSource *source);

/* To be called where the channel may have closed outside of the handlers: if so, end is called from
 * the main loop. */
void p11d_channel_source_wake(GSource *source);

/* Ends *source, frees it and sets it to NULL. Safe on NULL. */
void p11d_channel_source_remove(GSource **source);

#endif
