// SPDX-License-Identifier: MIT
#include "curve.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* Every row but further spellings of one. */
static bool is_first(const P11dCurve *row)
{
    return p11d_curve_of_name(row->name) == row;
}

/* OpenSSL's group of a row, NULL for what is none of CKK_EC. */
static EC_GROUP *new_group(const P11dCurve *row)
{
    EC_GROUP *group =
        row->type == CKK_EC ? EC_GROUP_new_by_curve_name(OBJ_sn2nid(row->openssl)) : NULL;
    cr_assert(group || row->type != CKK_EC, "%s", row->name);
    return group;
}

static const P11dCurve *find(const unsigned char *bytes, size_t size)
{
    /* A copy of just that size: what reads too far is seen. */
    unsigned char *copy = malloc(size);
    memcpy(copy, bytes, size);
    const P11dCurve *curve = p11d_curve_find(p11d_der(copy, size));
    free(copy);
    return curve;
}

/* The DER of group, which the caller frees with OPENSSL_free. */
static unsigned char *write(const EC_GROUP *group, size_t *size)
{
    unsigned char *der = NULL;
    int length = i2d_ECPKParameters(group, &der);
    cr_assert_gt(length, 0);
    *size = (size_t)length;
    return der;
}

static const P11dCurve *find_group(const EC_GROUP *group)
{
    size_t size;
    unsigned char *der = write(group, &size);
    const P11dCurve *curve = find(der, size);
    OPENSSL_free(der);
    return curve;
}

static EC_GROUP *explicit_group(const P11dCurve *row)
{
    EC_GROUP *group = new_group(row);
    if (group)
        EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
    return group;
}

Test(curve, rows_have_the_names_and_the_oid_of_openssl)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        ASN1_OBJECT *object = OBJ_nid2obj(OBJ_sn2nid(row->openssl));
        unsigned char *der = NULL;
        int size = i2d_ASN1_OBJECT(object, &der);
        cr_assert_gt(size, 0, "%s", row->name);
        bool same = p11d_der_equal(p11d_curve_params(row), p11d_der(der, (size_t)size));
        cr_assert_eq(same, is_first(row), "%s", row->name);
        cr_assert_eq(p11d_curve_find(p11d_curve_params(row)), row, "%s", row->name);
        cr_assert_eq(p11d_curve_of_openssl(row->openssl), p11d_curve_of_name(row->name));
        P11dBytes oid = p11d_der(der, (size_t)size), content;
        cr_assert(p11d_der_take(&oid, P11D_DER_OID, &content, NULL));
        cr_assert_eq(p11d_curve_of_algorithm(content),
                     row->type == CKK_EC ? NULL : p11d_curve_of_name(row->name), "%s", row->name);
        const char *nist = EC_curve_nid2nist(OBJ_sn2nid(row->openssl));
        cr_assert(!nist || strcmp(nist, row->name) == 0, "%s", row->name);
        OPENSSL_free(der);
    }
}

Test(curve, weierstrass_rows_have_the_sizes_of_openssl)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        EC_GROUP *group = new_group(row);
        if (!group)
            continue;
        cr_assert_eq(find_group(group), row, "%s", row->name);
        cr_assert_eq(row->bits, (unsigned)EC_GROUP_get_degree(group), "%s", row->name);
        cr_assert_eq(row->half, ((size_t)EC_GROUP_order_bits(group) + 7) / 8, "%s", row->name);
        cr_assert_eq(p11d_curve_signature_size(CKK_EC, p11d_curve_params(row)), 2 * row->half);
        cr_assert_eq(p11d_curve_signature_size(CKK_EC_EDWARDS, p11d_curve_params(row)), 0);
        EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
        size_t size;
        unsigned char *der = write(group, &size);
        cr_assert_eq(p11d_curve_signature_size(CKK_EC, p11d_der(der, size)), 2 * row->half);
        OPENSSL_free(der);
        EC_GROUP_free(group);
    }
}

Test(curve, the_other_rows_have_the_sizes_of_openssl)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        unsigned char point[64];
        size_t size = sizeof point;
        if (row->type == CKK_EC)
            continue;
        EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, row->openssl);
        cr_assert(key && EVP_PKEY_get_raw_public_key(key, point, &size) == 1, "%s", row->name);
        cr_assert_eq(p11d_curve_of_point_size(row->type, size), p11d_curve_of_name(row->name));
        size_t signature = row->type == CKK_EC_EDWARDS ? (size_t)EVP_PKEY_get_size(key) : 0;
        cr_assert_eq(2 * row->half, signature, "%s", row->name);
        cr_assert_eq(p11d_curve_signature_size(row->type, p11d_curve_params(row)), signature);
        EVP_PKEY_free(key);
    }
    cr_assert_null(p11d_curve_of_point_size(CKK_EC, 65));
    cr_assert_null(p11d_curve_of_point_size(CKK_EC_EDWARDS, 33));
    cr_assert_null(p11d_curve_of_point_size(CK_UNAVAILABLE_INFORMATION, 32));
}

Test(curve, the_hash_goes_by_the_field)
{
    static const struct {
        const char *name;
        CK_MECHANISM_TYPE hash;
    } rows[] = {
        {"P-192", CKM_SHA256}, {"P-256", CKM_SHA256}, {"brainpoolP320r1", CKM_SHA384},
        {"P-384", CKM_SHA384}, {"P-521", CKM_SHA512}, {"brainpoolP512t1", CKM_SHA512},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert_eq(p11d_curve_usual_hash(p11d_curve_of_name(rows[i].name)->bits), rows[i].hash,
                     "%s", rows[i].name);
}

/* --- points --- */

/* Checks a point of row in every place where one may stand. */
static void check_point(const P11dCurve *row, const unsigned char *bytes, size_t size)
{
    P11dBytes point = p11d_der(bytes, size);
    P11dBuffer wrapped, twice;
    p11d_buffer_init(&wrapped, 4096);
    p11d_buffer_init(&twice, 4096);
    p11d_der_write(&wrapped, P11D_DER_OCTET_STRING, point);
    P11dBytes outer = p11d_der(wrapped.data, wrapped.size);
    p11d_der_write(&twice, P11D_DER_OCTET_STRING, outer);
    const struct {
        CK_KEY_TYPE type;
        const P11dCurve *curve;
    } known[] = {{row->type, row}, {row->type, NULL}, {CK_UNAVAILABLE_INFORMATION, NULL}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        P11dBytes found = p11d_curve_unwrap(known[i].type, known[i].curve, outer);
        cr_assert(p11d_der_equal(found, point), "%s, %zu", row->name, i);
        found = p11d_curve_unwrap(known[i].type, known[i].curve, point);
        cr_assert(p11d_der_equal(found, point), "%s, %zu", row->name, i);
    }
    cr_assert(p11d_curve_is_point(row->type, row, point), "%s", row->name);
    cr_assert(p11d_curve_is_point(row->type, NULL, point), "%s", row->name);
    cr_assert_not(p11d_curve_is_point(row->type, row, outer), "%s", row->name);
    cr_assert_not(p11d_curve_is_point(row->type, row, p11d_der(bytes, size - 1)));
    cr_assert_not(p11d_curve_is_point(CKK_RSA, row, point));
    /* What is not all of it, or wraps no point, stays. */
    cr_assert_eq(p11d_curve_unwrap(row->type, row, p11d_der(wrapped.data, wrapped.size - 1)).size,
                 wrapped.size - 1);
    cr_assert_eq(p11d_curve_unwrap(row->type, row, p11d_der(twice.data, twice.size)).size,
                 twice.size);
    p11d_buffer_clear(&wrapped);
    p11d_buffer_clear(&twice);
}

Test(curve, points_are_unwrapped_where_they_are_wrapped)
{
    static const point_conversion_form_t forms[] = {
        POINT_CONVERSION_UNCOMPRESSED, POINT_CONVERSION_COMPRESSED, POINT_CONVERSION_HYBRID};
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        EC_GROUP *group = new_group(row);
        unsigned char bytes[256] = {4, 30};
        for (size_t j = 0; group && j < sizeof forms / sizeof forms[0]; j++) {
            size_t size = EC_POINT_point2oct(group, EC_GROUP_get0_generator(group), forms[j], bytes,
                                             sizeof bytes, NULL);
            check_point(row, bytes, size);
        }
        if (!group) /* one that begins as an OCTET STRING would */
            check_point(row, bytes, (row->bits + (row->type == CKK_EC_EDWARDS) + 7) / 8);
        EC_GROUP_free(group);
    }
}

/* A point of P-256 that looks like an OCTET STRING: 04 3f, and 63 bytes that follow. */
Test(curve, a_point_that_looks_wrapped_stays_where_the_sizes_tell)
{
    unsigned char bytes[65] = {4, 63, 4};
    P11dBytes value = p11d_der(bytes, sizeof bytes);
    const P11dCurve *p256 = p11d_curve_of_name("P-256");
    cr_assert_eq(p11d_der_unwrap(value).size, 63);
    cr_assert_eq(p11d_curve_unwrap(CKK_EC, p256, value).size, sizeof bytes);
    cr_assert_eq(p11d_curve_unwrap(CK_UNAVAILABLE_INFORMATION, NULL, value).size, sizeof bytes);
    cr_assert_eq(p11d_curve_unwrap(CKK_EC, p256, p11d_der(NULL, 0)).size, 0);
}

/* --- spellings --- */

Test(curve, edwards_curves_have_several_spellings)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } spellings[] = {
        {"\x06\x03\x2b\x65\x70", 5, "Ed25519"},
        {"\x06\x03\x2b\x65\x71", 5, "Ed448"},
        {"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 11, "Ed25519"},
        {"\x06\x0a\x2b\x06\x01\x04\x01\x97\x55\x01\x05\x01", 12, "X25519"},
        {"\x13\x0c"
         "edwards25519",
         14, "Ed25519"},
        {"\x13\x0a"
         "edwards448",
         12, "Ed448"},
        {"\x13\x0a"
         "curve25519",
         12, "X25519"},
        {"\x13\x08"
         "curve448",
         10, "X448"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const unsigned char *bytes = (const unsigned char *)spellings[i].bytes;
        const P11dCurve *curve = find(bytes, spellings[i].size);
        cr_assert_not_null(curve);
        cr_assert_str_eq(curve->name, spellings[i].name);
        cr_assert_neq(curve->type, CKK_EC);
        for (size_t cut = 1; cut < spellings[i].size; cut++)
            cr_assert_null(find(bytes, cut));
    }
}

Test(curve, explicit_parameters_are_recognised_in_every_form)
{
    static const point_conversion_form_t forms[] = {
        POINT_CONVERSION_UNCOMPRESSED, POINT_CONVERSION_COMPRESSED, POINT_CONVERSION_HYBRID};
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        EC_GROUP *group = explicit_group(row);
        for (size_t j = 0; group && j < sizeof forms / sizeof forms[0]; j++)
            for (int seed = 0; seed < 2; seed++) {
                EC_GROUP_set_point_conversion_form(group, forms[j]);
                const P11dCurve *curve = find_group(group);
                cr_assert_eq(curve, row->numbers ? row : NULL, "%s", row->name);
                EC_GROUP_set_seed(group, (const unsigned char *)"seed", seed ? 0 : 4);
            }
        EC_GROUP_free(group);
    }
}

/* Where the bytes are that may be others: the version, the seed, and the form of the generator. */
static bool may_differ(const unsigned char *der, size_t size, size_t at)
{
    const P11dCurve *curve = p11d_curve_find(p11d_der(der, size));
    if (at > 0 && der[at - 1] == 1 + 2 * curve->half && der[at] == 0x04)
        return true;
    static const unsigned char seed[] = "\x03\x05\0seed";
    for (size_t i = 0; i + 7 <= size; i++) {
        if (memcmp(der + i, seed, 7) == 0 && at >= i + 2 && at < i + 7)
            return true;
    }
    size_t header = der[1] & 0x80 ? 2 + (der[1] & 0x7fU) : 2;
    return at == header + 2;
}

Test(curve, no_byte_of_the_numbers_may_be_another)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        if (!row->numbers)
            continue;
        size_t size;
        EC_GROUP *group = explicit_group(row);
        EC_GROUP_set_seed(group, (const unsigned char *)"seed", 4);
        unsigned char *der = write(group, &size);
        for (size_t at = 0; at < size; at++) {
            bool fixed = !may_differ(der, size, at);
            for (unsigned bit = 0; bit < 8 && fixed; bit++) {
                der[at] ^= (unsigned char)(1U << bit);
                cr_assert_null(find(der, size), "%s: byte %zu", row->name, at);
                der[at] ^= (unsigned char)(1U << bit);
            }
            cr_assert_null(find(der, at));
        }
        cr_assert_not_null(find(der, size));
        OPENSSL_free(der);
        EC_GROUP_free(group);
    }
}

/* CVE-2020-0601: whoever chooses the generator knows a private key to any public key. */
Test(curve, another_generator_or_cofactor_is_another_curve)
{
    for (size_t i = 0; i < p11d_curve_count; i++) {
        const P11dCurve *row = &p11d_curves[i];
        EC_GROUP *group = explicit_group(row);
        if (!group)
            continue;
        EC_POINT *generator = EC_POINT_dup(EC_GROUP_get0_generator(group), group);
        BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));
        BIGNUM *two = BN_new();
        EC_POINT *other = EC_POINT_new(group);
        BN_set_word(two, 2);
        cr_assert(EC_POINT_dbl(group, other, generator, NULL));
        cr_assert(EC_GROUP_set_generator(group, other, order, BN_value_one()));
        cr_assert_null(find_group(group), "%s", row->name);
        EC_GROUP_set_generator(group, generator, order, two);
        cr_assert_null(find_group(group), "%s", row->name);
        BN_free(two);
        BN_free(order);
        EC_POINT_free(generator);
        EC_POINT_free(other);
        EC_GROUP_free(group);
    }
}

Test(curve, what_is_no_curve_has_no_name)
{
    cr_assert_null(p11d_curve_find(p11d_der(NULL, 0)));
    cr_assert_null(find((const unsigned char *)"\x05\x00", 2)); /* implicitCurve */
    cr_assert_null(find((const unsigned char *)"\x06\x03\x2a\x03\x04", 5));
    cr_assert_null(p11d_curve_of_name("P-257"));
    cr_assert_null(p11d_curve_of_openssl("P-256"));
    cr_assert_null(p11d_curve_of_algorithm(p11d_der(NULL, 0)));
    cr_assert_eq(p11d_curve_signature_size(CKK_EC, p11d_der("\x06\x03\x2a\x03\x04", 5)), 0);
}
