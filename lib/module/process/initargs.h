// SPDX-License-Identifier: MIT
/*
 * Init arguments are what a host hands to C_Initialize (CK_C_INITIALIZE_ARGS, PKCS#11 3.1, section
 * 3.7), checked and copied. Neither the structure nor pReserved in it is trusted to be what it
 * should be: a host that loads many modules gives this one the argument of another.
 */
#ifndef P11D_INITARGS_H
#define P11D_INITARGS_H

#include "configuration.h"
#include "pkcs11.h"

typedef struct P11dInitArgs {
    const char *reserved; /* text, or NULL if pReserved is */
    char text[P11D_CONFIGURATION_MAX + 1];
} P11dInitArgs;

/*
 * Reads arguments, which may be NULL, to *args; its reserved points into it.
 * Errors: CKR_ARGUMENTS_BAD (not readable; some but not all of the four functions; pReserved does
 * not point to a string of at most P11D_CONFIGURATION_MAX bytes), CKR_CANT_LOCK (functions without
 * CKF_OS_LOCKING_OK), CKR_HOST_MEMORY.
 */
CK_RV p11d_initargs_read(const void *arguments, P11dInitArgs *args);

#endif
