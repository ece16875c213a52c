// SPDX-License-Identifier: MIT
/* Sessions are opened and closed, and tell of themselves; a login is made in any of them. */
#ifndef P11D_SESSIONS_H
#define P11D_SESSIONS_H

#include "instance.h"

/* C_OpenSession, C_CloseSession, C_CloseAllSessions, C_GetSessionInfo (PKCS#11 3.1, section 5.6).
 * All but the last wait. */
CK_RV p11d_sessions_open(P11dInstance *instance, CK_SLOT_ID slot, CK_FLAGS flags,
                         CK_SESSION_HANDLE *handle);
CK_RV p11d_sessions_close(P11dInstance *instance, CK_SESSION_HANDLE handle);
CK_RV p11d_sessions_close_all(P11dInstance *instance, CK_SLOT_ID slot);
CK_RV p11d_sessions_info(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_SESSION_INFO *info);

/* C_Login, C_Logout (sections 5.6.8, 5.6.10). Wait. */
CK_RV p11d_sessions_login(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_USER_TYPE user,
                          const CK_UTF8CHAR *pin, CK_ULONG pin_size);
CK_RV p11d_sessions_logout(P11dInstance *instance, CK_SESSION_HANDLE handle);

#endif
