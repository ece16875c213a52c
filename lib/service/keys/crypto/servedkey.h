// SPDX-License-Identifier: MIT
/*
 * A served key is a key in OpenSSL, private or public, or the bytes of a secret one, ready to be
 * used by PKCS#11 mechanisms (keysign.h, keycipher.h, keyderive.h). Any number of threads may use
 * one at the same time; it is shared by counting references.
 */
#ifndef P11D_SERVEDKEY_H
#define P11D_SERVEDKEY_H

#include <openssl/evp.h>
#include <stdatomic.h>

#include "curve.h"
#include "mechanism.h"
#include "pss.h"

/* The smallest RSA key and the largest one, in bits. Below 2048 they are weak (p11dbus-audit(1)),
 * but hosts have them. */
#define P11D_SERVEDKEY_RSA_BITS_MIN 1024
#define P11D_SERVEDKEY_RSA_BITS_MAX 8192
/* The longest secret key, in bytes. */
#define P11D_SERVEDKEY_SECRET_MAX 8192

typedef struct P11dServedKey {
    atomic_uint references;
    EVP_PKEY *key; /* NULL: it is a secret key */
    /* Made ready to sign once; each signature works on a copy, which costs a fraction of a
     * microsecond where making it anew costs three. NULL for keys that have nothing like it. */
    EVP_PKEY_CTX *prepared;
    CK_KEY_TYPE type;
    P11dPss pss;
    size_t size;     /* of a signature: the modulus, twice the order, or EdDSA's; bytes */
    uint8_t *secret; /* of a secret key; wiped */
    size_t secret_size;
} P11dServedKey;

/* Looks up in OpenSSL what all keys use. To be called once, before any other thread runs. Returns
 * false if memory ran out. */
bool p11d_servedkey_setup(void);
/* Frees it. No key may be in use. */
void p11d_servedkey_teardown(void);

/*
 * Says why a key cannot be served (text for people), or NULL if it can: RSA from 1024 to 8192 bits,
 * of RSASSA-PSS alone too, P-256, P-384, P-521, secp256k1, brainpool's P256r1, P384r1 and P512r1,
 * Ed25519, Ed448, X25519, X448.
 */
const char *p11d_servedkey_unsupported(const EVP_PKEY *key);

/* Makes a served key of key, which it owns from then on (also on failure), and which has passed
 * p11d_servedkey_unsupported. NULL if memory ran out. */
P11dServedKey *p11d_servedkey_new(EVP_PKEY *key, bool private);
/* The sizes of secret keys of that type, in bytes. False: there are none. */
bool p11d_servedkey_secret_sizes(CK_KEY_TYPE type, CK_ULONG *smallest, CK_ULONG *largest);
/* Whether secret keys of that type may have so many bytes; 0: whether there are any of that type.
 */
bool p11d_servedkey_secret_fits(CK_KEY_TYPE type, size_t size);
/* Makes a secret key of a copy of bytes, so many as fit. NULL if memory ran out. */
P11dServedKey *p11d_servedkey_new_secret(CK_KEY_TYPE type, const uint8_t *secret, size_t size);
P11dServedKey *p11d_servedkey_ref(P11dServedKey *key);
/* The last one to go frees the key. Safe on NULL. */
void p11d_servedkey_unref(P11dServedKey *key);

/* The sizes of keys of that type, in the unit of CK_MECHANISM_INFO. False: there are none. */
bool p11d_servedkey_sizes(CK_KEY_TYPE type, CK_ULONG *smallest, CK_ULONG *largest);

/* The curve that a key is on, or NULL. */
const P11dCurve *p11d_servedkey_curve(const P11dServedKey *key);

/* What computes that hash (or NULL) in OpenSSL; NULL: nothing. */
const EVP_MD *p11d_servedkey_digest(const P11dHash *hash);

/* The longest salt of an RSA-PSS signature with that hash (RFC 8017, 9.1.1: the encoded message
 * holds both and two bytes more), in bytes; negative: there is no room even for the hash. */
long p11d_servedkey_longest_salt(const EVP_PKEY *key, const P11dHash *hash);

/* What OpenSSL's failure is to a caller whose arguments were checked already. Forgets it. */
CK_RV p11d_servedkey_failure(void);

#endif
