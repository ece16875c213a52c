// SPDX-License-Identifier: MIT
#include "channel-source.h"

#include <criterion/criterion.h>
#include <sys/socket.h>

/* One served channel and its peer. */
typedef struct Pair {
    P11dChannel served, peer;
    GSource *source;
    guint messages; /* that were handled */
    guint ends;
    P11dStatus why;
    gboolean remove_in_handler;
} Pair;

static void on_message(const P11dMessage *message G_GNUC_UNUSED, void *data)
{
    Pair *pair = data;
    pair->messages++;
    if (pair->remove_in_handler) {
        p11d_channel_source_remove(&pair->source);
        p11d_channel_clear(&pair->served);
    }
}

static void on_end(P11dStatus why, void *data)
{
    Pair *pair = data;
    pair->ends++;
    pair->why = why;
}

static const P11dChannelHandler handler = {.message = on_message, .end = on_end};

static void set_up(Pair *pair)
{
    int ends[2];
    *pair = (Pair){0};
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p11d_channel_init(&pair->served, p11d_descriptor_adopt(ends[0]), 8 << 20);
    p11d_channel_init(&pair->peer, p11d_descriptor_adopt(ends[1]), 8 << 20);
    pair->source = p11d_channel_source_add(&pair->served, &handler, pair);
    cr_assert_not_null(pair->source);
}

static void tear_down(Pair *pair)
{
    p11d_channel_source_remove(&pair->source);
    p11d_channel_clear(&pair->served);
    p11d_channel_clear(&pair->peer);
}

/* Queues a message with size bytes. */
static void queue(P11dChannel *channel, size_t size)
{
    P11dWriter writer;
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .path = "/",
                           .interface = "a.b",
                           .member = "C",
                           .signature = "ay"};
    g_autofree void *bytes = g_malloc0(size);
    p11d_channel_begin(channel, &writer, &message);
    p11d_writer_bytes(&writer, bytes, size);
    cr_assert_eq(p11d_channel_queue(channel, &writer), P11D_OK);
}

static void turn(void)
{
    g_main_context_iteration(NULL, FALSE);
}

Test(channel_source, one_message_a_turn_so_that_others_get_theirs)
{
    Pair busy, quiet;
    set_up(&busy);
    set_up(&quiet);
    for (int i = 0; i < 100; i++)
        queue(&busy.peer, 1);
    queue(&quiet.peer, 1);
    while (quiet.messages == 0)
        turn();
    cr_assert_leq(busy.messages, 2);
    while (busy.messages < 100) /* all came with one read: no poll tells of those that are left */
        turn();
    tear_down(&busy);
    tear_down(&quiet);
}

Test(channel_source, a_peer_that_does_not_read_is_not_served)
{
    Pair pair;
    P11dMessage message;
    set_up(&pair);
    queue(&pair.served, 4 << 20); /* more than a socket takes */
    p11d_channel_source_queued(pair.source);
    queue(&pair.peer, 1);
    for (int i = 0; i < 100; i++)
        turn();
    cr_assert_eq(pair.messages, 0);
    while (p11d_channel_receive(&pair.peer, p11d_deadline_now(), &message) != P11D_OK)
        turn();
    while (pair.messages == 0)
        turn();
    tear_down(&pair);
}

Test(channel_source, a_pause_stops_messages_but_not_the_end)
{
    Pair pair;
    set_up(&pair);
    p11d_channel_source_pause(pair.source, TRUE);
    queue(&pair.peer, 1);
    for (int i = 0; i < 100; i++)
        turn();
    cr_assert_eq(pair.messages, 0);
    p11d_channel_source_pause(pair.source, FALSE);
    while (pair.messages == 0)
        turn();

    p11d_channel_source_pause(pair.source, TRUE);
    p11d_channel_clear(&pair.peer);
    while (pair.ends == 0)
        turn();
    cr_assert_eq(pair.why, P11D_CLOSED);
    tear_down(&pair);
}

Test(channel_source, what_was_sent_before_a_hang_up_is_handled_first)
{
    Pair pair;
    set_up(&pair);
    for (int i = 0; i < 10; i++)
        queue(&pair.peer, 1);
    p11d_channel_clear(&pair.peer);
    while (pair.ends == 0)
        turn();
    cr_assert_eq(pair.messages, 10);
    cr_assert_eq(pair.ends, 1);
    tear_down(&pair);
}

Test(channel_source, a_handler_may_end_its_own_channel)
{
    Pair pair;
    set_up(&pair);
    pair.remove_in_handler = TRUE;
    queue(&pair.peer, 1);
    queue(&pair.peer, 1);
    while (pair.messages == 0)
        turn();
    for (int i = 0; i < 100; i++)
        turn();
    cr_assert_eq(pair.messages, 1);
    cr_assert_eq(pair.ends, 0);
    tear_down(&pair);
}

Test(channel_source, a_channel_that_closed_elsewhere_ends_from_the_main_loop)
{
    Pair pair;
    set_up(&pair);
    p11d_descriptor_shutdown(pair.served.descriptor);
    p11d_channel_source_wake(pair.source);
    cr_assert_eq(pair.ends, 0);
    while (pair.ends == 0)
        turn();
    tear_down(&pair);
}

Test(channel_source, a_closed_channel_gets_no_source)
{
    P11dChannel closed;
    p11d_channel_init(&closed, NULL, 1024);
    cr_assert_null(p11d_channel_source_add(&closed, &handler, NULL));
}
