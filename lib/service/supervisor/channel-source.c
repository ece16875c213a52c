// SPDX-License-Identifier: MIT
#include "channel-source.h"

typedef struct ChannelSource {
    GSource source;
    P11dChannel *channel;
    const P11dChannelHandler *handler;
    void *data;
    void *tag;    /* of the descriptor in the poll set */
    gboolean hot; /* the last receive gave a message: look again before polling */
    gboolean paused;
} ChannelSource;

static gboolean is_receiving(const ChannelSource *self)
{
    return !self->paused && self->channel->out.size == 0;
}

static void update_conditions(ChannelSource *self)
{
    GIOCondition conditions = 0; /* hang-ups are always reported */
    if (self->channel->out.size > 0)
        conditions = G_IO_OUT;
    else if (!self->paused)
        conditions = G_IO_IN;
    g_source_modify_unix_fd(&self->source, self->tag, conditions);
}

static gboolean prepare(GSource *source, gint *timeout)
{
    ChannelSource *self = (ChannelSource *)source;
    *timeout = -1;
    return self->hot && is_receiving(self);
}

static gboolean check(GSource *source)
{
    ChannelSource *self = (ChannelSource *)source;
    return g_source_query_unix_fd(source, self->tag) != 0 || (self->hot && is_receiving(self));
}

static gboolean end(ChannelSource *self, P11dStatus why)
{
    g_source_destroy(&self->source);
    self->handler->end(why, self->data);
    return G_SOURCE_REMOVE;
}

static gboolean receive(ChannelSource *self)
{
    P11dMessage message;
    P11dStatus status = p11d_channel_receive(self->channel, p11d_deadline_now(), &message);

    self->hot = status == P11D_OK;
    if (status == P11D_TIMEOUT)
        return G_SOURCE_CONTINUE;
    if (status != P11D_OK)
        return end(self, status);
    self->handler->message(&message, self->data);
    if (g_source_is_destroyed(&self->source)) /* the channel may be gone with it */
        return G_SOURCE_REMOVE;
    p11d_channel_done(self->channel);
    update_conditions(self);
    return G_SOURCE_CONTINUE;
}

/* GLib holds a reference to the source meanwhile: self outlives the handlers. */
static gboolean dispatch(GSource *source, GSourceFunc callback G_GNUC_UNUSED,
                         gpointer data G_GNUC_UNUSED)
{
    ChannelSource *self = (ChannelSource *)source;
    GIOCondition found = g_source_query_unix_fd(source, self->tag);

    if (self->channel->out.size > 0) {
        P11dStatus status = p11d_channel_flush(self->channel);
        if (status != P11D_OK && status != P11D_TIMEOUT)
            return end(self, status);
        update_conditions(self);
    }
    if (is_receiving(self))
        return receive(self);
    return found & (G_IO_HUP | G_IO_ERR) ? end(self, P11D_CLOSED) : G_SOURCE_CONTINUE;
}

static GSourceFuncs functions = {.prepare = prepare, .check = check, .dispatch = dispatch};

GSource *p11d_channel_source_add(P11dChannel *channel, const P11dChannelHandler *handler,
                                 void *data)
{
    int fd = p11d_descriptor_number(channel->descriptor);
    if (fd < 0)
        return NULL;
    GSource *source = g_source_new(&functions, sizeof(ChannelSource));
    ChannelSource *self = (ChannelSource *)source;
    self->channel = channel;
    self->handler = handler;
    self->data = data;
    self->tag = g_source_add_unix_fd(source, fd, G_IO_IN);
    g_source_attach(source, NULL);
    return source;
}

void p11d_channel_source_pause(GSource *source, gboolean paused)
{
    ((ChannelSource *)source)->paused = paused;
    update_conditions((ChannelSource *)source);
}

void p11d_channel_source_queued(GSource *source)
{
    update_conditions((ChannelSource *)source);
}

void p11d_channel_source_wake(GSource *source)
{
    ((ChannelSource *)source)->hot = TRUE;
}

void p11d_channel_source_remove(GSource **source)
{
    if (!*source)
        return;
    g_source_destroy(*source);
    g_source_unref(*source);
    *source = NULL;
}
