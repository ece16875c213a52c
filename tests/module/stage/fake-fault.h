// SPDX-License-Identifier: MIT
/* What the fake service does, on demand, instead of an answer. */
#ifndef P11D_FAKE_FAULT_H
#define P11D_FAKE_FAULT_H

#include "fake-connection.h"

/* What to do (action) when the method is called, see the usage in fake-service.c; fake_calm:
 * nothing but answer. */
void fake_set_fault(const char *method, const char *action);
void fake_calm(void);

/* Whether that is what was ordered for the method. */
bool fake_has_fault(const char *method, const char *action);

/* Does what was ordered for call; false: nothing was. */
bool fake_misbehave(FakeConnection *connection, const P11dMessage *call);

/* Answers with an error what was ordered to hang. */
void fake_release(void);

#endif
