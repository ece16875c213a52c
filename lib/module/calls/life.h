// SPDX-License-Identifier: MIT
/*
 * The life of an instance: from C_Initialize to C_Finalize. C_Finalize only takes it away from new
 * calls and wakes those in flight, and the last of them frees it; so C_Finalize never waits and
 * nothing is ever freed under a call. The next C_Initialize makes another instance.
 */
#ifndef P11D_LIFE_H
#define P11D_LIFE_H

#include "instance.h"

/*
 * C_Initialize (PKCS#11 3.1, section 5.4.1). arguments: of the host, see initargs.h. Called without
 * the lock. Errors: CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED,
 * CKR_HOST_MEMORY.
 */
CK_RV p11d_life_initialize(const void *arguments);

/* C_Finalize: instance is the current one and referenced by the caller. Errors: CKR_ARGUMENTS_BAD
 * (reserved is not NULL), CKR_CRYPTOKI_NOT_INITIALIZED (another thread was faster). */
CK_RV p11d_life_finalize(P11dInstance *instance, const void *reserved);

/* C_GetInfo (section 5.4.3). */
CK_RV p11d_life_info(CK_INFO *info);

/* A new reference to the current instance, or NULL. */
P11dInstance *p11d_life_enter(void);

/* Gives a reference up; the last one frees the instance. */
void p11d_life_leave(P11dInstance *instance);

/* In a child after fork: there is no current instance any more. What the parent had is not freed,
 * only kept reachable. Called without the lock. */
void p11d_life_forget(void);

#endif
