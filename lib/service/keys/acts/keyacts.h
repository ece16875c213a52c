// SPDX-License-Identifier: MIT
/*
 * The key acts are what a key token does: a row for each method that it has.
 */
#ifndef P11D_KEYACTS_H
#define P11D_KEYACTS_H

#include "act.h"

/* Ends with a row without a method. */
extern const P11dAct p11d_keyacts[];

#endif
