// SPDX-License-Identifier: MIT
/*
 * Checks of the ways in which a module gives out its functions.
 */
#ifndef P11D_INTERFACES_H
#define P11D_INTERFACES_H

#include "check.h"

P11dCheckFunction p11d_interfaces_lists;

#endif
