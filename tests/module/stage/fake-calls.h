// SPDX-License-Identifier: MIT
/* How the fake service answers calls. */
#ifndef P11D_FAKE_CALLS_H
#define P11D_FAKE_CALLS_H

#include "fake-connection.h"

/* Answers call, or does what was ordered instead. */
void fake_answer(FakeConnection *connection, const P11dMessage *call);

#endif
