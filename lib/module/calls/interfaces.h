// SPDX-License-Identifier: MIT
/*
 * An interface is a list of functions under a name and a version (PKCS#11 3.2, section 3.6). All of
 * ours are called "PKCS 11", have the same functions as far as they go, and share one state. None
 * of these needs C_Initialize, takes a lock or asks anybody.
 */
#ifndef P11D_INTERFACES_H
#define P11D_INTERFACES_H

#include "pkcs11.h"

/* C_GetFunctionList (section 5.4.4): the list of 2.40. Errors: CKR_ARGUMENTS_BAD. */
CK_RV p11d_interfaces_functions(CK_FUNCTION_LIST **list);

/* C_GetInterfaceList (section 5.4.5). count: in elements. Errors: CKR_ARGUMENTS_BAD,
 * CKR_BUFFER_TOO_SMALL; *count says then how many there are. */
CK_RV p11d_interfaces_list(CK_INTERFACE *list, CK_ULONG *count);

/*
 * C_GetInterface (section 5.4.6). name NULL: any; version NULL: the newest; flags: those that it
 * must have. Errors: CKR_ARGUMENTS_BAD (there is none such, or nowhere to say which).
 */
CK_RV p11d_interfaces_get(const CK_UTF8CHAR *name, const CK_VERSION *version,
                          CK_INTERFACE **interface, CK_FLAGS flags);

#endif
