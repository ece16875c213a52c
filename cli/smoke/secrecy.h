// SPDX-License-Identifier: MIT
/*
 * Checks whether what is private or secret on a token stays so.
 */
#ifndef P11D_SECRECY_H
#define P11D_SECRECY_H

#include "check.h"

P11dCheckFunction p11d_secrecy_logout;
P11dCheckFunction p11d_secrecy_values;

#endif
