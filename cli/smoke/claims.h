// SPDX-License-Identifier: MIT
/*
 * Checks of what objects say that they can do.
 */
#ifndef P11D_CLAIMS_H
#define P11D_CLAIMS_H

#include "check.h"

P11dCheckFunction p11d_claims_operations;

#endif
