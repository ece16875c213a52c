// SPDX-License-Identifier: MIT
/*
 * An event is a token that came or went. Events are noted when somebody reads the service's
 * signals, and told to C_WaitForSlotEvent once each.
 */
#ifndef P11D_EVENT_H
#define P11D_EVENT_H

#include "instance.h"

/* C_WaitForSlotEvent (PKCS#11 3.1, section 5.5.4). Waits as long as nothing happens, unless flags
 * has CKF_DONT_BLOCK. */
CK_RV p11d_event_wait(P11dInstance *instance, CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved);

#endif
