// SPDX-License-Identifier: MIT
#include "channel.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

/* What is read at once while the size of a message is not known, and the least when it is. */
#define FIRST_READ ((size_t)4 << 10)
#define LARGE_READ ((size_t)64 << 10)

void p11d_channel_init(P11dChannel *channel, P11dDescriptor *descriptor, size_t limit)
{
    *channel = (P11dChannel){.descriptor = descriptor, .just_checked = -1};
    /* Behind a message of the largest size there may be the start of the next one. */
    p11d_buffer_init(&channel->in, limit + LARGE_READ);
    p11d_buffer_init(&channel->out, limit);
}

static void close_all(P11dDescriptor **descriptors, size_t *count)
{
    for (size_t i = 0; i < *count; i++)
        p11d_descriptor_close(descriptors[i]);
    *count = 0;
}

/* The descriptor stays until clear: another thread may be about to shut it down. */
static void close_socket(P11dChannel *channel)
{
    p11d_descriptor_hang_up(channel->descriptor);
    channel->just_checked = -1;
}

void p11d_channel_clear(P11dChannel *channel)
{
    p11d_descriptor_close(channel->descriptor);
    channel->descriptor = NULL;
    channel->just_checked = -1;
    close_all(channel->received, &channel->received_count);
    close_all(channel->pending, &channel->pending_count);
    p11d_buffer_clear(&channel->in);
    p11d_buffer_clear(&channel->out);
    channel->message_size = channel->out_ready = channel->out_sent = 0;
}

bool p11d_channel_is_open(P11dChannel *channel)
{
    return p11d_descriptor_number(channel->descriptor) >= 0;
}

/* What errno means after a call on the socket. */
static P11dStatus failed(P11dChannel *channel)
{
    switch (errno) {
    case EAGAIN:
        return P11D_TIMEOUT;
    case ENOMEM:
    case ENOBUFS:
        return P11D_NO_MEMORY;
    case EPIPE:
    case ECONNRESET:
    case ENOTCONN:
    case EBADF:    /* the host closed it between our check and our use */
    case ENOTSOCK: /* or replaced it */
        close_socket(channel);
        return P11D_CLOSED;
    default:
        return P11D_SYSTEM;
    }
}

/*
 * Waits until the socket is ready for events. number was checked before: polling what is no longer
 * ours does no harm, and it is checked again before the next read or write.
 */
static P11dStatus wait_ready(int number, short events, P11dDeadline deadline)
{
    struct pollfd entry = {.fd = number, .events = events};
    for (;;) {
        struct timespec left;
        int ready = ppoll(&entry, 1, p11d_deadline_left(deadline, &left), NULL);
        if (ready > 0)
            return P11D_OK;
        if (ready == 0)
            return P11D_TIMEOUT;
        if (errno != EINTR)
            return P11D_SYSTEM;
    }
}

/* One sendmsg(2), with a descriptor if fd is not -1. */
static ssize_t send_some(int number, const void *bytes, size_t size, int fd)
{
    if (fd < 0)
        return send(number, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
    struct iovec vector = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &vector,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    return sendmsg(number, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/*
 * Sends out up to the offset end, and then fd (if not -1) with the byte that follows and all the
 * rest that is ready.
 */
static P11dStatus transmit(P11dChannel *channel, size_t end, int fd, P11dDeadline deadline)
{
    while (channel->out_sent < channel->out_ready) {
        int number = p11d_descriptor_number(channel->descriptor);
        if (number < 0)
            return P11D_CLOSED;
        bool in_front = fd >= 0 && channel->out_sent < end;
        size_t size = (in_front ? end : channel->out_ready) - channel->out_sent;
        ssize_t sent =
            send_some(number, channel->out.data + channel->out_sent, size, in_front ? -1 : fd);
        if (sent >= 0) {
            channel->just_checked = number;
            channel->out_sent += (size_t)sent;
            if (!in_front)
                fd = -1;
            continue;
        }
        if (errno == EINTR)
            continue;
        P11dStatus status = failed(channel);
        if (status == P11D_TIMEOUT && !p11d_deadline_passed(deadline))
            status = wait_ready(number, POLLOUT, deadline);
        if (status != P11D_OK)
            return status;
    }
    return P11D_OK;
}

/* Forgets all that was to be sent. */
static void clear_out(P11dChannel *channel)
{
    p11d_buffer_reset(&channel->out);
    channel->out_ready = channel->out_sent = 0;
}

void p11d_channel_begin(P11dChannel *channel, P11dWriter *writer, P11dMessage *message)
{
    p11d_buffer_truncate(&channel->out, channel->out_ready);
    if (++channel->serial == 0)
        channel->serial = 1;
    message->serial = channel->serial;
    p11d_message_begin(writer, &channel->out, message);
}

/* Ends the message begun in writer, which is then ready to be sent, or taken back. */
static P11dStatus end_message(P11dChannel *channel, P11dWriter *writer)
{
    P11dStatus status = p11d_message_end(writer);
    channel->out_ready = channel->out.size;
    if (channel->out_ready == 0)
        p11d_buffer_reset(&channel->out); /* what failed may have been large */
    return status;
}

P11dStatus p11d_channel_send(P11dChannel *channel, P11dWriter *writer, int fd,
                             P11dDeadline deadline, bool *complete)
{
    if (complete)
        *complete = false;
    size_t start = channel->out_ready;
    P11dStatus status = end_message(channel, writer);
    if (status != P11D_OK)
        return status;
    status = transmit(channel, start, fd, deadline);
    if (status == P11D_OK) {
        channel->messages_sent++;
        if (complete)
            *complete = true;
    } else if (channel->out_sent > 0 || start > 0) {
        close_socket(channel); /* the rest of a message, or what was queued, will never follow */
    }
    clear_out(channel);
    return status;
}

P11dStatus p11d_channel_queue(P11dChannel *channel, P11dWriter *writer)
{
    P11dStatus status = end_message(channel, writer);
    if (status != P11D_OK)
        return status;
    channel->messages_sent++;
    status = p11d_channel_flush(channel);
    return status == P11D_TIMEOUT ? P11D_OK : status;
}

P11dStatus p11d_channel_flush(P11dChannel *channel)
{
    if (channel->out_ready == 0)
        return p11d_channel_is_open(channel) ? P11D_OK : P11D_CLOSED;
    P11dStatus status = transmit(channel, 0, -1, p11d_deadline_now());
    channel->just_checked = -1; /* event loops come back much later */
    if (status != P11D_TIMEOUT) {
        if (status != P11D_OK)
            close_socket(channel); /* what was queued will never follow */
        clear_out(channel);
    } else if (channel->out_sent > channel->out_ready / 2) {
        /* Not each time: a large queue would be moved again and again. */
        p11d_buffer_consume(&channel->out, channel->out_sent);
        channel->out_ready -= channel->out_sent;
        channel->out_sent = 0;
    }
    return status;
}

/* Receives into in what is there, about wanted bytes. P11D_TIMEOUT: nothing was there. */
static P11dStatus receive_some(P11dChannel *channel, size_t wanted)
{
    P11dBuffer *in = &channel->in;
    uint8_t *place = p11d_buffer_reserve(in, wanted);
    if (!place) {
        P11dStatus status = in->too_large ? P11D_TOO_LARGE : P11D_NO_MEMORY;
        in->too_large = in->no_memory = false;
        return status;
    }
    /* What memory is there is used, but in steps: what follows a message is moved to the front
     * when the message is done, and a peer must not make that expensive. */
    size_t room = in->capacity - in->size;
    size_t most = wanted > LARGE_READ ? wanted : LARGE_READ;
    if (room > most)
        room = most;

    ssize_t size;
    if (channel->accepts_descriptors) {
        size_t count;
        size = p11d_descriptor_receive(
            channel->descriptor, place, room, channel->pending + channel->pending_count,
            2 * P11D_MESSAGE_DESCRIPTORS - channel->pending_count, &count);
        channel->pending_count += count;
    } else {
        int number = p11d_descriptor_number(channel->descriptor);
        if (number < 0)
            return P11D_CLOSED;
        size = recv(number, place, room, MSG_DONTWAIT);
    }
    if (size > 0) {
        in->size += (size_t)size;
        return P11D_OK;
    }
    if (size == 0) {
        close_socket(channel);
        return P11D_CLOSED;
    }
    return errno == EINTR ? P11D_OK : failed(channel);
}

/* Waits until there is something to read. */
static P11dStatus wait_readable(P11dChannel *channel, P11dDeadline deadline)
{
    /* Right behind a send its check is good enough to poll: one less in every call. */
    int number = channel->just_checked;
    channel->just_checked = -1;
    if (number < 0)
        number = p11d_descriptor_number(channel->descriptor);
    return number < 0 ? P11D_CLOSED : wait_ready(number, POLLIN, deadline);
}

/* Waits for at least one byte more in in, about wanted bytes. */
static P11dStatus fill(P11dChannel *channel, size_t wanted, P11dDeadline deadline)
{
    for (;;) {
        /* To read first would nearly always be in vain: the other side is still at work. */
        P11dStatus status = deadline.at == 0 ? P11D_OK : wait_readable(channel, deadline);
        if (status == P11D_OK)
            status = receive_some(channel, wanted);
        if (status != P11D_TIMEOUT || p11d_deadline_passed(deadline))
            return status;
    }
}

/* Gives the message its descriptors: the header says how many of those that came are its own. */
static P11dStatus take_pending(P11dChannel *channel, const P11dMessage *message)
{
    if (!channel->accepts_descriptors)
        return P11D_OK;
    size_t count = message->descriptors;
    if (count > P11D_MESSAGE_DESCRIPTORS)
        return P11D_MALFORMED;
    if (count > channel->pending_count) {
        channel->missed_descriptors = true;
        return P11D_MALFORMED;
    }
    /* Those that are left belong to what follows in the buffer. */
    size_t left = channel->pending_count - count;
    if (left > 0 && channel->in.size == channel->message_size)
        return P11D_MALFORMED;
    memcpy(channel->received, channel->pending, count * sizeof channel->received[0]);
    memmove(channel->pending, channel->pending + count, left * sizeof channel->pending[0]);
    channel->received_count = count;
    channel->pending_count = left;
    return P11D_OK;
}

/* Parses the message at the front of in. P11D_TIMEOUT: it is not complete, about *wanted bytes are
 * missing, or as many as should be read next. */
static P11dStatus parse_next(P11dChannel *channel, P11dMessage *message, size_t *wanted)
{
    P11dBuffer *in = &channel->in;
    *wanted = FIRST_READ;
    if (in->size < P11D_MESSAGE_PREFIX)
        return P11D_TIMEOUT;
    size_t size;
    P11dStatus status = p11d_message_size(in->data, channel->out.limit, &size);
    if (status != P11D_OK)
        return status;
    if (in->size < size) {
        /* A size is only a claim: memory doubles as bytes arrive. */
        size_t step = in->size > LARGE_READ ? in->size : LARGE_READ;
        *wanted = size - in->size < step ? size - in->size : step;
        return P11D_TIMEOUT;
    }
    status = p11d_message_parse(in->data, size, channel->overhead, message);
    if (status != P11D_OK)
        return status;
    channel->message_size = size;
    return take_pending(channel, message);
}

void p11d_channel_done(P11dChannel *channel)
{
    close_all(channel->received, &channel->received_count);
    if (channel->message_size == 0)
        return;
    if (channel->message_size == channel->in.size)
        p11d_buffer_reset(&channel->in);
    else
        p11d_buffer_consume(&channel->in, channel->message_size);
    channel->message_size = 0;
}

P11dStatus p11d_channel_receive(P11dChannel *channel, P11dDeadline deadline, P11dMessage *message)
{
    p11d_channel_done(channel);
    P11dStatus status;
    do {
        size_t wanted;
        status = parse_next(channel, message, &wanted);
        if (status == P11D_OK) {
            channel->messages_received++;
            return P11D_OK;
        }
        if (status == P11D_TIMEOUT)
            status = fill(channel, wanted, deadline);
    } while (status == P11D_OK);

    if (status == P11D_MALFORMED || status == P11D_TOO_LARGE) {
        close_socket(channel);
        close_all(channel->pending, &channel->pending_count);
        p11d_buffer_reset(&channel->in); /* nothing more comes out of it */
        channel->message_size = 0;
    }
    return status;
}

P11dDescriptor *p11d_channel_take(P11dChannel *channel, size_t index)
{
    if (index >= channel->received_count)
        return NULL;
    P11dDescriptor *descriptor = channel->received[index];
    channel->received[index] = NULL;
    return descriptor;
}

P11dStatus p11d_channel_call(P11dChannel *channel, P11dWriter *writer, P11dDeadline deadline,
                             P11dChannelSignal on_signal, void *data, P11dMessage *reply,
                             bool *complete)
{
    P11dStatus status = p11d_channel_send(channel, writer, -1, deadline, complete);
    if (status != P11D_OK)
        return status;
    for (;;) {
        status = p11d_channel_receive(channel, deadline, reply);
        if (status != P11D_OK)
            return status;
        if (reply->type != P11D_MESSAGE_SIGNAL)
            break;
        if (on_signal)
            on_signal(reply, data);
    }
    if (reply->type != P11D_MESSAGE_CALL && reply->reply_serial == channel->serial)
        return P11D_OK;
    p11d_channel_done(channel);
    close_socket(channel);
    return P11D_MALFORMED;
}

P11dStatus p11d_channel_preface(P11dChannel *channel, const void *bytes, size_t size)
{
    P11dBuffer *out = &channel->out;
    p11d_buffer_truncate(out, channel->out_ready);
    if (!p11d_buffer_append(out, bytes, size))
        return out->too_large ? P11D_TOO_LARGE : P11D_NO_MEMORY;
    channel->out_ready = out->size;
    return P11D_OK;
}

P11dStatus p11d_channel_receive_line(P11dChannel *channel, P11dDeadline deadline, char *line,
                                     size_t size)
{
    p11d_channel_done(channel);
    P11dBuffer *in = &channel->in;
    char last = '\0';
    for (size_t i = 0; i <= size; i++) {
        while (in->size <= i) {
            P11dStatus status = fill(channel, FIRST_READ, deadline);
            if (status != P11D_OK)
                return status;
        }
        char byte = (char)in->data[i];
        if (last == '\r' && byte == '\n') {
            line[i - 1] = '\0';
            p11d_buffer_consume(in, i + 1);
            return P11D_OK;
        }
        bool expected = byte == '\r' || (byte >= ' ' && byte <= '~');
        if (i == size || last == '\r' || !expected)
            break;
        line[i] = last = byte;
    }
    close_socket(channel);
    return P11D_MALFORMED;
}
