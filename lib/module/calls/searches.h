// SPDX-License-Identifier: MIT
/*
 * A search is C_FindObjectsInit to C_FindObjectsFinal (PKCS#11 3.1, section 5.7.7 to 5.7.9): the
 * handles that matched when it began, given out in portions. Objects may come and go meanwhile.
 */
#ifndef P11D_SEARCHES_H
#define P11D_SEARCHES_H

#include "session.h"

/* Waits: the snapshot may have to be brought up to date. */
CK_RV p11d_searches_begin(P11dInstance *instance, CK_SESSION_HANDLE session,
                          const CK_ATTRIBUTE *templ, CK_ULONG count);
CK_RV p11d_searches_next(P11dInstance *instance, CK_SESSION_HANDLE session,
                         CK_OBJECT_HANDLE *objects, CK_ULONG most, CK_ULONG *count);
CK_RV p11d_searches_end(P11dInstance *instance, CK_SESSION_HANDLE session);

#endif
