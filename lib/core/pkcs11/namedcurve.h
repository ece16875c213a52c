// SPDX-License-Identifier: MIT
/*
 * A named curve is an elliptic curve that has a name. Keys name theirs by an OBJECT IDENTIFIER, or
 * spell out its numbers (ECParameters of SEC 1, section C.2, "explicit"), where the same curve must
 * get the same name, and one that differs in a single number, be it the generator, must get none.
 */
#ifndef P11D_NAMEDCURVE_H
#define P11D_NAMEDCURVE_H

#include "der.h"

typedef struct P11dCurveNumbers P11dCurveNumbers;

#define P11D_NAMEDCURVE_OID_MAX 12

typedef struct P11dNamedCurve {
    const char *name;
    const char *printable; /* the same in a PrintableString (PKCS#11 3.1, section 6.3.3), or NULL */
    bool edwards;
    unsigned bits;                        /* of the field */
    size_t order_size;                    /* bytes; of r and of s of a signature */
    const P11dCurveNumbers *numbers;      /* NULL: explicit parameters are not compared */
    uint8_t oid[P11D_NAMEDCURVE_OID_MAX]; /* DER of the OBJECT IDENTIFIER */
    uint8_t oid_size;                     /* bytes of it */
} P11dNamedCurve;

/* The curve that the DER in params (CKA_EC_PARAMS, or what follows the algorithm in a
 * SubjectPublicKeyInfo) is: an OBJECT IDENTIFIER, a PrintableString, or explicit parameters that
 * are those of the curve to the last number. NULL: none of the table. */
const P11dNamedCurve *p11d_namedcurve_find(P11dDer params);

/* The first row of that name, or NULL. */
const P11dNamedCurve *p11d_namedcurve_of_name(const char *name);

/* The DER of the OBJECT IDENTIFIER of curve, as CKA_EC_PARAMS has it; static. */
P11dDer p11d_namedcurve_params(const P11dNamedCurve *curve);

/* Why a key whose curve is spelled out, and has no name, is not used: text for people. */
extern const char p11d_namedcurve_none[];

#endif
