// SPDX-License-Identifier: MIT
/*
 * An event is a token that came or went. Events are noted when somebody reads the service's
 * signals, and told to C_WaitForSlotEvent once each. Who waits polls the manager channel and a
 * bell of its own, a pipe by which other threads say that they read the signal first.
 */
#ifndef P11D_EVENT_H
#define P11D_EVENT_H

#include "instance.h"

/* One call of C_WaitForSlotEvent. */
typedef struct P11dWaiter P11dWaiter;
struct P11dWaiter {
    P11dDescriptor *bell[2]; /* NULL until there is something to listen to beside it */
    int64_t pause;           /* milliseconds until it looks for the service again */
    P11dWaiter *next;        /* in the instance's list */
};

/* Notes that token came or went. */
void p11d_event_happened(P11dToken *token);

/* C_WaitForSlotEvent (PKCS#11 3.1, section 5.5.4). Waits as long as nothing happens, unless flags
 * has CKF_DONT_BLOCK. */
CK_RV p11d_event_wait(P11dInstance *instance, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved);

/* Wakes all who wait. */
void p11d_event_ring(P11dInstance *instance);

#endif
