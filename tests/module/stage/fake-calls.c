// SPDX-License-Identifier: MIT
#include "fake-calls.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fake-fault.h"
#include "fake-operations.h"
#include "fake-orders.h"
#include "fake-signals.h"
#include "fake-token.h"
#include "interface.h"

static void open_channel(FakeConnection *connection, const P11dMessage *call)
{
    const bool manager = strcmp(call->interface, p11d_interface_manager.name) == 0;
    const FakeKind kind = manager                            ? FAKE_MANAGER
                          : connection->kind == FAKE_CONTROL ? FAKE_CALLS
                                                             : FAKE_CONTROL;
    if (!fake_options.channels) {
        fake_fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
        return;
    }
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        exit(1);
    fake_connect(ends[0], kind, connection->client);
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
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "tba(ta{sv})at", NULL);
    p11d_writer_uint64(&writer, current);
    p11d_writer_boolean(&writer, known != current);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; known != current && i < fake_object_count; i++)
        fake_write_object(&writer, i);
    if (known != current && client->logged_in)
        fake_write_object(&writer, 5);
    if (known != current)
        fake_write_made(&writer, connection->client);
    p11d_writer_array_end(&writer, array);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fake_send(connection, &writer, -1);
}

static void get_objects(FakeConnection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    if (fake_options.early)
        fake_say_token();
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{oa{sa{sv}}}", NULL);
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    if (fake_options.token) {
        p11d_writer_struct(&writer);
        fake_write_token(&writer, FAKE_TOKEN_PATH);
    }
    if (fake_options.early) {
        p11d_writer_struct(&writer);
        fake_write_token(&writer, P11D_TOKENS_PATH "/another");
    }
    p11d_writer_array_end(&writer, array);
    fake_send(connection, &writer, -1);
}

static void get_all(FakeConnection *connection, const P11dMessage *call)
{
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "a{sv}", NULL);
    fake_write_properties(&writer);
    fake_send(connection, &writer, -1);
}

void fake_answer(FakeConnection *connection, const P11dMessage *call)
{
    static const struct {
        const char *method;
        FakeAnswer *answer;
    } rows[] = {
        {"OpenChannel", open_channel},
        {"GetManagedObjects", get_objects},
        {"GetAll", get_all},
        {"ListObjects", list_objects},
        {"Sign", fake_sign},
        {"Verify", fake_verify},
        {"Encrypt", fake_encrypt},
        {"Decrypt", fake_decrypt},
        {"GenerateRandom", fake_generate_random},
        {"Login", fake_login},
        {"Logout", fake_logout},
        {"BeginStream", fake_begin_stream},
        {"UpdateStream", fake_update_stream},
        {"FinishStream", fake_finish_stream},
        {"CancelStream", fake_cancel_stream},
        {"CreateObject", fake_order},
        {"CopyObject", fake_order},
        {"SetAttributes", fake_order},
        {"DestroyObject", fake_order},
        {"GenerateKey", fake_order},
        {"GenerateKeyPair", fake_order},
        {"Derive", fake_order},
        {"Encapsulate", fake_order},
        {"Decapsulate", fake_order},
        {"Wrap", fake_order},
        {"Unwrap", fake_order},
        {"InitToken", fake_order},
        {"InitPin", fake_order},
        {"SetPin", fake_order},
    };
    fake_note("%s", call->member);
    if (fake_misbehave(connection, call))
        return;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(call->member, rows[i].method) == 0) {
            rows[i].answer(connection, call);
            return;
        }
    }
    fake_fail(connection, call, "org.freedesktop.DBus.Error.UnknownMethod");
}
