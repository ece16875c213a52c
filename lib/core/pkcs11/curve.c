// SPDX-License-Identifier: MIT
#include "curve.h"

#include <string.h>

/* A curve without a name may be made so that a stranger's public key fits a private key of one's
 * own: only the generator has to be chosen for that (CVE-2020-0601). */
const char p11d_curve_none[] =
    "its curve is spelled out by parameters, which are those of no curve with a name";

/* SEC 1, section C.2, and RFC 3279, section 2.3.5. In hex without leading zeros; p: the field, a
 * and b: the equation, x and y: the generator, n: its order. The cofactor of all of these is 1. */
struct P11dCurveNumbers {
    const char *p, *a, *b, *x, *y, *n;
};

/* SEC 2, sections 2.4.1, 2.4.2, 2.5.1 and 2.6.1 */
static const P11dCurveNumbers secp256k1 = {
    .p = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
    .a = "",
    .b = "7",
    .x = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    .y = "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
    .n = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
};
static const P11dCurveNumbers p256 = {
    .p = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    .a = "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
    .b = "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
    .x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    .y = "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
    .n = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
};
static const P11dCurveNumbers p384 = {
    .p = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000"
         "000000000000ffffffff",
    .a = "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000"
         "000000000000fffffffc",
    .b = "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2e"
         "d19d2a85c8edd3ec2aef",
    .x = "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55"
         "296c3a545e3872760ab7",
    .y = "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e"
         "819d7a431d7c90ea0e5f",
    .n = "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0"
         "a77aecec196accc52973",
};
static const P11dCurveNumbers p521 = {
    .p = "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "fffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    .a = "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
         "ffffffffffffffffffffffffffffffffffffffffffffffffffffffc",
    .b = "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec"
         "7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
    .x = "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77ef"
         "e75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
    .y = "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c97ee72995"
         "ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
    .n = "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783b"
         "f2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
};

/* The whole element, of which size bytes are content. */
#define OID(size, ...) {P11D_DER_OID, size, __VA_ARGS__}, 2 + (size)
#define X962(n) OID(8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, n)
#define SEC2(n) OID(5, 0x2b, 0x81, 0x04, 0x00, n)
/* RFC 5639, section 4.1; by the bits of the field and of the order */
#define BRAINPOOL(bits, kind, n)                                                                   \
    {                                                                                              \
        "brainpoolP" #bits kind, NULL, "brainpoolP" #bits kind, CKK_EC, (bits), (bits) / 8, NULL,  \
            OID(9, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, n)                              \
    }
/* RFC 8410, section 3 */
#define EDWARDS CKK_EC_EDWARDS
#define MONTGOMERY CKK_EC_MONTGOMERY
#define RFC8410(n) OID(3, 0x2b, 0x65, n)

const P11dCurve p11d_curves[] = {
    {"P-192", NULL, "prime192v1", CKK_EC, 192, 24, NULL, X962(0x01)},
    {"P-224", NULL, "secp224r1", CKK_EC, 224, 28, NULL, SEC2(0x21)},
    {"P-256", NULL, "prime256v1", CKK_EC, 256, 32, &p256, X962(0x07)},
    {"P-384", NULL, "secp384r1", CKK_EC, 384, 48, &p384, SEC2(0x22)},
    {"P-521", NULL, "secp521r1", CKK_EC, 521, 66, &p521, SEC2(0x23)},
    {"secp256k1", NULL, "secp256k1", CKK_EC, 256, 32, &secp256k1, SEC2(0x0a)},
    BRAINPOOL(160, "r1", 0x01),
    BRAINPOOL(160, "t1", 0x02),
    BRAINPOOL(192, "r1", 0x03),
    BRAINPOOL(192, "t1", 0x04),
    BRAINPOOL(224, "r1", 0x05),
    BRAINPOOL(224, "t1", 0x06),
    BRAINPOOL(256, "r1", 0x07),
    BRAINPOOL(256, "t1", 0x08),
    BRAINPOOL(320, "r1", 0x09),
    BRAINPOOL(320, "t1", 0x0a),
    BRAINPOOL(384, "r1", 0x0b),
    BRAINPOOL(384, "t1", 0x0c),
    BRAINPOOL(512, "r1", 0x0d),
    BRAINPOOL(512, "t1", 0x0e),
    {"SM2", NULL, "SM2", CKK_EC, 256, 32, NULL,
     OID(8, 0x2a, 0x81, 0x1c, 0xcf, 0x55, 0x01, 0x82, 0x2d)},
    /* Also by the names of the curves themselves, which some tokens give. */
    {"Ed25519", "edwards25519", "ED25519", EDWARDS, 255, 32, NULL, RFC8410(0x70)},
    {"Ed448", "edwards448", "ED448", EDWARDS, 448, 57, NULL, RFC8410(0x71)},
    {"X25519", "curve25519", "X25519", MONTGOMERY, 255, 0, NULL, RFC8410(0x6e)},
    {"X448", "curve448", "X448", MONTGOMERY, 448, 0, NULL, RFC8410(0x6f)},
    /* And by OIDs from before RFC 8410, which pkcs11-tool gives. */
    {"Ed25519", NULL, "ED25519", EDWARDS, 255, 32, NULL,
     OID(9, 0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 1)},
    {"X25519", NULL, "X25519", MONTGOMERY, 255, 0, NULL,
     OID(10, 0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01)},
};
const size_t p11d_curve_count = sizeof p11d_curves / sizeof p11d_curves[0];

P11dBytes p11d_curve_params(const P11dCurve *curve)
{
    return p11d_der(curve->oid, curve->oid_size);
}

static int digit_of(char c)
{
    return c <= '9' ? c - '0' : c - 'a' + 10;
}

/* Whether number, big endian with leading zeros or not, is the one in hex. */
static bool is_number(P11dBytes number, const char *hex)
{
    number = p11d_der_without_zeros(number);
    size_t digits = strlen(hex);
    if (number.size != (digits + 1) / 2)
        return false;
    for (size_t i = 0; i < number.size; i++) {
        int high = digits % 2 == 0 ? digit_of(*hex++) : i == 0 ? 0 : digit_of(*hex++);
        if (number.data[i] != (high << 4 | digit_of(*hex++)))
            return false;
    }
    return true;
}

static bool take_integer(P11dBytes *left, const char *hex)
{
    P11dBytes number;
    return p11d_der_take_unsigned(left, &number) && is_number(number, hex);
}

static bool take_element(P11dBytes *left, const char *hex)
{
    P11dBytes number;
    return p11d_der_take(left, P11D_DER_OCTET_STRING, &number, NULL) && is_number(number, hex);
}

/* FieldID: of prime fields alone. */
static bool take_field(P11dBytes *left, const P11dCurveNumbers *numbers)
{
    static const uint8_t prime_field[] = {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x01, 0x01};
    P11dBytes field, oid;
    return p11d_der_take(left, P11D_DER_SEQUENCE, &field, NULL) &&
           p11d_der_take(&field, P11D_DER_OID, &oid, NULL) &&
           p11d_der_equal(oid, p11d_der(prime_field, sizeof prime_field)) &&
           take_integer(&field, numbers->p) && field.size == 0;
}

/* The seed from which the numbers were made once is no part of the curve. */
static bool take_equation(P11dBytes *left, const P11dCurveNumbers *numbers)
{
    P11dBytes curve;
    return p11d_der_take(left, P11D_DER_SEQUENCE, &curve, NULL) &&
           take_element(&curve, numbers->a) && take_element(&curve, numbers->b) &&
           (curve.size == 0 ||
            (p11d_der_take(&curve, P11D_DER_BIT_STRING, NULL, NULL) && curve.size == 0));
}

/* The point in any of its forms (SEC 1, section 2.3.3; the hybrid one of X9.62, section 4.3.6). */
static bool take_generator(P11dBytes *left, const P11dCurveNumbers *numbers, size_t size)
{
    P11dBytes point;
    if (!p11d_der_take(left, P11D_DER_OCTET_STRING, &point, NULL) || point.size < 1 + size ||
        !is_number(p11d_der(point.data + 1, size), numbers->x))
        return false;
    int odd = digit_of(numbers->y[strlen(numbers->y) - 1]) & 1;
    uint8_t form = point.data[0];
    if (point.size == 1 + size)
        return form == 2 + odd;
    return point.size == 1 + 2 * size && (form == 4 || form == 6 + odd) &&
           is_number(p11d_der(point.data + 1 + size, size), numbers->y);
}

/* A cofactor may be left out. */
static bool take_cofactor(P11dBytes *left)
{
    return left->size == 0 || (take_integer(left, "1") && left->size == 0);
}

static bool is_explicit(P11dBytes params, const P11dCurve *curve)
{
    const P11dCurveNumbers *numbers = curve->numbers;
    P11dBytes content, version;
    return numbers && p11d_der_take(&params, P11D_DER_SEQUENCE, &content, NULL) &&
           params.size == 0 && p11d_der_take_unsigned(&content, &version) && version.size == 1 &&
           version.data[0] >= 1 && version.data[0] <= 3 && take_field(&content, numbers) &&
           take_equation(&content, numbers) &&
           take_generator(&content, numbers, (curve->bits + 7) / 8) &&
           take_integer(&content, numbers->n) && take_cofactor(&content);
}

static bool is_curve(P11dBytes params, const P11dCurve *curve)
{
    P11dBytes left = params;
    P11dBytes content;
    if (p11d_der_is(&params, P11D_DER_OID))
        return p11d_der_equal(params, p11d_curve_params(curve));
    if (p11d_der_take(&left, P11D_DER_PRINTABLE_STRING, &content, NULL))
        return left.size == 0 && curve->printable &&
               p11d_der_equal(content, p11d_der(curve->printable, strlen(curve->printable)));
    return is_explicit(params, curve);
}

const P11dCurve *p11d_curve_find(P11dBytes params)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        if (is_curve(params, &p11d_curves[i]))
            return &p11d_curves[i];
    }
    return NULL;
}

const P11dCurve *p11d_curve_of_name(const char *name)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        if (strcmp(p11d_curves[i].name, name) == 0)
            return &p11d_curves[i];
    }
    return NULL;
}

const P11dCurve *p11d_curve_of_openssl(const char *name)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        if (strcmp(p11d_curves[i].openssl, name) == 0)
            return &p11d_curves[i];
    }
    return NULL;
}

const P11dCurve *p11d_curve_of_algorithm(P11dBytes oid)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *curve = &p11d_curves[i];
        if (curve->type != CKK_EC && curve->printable &&
            p11d_der_equal(oid, p11d_der(curve->oid + 2, curve->oid_size - 2U)))
            return curve;
    }
    return NULL;
}

/* Bytes of a coordinate; on an Edwards or Montgomery curve of a point, where that of Edwards has
 * room for one bit more (RFC 8032, sections 5.1.2 and 5.2.2; RFC 7748, section 5). */
static size_t coordinate_size(const P11dCurve *curve)
{
    return (curve->bits + (curve->type == CKK_EC_EDWARDS) + 7) / 8;
}

const P11dCurve *p11d_curve_of_point_size(CK_KEY_TYPE type, size_t size)
{
    for (size_t i = 0; i < p11d_curve_count && type != CKK_EC; i++) {
        if (p11d_curves[i].type == type && coordinate_size(&p11d_curves[i]) == size)
            return &p11d_curves[i];
    }
    return NULL;
}

/* Length of the order in ECParameters (SEC 1, C.2: version, fieldID, curve, base, order, cofactor),
 * in bytes; 0: not known. */
static size_t explicit_order_size(P11dBytes params)
{
    P11dBytes content, order;
    bool known = p11d_der_take(&params, P11D_DER_SEQUENCE, &content, NULL) &&
                 p11d_der_take(&content, P11D_DER_INTEGER, NULL, NULL) &&
                 p11d_der_take(&content, P11D_DER_SEQUENCE, NULL, NULL) &&
                 p11d_der_take(&content, P11D_DER_SEQUENCE, NULL, NULL) &&
                 p11d_der_take(&content, P11D_DER_OCTET_STRING, NULL, NULL) &&
                 p11d_der_take_unsigned(&content, &order);
    return known ? order.size : 0;
}

size_t p11d_curve_signature_size(CK_KEY_TYPE type, P11dBytes params)
{
    const P11dCurve *curve = p11d_curve_find(params);
    if (curve)
        return curve->type == type ? 2 * curve->half : 0;
    return type == CKK_EC ? 2 * explicit_order_size(params) : 0;
}

CK_MECHANISM_TYPE p11d_curve_usual_hash(unsigned bits)
{
    return bits <= 256 ? CKM_SHA256 : bits <= 384 ? CKM_SHA384 : CKM_SHA512;
}

/* Whether point has a form of Weierstrass curves with coordinates of size bytes; 0: of any. */
static bool has_form(P11dBytes point, size_t size)
{
    if (point.size < 2)
        return false;
    uint8_t form = point.data[0];
    bool compressed = form == 2 || form == 3;
    bool hybrid = form == 6 + (point.data[point.size - 1] & 1);
    if (!compressed && !hybrid && form != 4)
        return false;
    if (size == 0)
        return compressed || point.size % 2 == 1;
    return point.size == (compressed ? 1 + size : 1 + 2 * size);
}

bool p11d_curve_is_point(CK_KEY_TYPE type, const P11dCurve *curve, P11dBytes point)
{
    if (curve && curve->type != type)
        return false;
    if (type == CKK_EC)
        return has_form(point, curve ? coordinate_size(curve) : 0);
    return curve ? point.size == coordinate_size(curve)
                 : p11d_curve_of_point_size(type, point.size) != NULL;
}

static bool is_point_of_table(P11dBytes point)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        if (p11d_curve_is_point(p11d_curves[i].type, &p11d_curves[i], point))
            return true;
    }
    return false;
}

P11dBytes p11d_curve_unwrap(CK_KEY_TYPE type, const P11dCurve *curve, P11dBytes value)
{
    P11dBytes inner = p11d_der_unwrap(value);
    bool found = type == CK_UNAVAILABLE_INFORMATION ? is_point_of_table(inner)
                                                    : p11d_curve_is_point(type, curve, inner);
    return found ? inner : value;
}
