// SPDX-License-Identifier: MIT
/*
 * Forking: a host forks after it has initialised the module; then both use it.
 */
#ifndef P11D_FORKING_H
#define P11D_FORKING_H

#include "check.h"

P11dCheckFunction p11d_forking_child;
P11dCheckFunction p11d_forking_parent;
P11dCheckFunction p11d_forking_signature;

#endif
