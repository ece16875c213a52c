// SPDX-License-Identifier: MIT
/*
 * A channel under test, and a bare socket at its other end: the tests say byte by byte what the
 * other side does, right or wrong.
 */
#ifndef P11D_TEST_CHANNEL_PAIR_H
#define P11D_TEST_CHANNEL_PAIR_H

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel.h"
#include "open-files.h"

#define LIMIT ((size_t)1 << 20)
#define SOON p11d_deadline_in(20)     /* for what is expected to time out */
#define LATER p11d_deadline_in(20000) /* for what is expected not to */

typedef struct Pair {
    P11dChannel channel;
    int peer;
} Pair;

/* Both ends in blocking mode: a channel must not depend on that. */
static inline void open_pair(Pair *pair)
{
    int ends[2];
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    p11d_channel_init(&pair->channel, p11d_descriptor_adopt(ends[0]), LIMIT);
    pair->peer = ends[1];
}

static inline void close_pair(Pair *pair)
{
    p11d_channel_clear(&pair->channel);
    close(pair->peer);
}

static inline P11dMessage make_message(P11dMessageType type, uint32_t serial)
{
    P11dMessage message = {.type = type, .serial = serial, .signature = "ay"};
    if (type == P11D_MESSAGE_CALL || type == P11D_MESSAGE_SIGNAL) {
        message.path = "/a";
        message.interface = "a.b";
        message.member = "C";
    }
    if (type == P11D_MESSAGE_ERROR)
        message.error_name = "a.b.C";
    return message;
}

/* Appends a message to buffer, size bytes of value in its body. */
static inline void append_message(P11dBuffer *buffer, const P11dMessage *message, char value,
                                  size_t size)
{
    P11dWriter writer;
    P11dBuffer body;
    p11d_buffer_init(&body, size + 1);
    memset(p11d_buffer_reserve(&body, size + 1), value, size);
    p11d_message_begin(&writer, buffer, message);
    p11d_writer_bytes(&writer, body.data, size);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    p11d_buffer_clear(&body);
}

/* What the peer sends: one message. */
static inline P11dBuffer one_message(P11dMessageType type, uint32_t serial, uint32_t reply_serial,
                                     char value, size_t size)
{
    P11dBuffer buffer;
    P11dMessage message = make_message(type, serial);
    message.reply_serial = reply_serial;
    p11d_buffer_init(&buffer, 2 * LIMIT);
    append_message(&buffer, &message, value, size);
    return buffer;
}

static inline void peer_sends(const Pair *pair, const void *bytes, size_t size)
{
    cr_assert_eq(send(pair->peer, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

static inline void peer_sends_buffer(const Pair *pair, P11dBuffer buffer)
{
    peer_sends(pair, buffer.data, buffer.size);
    p11d_buffer_clear(&buffer);
}

/* Sends bytes with count descriptors. */
static inline void peer_sends_with(const Pair *pair, const void *bytes, size_t size, int fd,
                                   size_t count)
{
    char control[CMSG_SPACE(sizeof(int) * 64)] = {0};
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = CMSG_SPACE(sizeof(int) * count)};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int) * count);
    for (size_t i = 0; i < count; i++)
        ((int *)(void *)CMSG_DATA(header))[i] = fd;
    cr_assert_eq(sendmsg(pair->peer, &message, MSG_NOSIGNAL), (ssize_t)size);
}

/* Begins a call with size bytes of value in its body. */
static inline void begin_call(P11dChannel *channel, P11dWriter *writer, char value, size_t size)
{
    static char body[2 * LIMIT];
    P11dMessage message = make_message(P11D_MESSAGE_CALL, 0);
    memset(body, value, size);
    p11d_channel_begin(channel, writer, &message);
    p11d_writer_bytes(writer, body, size);
}

static inline P11dStatus send_call(P11dChannel *channel, char value, size_t size,
                                   P11dDeadline deadline, bool *complete)
{
    P11dWriter writer;
    begin_call(channel, &writer, value, size);
    return p11d_channel_send(channel, &writer, -1, deadline, complete);
}

static inline P11dStatus call(P11dChannel *channel, P11dDeadline deadline, P11dMessage *reply,
                              bool *complete)
{
    P11dWriter writer;
    begin_call(channel, &writer, 'c', 10);
    return p11d_channel_call(channel, &writer, deadline, NULL, NULL, reply, complete);
}

/* The body of message is size bytes of value. */
static inline bool has_body(const P11dMessage *message, char value, size_t size)
{
    P11dReader body = message->body;
    const uint8_t *bytes;
    size_t there;
    if (!p11d_reader_bytes(&body, &bytes, &there) || there != size)
        return false;
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != (uint8_t)value)
            return false;
    return true;
}

#endif
