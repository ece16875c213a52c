// SPDX-License-Identifier: MIT
/* A wrap is the order that gives a key away, encrypted by another one, and what takes it back. */
#ifndef P11D_WRAP_H
#define P11D_WRAP_H

#include "making.h"
#include "order.h"

typedef struct P11dWrap {
    const CK_MECHANISM *mechanism;
    CK_OBJECT_HANDLE wrapping_key;
    CK_OBJECT_HANDLE key;
    CK_BYTE *wrapped;     /* NULL: how long is it? */
    CK_ULONG *size;       /* bytes */
    bool tagged;          /* the tag goes where the mechanism's parameters say, */
    P11dBytes associated; /* and stands for these data too */
} P11dWrap;

/*
 * C_WrapKey, and tagged C_WrapKeyAuthenticated (PKCS#11 3.2, sections 5.18.3 and 5.18.8). An IV
 * that the mechanism makes goes to the host with the wrapped key. How long the result is is known
 * without the service if the wrapping key is one of RSA; else the result is kept in the session
 * until the same call has room for it, or another one comes: it is never asked for twice. Waits.
 * Errors: CKR_SESSION_HANDLE_INVALID, CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL,
 * CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_KEY_UNEXTRACTABLE, those of
 * p11d_order_check and p11d_order_give.
 */
CK_RV p11d_wrap_perform(P11dInstance *instance, CK_SESSION_HANDLE session, const P11dWrap *wrap);

/* C_UnwrapKey, and tagged C_UnwrapKeyAuthenticated (sections 5.18.4 and 5.18.9): a making whose
 * mechanism may have the parameters of a wrap. Waits. Errors: those of p11d_making_perform and
 * p11d_gcm_translate. */
CK_RV p11d_wrap_undo(P11dInstance *instance, const P11dMaking *making, bool tagged,
                     P11dBytes associated);

#endif
