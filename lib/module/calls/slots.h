// SPDX-License-Identifier: MIT
/* Slots are what a host sees of the tokens before it opens a session. */
#ifndef P11D_SLOTS_H
#define P11D_SLOTS_H

#include "instance.h"

/* C_GetSlotList, C_GetSlotInfo, C_GetTokenInfo (PKCS#11 3.1, section 5.5.1 to 5.5.3). Wait. */
CK_RV p11d_slots_list(P11dInstance *instance, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count);
CK_RV p11d_slots_info(P11dInstance *instance, CK_SLOT_ID slot, CK_SLOT_INFO *info);
CK_RV p11d_slots_token(P11dInstance *instance, CK_SLOT_ID slot, CK_TOKEN_INFO *info);

/*
 * C_GetMechanismList, C_GetMechanismInfo (sections 5.5.5, 5.5.6). Wait. What the application can
 * use: what the service offers, as far as this version has functions for it, and what the module
 * adds by hashing itself: the digests, and the hashed form of every mechanism that signs digests.
 */
CK_RV p11d_slots_mechanisms(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE *list,
                            CK_ULONG *count);
CK_RV p11d_slots_mechanism(P11dInstance *instance, CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism,
                           CK_MECHANISM_INFO *info);

#endif
