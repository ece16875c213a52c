// SPDX-License-Identifier: MIT
/*
 * Key sign is what served keys do with signatures: make them, and check them with the public half.
 * Which mechanisms there are follows from the core's table: a hashed mechanism is offered where
 * OpenSSL has the hash and the mechanism under it is one of those that are computed here (rsa-pkcs,
 * rsa-pkcs-pss, rsa-x-509, ecdsa, eddsa).
 */
#ifndef P11D_KEYSIGN_H
#define P11D_KEYSIGN_H

#include "buffer.h"
#include "bytes.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keysign_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/*
 * Signs bytes[0], which is the input of C_Sign (or the digest, with parameters->prehashed), and
 * appends the signature in the form that PKCS#11 gives it. A key for RSASSA-PSS alone signs by
 * nothing else, and with what it is bound to (pss.h).
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT,
 * CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keysign_sign(P11dServedKey *key, const P11dParameters *parameters,
                        const P11dBytes *bytes, P11dBuffer *output);

/* Whether key takes these parameters, which are for a digest. Errors: those. */
CK_RV p11d_keysign_check(P11dServedKey *key, const P11dParameters *parameters);

/* Checks that bytes[1] is a signature of bytes[0]; output takes nothing. Errors: those, and
 * CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE. */
CK_RV p11d_keysign_verify(P11dServedKey *key, const P11dParameters *parameters,
                          const P11dBytes *bytes, P11dBuffer *output);

#endif
