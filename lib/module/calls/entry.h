// SPDX-License-Identifier: MIT
/*
 * The entry is what the module exports: the C_ functions of PKCS#11 3.2. Each is a prologue, one
 * call into a noun, and an epilogue. This file comes before all others in what defines such
 * functions: the declarations say that they are exported, everything else in the module is hidden.
 */
#ifndef P11D_ENTRY_H
#define P11D_ENTRY_H

#pragma GCC visibility push(default)
#include "pkcs11.h"
#pragma GCC visibility pop

#endif
