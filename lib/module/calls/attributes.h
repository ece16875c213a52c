// SPDX-License-Identifier: MIT
/*
 * An question is C_GetAttributeValue: answered from the snapshot, and only where that cannot know
 * the answer by one GetAttributes, which is remembered.
 */
#ifndef P11D_ATTRIBUTES_H
#define P11D_ATTRIBUTES_H

#include "session.h"

/* C_GetAttributeValue (PKCS#11 3.1, section 5.7.5). Waits. */
CK_RV p11d_attributes_get(P11dInstance *instance, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ, CK_ULONG count);

/* C_GetObjectSize (section 5.7.4): nobody knows. */
CK_RV p11d_attributes_size(P11dInstance *instance, CK_SESSION_HANDLE session,
                           CK_OBJECT_HANDLE object, CK_ULONG *size);

#endif
