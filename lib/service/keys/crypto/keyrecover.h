// SPDX-License-Identifier: MIT
/*
 * Key recover is what served RSA keys do with signatures that hold the data (rsa-pkcs, rsa-x-509):
 * make them, and take the data out of them. A key that is for RSASSA-PSS alone does neither.
 */
#ifndef P11D_KEYRECOVER_H
#define P11D_KEYRECOVER_H

#include "buffer.h"
#include "bytes.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keyrecover_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/* Holds key and mechanism against each other. Errors: CKR_MECHANISM_INVALID,
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED. */
CK_RV p11d_keyrecover_check(const P11dServedKey *key, const P11dParameters *parameters);

/* Appends the data that signature was made of; the whole of a modulus where the mechanism is
 * rsa-x-509. Errors: those of the check, CKR_SIGNATURE_LEN_RANGE, CKR_SIGNATURE_INVALID,
 * CKR_HOST_MEMORY, CKR_FUNCTION_FAILED. */
CK_RV p11d_keyrecover_recover(P11dServedKey *key, const P11dParameters *parameters,
                              P11dBytes signature, P11dBuffer *output);

#endif
