// SPDX-License-Identifier: MIT
/*
 * An sslcurve is a curve that signatures are made on as OpenSSL has it: those of the core's table
 * (curve.h) are found without OpenSSL, which knows more.
 */
#ifndef P11D_SSLCURVE_H
#define P11D_SSLCURVE_H

#include <stdbool.h>
#include <stddef.h>

#include "algorithm.h"

typedef struct P11dSslCurve {
    const char *group; /* OpenSSL's name */
    CK_KEY_TYPE type;  /* of keys: CKK_EC, CKK_EC_EDWARDS */
    const char *name;  /* "P-256", "secp256k1", "Ed25519" */
    unsigned bits;     /* of the field */
    size_t coordinate; /* bytes of r and of s of a signature */
} P11dSslCurve;

/* Parses the DER in CKA_EC_PARAMS, as p11d_curve_find. False if it is no curve that has a name
 * here. */
bool p11d_sslcurve_parse(P11dSslCurve *curve, const void *params, size_t size);

/* The curve with OpenSSL's short name. False if OpenSSL does not know it. */
bool p11d_sslcurve_of_group(P11dSslCurve *curve, const char *group);

/* Says in key, whose type is set, which curve it is on. The second is for the DER in
 * CKA_EC_PARAMS; parameters of a curve without a name are a problem of the key. */
void p11d_sslcurve_describe(const P11dSslCurve *curve, P11dAlgorithmKey *key);
void p11d_sslcurve_describe_params(const void *params, size_t size, P11dAlgorithmKey *key);

#endif
