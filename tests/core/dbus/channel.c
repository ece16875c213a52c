// SPDX-License-Identifier: MIT
#include "channel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "channel-pair.h"

#define LARGE (LIMIT - 1000)

/* Answers every call with its own body, until the other side hangs up. */
static void *echo(void *data)
{
    P11dChannel channel;
    P11dMessage message;
    p11d_channel_init(&channel, p11d_descriptor_adopt(*(int *)data), LIMIT);
    while (p11d_channel_receive(&channel, LATER, &message) == P11D_OK) {
        P11dMessage reply = make_message(P11D_MESSAGE_RETURN, 0);
        P11dReader body = message.body;
        P11dWriter writer;
        const uint8_t *bytes;
        size_t size;
        reply.reply_serial = message.serial;
        p11d_channel_begin(&channel, &writer, &reply);
        if (p11d_reader_bytes(&body, &bytes, &size))
            p11d_writer_bytes(&writer, bytes, size);
        if (p11d_channel_send(&channel, &writer, -1, LATER, NULL) != P11D_OK)
            break;
    }
    p11d_channel_clear(&channel);
    return NULL;
}

Test(channel, calls_and_replies)
{
    Pair pair;
    pthread_t thread;
    open_pair(&pair);
    pthread_create(&thread, NULL, echo, &pair.peer);
    static const size_t sizes[] = {0, 1, 200, 4096, 65536, 300000, LARGE, 5};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        P11dWriter writer;
        P11dMessage reply;
        bool complete = false;
        begin_call(&pair.channel, &writer, (char)('a' + i), sizes[i]);
        cr_assert_eq(
            p11d_channel_call(&pair.channel, &writer, LATER, NULL, NULL, &reply, &complete),
            P11D_OK);
        cr_assert(complete);
        cr_assert_eq(reply.type, P11D_MESSAGE_RETURN);
        cr_assert(has_body(&reply, (char)('a' + i), sizes[i]), "%zu bytes", sizes[i]);
        p11d_channel_done(&pair.channel);
        cr_assert_eq(pair.channel.messages_sent, i + 1);
        cr_assert_eq(pair.channel.messages_received, i + 1);
    }
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, NULL);
}

Test(channel, a_message_in_single_bytes)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    P11dBuffer bytes = one_message(P11D_MESSAGE_SIGNAL, 7, 0, 'x', 100);
    for (size_t i = 0; i < bytes.size; i++) {
        cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message),
                     P11D_TIMEOUT);
        peer_sends(&pair, bytes.data + i, 1);
    }
    cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message), P11D_OK);
    cr_assert(message.serial == 7 && has_body(&message, 'x', 100));
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
}

Test(channel, many_messages_in_one_read)
{
    Pair pair;
    P11dBuffer bytes;
    P11dMessage message;
    open_pair(&pair);
    p11d_buffer_init(&bytes, LIMIT);
    for (uint32_t i = 1; i <= 20; i++) {
        message = make_message(P11D_MESSAGE_SIGNAL, i);
        append_message(&bytes, &message, (char)i, i * 3);
    }
    peer_sends(&pair, bytes.data, bytes.size - 5);
    for (uint32_t i = 1; i < 20; i++) {
        cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
        cr_assert_eq((uintptr_t)pair.channel.in.data % 8, 0);
        cr_assert(message.serial == i && has_body(&message, (char)i, i * 3));
    }
    cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message), P11D_TIMEOUT);
    peer_sends(&pair, bytes.data + bytes.size - 5, 5);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert(message.serial == 20 && has_body(&message, 20, 60));
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
}

Test(channel, what_arrived_before_the_end_is_still_received)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    peer_sends_buffer(&pair, one_message(P11D_MESSAGE_SIGNAL, 1, 0, 'x', 10));
    close(pair.peer);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_CLOSED);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_CLOSED);
    p11d_channel_clear(&pair.channel);
}

Test(channel, one_without_a_socket_is_closed)
{
    P11dChannel channel;
    P11dMessage message;
    bool complete = true;
    p11d_channel_init(&channel, NULL, LIMIT);
    cr_assert_not(p11d_channel_is_open(&channel));
    cr_assert_eq(call(&channel, LATER, &message, &complete), P11D_CLOSED);
    cr_assert_not(complete);
    cr_assert_eq(p11d_channel_receive(&channel, LATER, &message), P11D_CLOSED);
    cr_assert_eq(p11d_channel_flush(&channel), P11D_CLOSED);
    cr_assert_null(p11d_channel_take(&channel, 0));
    p11d_channel_done(&channel);
    p11d_channel_clear(&channel);
    p11d_channel_clear(&channel);
}

static void count_signal(const P11dMessage *message, void *data)
{
    if (has_body(message, 's', 5))
        ++*(unsigned *)data;
}

Test(channel, signals_before_a_reply_go_to_their_own_function)
{
    Pair pair;
    P11dWriter writer;
    P11dMessage reply;
    unsigned signals = 0;
    open_pair(&pair);
    peer_sends_buffer(&pair, one_message(P11D_MESSAGE_SIGNAL, 1, 0, 's', 5));
    peer_sends_buffer(&pair, one_message(P11D_MESSAGE_SIGNAL, 2, 0, 's', 5));
    peer_sends_buffer(&pair, one_message(P11D_MESSAGE_ERROR, 3, 1, 'r', 5));
    begin_call(&pair.channel, &writer, 'c', 5);
    cr_assert_eq(
        p11d_channel_call(&pair.channel, &writer, LATER, count_signal, &signals, &reply, NULL),
        P11D_OK);
    cr_assert(reply.type == P11D_MESSAGE_ERROR && has_body(&reply, 'r', 5));
    cr_assert_eq(signals, 2);
    close_pair(&pair);
}

/* Sending */

Test(channel, trap_no_signal_in_host)
{
    Pair pair;
    bool complete = true;
    signal(SIGPIPE, SIG_DFL);
    open_pair(&pair);
    close(pair.peer);
    cr_assert_eq(send_call(&pair.channel, 'x', 10, LATER, &complete), P11D_CLOSED);
    cr_assert_not(complete);
    p11d_channel_clear(&pair.channel);
}

Test(channel, a_send_is_incomplete_while_one_byte_is_missing)
{
    Pair pair;
    bool complete = true;
    open_pair(&pair);
    cr_assert_eq(send_call(&pair.channel, 'x', LARGE, SOON, &complete), P11D_TIMEOUT);
    cr_assert_not(complete);
    cr_assert_not(p11d_channel_is_open(&pair.channel), "the rest could not follow any more");
    close_pair(&pair);
}

Test(channel, a_send_that_could_not_begin_leaves_the_channel_open)
{
    Pair pair;
    char junk[4096] = {0};
    bool complete = true;
    open_pair(&pair);
    int number = p11d_descriptor_number(pair.channel.descriptor);
    while (send(number, junk, sizeof junk, MSG_DONTWAIT) > 0)
        ;
    cr_assert_eq(send_call(&pair.channel, 'x', 10, SOON, &complete), P11D_TIMEOUT);
    cr_assert_not(complete);
    cr_assert(p11d_channel_is_open(&pair.channel));
    close_pair(&pair);
}

static void *read_all(void *data)
{
    static char bytes[65536];
    size_t total = 0;
    for (ssize_t size; (size = recv(*(int *)data, bytes, sizeof bytes, 0)) > 0;)
        total += (size_t)size;
    return (void *)total;
}

Test(channel, a_send_waits_for_a_slow_reader)
{
    Pair pair;
    pthread_t thread;
    bool complete = false;
    void *total;
    open_pair(&pair);
    pthread_create(&thread, NULL, read_all, &pair.peer);
    cr_assert_eq(send_call(&pair.channel, 'x', LARGE, LATER, &complete), P11D_OK);
    cr_assert(complete);
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, &total);
    cr_assert_gt((size_t)total, LARGE);
}

static void *send_large(void *data)
{
    P11dStatus status = send_call(data, 'x', LARGE, SOON, NULL);
    return (void *)(uintptr_t)status;
}

Test(channel, trap_every_wait_has_a_deadline__send)
{
    Pair pair;
    P11dChannel other;
    pthread_t thread;
    void *status;
    open_pair(&pair);
    p11d_channel_init(&other, p11d_descriptor_adopt(pair.peer), LIMIT);
    P11dWriter writer;
    begin_call(&pair.channel, &writer, 'x', LARGE);
    pthread_create(&thread, NULL, send_large, &other);
    /* Timed out, or the other one was first and has hung up. */
    cr_assert_neq(p11d_channel_send(&pair.channel, &writer, -1, SOON, NULL), P11D_OK);
    pthread_join(thread, &status);
    cr_assert_neq((P11dStatus)(uintptr_t)status, P11D_OK);
    p11d_channel_clear(&pair.channel);
    p11d_channel_clear(&other);
}

Test(channel, trap_sizes_are_bounded__a_message_that_is_too_large)
{
    Pair pair;
    pthread_t thread;
    P11dMessage reply;
    bool complete = true;
    open_pair(&pair);
    pthread_create(&thread, NULL, echo, &pair.peer);
    cr_assert_eq(send_call(&pair.channel, 'x', LIMIT, LATER, &complete), P11D_TOO_LARGE);
    cr_assert_not(complete);
    cr_assert_eq(call(&pair.channel, LATER, &reply, NULL), P11D_OK);
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, NULL);
}

Test(channel, what_dbus_cannot_carry_is_not_sent_and_the_channel_lives)
{
    Pair pair;
    pthread_t thread;
    P11dWriter writer;
    P11dMessage reply;
    open_pair(&pair);
    pthread_create(&thread, NULL, echo, &pair.peer);
    P11dMessage message = make_message(P11D_MESSAGE_CALL, 0);
    message.signature = "s";
    p11d_channel_begin(&pair.channel, &writer, &message);
    p11d_writer_text(&writer, "\xff", 1);
    cr_assert_eq(p11d_channel_send(&pair.channel, &writer, -1, LATER, NULL), P11D_MALFORMED);
    cr_assert_eq(call(&pair.channel, LATER, &reply, NULL), P11D_OK);
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, NULL);
}

Test(channel, a_message_that_was_given_up_is_never_sent)
{
    Pair pair;
    pthread_t thread;
    P11dWriter writer;
    P11dMessage reply;
    open_pair(&pair);
    pthread_create(&thread, NULL, echo, &pair.peer);
    begin_call(&pair.channel, &writer, 'x', 5000);
    cr_assert_eq(call(&pair.channel, LATER, &reply, NULL), P11D_OK);
    cr_assert(has_body(&reply, 'c', 10));
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, NULL);
}

Test(channel, serials_are_never_zero)
{
    Pair pair;
    P11dWriter writer;
    open_pair(&pair);
    pair.channel.serial = UINT32_MAX;
    begin_call(&pair.channel, &writer, 'x', 5);
    cr_assert_eq(pair.channel.serial, 1);
    close_pair(&pair);
}

Test(channel, trap_finalize_wakes_calls__on_a_channel_that_has_failed)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    P11dDescriptor *known = pair.channel.descriptor;
    shutdown(pair.peer, SHUT_RDWR);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_CLOSED);
    P11dDescriptor *next = p11d_descriptor_socket();
    cr_assert_neq(next, known, "the owner has not cleared its channel yet");
    p11d_descriptor_shutdown(known);
    cr_assert_geq(p11d_descriptor_number(next), 0);
    p11d_descriptor_close(next);
    close_pair(&pair);
}

/* Queueing */

Test(channel, a_queue_never_waits_and_keeps_the_order)
{
    Pair pair;
    P11dChannel other;
    P11dWriter writer;
    P11dMessage message;
    uint32_t sent = 0;
    open_pair(&pair);
    p11d_channel_init(&other, p11d_descriptor_adopt(pair.peer), LIMIT);
    P11dStatus status = P11D_OK;
    while (status == P11D_OK) { /* until the socket is full, and then the queue */
        begin_call(&pair.channel, &writer, 'q', 20000);
        status = p11d_channel_queue(&pair.channel, &writer);
        sent += status == P11D_OK;
    }
    cr_assert_eq(status, P11D_TOO_LARGE);
    cr_assert_eq(p11d_channel_flush(&pair.channel), P11D_TIMEOUT);
    begin_call(&pair.channel, &writer, 'x', 10); /* given up: must not be sent */

    for (uint32_t i = 1; i <= sent; i++) {
        cr_assert_eq(p11d_channel_receive(&other, p11d_deadline_now(), &message), P11D_OK);
        cr_assert(message.serial == i && has_body(&message, 'q', 20000));
        status = p11d_channel_flush(&pair.channel);
        cr_assert(status == P11D_OK || status == P11D_TIMEOUT);
    }
    cr_assert_eq(status, P11D_OK);
    cr_assert_eq(p11d_channel_receive(&other, p11d_deadline_now(), &message), P11D_TIMEOUT);
    cr_assert_eq(send_call(&pair.channel, 's', 10, LATER, NULL), P11D_OK);
    cr_assert_eq(p11d_channel_receive(&other, LATER, &message), P11D_OK);
    cr_assert(has_body(&message, 's', 10));
    p11d_channel_clear(&pair.channel);
    p11d_channel_clear(&other);
}

Test(channel, a_send_goes_behind_what_is_queued)
{
    Pair pair;
    P11dWriter writer;
    pthread_t thread;
    void *total;
    open_pair(&pair);
    for (size_t i = 0; i < 40; i++) {
        begin_call(&pair.channel, &writer, 'q', 20000);
        cr_assert_eq(p11d_channel_queue(&pair.channel, &writer), P11D_OK);
    }
    cr_assert_gt(pair.channel.out_ready, 0);
    pthread_create(&thread, NULL, read_all, &pair.peer);
    cr_assert_eq(send_call(&pair.channel, 's', 20000, LATER, NULL), P11D_OK);
    p11d_channel_clear(&pair.channel);
    pthread_join(thread, &total);
    cr_assert_gt((size_t)total, 41 * 20000);
}

/* What must not stay in memory */

static bool holds(const P11dBuffer *buffer, const char *text)
{
    return buffer->data && memmem(buffer->data, buffer->capacity, text, strlen(text));
}

Test(channel, trap_pin_is_wiped_and_in_no_log__in_messages)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    cr_assert_eq(send_call(&pair.channel, '7', 50, LATER, NULL), P11D_OK);
    cr_assert_not_null(pair.channel.out.data);
    cr_assert_not(holds(&pair.channel.out, "7777"));

    P11dBuffer two = one_message(P11D_MESSAGE_SIGNAL, 1, 0, '8', 50);
    message = make_message(P11D_MESSAGE_SIGNAL, 2);
    append_message(&two, &message, '9', 20);
    peer_sends_buffer(&pair, two);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert(holds(&pair.channel.in, "8888"));
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert_not(holds(&pair.channel.in, "8888"));
    p11d_channel_done(&pair.channel);
    cr_assert_not(holds(&pair.channel.in, "9999"));
    close_pair(&pair);
}

/* Signals that hit the thread that waits */

static atomic_uint interruptions;

static void interrupt(int number)
{
    (void)number;
    atomic_fetch_add(&interruptions, 1);
}

typedef struct Interrupter {
    const Pair *pair;
    pthread_t target;
} Interrupter;

static void *interrupt_then_reply(void *data)
{
    const Interrupter *work = data;
    while (atomic_load(&interruptions) < 20) {
        pthread_kill(work->target, SIGUSR1);
        sched_yield();
    }
    peer_sends_buffer(work->pair, one_message(P11D_MESSAGE_RETURN, 1, 1, 'r', 5));
    return NULL;
}

Test(channel, interruptions_do_not_end_a_call)
{
    Pair pair;
    pthread_t thread;
    P11dMessage reply;
    open_pair(&pair);
    struct sigaction action = {.sa_handler = interrupt};
    sigaction(SIGUSR1, &action, NULL);
    Interrupter work = {&pair, pthread_self()};
    pthread_create(&thread, NULL, interrupt_then_reply, &work);
    cr_assert_eq(call(&pair.channel, LATER, &reply, NULL), P11D_OK);
    pthread_join(thread, NULL);
    close_pair(&pair);
}
