// SPDX-License-Identifier: MIT
/*
 * Initializing: C_Initialize that fails, and C_Initialize by two who do not know of each other.
 */
#ifndef P11D_INITIALIZING_H
#define P11D_INITIALIZING_H

#include "check.h"

P11dCheckFunction p11d_initializing_failed;
P11dCheckFunction p11d_initializing_twice;

#endif
