// SPDX-License-Identifier: MIT
/*
 * Infostrings are the texts of fixed size in what C_GetInfo, C_GetSlotInfo and C_GetTokenInfo
 * answer.
 */
#ifndef P11D_INFOSTRINGS_H
#define P11D_INFOSTRINGS_H

#include "check.h"

P11dCheckFunction p11d_infostrings_padding;

#endif
