// SPDX-License-Identifier: MIT
/* A saved operation is the state of one, in the hands of the host. */
#ifndef P11D_SAVED_H
#define P11D_SAVED_H

#include "operation.h"

/*
 * C_GetOperationState, for a digest (PKCS#11 3.1, section 5.6.6): nothing else can be saved. state:
 * of *size bytes, or NULL to be told how many it takes. Does not wait. Errors:
 * CKR_STATE_UNSAVEABLE, CKR_OPERATION_NOT_INITIALIZED, CKR_BUFFER_TOO_SMALL.
 */
CK_RV p11d_saved_get(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *state,
                     CK_ULONG *size);

/* C_SetOperationState: that digest goes on in session instead of one that may be active there.
 * keys: the host brings some. Does not wait. Errors: CKR_SAVED_STATE_INVALID, CKR_KEY_NOT_NEEDED;
 * the session is as before then. */
CK_RV p11d_saved_set(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *state,
                     CK_ULONG size, bool keys);

#endif
