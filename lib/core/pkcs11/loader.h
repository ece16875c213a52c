// SPDX-License-Identifier: MIT
/*
 * The loader is how this project hosts PKCS#11 modules: a module is opened once, pinned
 * (RTLD_NODELETE) and remembered by device and inode, so that the same file under another name is
 * the same module; at the end it is finalised. There is no function that closes: code that other
 * threads or exit handlers may still call must stay mapped.
 */
#ifndef P11D_LOADER_H
#define P11D_LOADER_H

#include <stdbool.h>

#include "pkcs11.h"

typedef struct P11dLibrary {
    const char *path; /* absolute, as first opened */
    CK_FUNCTION_LIST *functions;
    bool initialized; /* by p11d_loader_initialize, and not finalised since */
    CK_VERSION version;
} P11dLibrary;

/*
 * Opens the module at path (a name without '/' is looked for by dlopen's rules), or returns the one
 * that is open already. *library lives until the process ends.
 * Returns NULL, or why it failed: text for people, valid until the next call in this thread.
 */
const char *p11d_loader_open(const char *path, P11dLibrary **library);

/*
 * C_Initialize with CKF_OS_LOCKING_OK, once; again is CKR_OK without a call. A module that somebody
 * else in this process has initialised counts as initialised and is not finalised by us.
 * reserved: for pReserved, or NULL; borrowed for the call.
 */
CK_RV p11d_loader_initialize(P11dLibrary *library, const char *reserved);

/* C_Finalize of every module that p11d_loader_initialize initialised, last first. */
void p11d_loader_finalize_all(void);

#endif
