// SPDX-License-Identifier: MIT
/*
 * Unloading: what of a module is still there after C_Finalize and after dlclose, and whether the
 * host lives through it.
 */
#ifndef P11D_UNLOADING_H
#define P11D_UNLOADING_H

#include "check.h"

P11dCheckFunction p11d_unloading_threads;
P11dCheckFunction p11d_unloading_descriptors;
P11dCheckFunction p11d_unloading_mappings;
P11dCheckFunction p11d_unloading_memory;
P11dCheckFunction p11d_unloading_crash;
P11dCheckFunction p11d_unloading_without_finalize;
P11dCheckFunction p11d_unloading_stays;

#endif
