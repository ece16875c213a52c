// SPDX-License-Identifier: MIT
#include "fake-connection.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

FakeConnection fake_connections[FAKE_CONNECTIONS];
int fake_log = -1;

void fake_note(const char *format, ...)
{
    char line[256];
    va_list arguments;
    va_start(arguments, format);
    const int size = vsnprintf(line, sizeof line - 1, format, arguments);
    va_end(arguments);
    line[size] = '\n';
    if (write(fake_log, line, (size_t)size + 1) < 0)
        exit(1);
}

FakeConnection *fake_connect(int fd, FakeKind kind, int client)
{
    int at = 1;
    while (at < FAKE_CONNECTIONS && fake_connections[at].open)
        at++;
    if (at == FAKE_CONNECTIONS)
        exit(1);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fake_connections[at] = (FakeConnection){.kind = kind, .open = true};
    p11d_buffer_init(&fake_connections[at].stream_data, SIZE_MAX / 4);
    fake_connections[at].client = kind == FAKE_CONTROL ? at : client;
    p11d_channel_init(&fake_connections[at].channel, p11d_descriptor_adopt(fd), P11D_MESSAGE_MAX);
    return &fake_connections[at];
}

void fake_hang_up(FakeConnection *connection)
{
    if (connection->kind == FAKE_BUS)
        exit(0);
    if (connection->kind == FAKE_CONTROL)
        fake_note("hangup control");
    if (connection->stream_open)
        fake_note("hangup stream");
    p11d_buffer_clear(&connection->stream_data);
    p11d_channel_clear(&connection->channel);
    connection->open = false;
    for (int i = 1; connection->kind == FAKE_CONTROL && i < FAKE_CONNECTIONS; i++) {
        if (fake_connections[i].open && fake_connections[i].kind == FAKE_CALLS &&
            fake_connections[i].client == connection->client)
            fake_hang_up(&fake_connections[i]);
    }
}

void fake_begin_reply(FakeConnection *connection, const P11dMessage *call, P11dWriter *writer,
                      P11dMessageType type, const char *signature, const char *error)
{
    P11dMessage reply = {.type = type,
                         .reply_serial = call->serial,
                         .signature = signature,
                         .error_name = error,
                         .destination = call->sender};
    p11d_channel_begin(&connection->channel, writer, &reply);
}

void fake_send(FakeConnection *connection, P11dWriter *writer, int fd)
{
    p11d_channel_send(&connection->channel, writer, fd, p11d_deadline_in(10000), NULL);
}

void fake_done(FakeConnection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "", NULL);
    fake_send(connection, &writer, -1);
}

void fake_fail(FakeConnection *connection, const P11dMessage *call, const char *error)
{
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_ERROR, "", error);
    fake_send(connection, &writer, -1);
}

void fake_refuse(FakeConnection *connection, const P11dMessage *call, const char *last_part)
{
    char name[128];
    snprintf(name, sizeof name, "org.p11dbus.Error.%s", last_part);
    fake_fail(connection, call, name);
}
