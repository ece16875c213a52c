// SPDX-License-Identifier: MIT
/*
 * An ability is a mechanism that the application can use with a token: what the service offers, as
 * far as this version has functions for it, and what the module adds by hashing itself: the
 * digests, and the hashed form of every mechanism that signs digests.
 */
#ifndef P11D_ABILITY_H
#define P11D_ABILITY_H

#include "mechanism.h"
#include "token.h"

/* How a signature is made. */
typedef enum P11dRoute {
    P11D_ROUTE_NONE,      /* the token cannot */
    P11D_ROUTE_DATA,      /* the service gets the data and the mechanism as it is */
    P11D_ROUTE_PREHASHED, /* it gets the digest, and the mechanism with "prehashed" */
    P11D_ROUTE_RAW,       /* it gets the digest (perhaps in a DigestInfo), and the raw mechanism */
} P11dRoute;

/*
 * Chooses how the token signs with mechanism. allowed says for a mechanism whether the key allows
 * it, with data; NULL: it allows all.
 */
P11dRoute p11d_ability_route(const P11dProperties *properties, CK_MECHANISM_TYPE mechanism,
                             bool (*allowed)(CK_MECHANISM_TYPE mechanism, const void *data),
                             const void *data);

/* C_GetMechanismList, C_GetMechanismInfo (PKCS#11 3.1, section 5.5.5, 5.5.6). Wait. */
CK_RV p11d_ability_list(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                        CK_ULONG *count);
CK_RV p11d_ability_info(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                        CK_MECHANISM_INFO *info);

#endif
