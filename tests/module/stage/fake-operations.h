// SPDX-License-Identifier: MIT
/* Operations with the keys of the fake service, and the logins and streams that go with them. */
#ifndef P11D_FAKE_OPERATIONS_H
#define P11D_FAKE_OPERATIONS_H

#include "fake-connection.h"

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
FakeAnswer fake_finish_stream;

#endif
