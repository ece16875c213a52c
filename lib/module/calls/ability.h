// SPDX-License-Identifier: MIT
/*
 * An ability is a mechanism that the application can use with a token: what the service offers, as
 * far as this version has functions for it, and what the module adds by hashing itself: the
 * digests, and the hashed form of every mechanism that signs digests.
 */
#ifndef P11D_ABILITY_H
#define P11D_ABILITY_H

#include "instance.h"

/* C_GetMechanismList, C_GetMechanismInfo (PKCS#11 3.1, section 5.5.5, 5.5.6). Wait. */
CK_RV p11d_ability_list(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                        CK_ULONG *count);
CK_RV p11d_ability_info(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                        CK_MECHANISM_INFO *info);

#endif
