// SPDX-License-Identifier: MIT
/*
 * Exiting: whether a process that has used a module comes to a good end, also where OpenSSL is in
 * it, whose exit handlers may run before or after the module's.
 */
#ifndef P11D_EXITING_H
#define P11D_EXITING_H

#include "check.h"

P11dCheckFunction p11d_exiting_without_finalize;
P11dCheckFunction p11d_exiting_openssl_first;
P11dCheckFunction p11d_exiting_openssl_last;

#endif
