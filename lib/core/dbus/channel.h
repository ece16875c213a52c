// SPDX-License-Identifier: MIT
/*
 * A channel carries D-Bus messages over a stream socket, from the first byte on: no authentication,
 * no Hello, no destination. It is used by one thread at a time; the thread that calls writes the
 * request and reads the reply itself. A channel knows nothing of what the messages mean.
 */
#ifndef P11D_CHANNEL_H
#define P11D_CHANNEL_H

#include "buffer.h"
#include "deadline.h"
#include "descriptor.h"
#include "message.h"

typedef struct P11dChannel {
    P11dDescriptor *descriptor; /* owned until clear; has no number once closed; may be NULL */
    int just_checked;           /* its number if nothing was waited for since, else -1 */
    uint32_t serial;            /* of the last message sent */
    P11dBuffer in;              /* received, not consumed yet */
    size_t message_size;        /* bytes at the front of in that the last message took */
    P11dBuffer out;             /* for the caller to build a message in; see p11d_channel_begin */
    size_t out_ready;           /* bytes at the front of out that are whole messages, to be sent */
    size_t out_sent;            /* how much of these was sent so far (p11d_channel_flush) */
    P11dDescriptor *received[P11D_MESSAGE_DESCRIPTORS]; /* with the last message; owned */
    size_t received_count;
    /* Received before the message that they belong to was complete; owned. */
    P11dDescriptor *pending[2 * P11D_MESSAGE_DESCRIPTORS];
    size_t pending_count;
    bool missed_descriptors;  /* a message came without those that it announced: what is between
                               * passes none */
    bool accepts_descriptors; /* false: the kernel throws away those that are sent to us */
    size_t overhead;          /* for p11d_message_parse of what arrives; 0: no limit */
    uint64_t messages_sent;   /* counters for tests and traces */
    uint64_t messages_received;
} P11dChannel;

/*
 * Makes a channel of a connected stream socket, which it owns from then on (also where it is NULL:
 * the channel is then closed from the start). limit: the largest message in either direction.
 */
void p11d_channel_init(P11dChannel *channel, P11dDescriptor *descriptor, size_t limit);

/* Closes the socket (if still ours), wipes and frees the buffers. Safe on a closed channel. */
void p11d_channel_clear(P11dChannel *channel);

/* False once closed, or when the host has closed or replaced the descriptor under it. */
bool p11d_channel_is_open(P11dChannel *channel);

/*
 * Begins a message in channel->out: takes the next serial, writes the header. message: as for
 * p11d_message_begin, serial is filled in here. The caller writes the body and then calls
 * p11d_channel_send, _call or _queue, which end the message. A message that was begun and not
 * ended is dropped by the next begin.
 */
void p11d_channel_begin(P11dChannel *channel, P11dWriter *writer, P11dMessage *message);

/*
 * Ends the message begun in writer and sends all of it, waiting as long as deadline allows.
 * fd: a descriptor to send with it, borrowed, or -1.
 * *complete (may be NULL): whether the last byte was handed to the kernel; when false the other
 * side cannot have acted on it.
 * Errors: P11D_TIMEOUT, P11D_CLOSED, P11D_TOO_LARGE, P11D_NO_MEMORY, P11D_MALFORMED (a value that
 * D-Bus cannot carry), P11D_SYSTEM. out is wiped in any case.
 */
P11dStatus p11d_channel_send(P11dChannel *channel, P11dWriter *writer, int fd,
                             P11dDeadline deadline, bool *complete);

/*
 * The next message, waiting as long as deadline allows (p11d_deadline_now: take what is there).
 * *message is valid until the next receive or clear; so are the descriptors in received, which are
 * closed then unless taken. Memory grows with what really arrives, not with what is announced.
 * Errors: P11D_TIMEOUT (a part that has arrived is kept), P11D_CLOSED, P11D_MALFORMED,
 * P11D_TOO_LARGE, P11D_NO_MEMORY, P11D_SYSTEM.
 */
P11dStatus p11d_channel_receive(P11dChannel *channel, P11dDeadline deadline, P11dMessage *message);

/* Wipes the message last received. It is not valid any more. */
void p11d_channel_done(P11dChannel *channel);

/* Takes the descriptor with that index that came with the last message; the caller owns it. NULL
 * if there is none. */
P11dDescriptor *p11d_channel_take(P11dChannel *channel, size_t index);

/* Called for each signal that arrives while a call waits. message is valid during the call. */
typedef void (*P11dChannelSignal)(const P11dMessage *message, void *data);

/*
 * Sends the call begun in writer and waits for its reply, a P11D_MESSAGE_RETURN or _ERROR with its
 * serial. Signals go to on_signal (may be NULL: dropped); anything else is P11D_MALFORMED.
 * *complete as for p11d_channel_send. Errors: as for send and receive.
 */
P11dStatus p11d_channel_call(P11dChannel *channel, P11dWriter *writer, P11dDeadline deadline,
                             P11dChannelSignal on_signal, void *data, P11dMessage *reply,
                             bool *complete);

/*
 * Like send without a descriptor, but never waits: what the socket does not take stays in out, up
 * to limit of the channel, for p11d_channel_flush. For event loops.
 */
P11dStatus p11d_channel_queue(P11dChannel *channel, P11dWriter *writer);
/* Sends what is queued as far as the socket takes it. P11D_OK: all sent; P11D_TIMEOUT: some left,
 * wait until the socket is writable; other errors as for send. */
P11dStatus p11d_channel_flush(P11dChannel *channel);

/*
 * For what comes before the first message on a bus: queues size bytes, to be sent in front of the
 * next message. Errors: P11D_TOO_LARGE, P11D_NO_MEMORY.
 */
P11dStatus p11d_channel_preface(P11dChannel *channel, const void *bytes, size_t size);
/*
 * Copies the next line, which ends in CR LF, to line, NUL-terminated and without these two.
 * Errors: as for receive; P11D_MALFORMED if line, of size bytes, is too small, or for anything but
 * printable ASCII.
 */
P11dStatus p11d_channel_receive_line(P11dChannel *channel, P11dDeadline deadline, char *line,
                                     size_t size);

#endif
