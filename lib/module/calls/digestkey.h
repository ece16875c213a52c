// SPDX-License-Identifier: MIT
/* A digest key is a secret key whose value goes into the digest that a session makes. */
#ifndef P11D_DIGESTKEY_H
#define P11D_DIGESTKEY_H

#include "operation.h"

/*
 * C_DigestKey (PKCS#11 3.1, section 5.12.4). A value that the host may read is hashed here; one
 * that it may not is the token's to hash, which must then hash all, so that there can have been no
 * data before. May wait. Errors: CKR_SESSION_HANDLE_INVALID, CKR_OPERATION_NOT_INITIALIZED,
 * CKR_OPERATION_ACTIVE, CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_HOST_MEMORY, those of
 * p11d_flow_add. The last three end the operation only where the token was asked.
 */
CK_RV p11d_digestkey(P11dInstance *instance, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key);

#endif
