// SPDX-License-Identifier: MIT
/*
 * A signature is C_SignInit to C_Sign or C_SignFinal (PKCS#11 3.1, section 5.13). Data is hashed in
 * this process where the mechanism hashes, and all of it ends in exactly one message to the
 * service, which may have made a signature whatever comes back, so it is never asked twice. Sizes
 * are answered here.
 */
#ifndef P11D_SIGN_H
#define P11D_SIGN_H

#include "login.h"
#include "session.h"

/* mechanism NULL cancels. Nothing of what it points to is kept. */
CK_RV p11d_sign_begin(P11dInstance *instance, CK_SESSION_HANDLE session,
                      const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);

/* C_Login for CKU_CONTEXT_SPECIFIC: for the signature that is active in session, by a key that
 * always authenticates. Waits. */
CK_RV p11d_sign_login(P11dInstance *instance, CK_SESSION_HANDLE session, P11dLogin *login);

/* C_Sign, C_SignUpdate, C_SignFinal. All but the second wait. */
CK_RV p11d_sign_whole(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                      CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size);
CK_RV p11d_sign_update(P11dInstance *instance, CK_SESSION_HANDLE session, const CK_BYTE *data,
                       CK_ULONG size);
CK_RV p11d_sign_final(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *signature,
                      CK_ULONG *signature_size);

#endif
