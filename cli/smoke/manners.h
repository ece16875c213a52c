// SPDX-License-Identifier: MIT
/*
 * Manners: what a module does to a process that is not its own while it is used: output, signals,
 * descriptors, time.
 */
#ifndef P11D_MANNERS_H
#define P11D_MANNERS_H

#include "check.h"

P11dCheckFunction p11d_manners_output;
P11dCheckFunction p11d_manners_state;
P11dCheckFunction p11d_manners_inheritance;
P11dCheckFunction p11d_manners_times;

#endif
