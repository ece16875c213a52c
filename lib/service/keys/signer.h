// SPDX-License-Identifier: MIT
/*
 * A signer is a private key in OpenSSL, ready to sign by PKCS#11 mechanisms. Any number of threads
 * may sign with one at the same time; it is shared by counting references. Which mechanisms there
 * are follows from the core's table: a hashed mechanism is offered where OpenSSL has the hash and
 * the mechanism under it is one of those that a signer computes (rsa-pkcs, rsa-pkcs-pss,
 * rsa-x-509, ecdsa, eddsa).
 */
#ifndef P11D_SIGNER_H
#define P11D_SIGNER_H

#include <openssl/evp.h>

#include "buffer.h"
#include "mechanism.h"

typedef struct P11dSigner P11dSigner;

/* Looks up in OpenSSL what all signers use. To be called once, before any other thread runs.
 * Returns false if memory ran out. */
bool p11d_signer_setup(void);
/* Frees it. No signer may be in use. */
void p11d_signer_teardown(void);

/*
 * Says why no signer can be made of a key (text for people), or NULL if one can: RSA from 2048 to
 * 8192 bits, of RSASSA-PSS alone too, P-256, P-384, P-521, secp256k1, Ed25519, Ed448.
 */
const char *p11d_signer_unsupported(const EVP_PKEY *key);

/* Makes a signer of key, which it owns from then on (also on failure). The key must have passed
 * p11d_signer_unsupported. NULL if memory ran out. */
P11dSigner *p11d_signer_new(EVP_PKEY *key);
P11dSigner *p11d_signer_ref(P11dSigner *signer);
/* The last one to go frees the key. Safe on NULL. */
void p11d_signer_unref(P11dSigner *signer);

/* True if signers compute this mechanism. smallest and largest: key sizes as in CK_MECHANISM_INFO.
 */
bool p11d_signer_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/*
 * Signs size bytes at data, which is the input of C_Sign (or the digest, with
 * parameters->prehashed), and appends the signature in the form that PKCS#11 gives it. A key for
 * RSASSA-PSS alone signs by nothing else, and with what it is bound to (pss.h).
 * Errors: CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT,
 * CKR_DATA_LEN_RANGE, CKR_DATA_INVALID, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_signer_sign(P11dSigner *signer, const P11dParameters *parameters, const uint8_t *data,
                       size_t size, P11dBuffer *output);

#endif
