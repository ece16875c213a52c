// SPDX-License-Identifier: MIT
/*
 * A slot is the place of a token: a number that stands for the token's name as long as the process
 * lives. Numbers count from 1 in the order in which names were first seen; a token that vanished
 * leaves its slot behind, empty.
 */
#ifndef P11D_SLOT_H
#define P11D_SLOT_H

#include "pkcs11.h"

/* The most names that one process ever gives slots to. */
#define P11D_SLOT_MAX 512

/* The slot of name, a new one if it has none. 0: there are too many, or memory ran out. */
CK_SLOT_ID p11d_slot_assign(const char *name);

#endif
