// SPDX-License-Identifier: MIT
/*
 * Signatures: whether what the keys sign is right, for data of any size, each time, and also where
 * several sessions sign at once.
 */
#ifndef P11D_SIGNATURES_H
#define P11D_SIGNATURES_H

#include "check.h"

P11dCheckFunction p11d_signatures_verify;
P11dCheckFunction p11d_signatures_short;
P11dCheckFunction p11d_signatures_sizes;
P11dCheckFunction p11d_signatures_threads;
P11dCheckFunction p11d_signatures_pairs;

#endif
