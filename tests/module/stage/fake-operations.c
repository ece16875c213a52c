// SPDX-License-Identifier: MIT
#include "fake-operations.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-fault.h"
#include "fake-orders.h"
#include "fake-token.h"

static bool is_rsa(const FakeQuestion *question)
{
    return question->key % 100 > 2;
}

/* A made-up signature of the right size for the key: its first bytes are those of the data. */
static size_t make_signature(const FakeQuestion *question, uint8_t signature[256])
{
    const size_t right = is_rsa(question) ? 256 : 64;
    memset(signature, 0, 256);
    memcpy(signature, question->data, question->size < right ? question->size : right);
    return right;
}

/* Made-up ciphers: the size in two bytes, and the data; with RSA as long as the modulus. */
static size_t encrypt(const FakeQuestion *question, uint8_t *output)
{
    output[0] = (uint8_t)(question->size >> 8);
    output[1] = (uint8_t)question->size;
    memcpy(output + 2, question->data, question->size);
    if (!is_rsa(question))
        return question->size + 2;
    memset(output + 2 + question->size, 0, 254 - question->size);
    return 256;
}

static size_t decrypt(const FakeQuestion *question, uint8_t *output)
{
    const size_t size = (size_t)question->data[0] << 8 | question->data[1];
    memcpy(output, question->data + 2, size);
    return size;
}

static bool fits(const FakeQuestion *question)
{
    const bool decrypts = strcmp(question->purpose, "decrypt") == 0;
    const bool encrypts = strcmp(question->purpose, "encrypt") == 0;
    if (decrypts)
        return question->size >= 2 && (!is_rsa(question) || question->size == 256) &&
               ((size_t)question->data[0] << 8 | question->data[1]) <= question->size - 2;
    return !encrypts || question->size <= (is_rsa(question) ? 245 : 1000);
}

void fake_send_bytes(FakeConnection *connection, const P11dMessage *call, const uint8_t *bytes,
                     size_t size, const char *signature)
{
    P11dWriter writer;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, signature, NULL);
    p11d_writer_bytes(&writer, bytes, size);
    if (strcmp(signature, "aya{sv}") == 0)
        p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    fake_send(connection, &writer, -1);
}

/* Sends what comes of it. signature: of the reply. */
static void send_output(FakeConnection *connection, const P11dMessage *call,
                        const FakeQuestion *question, const char *signature)
{
    static uint8_t output[2048];
    size_t size = 0;
    if (strcmp(question->purpose, "sign") == 0 || strcmp(question->purpose, "sign-recover") == 0)
        size = make_signature(question, output);
    else if (strcmp(question->purpose, "encrypt") == 0)
        size = encrypt(question, output);
    else if (strcmp(question->purpose, "decrypt") == 0)
        size = decrypt(question, output);
    if (fake_has_fault(call->member, "size"))
        size = size < 256 && strcmp(question->purpose, "sign") != 0 ? 257 : size - 1;
    fake_send_bytes(connection, call, output, size, signature);
}

void fake_perform(FakeConnection *connection, const P11dMessage *call, const FakeQuestion *question,
                  const char *signature)
{
    uint8_t right[256];
    const uint64_t number = question->key % 100;
    if ((question->key / 100 != fake_options.run || number == 0 || number > fake_object_count) &&
        !fake_has_made(question->key)) {
        fake_refuse(connection, call, "ObjectHandleInvalid");
    } else if (!fits(question)) {
        fake_refuse(connection, call, "DataLenRange");
    } else if (strcmp(question->purpose, "verify") != 0) {
        send_output(connection, call, question, signature);
    } else if (make_signature(question, right) != question->signature_size ||
               memcmp(right, question->signature, question->signature_size) != 0) {
        fake_refuse(connection, call, "SignatureInvalid");
    } else if (strcmp(signature, "") == 0) {
        fake_done(connection, call);
    } else {
        send_output(connection, call, question, signature);
    }
}

void fake_read_key(FakeQuestion *question, P11dReader *body, const char **mechanism,
                   const char **parameters)
{
    P11dReader entries;
    p11d_reader_uint64(body, &question->key);
    p11d_reader_string(body, mechanism, NULL);
    p11d_reader_array(body, 8, &entries);
    *parameters = p11d_reader_at_end(&entries) ? "plain" : "parameters";
}

/* Answers if the mechanism is one of a cipher. */
static bool encipher(FakeConnection *connection, const P11dMessage *call,
                     const FakeQuestion *question, const char *mechanism, const char *signature)
{
    FakeCipher cipher;
    P11dBuffer output;
    const bool encrypts = strcmp(question->purpose, "encrypt") == 0;
    if ((!encrypts && strcmp(question->purpose, "decrypt") != 0) ||
        !fake_cipher_begin(&cipher, mechanism, encrypts))
        return false;
    p11d_buffer_init(&output, SIZE_MAX / 4);
    fake_cipher_update(&cipher, (P11dBytes){question->data, question->size}, &output);
    if (fake_cipher_finish(&cipher, &output))
        fake_send_bytes(connection, call, output.data, output.size, signature);
    else
        fake_refuse(connection, call, "EncryptedDataInvalid");
    p11d_buffer_clear(&output);
    return true;
}

static void answer(FakeConnection *connection, const P11dMessage *call, const char *purpose,
                   const char *signature)
{
    P11dReader body = call->body;
    FakeQuestion question = {.purpose = purpose};
    const char *mechanism, *parameters;
    fake_read_key(&question, &body, &mechanism, &parameters);
    p11d_reader_bytes(&body, &question.data, &question.size);
    if (strcmp(purpose, "verify") == 0)
        p11d_reader_bytes(&body, &question.signature, &question.signature_size);
    fake_note("%s %s %s %zu", purpose, mechanism, parameters, question.size);
    if (!encipher(connection, call, &question, mechanism, signature))
        fake_perform(connection, call, &question, signature);
}

void fake_sign(FakeConnection *connection, const P11dMessage *call)
{
    answer(connection, call, "sign", "ay");
}

void fake_verify(FakeConnection *connection, const P11dMessage *call)
{
    answer(connection, call, "verify", "");
}

void fake_encrypt(FakeConnection *connection, const P11dMessage *call)
{
    answer(connection, call, "encrypt", "aya{sv}");
}

void fake_decrypt(FakeConnection *connection, const P11dMessage *call)
{
    answer(connection, call, "decrypt", "ay");
}

/* 1, 2, 3 and so on are as random as any. */
void fake_generate_random(FakeConnection *connection, const P11dMessage *call)
{
    static uint8_t last;
    P11dReader body = call->body;
    P11dWriter writer;
    uint32_t length = 0;
    p11d_reader_uint32(&body, &length);
    uint8_t *bytes = malloc(length + 1);
    for (uint32_t i = 0; bytes && i < length; i++)
        bytes[i] = ++last;
    fake_begin_reply(connection, call, &writer, P11D_MESSAGE_RETURN, "ay", NULL);
    p11d_writer_bytes(&writer, bytes, fake_has_fault(call->member, "size") ? length - 1 : length);
    fake_send(connection, &writer, -1);
    free(bytes);
}

/* Notes who it is, if that is said among the options. */
static void note_username(P11dReader *body)
{
    P11dReader options;
    const char *key, *signature, *name;
    if (!p11d_reader_array(body, 8, &options))
        return;
    while (p11d_reader_entry(&options, &key, &signature)) {
        if (strcmp(key, "username") == 0 && p11d_reader_string(&options, &name, NULL))
            fake_note("username %.200s", name);
        else
            p11d_reader_skip(&options, signature);
    }
}

void fake_login(FakeConnection *connection, const P11dMessage *call)
{
    P11dReader body = call->body;
    const char *user;
    const uint8_t *pin;
    size_t size;
    p11d_reader_string(&body, &user, NULL);
    p11d_reader_bytes(&body, &pin, &size);
    note_username(&body);
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
