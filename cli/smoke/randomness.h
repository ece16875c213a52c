// SPDX-License-Identifier: MIT
/*
 * Checks of the random bytes that a token gives.
 */
#ifndef P11D_RANDOMNESS_H
#define P11D_RANDOMNESS_H

#include "check.h"

P11dCheckFunction p11d_randomness_bytes;

#endif
