// SPDX-License-Identifier: MIT
/*
 * Random bytes come from the kernel (getrandom(2)): as good as any that a service would send, and
 * without a round trip.
 */
#ifndef P11D_RANDOM_H
#define P11D_RANDOM_H

#include "pkcs11.h"

/* Fills size bytes. Takes no lock. Errors: CKR_FUNCTION_FAILED. */
CK_RV p11d_random_fill(CK_BYTE *bytes, CK_ULONG size);

#endif
