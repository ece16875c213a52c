// SPDX-License-Identifier: MIT
/*
 * Sizes: how a module answers to those who ask for the size first, and to buffers that are too
 * small.
 */
#ifndef P11D_SIZES_H
#define P11D_SIZES_H

#include "check.h"

P11dCheckFunction p11d_sizes_lists;
P11dCheckFunction p11d_sizes_attributes;
P11dCheckFunction p11d_sizes_digest;
P11dCheckFunction p11d_sizes_signature;

#endif
