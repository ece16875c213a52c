// SPDX-License-Identifier: MIT
/* Orders: the methods that make, change and destroy objects and set PINs, and what they made. */
#ifndef P11D_FAKE_ORDERS_H
#define P11D_FAKE_ORDERS_H

#include "fake-operations.h"

/* Answers any of these methods, whose arguments and results are as the interface says. */
FakeAnswer fake_order;

/* Whether that is the id of such an object. */
bool fake_has_made(uint64_t id);

/* Writes what was made and this client may see, as in ListObjects. */
void fake_write_made(P11dWriter *writer, int client);

#endif
