// SPDX-License-Identifier: MIT
/* The streams of the fake service: one a channel, which all have the same number. */
#include <stdio.h>
#include <string.h>

#include "fake-fault.h"
#include "fake-operations.h"
#include "fake-token.h"

#define NUMBER 77

void fake_begin_stream(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    FakeQuestion question;
    const char *purpose, *mechanism, *parameters;
    p11d_reader_string(&body, &purpose, NULL);
    fake_read_key(&question, &body, &mechanism, &parameters);
    fake_note("stream %s %s %s", purpose, mechanism, parameters);
    connection->stream_open = true;
    connection->stream_authenticated = false;
    connection->stream_key = question.key;
    snprintf(connection->stream_purpose, sizeof connection->stream_purpose, "%s", purpose);
    p11d_buffer_reset(&connection->stream_data);
    const bool encrypts = strcmp(purpose, "encrypt") == 0;
    if (!encrypts && strcmp(purpose, "decrypt") != 0)
        connection->stream_cipher = (FakeCipher){0};
    else
        fake_cipher_begin(&connection->stream_cipher, mechanism, encrypts);
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "t", NULL);
    p11d_writer_uint64(&writer, NUMBER);
    fake_send(connection, &writer, -1);
}

/* Takes a part; output: what comes of it. */
static void take(FakeConnection *connection, P11dBytes part, P11dBuffer *output)
{
    if (connection->stream_cipher.row)
        fake_cipher_update(&connection->stream_cipher, part, output);
    else
        p11d_buffer_append(&connection->stream_data, part.data, part.size);
}

void fake_update_stream(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    P11dBytes part;
    P11dBuffer output;
    uint64_t stream;
    p11d_reader_uint64(&body, &stream);
    p11d_reader_bytes(&body, &part.data, &part.size);
    P11dReader entries;
    uint64_t key = 0;
    const char *name, *type;
    p11d_reader_array(&body, 8, &entries);
    if (!p11d_reader_at_end(&entries) && p11d_reader_entry(&entries, &name, &type))
        p11d_reader_uint64(&entries, &key);
    fake_note(key == 0 ? "update %zu" : "update %zu key %lu", part.size, (unsigned long)key);
    if (stream != NUMBER || !connection->stream_open) {
        fake_refuse(connection, call, "OperationNotInitialized");
        return;
    }
    p11d_buffer_init(&output, SIZE_MAX / 4);
    take(connection, part, &output);
    if (fake_has_fault(call->member, "size"))
        p11d_buffer_append(&output, "12345678901234567890", 20);
    fake_send_bytes(connection, call, output.data, output.size, "ay");
    p11d_buffer_clear(&output);
}

/* A digest is how much there was, 32 times. */
static void finish_digest(FakeConnection *connection, const P11dMessage *call, P11dBytes data)
{
    uint8_t digest[32];
    memset(digest, (int)(connection->stream_data.size + data.size), sizeof digest);
    fake_send_bytes(connection, call, digest, sizeof digest, "aya{sv}");
}

/* The end of what is no cipher: as if all of it had come in one call. */
static void finish_other(FakeConnection *connection, const P11dMessage *call, P11dBytes data,
                         P11dBytes signature)
{
    P11dBuffer *all = &connection->stream_data;
    if (data.size > 0)
        p11d_buffer_append(all, data.data, data.size);
    const FakeQuestion question = {.purpose = connection->stream_purpose,
                                   .key = connection->stream_key,
                                   .data = all->data ? all->data : (const uint8_t *)"",
                                   .size = all->size,
                                   .signature = signature.data,
                                   .signature_size = signature.size};
    fake_perform(connection, call, &question, "aya{sv}");
    p11d_buffer_reset(all);
}

static void finish_cipher(FakeConnection *connection, const P11dMessage *call, P11dBytes data)
{
    P11dBuffer output;
    p11d_buffer_init(&output, SIZE_MAX / 4);
    /* The padding is at the end of what comes out last. */
    fake_cipher_update(&connection->stream_cipher, data, &output);
    if (fake_cipher_finish(&connection->stream_cipher, &output))
        fake_send_bytes(connection, call, output.data, output.size, "aya{sv}");
    else
        fake_refuse(connection, call, "EncryptedDataInvalid");
    p11d_buffer_clear(&output);
}

void fake_finish_stream(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    P11dReader entries;
    P11dBytes data = {NULL, 0}, signature = {NULL, 0};
    uint64_t stream;
    const char *name, *type;
    p11d_reader_uint64(&body, &stream);
    p11d_reader_array(&body, 8, &entries);
    while (!p11d_reader_at_end(&entries) && p11d_reader_entry(&entries, &name, &type)) {
        P11dBytes *to = strcmp(name, "data") == 0 ? &data : &signature;
        p11d_reader_bytes(&entries, &to->data, &to->size);
    }
    fake_note("finish %zu", data.size);
    const bool open = stream == NUMBER && connection->stream_open;
    const bool good = connection->stream_authenticated || !fake_options.always;
    connection->stream_open = connection->stream_authenticated = false;
    if (!open)
        fake_refuse(connection, call, "OperationNotInitialized");
    else if (!good)
        fake_refuse(connection, call, "UserNotLoggedIn");
    else if (connection->stream_cipher.row)
        finish_cipher(connection, call, data);
    else if (strcmp(connection->stream_purpose, "digest") == 0)
        finish_digest(connection, call, data);
    else
        finish_other(connection, call, data, signature);
}

void fake_cancel_stream(FakeConnection *connection, const P11dMessage *call)
{
    connection->stream_open = connection->stream_authenticated = false;
    fake_done(connection, call);
}
