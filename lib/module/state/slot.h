// SPDX-License-Identifier: MIT
/*
 * A slot is the place of a token: a number that stands for the token's name as long as the process
 * lives. Numbers count from 1 in the order in which names were first seen; a token that vanished
 * leaves its slot behind, empty.
 */
#ifndef P11D_SLOT_H
#define P11D_SLOT_H

#include "instance.h"

/* The most names that one process ever gives slots to. */
#define P11D_SLOT_MAX 512

/* The slot of name, a new one if it has none. 0: there are too many, or memory ran out. */
CK_SLOT_ID p11d_slot_assign(const char *name);

/* C_GetSlotList (PKCS#11 3.1, section 5.5.1). Waits. */
CK_RV p11d_slot_list(P11dInstance *instance, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count);

/* C_GetSlotInfo (section 5.5.2). Waits. */
CK_RV p11d_slot_info(P11dInstance *instance, CK_SLOT_ID slot, CK_SLOT_INFO *info);

#endif
