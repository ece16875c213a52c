// SPDX-License-Identifier: MIT
/*
 * Mechanisms: whether each that claims CKF_SIGN signs, with a key of its type that is there, or
 * with one that is made for it and destroyed.
 */
#ifndef P11D_MECHANISMS_H
#define P11D_MECHANISMS_H

#include "check.h"

P11dCheckFunction p11d_mechanisms_existing;
P11dCheckFunction p11d_mechanisms_verified;
P11dCheckFunction p11d_mechanisms_generated;

#endif
