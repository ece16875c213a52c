// SPDX-License-Identifier: MIT
/*
 * A key use is one thing that keys are used for: to sign, to decrypt, and so on, by the attribute
 * that allows it. What a key can be used for follows from its class and type, and clients are told
 * just that: no key claims what it is refused.
 */
#ifndef P11D_KEYUSE_H
#define P11D_KEYUSE_H

#include "servedkey.h"
#include "template.h"

/* Whether key, as one of that class, can be used for what type (CKA_SIGN and its like) is about. */
bool p11d_keyuse_is(CK_OBJECT_CLASS class, const P11dServedKey *key, CK_ATTRIBUTE_TYPE type);

/*
 * Says in templ, the attributes of key, what it can be used for, where the interface does not take
 * it for granted. asked: whether templ says already what somebody wants it to be used for, who gets
 * no more than that; of a secret key of which it says no use that it has, everything. Errors:
 * CKR_HOST_MEMORY.
 */
CK_RV p11d_keyuse_tell(P11dTemplate *templ, CK_OBJECT_CLASS class, const P11dServedKey *key,
                       bool asked);

/*
 * Says in asked, what somebody wants a new private or public key to be used for, that it is for
 * nothing else. Where no use is asked for nothing is said. Errors: CKR_HOST_MEMORY.
 */
CK_RV p11d_keyuse_narrow(P11dTemplate *asked, CK_OBJECT_CLASS class);

#endif
