// SPDX-License-Identifier: MIT
/* Sessions are opened and closed, and tell of themselves; a login is made in any of them. */
#ifndef P11D_SESSIONS_H
#define P11D_SESSIONS_H

#include "instance.h"
#include "login.h"

/* C_OpenSession, C_CloseSession, C_CloseAllSessions, C_GetSessionInfo (PKCS#11 3.1, section 5.6).
 * All but the last wait. */
CK_RV p11d_sessions_open(P11dInstance *instance, CK_SLOT_ID slot, CK_FLAGS flags,
                         CK_SESSION_HANDLE *handle);
CK_RV p11d_sessions_close(P11dInstance *instance, CK_SESSION_HANDLE handle);
CK_RV p11d_sessions_close_all(P11dInstance *instance, CK_SLOT_ID slot);
CK_RV p11d_sessions_info(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);

/* C_Login, C_LoginUser, C_Logout (PKCS#11 3.2, sections 5.6.8 to 5.6.10). name: size bytes of
 * UTF-8, at most P11D_LOGIN_NAME_MAX, or CKR_ARGUMENTS_BAD. Wait. */
CK_RV p11d_sessions_login(P11dInstance *instance, CK_SESSION_HANDLE handle, const P11dLogin *login);
CK_RV p11d_sessions_login_user(P11dInstance *instance, CK_SESSION_HANDLE handle,
                               const P11dLogin *login, const CK_UTF8CHAR *name, CK_ULONG size);
CK_RV p11d_sessions_logout(P11dInstance *instance, CK_SESSION_HANDLE handle);

/*
 * C_SessionCancel (section 5.6.5): ends the operations that flags, of mechanisms and
 * CKF_FIND_OBJECTS, stand for; those that are not active are passed over, as are flags that stand
 * for none. Errors: CKR_SESSION_HANDLE_INVALID, CKR_OPERATION_CANCEL_FAILED (a call works on one of
 * them; all others are ended).
 */
CK_RV p11d_sessions_cancel(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_FLAGS flags);

/* C_GetSessionValidationFlags (section 5.6.11). Nothing here is validated, so no flag is ever set.
 * Errors: CKR_SESSION_HANDLE_INVALID, CKR_ARGUMENTS_BAD. */
CK_RV p11d_sessions_validation(P11dInstance *instance, CK_SESSION_HANDLE handle,
                               CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS *flags);

#endif
