// SPDX-License-Identifier: MIT
#include "fake-calls.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-token.h"
#include "interface.h"

FakeConnection fake_connections[FAKE_CONNECTIONS];
uint64_t fake_generation;
int fake_log = -1;

typedef struct Fault {
    char method[32];
    char action[96];
} Fault;

static Fault faults[32];
static size_t fault_count;
static struct {
    FakeConnection *connection;
    uint32_t serial;
} hanging[64];
static size_t hanging_count;

__attribute__((format(printf, 1, 2))) static void note(const char *format, ...)
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

void fake_set_fault(const char *method, const char *action)
{
    size_t at = 0;
    while (at < fault_count && strcmp(faults[at].method, method) != 0)
        at++;
    if (at == sizeof faults / sizeof faults[0] || strlen(method) >= sizeof faults[at].method ||
        strlen(action) >= sizeof faults[at].action)
        exit(2);
    strcpy(faults[at].method, method);
    strcpy(faults[at].action, action);
    if (at == fault_count)
        fault_count++;
}

static const char *fault_of(const char *method)
{
    for (size_t i = 0; i < fault_count; i++) {
        if (strcmp(faults[i].method, method) == 0)
            return faults[i].action;
    }
    return "";
}

void fake_calm(void)
{
    fault_count = 0;
}

static void begin_reply(FakeConnection *connection, const P11dMessage *call, P11dWriter *writer,
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

static void fail(FakeConnection *connection, const P11dMessage *call, const char *error)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_ERROR, "", error);
    fake_send(connection, &writer, -1);
}

static void refuse(FakeConnection *connection, const P11dMessage *call, const char *last_part)
{
    char name[128];
    snprintf(name, sizeof name, "org.p11dbus.Error.%s", last_part);
    fail(connection, call, name);
}

static FakeConnection *connect_to(int fd, FakeKind kind, int client)
{
    int at = 1;
    while (at < FAKE_CONNECTIONS && fake_connections[at].open)
        at++;
    if (at == FAKE_CONNECTIONS)
        exit(1);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    fake_connections[at] = (FakeConnection){.kind = kind, .open = true};
    fake_connections[at].client = kind == FAKE_CONTROL ? at : client;
    p11d_channel_init(&fake_connections[at].channel, p11d_descriptor_adopt(fd), P11D_MESSAGE_MAX);
    return &fake_connections[at];
}

static void open_channel(FakeConnection *connection, const P11dMessage *call, FakeKind kind)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        exit(1);
    connect_to(ends[0], kind, connection->client);
    P11dWriter writer;
    /* The header says how many descriptors come along. */
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN,
                         .reply_serial = call->serial,
                         .signature = "h",
                         .destination = call->sender,
                         .descriptors = 1};
    p11d_channel_begin(&connection->channel, &writer, &reply);
    p11d_writer_uint32(&writer, 0);
    fake_send(connection, &writer, ends[1]);
    close(ends[1]);
}

static void list_objects(FakeConnection *connection, const P11dMessage *call)
{
    FakeConnection *client = &fake_connections[connection->client];
    P11dReader body = call->body;
    uint64_t known;
    p11d_reader_uint64(&body, &known);
    client->outstanding = false;
    const uint64_t current = fake_generation + (client->logged_in ? 500 : 0);
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "tba(ta{sv})at", NULL);
    p11d_writer_uint64(&writer, current);
    p11d_writer_boolean(&writer, known != current);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; known != current && i < fake_object_count; i++)
        fake_write_object(&writer, i);
    if (known != current && client->logged_in)
        fake_write_object(&writer, 5);
    p11d_writer_array_end(&writer, array);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fake_send(connection, &writer, -1);
}

/* A made-up signature of the right size for the key: its first bytes are those of the data. */
static void send_signature(FakeConnection *connection, const P11dMessage *call, uint64_t key,
                           const uint8_t *data, size_t size, bool results)
{
    uint8_t signature[256] = {0};
    const size_t right = key % 100 <= 2 ? 64 : 256;
    const bool wrong = strcmp(fault_of(call->member), "size") == 0;
    memcpy(signature, data, size < right ? size : right);
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, results ? "aya{sv}" : "ay", NULL);
    p11d_writer_bytes(&writer, signature, wrong ? right - 1 : right);
    if (results)
        p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fake_send(connection, &writer, -1);
}

static void sign(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    uint64_t key;
    const char *mechanism;
    P11dReader parameters;
    const uint8_t *data;
    size_t size;
    p11d_reader_uint64(&body, &key);
    p11d_reader_string(&body, &mechanism, NULL);
    p11d_reader_array(&body, 8, &parameters);
    p11d_reader_bytes(&body, &data, &size);
    note("sign %s %s %zu", mechanism, p11d_reader_at_end(&parameters) ? "plain" : "parameters",
         size);
    if (key / 100 != fake_options.run || key % 100 == 0 || key % 100 > fake_object_count)
        refuse(connection, call, "ObjectHandleInvalid");
    else
        send_signature(connection, call, key, data, size, false);
}

static void login(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    const char *user;
    const uint8_t *pin;
    size_t size;
    p11d_reader_string(&body, &user, NULL);
    p11d_reader_bytes(&body, &pin, &size);
    FakeConnection *client = &fake_connections[connection->client];
    if (!fake_options.pad && !fake_options.open && (size != 4 || memcmp(pin, "1234", 4) != 0)) {
        refuse(connection, call, "PinIncorrect");
        return;
    }
    if (strcmp(user, "context-specific") == 0)
        connection->stream_authenticated = connection->stream_open;
    else
        client->logged_in = true;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "", NULL);
    fake_send(connection, &writer, -1);
}

static void begin_stream(FakeConnection *connection, const P11dMessage *call)
{
    connection->stream_open = true;
    connection->stream_authenticated = false;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "t", NULL);
    p11d_writer_uint64(&writer, 77);
    fake_send(connection, &writer, -1);
}

static void finish_stream(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    uint64_t stream;
    P11dReader entries;
    const char *key;
    const char *signature;
    const uint8_t *data = NULL;
    size_t size = 0;
    p11d_reader_uint64(&body, &stream);
    p11d_reader_array(&body, 8, &entries);
    while (!p11d_reader_at_end(&entries) && p11d_reader_entry(&entries, &key, &signature))
        p11d_reader_bytes(&entries, &data, &size);
    const bool good = stream == 77 && connection->stream_authenticated;
    connection->stream_open = connection->stream_authenticated = false;
    if (good)
        send_signature(connection, call, fake_options.run * 100 + 1, data, size, true);
    else
        refuse(connection, call, "UserNotLoggedIn");
}

static void get_objects(FakeConnection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{oa{sa{sv}}}", NULL);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    if (fake_options.token) {
        p11d_writer_struct(&writer);
        fake_write_token(&writer);
    }
    p11d_writer_array_end(&writer, array);
    fake_send(connection, &writer, -1);
}

static void get_all(FakeConnection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{sv}", NULL);
    fake_write_properties(&writer);
    fake_send(connection, &writer, -1);
}

static void logout(FakeConnection *connection, const P11dMessage *call)
{
    fake_connections[connection->client].logged_in = false;
    P11dWriter writer;
    begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "", NULL);
    fake_send(connection, &writer, -1);
}

static void answer(FakeConnection *connection, const P11dMessage *call)
{
    const char *name = call->member;
    const bool manager = strcmp(call->interface, p11d_interface_manager.name) == 0;
    if (strcmp(name, "OpenChannel") == 0 && !fake_options.channels)
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
    else if (strcmp(name, "OpenChannel") == 0)
        open_channel(connection, call,
                     manager                            ? FAKE_MANAGER
                     : connection->kind == FAKE_CONTROL ? FAKE_CALLS
                                                        : FAKE_CONTROL);
    else if (strcmp(name, "GetManagedObjects") == 0)
        get_objects(connection, call);
    else if (strcmp(name, "GetAll") == 0)
        get_all(connection, call);
    else if (strcmp(name, "ListObjects") == 0)
        list_objects(connection, call);
    else if (strcmp(name, "Sign") == 0)
        sign(connection, call);
    else if (strcmp(name, "Login") == 0)
        login(connection, call);
    else if (strcmp(name, "Logout") == 0)
        logout(connection, call);
    else if (strcmp(name, "BeginStream") == 0)
        begin_stream(connection, call);
    else if (strcmp(name, "FinishStream") == 0)
        finish_stream(connection, call);
    else
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
}

void fake_hang_up(FakeConnection *connection)
{
    if (connection->kind == FAKE_BUS)
        exit(0);
    if (connection->kind == FAKE_CONTROL)
        note("hangup control");
    p11d_channel_clear(&connection->channel);
    connection->open = false;
    for (int i = 1; connection->kind == FAKE_CONTROL && i < FAKE_CONNECTIONS; i++) {
        if (fake_connections[i].open && fake_connections[i].kind == FAKE_CALLS &&
            fake_connections[i].client == connection->client)
            fake_hang_up(&fake_connections[i]);
    }
}

void fake_handle(FakeConnection *connection, const P11dMessage *call)
{
    const char *fault = fault_of(call->member);
    note("%s", call->member);
    if (strcmp(fault, "hang") == 0 && hanging_count < 64) {
        hanging[hanging_count].connection = connection;
        hanging[hanging_count++].serial = call->serial;
        return;
    }
    if (strcmp(fault, "die") == 0)
        _exit(0);
    if (strcmp(fault, "close") == 0) {
        fake_hang_up(connection);
    } else if (strcmp(fault, "absent") == 0) {
        fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
    } else if (strcmp(fault, "type") == 0) {
        P11dWriter writer;
        begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "s", NULL);
        p11d_writer_string(&writer, "something else");
        fake_send(connection, &writer, -1);
    } else if (strchr(fault, '.')) {
        fail(connection, call, fault);
    } else {
        answer(connection, call);
    }
}

void fake_release(void)
{
    for (size_t i = 0; i < hanging_count; i++) {
        const P11dMessage call = {.serial = hanging[i].serial};
        if (hanging[i].connection->open)
            refuse(hanging[i].connection, &call, "FunctionFailed");
    }
    hanging_count = 0;
}
