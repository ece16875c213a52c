// SPDX-License-Identifier: MIT
/*
 * Key cipher is what served RSA keys do with ciphertexts: make them with the public half, and open
 * them (rsa-pkcs, rsa-pkcs-oaep with every hash that OpenSSL has, rsa-x-509). A key that is for
 * RSASSA-PSS alone does neither.
 */
#ifndef P11D_KEYCIPHER_H
#define P11D_KEYCIPHER_H

#include "buffer.h"
#include "bytes.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keycipher_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);
/* Whether a key is for ciphertexts, too. */
bool p11d_keycipher_takes(const P11dServedKey *key);

/*
 * Encrypts bytes[0] and appends the ciphertext. Errors: CKR_MECHANISM_INVALID,
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED,
 * CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keycipher_encrypt(P11dServedKey *key, const P11dParameters *parameters,
                             const P11dBytes *bytes, P11dBuffer *output);

/*
 * Decrypts bytes[0] and appends the plaintext. Of a wrong padding of PKCS #1 v1.5 nobody is told
 * where OpenSSL has implicit rejection (3.2 on): it gives something that looks like a plaintext.
 * Errors: those, and CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE.
 */
CK_RV p11d_keycipher_decrypt(P11dServedKey *key, const P11dParameters *parameters,
                             const P11dBytes *bytes, P11dBuffer *output);

#endif
