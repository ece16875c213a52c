// SPDX-License-Identifier: MIT
#include "namedcurve.h"

#include <criterion/criterion.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    int nid;
    bool has_numbers;
} rows[] = {
    {"P-192", NID_X9_62_prime192v1, false},
    {"P-224", NID_secp224r1, false},
    {"P-256", NID_X9_62_prime256v1, true},
    {"P-384", NID_secp384r1, true},
    {"P-521", NID_secp521r1, true},
    {"secp256k1", NID_secp256k1, true},
    {"brainpoolP224r1", NID_brainpoolP224r1, false},
    {"brainpoolP256r1", NID_brainpoolP256r1, false},
    {"brainpoolP256t1", NID_brainpoolP256t1, false},
    {"brainpoolP320r1", NID_brainpoolP320r1, false},
    {"brainpoolP384r1", NID_brainpoolP384r1, false},
    {"brainpoolP384t1", NID_brainpoolP384t1, false},
    {"brainpoolP512r1", NID_brainpoolP512r1, false},
    {"brainpoolP512t1", NID_brainpoolP512t1, false},
    {"SM2", NID_sm2, false},
};
#define ROWS (sizeof rows / sizeof rows[0])

static const P11dNamedCurve *find(const unsigned char *bytes, size_t size)
{
    /* A copy of just that size: what reads too far is seen. */
    unsigned char *copy = malloc(size);
    memcpy(copy, bytes, size);
    const P11dNamedCurve *curve = p11d_namedcurve_find(p11d_der(copy, size));
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

static const P11dNamedCurve *find_group(const EC_GROUP *group)
{
    size_t size;
    unsigned char *der = write(group, &size);
    const P11dNamedCurve *curve = find(der, size);
    OPENSSL_free(der);
    return curve;
}

static EC_GROUP *explicit_group(int nid)
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(nid);
    cr_assert_not_null(group);
    EC_GROUP_set_asn1_flag(group, OPENSSL_EC_EXPLICIT_CURVE);
    return group;
}

Test(namedcurve, oids_have_the_name_and_the_sizes_of_openssl)
{
    for (size_t i = 0; i < ROWS; i++) {
        EC_GROUP *group = EC_GROUP_new_by_curve_name(rows[i].nid);
        const P11dNamedCurve *curve = find_group(group);
        cr_assert_not_null(curve, "%s", rows[i].name);
        cr_assert_str_eq(curve->name, rows[i].name);
        cr_assert_eq(curve, p11d_namedcurve_of_name(rows[i].name));
        cr_assert_eq(curve->bits, (unsigned)EC_GROUP_get_degree(group));
        cr_assert_eq(curve->order_size, ((size_t)EC_GROUP_order_bits(group) + 7) / 8);
        EC_GROUP_free(group);
    }
}

Test(namedcurve, edwards_curves_have_several_spellings)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *name;
    } spellings[] = {
        {"\x06\x03\x2b\x65\x70", 5, "Ed25519"},
        {"\x06\x03\x2b\x65\x71", 5, "Ed448"},
        {"\x06\x09\x2b\x06\x01\x04\x01\xda\x47\x0f\x01", 11, "Ed25519"},
        {"\x13\x0c"
         "edwards25519",
         14, "Ed25519"},
        {"\x13\x0a"
         "edwards448",
         12, "Ed448"},
    };
    for (size_t i = 0; i < sizeof spellings / sizeof spellings[0]; i++) {
        const unsigned char *bytes = (const unsigned char *)spellings[i].bytes;
        const P11dNamedCurve *curve = find(bytes, spellings[i].size);
        cr_assert_not_null(curve);
        cr_assert_str_eq(curve->name, spellings[i].name);
        cr_assert(curve->edwards);
        for (size_t cut = 1; cut < spellings[i].size; cut++)
            cr_assert_null(find(bytes, cut));
    }
}

Test(namedcurve, explicit_parameters_are_recognised_in_every_form)
{
    static const point_conversion_form_t forms[] = {
        POINT_CONVERSION_UNCOMPRESSED, POINT_CONVERSION_COMPRESSED, POINT_CONVERSION_HYBRID};
    for (size_t i = 0; i < ROWS; i++) {
        EC_GROUP *group = explicit_group(rows[i].nid);
        for (size_t j = 0; j < sizeof forms / sizeof forms[0]; j++)
            for (int seed = 0; seed < 2; seed++) {
                EC_GROUP_set_point_conversion_form(group, forms[j]);
                const P11dNamedCurve *curve = find_group(group);
                if (rows[i].has_numbers)
                    cr_assert_eq(curve, p11d_namedcurve_of_name(rows[i].name));
                else
                    cr_assert_null(curve, "%s", rows[i].name);
                EC_GROUP_set_seed(group, (const unsigned char *)"seed", seed ? 0 : 4);
            }
        EC_GROUP_free(group);
    }
}

/* Where the bytes are that may be others: the version, the seed, and the form of the generator. */
static bool may_differ(const unsigned char *der, size_t size, size_t at)
{
    const P11dNamedCurve *curve = p11d_namedcurve_find(p11d_der(der, size));
    if (at > 0 && der[at - 1] == 1 + 2 * curve->order_size && der[at] == 0x04)
        return true;
    static const unsigned char seed[] = "\x03\x05\0seed";
    for (size_t i = 0; i + 7 <= size; i++) {
        if (memcmp(der + i, seed, 7) == 0 && at >= i + 2 && at < i + 7)
            return true;
    }
    size_t header = der[1] & 0x80 ? 2 + (der[1] & 0x7fU) : 2;
    return at == header + 2;
}

Test(namedcurve, no_byte_of_the_numbers_may_be_another)
{
    for (size_t i = 0; i < ROWS; i++) {
        if (!rows[i].has_numbers)
            continue;
        size_t size;
        EC_GROUP *group = explicit_group(rows[i].nid);
        EC_GROUP_set_seed(group, (const unsigned char *)"seed", 4);
        unsigned char *der = write(group, &size);
        for (size_t at = 0; at < size; at++) {
            bool fixed = !may_differ(der, size, at);
            for (unsigned bit = 0; bit < 8 && fixed; bit++) {
                der[at] ^= (unsigned char)(1U << bit);
                cr_assert_null(find(der, size), "%s: byte %zu", rows[i].name, at);
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
Test(namedcurve, another_generator_or_cofactor_is_another_curve)
{
    for (size_t i = 0; i < ROWS; i++) {
        EC_GROUP *group = explicit_group(rows[i].nid);
        EC_POINT *generator = EC_POINT_dup(EC_GROUP_get0_generator(group), group);
        BIGNUM *order = BN_dup(EC_GROUP_get0_order(group));
        BIGNUM *two = BN_new();
        EC_POINT *other = EC_POINT_new(group);
        BN_set_word(two, 2);
        cr_assert(EC_POINT_dbl(group, other, generator, NULL));
        cr_assert(EC_GROUP_set_generator(group, other, order, BN_value_one()));
        cr_assert_null(find_group(group), "%s", rows[i].name);
        EC_GROUP_set_generator(group, generator, order, two);
        cr_assert_null(find_group(group), "%s", rows[i].name);
        BN_free(two);
        BN_free(order);
        EC_POINT_free(generator);
        EC_POINT_free(other);
        EC_GROUP_free(group);
    }
}

Test(namedcurve, what_is_no_curve_has_no_name)
{
    cr_assert_null(p11d_namedcurve_find(p11d_der(NULL, 0)));
    cr_assert_null(find((const unsigned char *)"\x05\x00", 2)); /* implicitCurve */
    cr_assert_null(find((const unsigned char *)"\x06\x03\x2a\x03\x04", 5));
    cr_assert_null(p11d_namedcurve_of_name("P-257"));
}
