// SPDX-License-Identifier: MIT
/*
 * A pss is what an RSA key says of itself where it is for RSASSA-PSS alone (RFC 4055, section 3.1):
 * its SubjectPublicKeyInfo names that algorithm in place of rsaEncryption, and may name the hash,
 * the hash in MGF1 and the least salt that signatures have.
 */
#ifndef P11D_PSS_H
#define P11D_PSS_H

#include "hash.h"
#include "mechanism.h"

typedef struct P11dPss {
    bool only;            /* the key is for RSASSA-PSS alone */
    bool bound;           /* to what follows; false: any will do */
    const P11dHash *hash; /* of what is signed */
    const P11dHash *mgf;  /* in MGF1, for which PKCS#11 has a number */
    CK_ULONG salt;        /* the least, in bytes */
} P11dPss;

/* Why a key of which p11d_pss_read returns false is not used: text for people. */
extern const char p11d_pss_unknown[];

/*
 * Reads size bytes of DER at info, a SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7). *pss is all
 * zero for a key of another algorithm, and for what is no such thing.
 * Returns false if the key is bound to what nobody here can compute or name, or what it is bound to
 * cannot be read: then no signature of it would be right.
 */
bool p11d_pss_read(P11dPss *pss, const void *info, size_t size);

/* Whether the key signs by that mechanism at all, whatever the parameters. */
bool p11d_pss_allows(const P11dPss *pss, const P11dMechanism *row);

/*
 * Whether the key signs by mechanism with these parameters. Errors: CKR_MECHANISM_INVALID, as for a
 * key whose CKA_ALLOWED_MECHANISMS leave it out; CKR_MECHANISM_PARAM_INVALID.
 */
CK_RV p11d_pss_check(const P11dPss *pss, const CK_MECHANISM *mechanism);

#endif
