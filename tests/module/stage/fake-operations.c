// SPDX-License-Identifier: MIT
#include "fake-operations.h"

#include <string.h>

#include "fake-fault.h"
#include "fake-token.h"

/* A made-up signature of the right size for the key: its first bytes are those of the data. */
static void send_signature(FakeConnection *connection, const P11dMessage *call, uint64_t key,
                           const uint8_t *data, size_t size, bool results)
{
    uint8_t signature[256] = {0};
    const size_t right = key % 100 <= 2 ? 64 : 256;
    const bool wrong = fake_has_fault(call->member, "size");
    memcpy(signature, data, size < right ? size : right);
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, results ? "aya{sv}" : "ay",
                     NULL);
    p11d_writer_bytes(&writer, signature, wrong ? right - 1 : right);
    if (results)
        p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fake_send(connection, &writer, -1);
}

void fake_sign(FakeConnection *connection, const P11dMessage *call)
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
    fake_note("sign %s %s %zu", mechanism, p11d_reader_at_end(&parameters) ? "plain" : "parameters",
              size);
    if (key / 100 != fake_options.run || key % 100 == 0 || key % 100 > fake_object_count)
        fake_refuse(connection, call, "ObjectHandleInvalid");
    else
        send_signature(connection, call, key, data, size, false);
}

void fake_login(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    const char *user;
    const uint8_t *pin;
    size_t size;
    p11d_reader_string(&body, &user, NULL);
    p11d_reader_bytes(&body, &pin, &size);
    FakeConnection *client = &fake_connections[connection->client];
    if (!fake_options.pad && !fake_options.open && (size != 4 || memcmp(pin, "1234", 4) != 0)) {
        fake_refuse(connection, call, "PinIncorrect");
        return;
    }
    if (strcmp(user, "context-specific") == 0)
        connection->stream_authenticated = connection->stream_open;
    else
        client->logged_in = true;
    fake_done(connection, call);
}

void fake_logout(FakeConnection *connection, const P11dMessage *call)
{
    fake_connections[connection->client].logged_in = false;
    fake_done(connection, call);
}

void fake_begin_stream(FakeConnection *connection, const P11dMessage *call)
{
    connection->stream_open = true;
    connection->stream_authenticated = false;
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "t", NULL);
    p11d_writer_uint64(&writer, 77);
    fake_send(connection, &writer, -1);
}

void fake_finish_stream(FakeConnection *connection, const P11dMessage *call)
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
        fake_refuse(connection, call, "UserNotLoggedIn");
}
