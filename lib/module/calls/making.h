// SPDX-License-Identifier: MIT
/*
 * A making is an order that makes objects: of nothing, of a template, of another object, of a key
 * or of wrapped bytes. The handles of the new objects are the host's when the call returns. Session
 * objects belong to the session that made them and are destroyed with it.
 */
#ifndef P11D_MAKING_H
#define P11D_MAKING_H

#include "order.h"

typedef struct P11dMakingRow P11dMakingRow; /* how one function differs from the others */

/* PKCS#11 3.1, sections 5.7.1, 5.7.2, 5.18.1, 5.18.2, 5.18.4 and 5.18.5. */
extern const P11dMakingRow p11d_making_create;
extern const P11dMakingRow p11d_making_copy;
extern const P11dMakingRow p11d_making_key;
extern const P11dMakingRow p11d_making_pair; /* the public key is the first of two */
extern const P11dMakingRow p11d_making_unwrapped;
extern const P11dMakingRow p11d_making_derived;
extern const P11dMakingRow p11d_making_encapsulated; /* these two: 3.2, sections 5.18.6, 5.18.7 */
extern const P11dMakingRow p11d_making_decapsulated;

/* What a host brings. */
typedef struct P11dMaking {
    CK_SESSION_HANDLE session;
    const CK_MECHANISM *mechanism; /* where the row needs one */
    CK_OBJECT_HANDLE from; /* where the row needs one: the object or key that it is made of */
    const CK_BYTE *input;  /* what is to be unwrapped or decapsulated */
    CK_ULONG input_size;
    P11dBuffer *output; /* takes what comes with the object; NULL: nothing */
    struct {
        const CK_ATTRIBUTE *templ;
        CK_ULONG count;
        CK_OBJECT_HANDLE *made;
    } objects[P11D_ARGUMENTS_EACH];
} P11dMaking;

/*
 * Makes them. Waits. Errors: CKR_SESSION_HANDLE_INVALID, CKR_ARGUMENTS_BAD, those of
 * p11d_order_template, p11d_order_check, p11d_order_may_write and p11d_order_give;
 * CKR_ACTION_PROHIBITED (the object is not to be copied). Nothing is made then, as far as is known.
 */
CK_RV p11d_making_perform(P11dInstance *instance, const P11dMakingRow *row,
                          const P11dMaking *making);

#endif
