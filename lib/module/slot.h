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

/* NAME of the token at that object path, pointing into path; NULL if it is no token's path. */
const char *p11d_slot_name_of_path(const char *path);

/* The slot of name, a new one if it has none. 0: there are too many, or memory ran out. */
CK_SLOT_ID p11d_slot_assign(const char *name);

/* Room for a name or what it stands for, with its NUL. */
#define P11D_SLOT_NAME_SIZE 256

/* The text that name stands for: "_xx" is the byte with those hex digits. Name itself if that is
 * not text. */
void p11d_slot_decode_name(const char *name, char text[P11D_SLOT_NAME_SIZE]);

/* C_GetSlotList (PKCS#11 3.1, section 5.5.1). Waits. */
CK_RV p11d_slot_list(P11dInstance *instance, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count);

/* C_GetSlotInfo (section 5.5.2). Waits. */
CK_RV p11d_slot_info(P11dInstance *instance, CK_SLOT_ID slot, CK_SLOT_INFO *info);

#endif
