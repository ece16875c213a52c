// SPDX-License-Identifier: MIT
/*
 * A waiter is one call of C_WaitForSlotEvent under way. It polls the manager channel and a bell of
 * its own, a pipe by which other threads say that they read the signal first.
 */
#ifndef P11D_WAITER_H
#define P11D_WAITER_H

#include "descriptor.h"
#include "instance.h"

struct P11dWaiter {
    P11dDescriptor *bell[2]; /* NULL until there is something to listen to beside it */
    int64_t pause;           /* milliseconds until it looks for the service again */
    P11dWaiter *next;        /* in the instance's list */
};

/* Makes the bell, also if the host has closed it. Returns false if that is not possible. */
bool p11d_waiter_hang_bell(P11dWaiter *waiter);
void p11d_waiter_take_down_bell(P11dWaiter *waiter);

/* Rings the bells of all who wait. */
void p11d_waiter_ring(P11dInstance *instance);
/* Empties the bell. */
void p11d_waiter_silence(P11dWaiter *waiter);

#endif
