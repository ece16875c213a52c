// SPDX-License-Identifier: MIT
/*
 * A curve is one row for each elliptic curve that keys are on: its names, its OBJECT IDENTIFIER and
 * the sizes that follow from it. Keys name theirs by the OBJECT IDENTIFIER, in text, or spell out
 * its numbers (ECParameters of SEC 1, section C.2, "explicit"), where the same curve must get the
 * same name, and one that differs in a single number, be it the generator, must get none. A point
 * comes as it is or inside an OCTET STRING, and which it is only the curve can tell for sure.
 */
#ifndef P11D_CURVE_H
#define P11D_CURVE_H

#include "der.h"
#include "pkcs11.h"

typedef struct P11dCurveNumbers P11dCurveNumbers;

#define P11D_CURVE_OID_MAX 12

typedef struct P11dCurve {
    const char *name;      /* "P-256", "brainpoolP256r1", "Ed25519" */
    const char *printable; /* the same in a PrintableString (PKCS#11 3.1, section 6.3.3), or NULL */
    const char *openssl;   /* OpenSSL's short name */
    CK_KEY_TYPE type;      /* of keys: CKK_EC (Weierstrass), CKK_EC_EDWARDS, CKK_EC_MONTGOMERY */
    unsigned bits;         /* of the field */
    size_t half;           /* bytes of each half of a signature, r and s; 0: it is not for these */
    const P11dCurveNumbers *numbers; /* NULL: explicit parameters are not compared */
    uint8_t oid[P11D_CURVE_OID_MAX]; /* DER of the OBJECT IDENTIFIER */
    uint8_t oid_size;                /* bytes of it */
} P11dCurve;

/* Several rows of one name are spellings of it; the first is how it is written. */
extern const P11dCurve p11d_curves[];
extern const size_t p11d_curve_count;

/* The curve that the DER in params (CKA_EC_PARAMS, or what follows the algorithm in a
 * SubjectPublicKeyInfo) is: an OBJECT IDENTIFIER, a PrintableString, or explicit parameters that
 * are those of the curve to the last number. NULL: none of the table. */
const P11dCurve *p11d_curve_find(P11dBytes params);

/* The first row of that name, or of OpenSSL's short name; or NULL. */
const P11dCurve *p11d_curve_of_name(const char *name);
const P11dCurve *p11d_curve_of_openssl(const char *name);

/* The Edwards or Montgomery curve whose OBJECT IDENTIFIER is that of the algorithm too (RFC 8410,
 * section 3). oid: its content. NULL: none. */
const P11dCurve *p11d_curve_of_algorithm(P11dBytes oid);

/* The curve for keys of type, Edwards or Montgomery, whose points have size bytes; or NULL. */
const P11dCurve *p11d_curve_of_point_size(CK_KEY_TYPE type, size_t size);

/* The DER of the OBJECT IDENTIFIER of curve, as CKA_EC_PARAMS has it; static. */
P11dBytes p11d_curve_params(const P11dCurve *curve);

/* Bytes of a signature, in the form of PKCS#11, by keys of type with these parameters; explicit
 * ones of no curve of the table tell it too. 0: not known, or such keys do not sign. */
size_t p11d_curve_signature_size(CK_KEY_TYPE type, P11dBytes params);

/* The digest mechanism that goes with ECDSA on a field of so many bits (RFC 5656, section 6.2.1).
 */
CK_MECHANISM_TYPE p11d_curve_usual_hash(unsigned bits);

/* Whether point can be one of a key of type: of its size and form (SEC 1, section 2.3.3; the hybrid
 * form: X9.62, section 4.3.6). curve: NULL if it is not known, which leaves less to look at. */
bool p11d_curve_is_point(CK_KEY_TYPE type, const P11dCurve *curve, P11dBytes point);

/*
 * The point in value, which is wrapped in an OCTET STRING (PKCS#11 3.1, section 6.3.3) or not: as
 * it is unless all of it is an OCTET STRING with such a point in it. Both begin with 04, and a
 * point can look like an OCTET STRING by chance; the sizes of the curve tell. curve: NULL if it is
 * not known. type: CK_UNAVAILABLE_INFORMATION if not even that is, then the point must be of the
 * size of one on a curve of the table.
 */
P11dBytes p11d_curve_unwrap(CK_KEY_TYPE type, const P11dCurve *curve, P11dBytes value);

/* Why a key whose curve is spelled out, and has no name, is not used: text for people. */
extern const char p11d_curve_none[];

#endif
