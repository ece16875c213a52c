// SPDX-License-Identifier: MIT
/* Operations with the keys of the fake service, and the logins and streams that go with them. */
#ifndef P11D_FAKE_OPERATIONS_H
#define P11D_FAKE_OPERATIONS_H

#include "fake-connection.h"

/* What is asked for, of one method or of a stream. */
typedef struct FakeQuestion {
    const char *purpose;
    uint64_t key;
    const uint8_t *data;
    size_t size;
    const uint8_t *signature;
    size_t signature_size;
} FakeQuestion;

/* Reads key, mechanism, parameters ("plain": there are none); body then stands behind. */
void fake_read_key(FakeQuestion *question, P11dReader *body, const char **mechanism,
                   const char **parameters);
/* Answers the question in a reply of that signature. */
void fake_perform(FakeConnection *connection, const P11dMessage *call, const FakeQuestion *question,
                  const char *signature);
/* Replies with bytes, and no results where the signature has any. */
void fake_send_bytes(FakeConnection *connection, const P11dMessage *call, const uint8_t *bytes,
                     size_t size, const char *signature);

/* Each answers the method of its name. */
typedef void FakeAnswer(FakeConnection *connection, const P11dMessage *call);

FakeAnswer fake_sign;
FakeAnswer fake_verify;
FakeAnswer fake_encrypt;
FakeAnswer fake_decrypt;
FakeAnswer fake_generate_random;
FakeAnswer fake_login;
FakeAnswer fake_logout;
FakeAnswer fake_begin_stream;
FakeAnswer fake_update_stream;
FakeAnswer fake_cancel_stream;
FakeAnswer fake_finish_stream;

#endif
