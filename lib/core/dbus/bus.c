// SPDX-License-Identifier: MIT
#include "bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define BUS_NAME "org.freedesktop.DBus"
#define BUS_PATH "/org/freedesktop/DBus"

/* No line of a server needs more; the D-Bus Specification names no limit. */
#define LINE_SIZE 512

/* What connect(2) left in errno. */
static P11dStatus connect_failed(void)
{
    switch (errno) {
    case EAGAIN:
        return P11D_TIMEOUT;
    case ECONNREFUSED:
    case ENOENT:
    case ENOTDIR:
    case EBADF: /* the host closed it */
    case ENOTSOCK:
        return P11D_CLOSED;
    case EACCES:
    case EPERM:
        return P11D_REFUSED;
    case ENOMEM:
    case ENOBUFS:
        return P11D_NO_MEMORY;
    default:
        return P11D_SYSTEM;
    }
}

/*
 * Waits in connect(2), where the server's queue of connections is full: poll knows nothing of that,
 * so the socket blocks for as long, limited by SO_SNDTIMEO.
 */
static P11dStatus connect_waiting(P11dDescriptor *descriptor, const struct sockaddr *name,
                                  socklen_t length, P11dDeadline deadline)
{
    while (!p11d_deadline_passed(deadline)) {
        struct timespec storage;
        const struct timespec *left = p11d_deadline_left(deadline, &storage);
        struct timeval limit = {0};
        if (left) {
            limit.tv_sec = left->tv_sec;
            limit.tv_usec = left->tv_nsec / 1000 + 1; /* 0 would be for ever */
        }
        int number = p11d_descriptor_number(descriptor);
        if (number < 0)
            return P11D_CLOSED;
        int flags = fcntl(number, F_GETFL);
        if (flags < 0 || fcntl(number, F_SETFL, flags & ~O_NONBLOCK) < 0 ||
            setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
            return P11D_SYSTEM;
        int result = connect(number, name, length);
        int error = errno;
        /* Not needed for what follows, which never blocks, but the socket is as it was made. */
        number = p11d_descriptor_number(descriptor);
        if (number < 0 || fcntl(number, F_SETFL, flags) < 0)
            return P11D_CLOSED;
        if (result == 0)
            return P11D_OK;
        errno = error;
        if (error != EAGAIN && error != EINTR)
            return connect_failed();
    }
    return P11D_TIMEOUT;
}

static P11dStatus connect_transport(P11dDescriptor *descriptor, const struct sockaddr_un *name,
                                    unsigned length, P11dDeadline deadline)
{
    const struct sockaddr *address = (const struct sockaddr *)name;
    int number = p11d_descriptor_number(descriptor);
    if (number < 0)
        return P11D_CLOSED;
    if (connect(number, address, length) == 0)
        return P11D_OK;
    if (errno == EAGAIN || errno == EINTR)
        return connect_waiting(descriptor, address, length, deadline);
    return connect_failed();
}

/*
 * What the client says until BEGIN, and how the answer to each line begins. The zero byte is for
 * servers that read credentials with it. No uid is named: in a user namespace ours is another than
 * the server's, which knows it from the socket anyway (the empty answer to its empty challenge;
 * D-Bus Specification, "EXTERNAL").
 */
static const struct {
    const char *said;
    size_t size;
    const char *answer; /* NULL: there is none */
} lines[] = {
#define LINE(text) text, sizeof text - 1
    {LINE("\0AUTH EXTERNAL\r\n"), "DATA"},
    {LINE("DATA\r\n"), "OK"},
    {LINE("NEGOTIATE_UNIX_FD\r\n"), "AGREE_UNIX_FD"},
    {LINE("BEGIN\r\n"), NULL},
#undef LINE
};
#define LINES (sizeof lines / sizeof lines[0])
/* The one to which the server may say no. */
#define NEGOTIATION 2

/* True if line is word, or word and something behind it. */
static bool begins_with(const char *line, const char *word)
{
    size_t size = strlen(word);
    return strncmp(line, word, size) == 0 && (line[size] == '\0' || line[size] == ' ');
}

/* The answer to a line of ours. */
static P11dStatus hear(P11dBus *bus, size_t line, P11dDeadline deadline)
{
    char heard[LINE_SIZE];
    P11dStatus status = p11d_channel_receive_line(&bus->channel, deadline, heard, sizeof heard);
    if (status != P11D_OK)
        return status;
    if (line == NEGOTIATION) {
        bus->passes_descriptors = strcmp(heard, lines[line].answer) == 0;
        return bus->passes_descriptors || begins_with(heard, "ERROR") ? P11D_OK : P11D_MALFORMED;
    }
    if (begins_with(heard, lines[line].answer))
        return P11D_OK;
    return begins_with(heard, "REJECTED") || begins_with(heard, "ERROR") ? P11D_REFUSED
                                                                         : P11D_MALFORMED;
}

/* Waits for the reply to the last message sent. Whatever else others send to us (anybody on the bus
 * can) is dropped. */
static P11dStatus receive_reply(P11dBus *bus, P11dDeadline deadline, P11dMessage *reply)
{
    for (;;) {
        P11dStatus status = p11d_channel_receive(&bus->channel, deadline, reply);
        if (status != P11D_OK)
            return status;
        bool is_reply = reply->type == P11D_MESSAGE_RETURN || reply->type == P11D_MESSAGE_ERROR;
        if (is_reply && reply->reply_serial == bus->channel.serial)
            return P11D_OK;
    }
}

static P11dStatus hear_name(P11dBus *bus, P11dDeadline deadline)
{
    P11dMessage reply;
    P11dStatus status = receive_reply(bus, deadline, &reply);
    if (status != P11D_OK)
        return status;
    if (reply.type == P11D_MESSAGE_ERROR)
        return P11D_REFUSED; /* the limit of connections */
    const char *name;
    size_t size;
    if (strcmp(reply.signature, "s") != 0 || !p11d_reader_string(&reply.body, &name, &size) ||
        name[0] != ':' || size >= sizeof bus->unique_name)
        return P11D_MALFORMED;
    memcpy(bus->unique_name, name, size + 1);
    return P11D_OK;
}

/*
 * How to introduce oneself. At once: all in one write, since what the server answers to a line does
 * not change the next one; a server that rejects us hangs up on the lines that follow. In steps:
 * each line after the answer to the last, for what stands between us and the server and takes the
 * server's answers for messages once it has seen BEGIN (xdg-dbus-proxy up to 0.1.5). Hello may
 * follow BEGIN in one write: nothing is answered to BEGIN.
 */
typedef enum Manner { AT_ONCE, IN_STEPS } Manner;

/* Says all lines. */
static P11dStatus say_lines(P11dBus *bus, Manner manner, P11dDeadline deadline)
{
    P11dStatus status = P11D_OK;
    for (size_t i = 0; i < LINES && status == P11D_OK; i++) {
        status = p11d_channel_preface(&bus->channel, lines[i].said, lines[i].size);
        if (manner == AT_ONCE || !lines[i].answer)
            continue;
        if (status == P11D_OK)
            status = p11d_channel_flush(&bus->channel); /* a new socket has room for a line */
        if (status == P11D_OK)
            status = hear(bus, i, deadline);
    }
    return status;
}

/* Authenticates and says Hello on a connected socket. */
static P11dStatus introduce(P11dBus *bus, Manner manner, P11dDeadline deadline)
{
    P11dStatus status = say_lines(bus, manner, deadline);
    if (status != P11D_OK)
        return status;
    P11dWriter writer;
    p11d_bus_begin(bus, &writer, BUS_NAME, BUS_PATH, BUS_NAME, "Hello", "", true);
    status = p11d_channel_send(&bus->channel, &writer, -1, deadline, NULL);
    for (size_t i = 0; manner == AT_ONCE && i < LINES && status == P11D_OK; i++)
        status = lines[i].answer ? hear(bus, i, deadline) : P11D_OK;
    if (status != P11D_OK)
        return status;
    bus->channel.accepts_descriptors = bus->passes_descriptors;
    return hear_name(bus, deadline);
}

/* Connects to one transport. *connected: somebody listens there. bus is cleared on error. */
static P11dStatus connect_in_manner(P11dBus *bus, const P11dAddress *address, size_t transport,
                                    Manner manner, P11dDeadline deadline, bool *connected)
{
    *bus = (P11dBus){0};
    P11dDescriptor *descriptor = p11d_descriptor_socket();
    p11d_channel_init(&bus->channel, descriptor, P11D_MESSAGE_MAX_ON_BUS);
    P11dStatus status = descriptor
                            ? connect_transport(descriptor, &address->transports[transport].name,
                                                address->transports[transport].length, deadline)
                            : P11D_SYSTEM;
    *connected = status == P11D_OK;
    if (*connected)
        status = introduce(bus, manner, deadline);
    if (status != P11D_OK) {
        int error = errno;
        p11d_bus_clear(bus);
        errno = error;
    }
    return status;
}

P11dStatus p11d_bus_connect(P11dBus *bus, const P11dAddress *address, P11dDeadline deadline)
{
    P11dStatus status = P11D_CLOSED;
    for (size_t i = 0; i < address->count; i++) {
        bool connected;
        status = connect_in_manner(bus, address, i, AT_ONCE, deadline, &connected);
        if (status == P11D_CLOSED && connected)
            status = connect_in_manner(bus, address, i, IN_STEPS, deadline, &connected);
        if (status == P11D_OK)
            return P11D_OK;
    }
    if (address->count == 0)
        *bus = (P11dBus){0};
    return status;
}

void p11d_bus_begin(P11dBus *bus, P11dWriter *writer, const char *destination, const char *path,
                    const char *interface, const char *member, const char *signature,
                    bool auto_start)
{
    P11dMessage message = {
        .type = P11D_MESSAGE_CALL,
        .flags = auto_start ? 0 : P11D_MESSAGE_NO_AUTO_START,
        .destination = destination,
        .path = path,
        .interface = interface,
        .member = member,
        .signature = signature,
    };
    p11d_channel_begin(&bus->channel, writer, &message);
}

P11dStatus p11d_bus_call(P11dBus *bus, P11dWriter *writer, P11dDeadline deadline,
                         P11dMessage *reply, bool *complete)
{
    P11dStatus status = p11d_channel_send(&bus->channel, writer, -1, deadline, complete);
    return status == P11D_OK ? receive_reply(bus, deadline, reply) : status;
}

void p11d_bus_clear(P11dBus *bus)
{
    p11d_channel_clear(&bus->channel);
    bus->unique_name[0] = '\0';
    bus->passes_descriptors = false;
}
