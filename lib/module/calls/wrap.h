// SPDX-License-Identifier: MIT
/* A wrap is the order that gives a key away, encrypted by another one. */
#ifndef P11D_WRAP_H
#define P11D_WRAP_H

#include "order.h"

typedef struct P11dWrap {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE wrapping_key;
    CK_OBJECT_HANDLE key;
    CK_BYTE *wrapped; /* NULL: how long is it? */
    CK_ULONG *size;   /* bytes */
} P11dWrap;

/*
 * C_WrapKey (PKCS#11 3.1, section 5.18.3). How long the result is is known without the service if
 * the wrapping key is one of RSA; else the result is kept in the session until the same call has room
 * for it, or another one comes: it is never asked for twice. Waits.
 * Errors: CKR_SESSION_HANDLE_INVALID, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
 * CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_UNEXTRACTABLE, those of
 * p11d_order_check and p11d_order_give.
 */
CK_RV p11d_wrap_perform(P11dInstance *instance, CK_SESSION_HANDLE session, P11dWrap *wrap);

#endif
