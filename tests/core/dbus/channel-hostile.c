// SPDX-License-Identifier: MIT
/* A channel whose other side, or whose own host, does what it should not. */
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>

#include "channel-pair.h"

#define MIB ((size_t)1 << 20)

/* The header of a message that claims body bytes of body. */
static void claim(uint8_t header[16], uint32_t body)
{
    P11dBuffer bytes = one_message(P11D_MESSAGE_RETURN, 1, 1, 'x', 4);
    memcpy(header, bytes.data, 16);
    memcpy(header + 4, &body, sizeof body);
    p11d_buffer_clear(&bytes);
}

/* The peer */

Test(channel_hostile, trap_every_wait_has_a_deadline__call)
{
    Pair pair;
    P11dMessage reply;
    bool complete = false;
    open_pair(&pair);
    cr_assert_eq(call(&pair.channel, SOON, &reply, &complete), P11D_TIMEOUT);
    cr_assert(complete, "it was sent, and may have been done");
    close_pair(&pair);
}

Test(channel_hostile, trap_every_wait_has_a_deadline__part_of_a_message)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    P11dBuffer bytes = one_message(P11D_MESSAGE_SIGNAL, 1, 0, 'x', 3000);
    peer_sends(&pair, bytes.data, 1500);
    cr_assert_eq(p11d_channel_receive(&pair.channel, SOON, &message), P11D_TIMEOUT);
    peer_sends(&pair, bytes.data + 1500, bytes.size - 1500);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert(has_body(&message, 'x', 3000));
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
}

Test(channel_hostile, trap_lost_reply_is_not_asked_again__but_a_lost_request_is)
{
    Pair pair;
    P11dMessage reply;
    bool complete = false;
    open_pair(&pair);
    shutdown(pair.peer, SHUT_WR);
    cr_assert_eq(call(&pair.channel, LATER, &reply, &complete), P11D_CLOSED);
    cr_assert(complete);
    close_pair(&pair);
}

static void check_wrong_reply(P11dMessageType type, uint32_t reply_serial)
{
    Pair pair;
    P11dMessage reply;
    open_pair(&pair);
    peer_sends_buffer(&pair, one_message(type, 5, reply_serial, 'x', 10));
    cr_assert_eq(call(&pair.channel, LATER, &reply, NULL), P11D_MALFORMED);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    close_pair(&pair);
}

Test(channel_hostile, a_reply_to_something_else_closes)
{
    check_wrong_reply(P11D_MESSAGE_RETURN, 2);
    check_wrong_reply(P11D_MESSAGE_ERROR, 999);
}

Test(channel_hostile, a_call_in_place_of_a_reply_closes)
{
    check_wrong_reply(P11D_MESSAGE_CALL, 0);
    check_wrong_reply(P11D_MESSAGE_CALL, 1);
}

Test(channel_hostile, junk_closes)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    peer_sends(&pair, "GET / HTTP/1.1\r\n\r\n", 18);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_MALFORMED);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_CLOSED);
    close_pair(&pair);
}

Test(channel_hostile, a_message_that_does_not_fit_its_signature_closes)
{
    Pair pair;
    P11dMessage message;
    open_pair(&pair);
    P11dBuffer bytes = one_message(P11D_MESSAGE_SIGNAL, 1, 0, 'x', 10);
    bytes.data[bytes.size - 14] = 11; /* one more byte than there is */
    peer_sends_buffer(&pair, bytes);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_MALFORMED);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    close_pair(&pair);
}

Test(channel_hostile, trap_sizes_are_bounded__a_claim_over_the_limit)
{
    Pair pair;
    P11dMessage message;
    uint8_t header[16];
    open_pair(&pair);
    claim(header, (uint32_t)LIMIT);
    peer_sends(&pair, header, sizeof header);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_TOO_LARGE);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    close_pair(&pair);
}

Test(channel_hostile, trap_sizes_are_bounded__a_claim_allocates_nothing)
{
    Pair pair;
    P11dMessage message;
    uint8_t header[16];
    open_pair(&pair);
    P11dDescriptor *descriptor = pair.channel.descriptor;
    p11d_channel_init(&pair.channel, descriptor, P11D_MESSAGE_MAX);
    claim(header, (uint32_t)(P11D_MESSAGE_MAX - 1024));
    peer_sends(&pair, header, sizeof header);
    struct mallinfo2 before = mallinfo2();
    cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message), P11D_TIMEOUT);
    struct mallinfo2 after = mallinfo2();
    cr_assert_leq(pair.channel.in.capacity, (size_t)128 << 10);
    cr_assert_leq(after.uordblks + after.hblkhd, before.uordblks + before.hblkhd + (256 << 10));

    /* What arrives counts, not what is claimed. */
    static char body[64 << 10];
    for (size_t sent = 0; sent < MIB; sent += sizeof body) {
        peer_sends(&pair, body, sizeof body);
        cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message),
                     P11D_TIMEOUT);
    }
    cr_assert_geq(pair.channel.in.size, MIB);
    cr_assert_leq(pair.channel.in.capacity, 4 * MIB);
    close_pair(&pair);
}

/* The host */

Test(channel_hostile, trap_foreign_descriptor_is_not_touched__closed_by_the_host)
{
    Pair pair;
    P11dMessage reply;
    bool complete = true;
    open_pair(&pair);
    close(p11d_descriptor_number(pair.channel.descriptor));
    cr_assert_eq(call(&pair.channel, LATER, &reply, &complete), P11D_CLOSED);
    cr_assert_not(complete);
    cr_assert_not(p11d_channel_is_open(&pair.channel));
    close_pair(&pair);
}

Test(channel_hostile, trap_foreign_descriptor_is_not_touched__a_file)
{
    Pair pair;
    P11dMessage reply;
    bool complete = true;
    open_pair(&pair);
    int number = p11d_descriptor_number(pair.channel.descriptor);
    FILE *file = tmpfile();
    cr_assert_eq(dup2(fileno(file), number), number);
    cr_assert_eq(call(&pair.channel, LATER, &reply, &complete), P11D_CLOSED);
    cr_assert_not(complete);
    p11d_channel_clear(&pair.channel);
    cr_assert_eq(lseek(number, 0, SEEK_END), 0, "something was written to the host's file");
    fclose(file);
    close(pair.peer);
}

Test(channel_hostile, trap_foreign_descriptor_is_not_touched__a_socket)
{
    Pair pair;
    P11dMessage message;
    int other[2];
    open_pair(&pair);
    int number = p11d_descriptor_number(pair.channel.descriptor);
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, other), 0);
    cr_assert_eq(dup2(other[0], number), number);
    P11dBuffer bytes = one_message(P11D_MESSAGE_SIGNAL, 1, 0, 'x', 10);
    cr_assert_eq(send(other[1], bytes.data, bytes.size, 0), (ssize_t)bytes.size);
    cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message), P11D_CLOSED);
    char read[512];
    cr_assert_eq(recv(number, read, sizeof read, MSG_DONTWAIT), (ssize_t)bytes.size);
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
}

/* Descriptors */

Test(channel_hostile, descriptors_nobody_accepts_are_thrown_away)
{
    Pair pair;
    P11dMessage message = make_message(P11D_MESSAGE_SIGNAL, 1);
    P11dBuffer bytes;
    open_pair(&pair);
    unsigned before = open_files(false);
    p11d_buffer_init(&bytes, LIMIT);
    message.descriptors = 1;
    append_message(&bytes, &message, 'x', 10);
    peer_sends_with(&pair, bytes.data, bytes.size, pair.peer, 1);
    cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
    cr_assert_null(p11d_channel_take(&pair.channel, 0));
    cr_assert_eq(open_files(false), before);
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
}

/* A message whose header says announced, sent with count descriptors. */
static P11dStatus receive_with(uint32_t announced, size_t count, int fd)
{
    Pair pair;
    P11dMessage message = make_message(P11D_MESSAGE_SIGNAL, 1);
    P11dBuffer bytes;
    open_pair(&pair);
    pair.channel.accepts_descriptors = true;
    unsigned before = open_files(false);
    p11d_buffer_init(&bytes, LIMIT);
    message.descriptors = announced;
    append_message(&bytes, &message, 'x', 10);
    if (count > 0)
        peer_sends_with(&pair, bytes.data, bytes.size, fd < 0 ? pair.peer : fd, count);
    else
        peer_sends(&pair, bytes.data, bytes.size);
    P11dStatus status = p11d_channel_receive(&pair.channel, LATER, &message);
    if (status == P11D_OK) {
        cr_assert_eq(open_files(false), before + announced);
        cr_assert_eq(pair.channel.received_count, announced);
        p11d_channel_done(&pair.channel);
        cr_assert_eq(open_files(false), before);
    } else {
        cr_assert_eq(open_files(false), before - 1, "the socket, and what came over it, is closed");
    }
    if (fd < 0)
        cr_assert_eq(pair.channel.missed_descriptors,
                     announced > count && announced <= P11D_MESSAGE_DESCRIPTORS);
    p11d_buffer_clear(&bytes);
    close_pair(&pair);
    return status;
}

Test(channel_hostile, descriptors_that_are_not_taken_are_closed)
{
    for (uint32_t count = 0; count <= P11D_MESSAGE_DESCRIPTORS; count++)
        cr_assert_eq(receive_with(count, count, -1), P11D_OK);
}

Test(channel_hostile, descriptors_other_than_announced_close)
{
    cr_assert_eq(receive_with(1, 0, -1), P11D_MALFORMED);
    cr_assert_eq(receive_with(2, 1, -1), P11D_MALFORMED);
    cr_assert_eq(receive_with(0, 1, -1), P11D_MALFORMED);
    cr_assert_eq(receive_with(1, 2, -1), P11D_MALFORMED);
    cr_assert_eq(receive_with(4, 20, -1), P11D_MALFORMED);
    cr_assert_eq(receive_with(20, 20, -1), P11D_MALFORMED);
}

Test(channel_hostile, a_file_is_no_descriptor_to_accept)
{
    int file = open("/dev/null", O_RDWR | O_CLOEXEC);
    cr_assert_eq(receive_with(1, 1, file), P11D_MALFORMED);
}

Test(channel_hostile, each_message_gets_its_own_descriptors)
{
    Pair pair;
    P11dMessage message;
    P11dBuffer bytes[3];
    int files[3][2];
    open_pair(&pair);
    pair.channel.accepts_descriptors = true;
    unsigned before = open_files(false);
    for (uint32_t i = 0; i < 3; i++) {
        message = make_message(P11D_MESSAGE_SIGNAL, i + 1);
        message.descriptors = i == 1 ? 0 : 1;
        p11d_buffer_init(&bytes[i], LIMIT);
        append_message(&bytes[i], &message, 'x', 10);
        cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, files[i]), 0);
    }
    /* The first in two parts, and the last in one write behind the second. */
    peer_sends_with(&pair, bytes[0].data, 5, files[0][0], 1);
    cr_assert_eq(p11d_channel_receive(&pair.channel, p11d_deadline_now(), &message), P11D_TIMEOUT);
    peer_sends(&pair, bytes[0].data + 5, bytes[0].size - 5);
    peer_sends(&pair, bytes[1].data, bytes[1].size);
    peer_sends_with(&pair, bytes[2].data, bytes[2].size, files[2][0], 1);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_eq(p11d_channel_receive(&pair.channel, LATER, &message), P11D_OK);
        cr_assert_eq(message.serial, i + 1);
        P11dDescriptor *taken = p11d_channel_take(&pair.channel, 0);
        cr_assert_null(p11d_channel_take(&pair.channel, 0));
        cr_assert_eq(taken == NULL, i == 1);
        if (taken)
            cr_assert_eq(send(p11d_descriptor_number(taken), "y", 1, 0), 1);
        char byte;
        cr_assert_eq(recv(files[i][1], &byte, 1, MSG_DONTWAIT), taken ? 1 : -1);
        p11d_descriptor_close(taken);
        close(files[i][0]);
        close(files[i][1]);
        p11d_buffer_clear(&bytes[i]);
    }
    cr_assert_eq(open_files(false), before);
    close_pair(&pair);
}

Test(channel_hostile, descriptors_go_with_their_message_behind_a_queue)
{
    Pair pair;
    P11dChannel other;
    P11dWriter writer;
    P11dMessage message;
    open_pair(&pair);
    p11d_channel_init(&other, p11d_descriptor_adopt(pair.peer), LIMIT);
    other.accepts_descriptors = true;
    int passed[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, passed), 0);
    begin_call(&pair.channel, &writer, 'q', 10);
    cr_assert_eq(p11d_channel_preface(&pair.channel, "", 0), P11D_OK);
    begin_call(&pair.channel, &writer, 'q', 10);
    cr_assert_eq(p11d_channel_queue(&pair.channel, &writer), P11D_OK);
    message = make_message(P11D_MESSAGE_SIGNAL, 0);
    message.descriptors = 1;
    message.signature = "";
    p11d_channel_begin(&pair.channel, &writer, &message);
    cr_assert_eq(p11d_channel_send(&pair.channel, &writer, passed[0], LATER, NULL), P11D_OK);
    cr_assert_eq(p11d_channel_receive(&other, LATER, &message), P11D_OK);
    cr_assert_null(p11d_channel_take(&other, 0));
    cr_assert_eq(p11d_channel_receive(&other, LATER, &message), P11D_OK);
    P11dDescriptor *taken = p11d_channel_take(&other, 0);
    cr_assert_not_null(taken);
    p11d_descriptor_close(taken);
    p11d_channel_clear(&pair.channel);
    p11d_channel_clear(&other);
}
