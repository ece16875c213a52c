// SPDX-License-Identifier: MIT
/*
 * Offers are what a token says that its mechanisms are good for (C_GetMechanismList and
 * C_GetMechanismInfo).
 */
#ifndef P11D_OFFERS_H
#define P11D_OFFERS_H

#include "host.h"

/* The mechanisms (of CK_MECHANISM_TYPE) of token that claim flag, a CKF_ value; none if it does not
 * tell them. The caller unrefs it. */
GArray *p11d_offers_claiming(const P11dHostToken *token, CK_FLAGS flag);

/* Whether the mechanism claims flag. */
bool p11d_offers_claim(const P11dHostToken *token, CK_MECHANISM_TYPE type, CK_FLAGS flag);

#endif
