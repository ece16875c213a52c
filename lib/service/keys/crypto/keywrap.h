// SPDX-License-Identifier: MIT
/*
 * Key wrap is what served keys do with other keys: encrypt the bytes of a secret key to be sent
 * somewhere, and decrypt them again. RSA does so as with any data, but not without padding; AES
 * with padding, or by RFC 3394 (aes-key-wrap) and RFC 5649 (aes-key-wrap-kwp).
 */
#ifndef P11D_KEYWRAP_H
#define P11D_KEYWRAP_H

#include "buffer.h"
#include "bytes.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keywrap_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/* Appends secret, wrapped by key. Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID,
 * CKR_WRAPPING_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED. */
CK_RV p11d_keywrap_wrap(P11dServedKey *key, const P11dParameters *parameters, P11dBytes secret,
                        P11dBuffer *wrapped);

/* Appends the secret in wrapped. Errors: those, but CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT,
 * CKR_WRAPPED_KEY_INVALID and CKR_WRAPPED_KEY_LEN_RANGE. */
CK_RV p11d_keywrap_unwrap(P11dServedKey *key, const P11dParameters *parameters, P11dBytes wrapped,
                          P11dBuffer *secret);

#endif
