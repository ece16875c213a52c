// SPDX-License-Identifier: MIT
/*
 * Key derive is what served keys do with the public key of somebody else: agree on a secret that
 * both can compute (ecdh1-derive on every curve that is served but Edwards', ecdh1-cofactor-derive
 * on those of EC, where the cofactor is 1 and both are the same).
 */
#ifndef P11D_KEYDERIVE_H
#define P11D_KEYDERIVE_H

#include "buffer.h"
#include "servedkey.h"

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keyderive_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/*
 * Appends the secret. wanted: bytes of it, 0: as many as there are. What is agreed on itself (kdf
 * "null") is cut at its beginning (PKCS#11 3.1, section 6.3.18), a key derivation function (ANSI
 * X9.63) makes as many as are wanted.
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID (the public key is none on this curve,
 * or makes no secret), CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_SIZE_RANGE (there is less than is
 * wanted), CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keyderive(P11dServedKey *key, const P11dParameters *parameters, size_t wanted,
                     P11dBuffer *secret);

/*
 * Appends a secret for whoever has the private half of key, and to ciphertext what that gets it
 * from: the public key of a pair that is made for this and thrown away (PKCS#11 3.2,
 * section 6.3.20). parameters name no public key. decapsulate: that other side. Errors: as above.
 */
CK_RV p11d_keyderive_encapsulate(const P11dServedKey *key, const P11dParameters *parameters,
                                 size_t wanted, P11dBuffer *ciphertext, P11dBuffer *secret);
CK_RV p11d_keyderive_decapsulate(const P11dServedKey *key, const P11dParameters *parameters,
                                 P11dBytes ciphertext, size_t wanted, P11dBuffer *secret);

#endif
