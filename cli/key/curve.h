// SPDX-License-Identifier: MIT
/*
 * A curve is what CKA_EC_PARAMS names: an OBJECT IDENTIFIER, or for Edwards curves also the name as
 * a PrintableString (PKCS#11 3.1, section 6.3.3).
 */
#ifndef P11D_CURVE_H
#define P11D_CURVE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct P11dCurve {
    int nid;           /* OpenSSL's number */
    const char *name;  /* "P-256", "secp256k1", "Ed25519" */
    unsigned bits;     /* of the field */
    size_t coordinate; /* bytes of r and of s of a signature */
} P11dCurve;

/* Parses the DER in CKA_EC_PARAMS. False if it is no curve that OpenSSL knows. */
bool p11d_curve_parse(P11dCurve *curve, const void *params, size_t size);

/* The curve with OpenSSL's number. False as above. */
bool p11d_curve_of_nid(P11dCurve *curve, int nid);

#endif
