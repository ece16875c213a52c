// SPDX-License-Identifier: MIT
#include "publickey.h"

#include <string.h>

#include "curve.h"
#include "digest.h"

/* More than any key has; what services send is held to it before it is copied. */
#define INFO_MAX ((size_t)64 << 10)

#define OID_MAX 10

/* Algorithms of SubjectPublicKeyInfo whose key is one string of bits of fixed size, or RSA and EC;
 * those of Edwards and Montgomery are rows of the curves. */
typedef struct Algorithm {
    CK_KEY_TYPE type;
    uint8_t oid_size;
    uint8_t oid[OID_MAX];    /* content of the OBJECT IDENTIFIER */
    size_t key_size;         /* bytes; 0: RSA and EC, which have a structure */
    CK_ULONG signature_size; /* bytes; 0 for RSA and EC as well: the key says */
    CK_ULONG parameter_set;
} Algorithm;

#define RSA_OID 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01
#define NIST_OID 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x03

static const Algorithm algorithms[] = {
    {CKK_RSA, 9, {RSA_OID, 0x01}, 0, 0, 0}, /* rsaEncryption */
    {CKK_RSA, 9, {RSA_OID, 0x07}, 0, 0, 0}, /* id-RSAES-OAEP */
    {CKK_RSA, 9, {RSA_OID, 0x0a}, 0, 0, 0}, /* id-RSASSA-PSS */
    {CKK_EC, 7, {0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01}, 0, 0, 0},
    /* FIPS 204, table 2 */
    {CKK_ML_DSA, 9, {NIST_OID, 0x11}, 1312, 2420, CKP_ML_DSA_44},
    {CKK_ML_DSA, 9, {NIST_OID, 0x12}, 1952, 3309, CKP_ML_DSA_65},
    {CKK_ML_DSA, 9, {NIST_OID, 0x13}, 2592, 4627, CKP_ML_DSA_87},
    /* FIPS 205, table 2 */
    {CKK_SLH_DSA, 9, {NIST_OID, 0x14}, 32, 7856, CKP_SLH_DSA_SHA2_128S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x15}, 32, 17088, CKP_SLH_DSA_SHA2_128F},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x16}, 48, 16224, CKP_SLH_DSA_SHA2_192S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x17}, 48, 35664, CKP_SLH_DSA_SHA2_192F},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x18}, 64, 29792, CKP_SLH_DSA_SHA2_256S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x19}, 64, 49856, CKP_SLH_DSA_SHA2_256F},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1a}, 32, 7856, CKP_SLH_DSA_SHAKE_128S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1b}, 32, 17088, CKP_SLH_DSA_SHAKE_128F},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1c}, 48, 16224, CKP_SLH_DSA_SHAKE_192S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1d}, 48, 35664, CKP_SLH_DSA_SHAKE_192F},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1e}, 64, 29792, CKP_SLH_DSA_SHAKE_256S},
    {CKK_SLH_DSA, 9, {NIST_OID, 0x1f}, 64, 49856, CKP_SLH_DSA_SHAKE_256F},
};
#define ALGORITHMS (sizeof algorithms / sizeof algorithms[0])
static const Algorithm *const rsa = &algorithms[0];
static const Algorithm *const ec = &algorithms[3];

/* The content of its OBJECT IDENTIFIER. */
static P11dBytes oid_of(const Algorithm *algorithm)
{
    return p11d_der(algorithm->oid, algorithm->oid_size);
}

static const Algorithm *find_algorithm(P11dBytes oid)
{
    for (size_t i = 0; i < ALGORITHMS; i++)
        if (p11d_der_equal(oid, oid_of(&algorithms[i])))
            return &algorithms[i];
    return NULL;
}

/* The named curve of params, or NULL. */
static const P11dCurve *ec_curve(P11dBytes params)
{
    const P11dCurve *curve = p11d_curve_find(params);
    return curve && curve->type == CKK_EC ? curve : NULL;
}

/* Puts the name of a curve in the place of its numbers, where they are spelled out. */
static bool name_curve(P11dBytes *params)
{
    const P11dCurve *curve =
        p11d_der_is(params, P11D_DER_SEQUENCE) ? p11d_curve_find(*params) : NULL;
    if (curve)
        *params = p11d_curve_params(curve);
    return curve;
}

static bool parse_rsa(P11dPublicKey *key)
{
    P11dBytes left = key->bits;
    P11dBytes numbers;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &numbers, NULL) || left.size > 0 ||
        !p11d_der_take_unsigned(&numbers, &key->modulus) ||
        !p11d_der_take_unsigned(&numbers, &key->exponent) || numbers.size > 0)
        return false;
    key->signature_size = key->modulus.size;
    return key->modulus.size > 0 && key->exponent.size > 0;
}

static bool parse_ec(P11dPublicKey *key, P11dBytes parameters)
{
    if (!p11d_der_is(&parameters, P11D_DER_OID) && !p11d_der_is(&parameters, P11D_DER_SEQUENCE))
        return false;
    if (!p11d_der_take_any(&parameters, &key->params) || parameters.size > 0)
        return false;
    key->renamed = name_curve(&key->params);
    key->point = key->bits;
    key->signature_size = p11d_curve_signature_size(CKK_EC, key->params);
    return p11d_curve_is_point(CKK_EC, ec_curve(key->params), key->point);
}

/* Reads the frame; the algorithm's OID and parameters follow in identifier. */
static bool parse_frame(P11dPublicKey *key, P11dBytes info, P11dBytes *identifier)
{
    *key = (P11dPublicKey){.type = CK_UNAVAILABLE_INFORMATION};
    P11dBytes body;
    return info.size <= INFO_MAX && p11d_der_take(&info, P11D_DER_SEQUENCE, &body, &key->info) &&
           info.size == 0 && p11d_der_take(&body, P11D_DER_SEQUENCE, identifier, NULL) &&
           p11d_der_is(identifier, P11D_DER_OID) && p11d_der_take_bits(&body, &key->bits) &&
           body.size == 0;
}

/* Takes the algorithm's OID off identifier: its content; *whole (may be NULL): with its tag. */
static P11dBytes take_oid(P11dBytes *identifier, P11dBytes *whole)
{
    P11dBytes content = p11d_der(NULL, 0);
    p11d_der_take(identifier, P11D_DER_OID, &content, whole);
    return content;
}

bool p11d_publickey_parse_frame(P11dPublicKey *key, const void *info, size_t size)
{
    P11dBytes identifier;
    if (!parse_frame(key, p11d_der(info, size), &identifier))
        return false;
    P11dBytes oid = take_oid(&identifier, NULL);
    const Algorithm *algorithm = find_algorithm(oid);
    const P11dCurve *curve = p11d_curve_of_algorithm(oid);
    if (algorithm || curve)
        key->type = algorithm ? algorithm->type : curve->type;
    return true;
}

static bool take_set(P11dPublicKey *key, const Algorithm *algorithm)
{
    key->point = key->bits;
    key->parameter_set = algorithm->parameter_set;
    key->signature_size = algorithm->signature_size;
    return key->bits.size == algorithm->key_size;
}

/* Of Edwards and Montgomery, where the algorithm is the curve. */
static bool take_point(P11dPublicKey *key, const P11dCurve *curve, P11dBytes oid)
{
    key->point = key->bits;
    key->params = oid;
    key->signature_size = p11d_curve_signature_size(curve->type, key->params);
    return p11d_curve_is_point(curve->type, curve, key->point);
}

bool p11d_publickey_parse(P11dPublicKey *key, const void *info, size_t size)
{
    P11dBytes identifier, whole;
    if (!parse_frame(key, p11d_der(info, size), &identifier))
        return false;
    P11dBytes oid = take_oid(&identifier, &whole);
    const Algorithm *algorithm = find_algorithm(oid);
    const P11dCurve *curve = p11d_curve_of_algorithm(oid);
    if (!algorithm && !curve)
        return true;
    key->type = algorithm ? algorithm->type : curve->type;
    if (key->type == CKK_RSA)
        return parse_rsa(key);
    if (key->type == CKK_EC)
        return parse_ec(key, identifier);
    return curve ? take_point(key, curve, whole) : take_set(key, algorithm);
}

CK_ULONG p11d_publickey_modulus_bits(const P11dPublicKey *key)
{
    if (key->modulus.size == 0)
        return 0;
    CK_ULONG bits = 8 * key->modulus.size;
    for (uint8_t first = key->modulus.data[0]; (first & 0x80) == 0; first = (uint8_t)(first << 1))
        bits--;
    return bits;
}

void p11d_publickey_id(const P11dPublicKey *key, uint8_t id[P11D_PUBLICKEY_ID_SIZE])
{
    P11dDigest digest;
    uint8_t result[P11D_HASH_MAX_SIZE] = {0};
    p11d_digest_init(&digest, CKM_SHA_1);
    p11d_digest_update(&digest, key->bits.data, key->bits.size);
    p11d_digest_final(&digest, result);
    memcpy(id, result, P11D_PUBLICKEY_ID_SIZE);
}

static CK_RV set(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, P11dBytes value)
{
    return p11d_template_set(templ, type, value.data, value.size);
}

static CK_RV add_rsa_parts(const P11dPublicKey *key, P11dTemplate *templ)
{
    CK_RV rv = set(templ, CKA_MODULUS, key->modulus);
    if (rv == CKR_OK)
        rv = set(templ, CKA_PUBLIC_EXPONENT, key->exponent);
    if (rv == CKR_OK)
        rv = p11d_template_set_number(templ, CKA_MODULUS_BITS, p11d_publickey_modulus_bits(key));
    return rv;
}

static CK_RV add_ec_parts(const P11dPublicKey *key, P11dTemplate *templ)
{
    P11dBuffer wrapped;
    p11d_buffer_init(&wrapped, INFO_MAX);
    p11d_der_write(&wrapped, P11D_DER_OCTET_STRING, key->point);
    CK_RV rv = wrapped.no_memory || wrapped.too_large ? CKR_HOST_MEMORY : CKR_OK;
    if (rv == CKR_OK)
        rv = set(templ, CKA_EC_POINT, p11d_der(wrapped.data, wrapped.size));
    if (rv == CKR_OK)
        rv = set(templ, CKA_EC_PARAMS, key->params);
    p11d_buffer_clear(&wrapped);
    return rv;
}

static CK_RV add_set_parts(const P11dPublicKey *key, P11dTemplate *templ)
{
    CK_RV rv = p11d_template_set_number(templ, CKA_PARAMETER_SET, key->parameter_set);
    /* CKA_VALUE of a private key is the private key. */
    if (rv == CKR_OK && p11d_template_number(templ, CKA_CLASS, 0) == CKO_PUBLIC_KEY)
        rv = set(templ, CKA_VALUE, key->bits);
    return rv;
}

/* Writes SubjectPublicKeyInfo; oid: of the algorithm, its content; parameters: DER of the
 * algorithm's parameters, or empty. */
static bool write_info(P11dBuffer *buffer, P11dBytes oid, P11dBytes parameters, P11dBytes bits)
{
    static const uint8_t no_unused_bits = 0;
    P11dBuffer identifier, body, bit_string;
    p11d_buffer_init(&identifier, INFO_MAX);
    p11d_buffer_init(&body, INFO_MAX);
    p11d_buffer_init(&bit_string, INFO_MAX);

    p11d_der_write(&identifier, P11D_DER_OID, oid);
    bool written =
        parameters.size == 0 || p11d_buffer_append(&identifier, parameters.data, parameters.size);
    p11d_der_write(&body, P11D_DER_SEQUENCE, p11d_der(identifier.data, identifier.size));
    written = p11d_buffer_append(&bit_string, &no_unused_bits, 1) &&
              p11d_buffer_append(&bit_string, bits.data, bits.size) && written;
    p11d_der_write(&body, P11D_DER_BIT_STRING, p11d_der(bit_string.data, bit_string.size));
    written = written && !identifier.no_memory && !body.no_memory && !body.too_large;
    if (written)
        p11d_der_write(buffer, P11D_DER_SEQUENCE, p11d_der(body.data, body.size));
    else
        buffer->no_memory = true;

    p11d_buffer_clear(&identifier);
    p11d_buffer_clear(&body);
    p11d_buffer_clear(&bit_string);
    return written && !buffer->no_memory && !buffer->too_large;
}

/* With the curve by its name, whatever info does. */
static CK_RV set_info(const P11dPublicKey *key, P11dTemplate *templ)
{
    if (!key->renamed)
        return set(templ, CKA_PUBLIC_KEY_INFO, key->info);
    P11dBuffer info;
    p11d_buffer_init(&info, INFO_MAX);
    CK_RV rv = write_info(&info, oid_of(ec), key->params, key->bits)
                   ? set(templ, CKA_PUBLIC_KEY_INFO, p11d_der(info.data, info.size))
                   : CKR_HOST_MEMORY;
    p11d_buffer_clear(&info);
    return rv;
}

CK_RV p11d_publickey_add_parts(const P11dPublicKey *key, P11dTemplate *templ)
{
    CK_RV rv = set_info(key, templ);
    if (rv != CKR_OK || key->type == CK_UNAVAILABLE_INFORMATION)
        return rv;
    rv = p11d_template_set_number(templ, CKA_KEY_TYPE, key->type);
    if (rv != CKR_OK)
        return rv;
    if (key->modulus.size > 0)
        return add_rsa_parts(key, templ);
    return key->params.size > 0 ? add_ec_parts(key, templ) : add_set_parts(key, templ);
}

static P11dBytes part(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *attribute = p11d_template_find(templ, type);
    if (!attribute || !attribute->pValue || attribute->ulValueLen > INFO_MAX / 4)
        return p11d_der(NULL, 0);
    return p11d_der(attribute->pValue, attribute->ulValueLen);
}

CK_RV p11d_publickey_name_curve(P11dTemplate *templ)
{
    P11dBytes params = part(templ, CKA_EC_PARAMS);
    return name_curve(&params) ? set(templ, CKA_EC_PARAMS, params) : CKR_OK;
}

CK_ULONG p11d_publickey_signature_size(const P11dTemplate *templ)
{
    CK_KEY_TYPE type = p11d_template_number(templ, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    P11dBytes params = part(templ, CKA_EC_PARAMS);
    if (type == CKK_RSA)
        return p11d_der_without_zeros(part(templ, CKA_MODULUS)).size;
    return p11d_curve_signature_size(type, params);
}

static bool build_rsa(P11dBuffer *buffer, const P11dTemplate *templ)
{
    static const uint8_t null[] = {P11D_DER_NULL, 0};
    P11dBytes modulus = part(templ, CKA_MODULUS);
    P11dBytes exponent = part(templ, CKA_PUBLIC_EXPONENT);
    if (modulus.size == 0 || exponent.size == 0)
        return false;
    P11dBuffer numbers, bits;
    p11d_buffer_init(&numbers, INFO_MAX);
    p11d_buffer_init(&bits, INFO_MAX);
    p11d_der_write_unsigned(&numbers, modulus);
    p11d_der_write_unsigned(&numbers, exponent);
    p11d_der_write(&bits, P11D_DER_SEQUENCE, p11d_der(numbers.data, numbers.size));
    bool built = !numbers.no_memory && !bits.no_memory &&
                 write_info(buffer, oid_of(rsa), p11d_der(null, sizeof null),
                            p11d_der(bits.data, bits.size));
    buffer->no_memory = buffer->no_memory || numbers.no_memory || bits.no_memory;
    p11d_buffer_clear(&numbers);
    p11d_buffer_clear(&bits);
    return built;
}

static bool build_ec(P11dBuffer *buffer, const P11dTemplate *templ)
{
    P11dBytes params = part(templ, CKA_EC_PARAMS);
    P11dBytes point = part(templ, CKA_EC_POINT);
    const P11dCurve *curve = ec_curve(params);
    point = p11d_curve_unwrap(CKK_EC, curve, point);
    if (!p11d_curve_is_point(CKK_EC, curve, point))
        return false;
    P11dBytes left = params;
    if (!p11d_der_take_any(&left, NULL) || left.size > 0)
        return false;
    return write_info(buffer, oid_of(ec), params, point);
}

/* Edwards and Montgomery: type and size name the curve, so its many spellings in CKA_EC_PARAMS
 * (OID of the curve, OID of the algorithm, a printable name) need not be told apart. */
static bool build_by_size(P11dBuffer *buffer, const P11dTemplate *templ, CK_KEY_TYPE type)
{
    P11dBytes point = p11d_curve_unwrap(type, NULL, part(templ, CKA_EC_POINT));
    const P11dCurve *curve = p11d_curve_of_point_size(type, point.size);
    if (!curve)
        return false;
    P11dBytes params = p11d_curve_params(curve);
    return write_info(buffer, take_oid(&params, NULL), p11d_der(NULL, 0), point);
}

bool p11d_publickey_build(P11dBuffer *buffer, const P11dTemplate *templ)
{
    CK_KEY_TYPE type = p11d_template_number(templ, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    if (type == CKK_RSA)
        return build_rsa(buffer, templ);
    if (type == CKK_EC)
        return build_ec(buffer, templ);
    return build_by_size(buffer, templ, type);
}
