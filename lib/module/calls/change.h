// SPDX-License-Identifier: MIT
/* A change is an order about an object that is there: other attributes for it, or its end. */
#ifndef P11D_CHANGE_H
#define P11D_CHANGE_H

#include "order.h"

/*
 * C_SetAttributeValue (PKCS#11 3.1, section 5.7.6). Waits. Errors: CKR_SESSION_HANDLE_INVALID,
 * CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED, those of p11d_order_template,
 * p11d_order_may_write and p11d_order_give.
 */
CK_RV p11d_change_set(P11dInstance *instance, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      const CK_ATTRIBUTE *templ, CK_ULONG count);

/* C_DestroyObject (section 5.7.3). Waits. Errors: as p11d_change_set. */
CK_RV p11d_change_destroy(P11dInstance *instance, CK_SESSION_HANDLE session,
                          CK_OBJECT_HANDLE object);

/* Destroys session objects of sessions that are no more, as far as they are still there: nobody
 * could say what else to do about one that stays. Waits. */
void p11d_change_discard(P11dToken *token, const CK_OBJECT_HANDLE *objects, size_t count);

#endif
