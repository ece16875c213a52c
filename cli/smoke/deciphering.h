// SPDX-License-Identifier: MIT
/*
 * Checks whether what a token decrypts and derives is what OpenSSL does.
 */
#ifndef P11D_DECIPHERING_H
#define P11D_DECIPHERING_H

#include "check.h"

P11dCheckFunction p11d_deciphering_decrypt;
P11dCheckFunction p11d_deciphering_derive;

#endif
