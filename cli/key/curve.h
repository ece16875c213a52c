// SPDX-License-Identifier: MIT
/*
 * A curve is what CKA_EC_PARAMS and the algorithm in an X.509 public key name: an OBJECT
 * IDENTIFIER, for Edwards curves also a PrintableString (PKCS#11 3.1, section 6.3.3), or the
 * parameters of a curve that has a name. Those of the core's table are found without OpenSSL, which
 * knows more.
 */
#ifndef P11D_CURVE_H
#define P11D_CURVE_H

#include <stdbool.h>
#include <stddef.h>

#include "algorithm.h"

typedef struct P11dCurve {
    int nid;           /* OpenSSL's number */
    const char *name;  /* "P-256", "secp256k1", "Ed25519" */
    unsigned bits;     /* of the field */
    size_t coordinate; /* bytes of r and of s of a signature */
} P11dCurve;

/* Parses the DER in CKA_EC_PARAMS. False if it is no curve that has a name here. */
bool p11d_curve_parse(P11dCurve *curve, const void *params, size_t size);

/* The curve with OpenSSL's number. False if OpenSSL does not know it. */
bool p11d_curve_of_nid(P11dCurve *curve, int nid);

/* Says in key, whose type is set, which curve it is on. The second is for the DER in
 * CKA_EC_PARAMS; parameters of a curve without a name are a problem of the key. */
void p11d_curve_describe(const P11dCurve *curve, P11dAlgorithmKey *key);
void p11d_curve_describe_params(const void *params, size_t size, P11dAlgorithmKey *key);

#endif
