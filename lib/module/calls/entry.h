// SPDX-License-Identifier: MIT
/*
 * The entry is what the module exports: the C_ functions of PKCS#11 2.40, and the two of 3.0 by
 * which newer applications ask for the list of them. Each is a prologue, one call into a noun, and
 * an epilogue. This file comes before all others in what defines such functions: the declarations
 * say that they are exported, everything else in the module is hidden.
 */
#ifndef P11D_ENTRY_H
#define P11D_ENTRY_H

#pragma GCC visibility push(default)
#include "pkcs11.h"

/* PKCS#11 3.0, section 5.4.5 and 5.4.6. */
CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags);
#pragma GCC visibility pop

#endif
