// SPDX-License-Identifier: MIT
#include "publickey.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

/* Bytes of an ECDSA signature r || s; for all others OpenSSL says it itself. */
typedef struct Kind {
    char name[20];
    CK_KEY_TYPE type;
    CK_ULONG signature_size;
} Kind;

static const Kind kinds[] = {
    {"RSA-1024", CKK_RSA, 128},
    {"RSA-2048", CKK_RSA, 256},
    {"RSA-2056", CKK_RSA, 257},
    {"prime192v1", CKK_EC, 48},
    {"P-224", CKK_EC, 56},
    {"P-256", CKK_EC, 64},
    {"P-384", CKK_EC, 96},
    {"P-521", CKK_EC, 132},
    {"secp256k1", CKK_EC, 64},
    {"brainpoolP224r1", CKK_EC, 56},
    {"brainpoolP256r1", CKK_EC, 64},
    {"brainpoolP256t1", CKK_EC, 64},
    {"brainpoolP320r1", CKK_EC, 80},
    {"brainpoolP384r1", CKK_EC, 96},
    {"brainpoolP384t1", CKK_EC, 96},
    {"brainpoolP512r1", CKK_EC, 128},
    {"brainpoolP512t1", CKK_EC, 128},
    {"secp160k1", CKK_EC, 0}, /* no row: works, but the size is not known */
    {"ED25519", CKK_EC_EDWARDS, 64},
    {"ED448", CKK_EC_EDWARDS, 114},
    {"X25519", CKK_EC_MONTGOMERY, 0},
    {"X448", CKK_EC_MONTGOMERY, 0},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static struct criterion_test_params every_kind(void)
{
    Kind *rows = cr_malloc(sizeof(kinds));
    memcpy(rows, kinds, sizeof(kinds));
    return cr_make_param_array(Kind, rows, KINDS);
}

static void check_number(EVP_PKEY *key, const char *name, P11dBytes number)
{
    BIGNUM *expected = NULL;
    cr_assert(EVP_PKEY_get_bn_param(key, name, &expected));
    cr_assert_eq(number.size, (size_t)BN_num_bytes(expected));
    unsigned char *bytes = malloc(number.size);
    BN_bn2bin(expected, bytes);
    cr_assert_arr_eq(number.data, bytes, number.size);
    free(bytes);
    BN_free(expected);
}

static void check_ec(EVP_PKEY *key, const P11dPublicKey *parsed)
{
    unsigned char point[256];
    size_t point_size = 0;
    char group[64];
    if (parsed->type == CKK_EC)
        cr_assert(EVP_PKEY_get_octet_string_param(key, OSSL_PKEY_PARAM_PUB_KEY, point,
                                                  sizeof(point), &point_size));
    else {
        point_size = sizeof(point);
        cr_assert(EVP_PKEY_get_raw_public_key(key, point, &point_size));
    }
    cr_assert(p11d_der_equal(parsed->point, p11d_der(point, point_size)));
    ASN1_OBJECT *oid;
    if (EVP_PKEY_get_group_name(key, group, sizeof(group), NULL))
        oid = OBJ_txt2obj(group, 0);
    else
        oid = OBJ_nid2obj(EVP_PKEY_get_base_id(key));
    unsigned char *expected = NULL;
    int expected_size = i2d_ASN1_OBJECT(oid, &expected);
    cr_assert(p11d_der_equal(parsed->params, p11d_der(expected, (size_t)expected_size)));
    OPENSSL_free(expected);
    ASN1_OBJECT_free(oid);
}

ParameterizedTestParameters(publickey, parts_are_those_that_openssl_gives)
{
    return every_kind();
}

ParameterizedTest(Kind *kind, publickey, parts_are_those_that_openssl_gives)
{
    EVP_PKEY *key = keys_generate(kind->name);
    Bytes info = keys_info(key);
    P11dPublicKey parsed;
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size), "%s", kind->name);
    cr_assert_eq(parsed.type, kind->type);
    cr_assert_eq(parsed.signature_size, kind->signature_size);
    cr_assert(p11d_der_equal(parsed.info, p11d_der(info.data, info.size)));
    if (kind->type == CKK_RSA) {
        check_number(key, OSSL_PKEY_PARAM_RSA_N, parsed.modulus);
        check_number(key, OSSL_PKEY_PARAM_RSA_E, parsed.exponent);
        cr_assert_eq(p11d_publickey_modulus_bits(&parsed), (CK_ULONG)EVP_PKEY_get_bits(key));
    } else {
        check_ec(key, &parsed);
        cr_assert_eq(p11d_publickey_modulus_bits(&parsed), 0);
    }
    if (kind->type == CKK_RSA || kind->type == CKK_EC_EDWARDS)
        cr_assert_eq(parsed.signature_size, (CK_ULONG)EVP_PKEY_get_size(key));
    unsigned char id[20], expected_id[20];
    keys_id(key, expected_id);
    p11d_publickey_id(&parsed, id);
    cr_assert_arr_eq(id, expected_id, 20);
    free(info.data);
    EVP_PKEY_free(key);
}

static void check_build(const P11dTemplate *parts, Bytes expected)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 1 << 16);
    cr_assert(p11d_publickey_build(&buffer, parts));
    cr_assert(
        p11d_der_equal(p11d_der(buffer.data, buffer.size), p11d_der(expected.data, expected.size)));
    p11d_buffer_clear(&buffer);
}

static void check_parts_give_the_key_back(const Kind *kind)
{
    EVP_PKEY *key = keys_generate(kind->name);
    Bytes info = keys_info(key);
    P11dPublicKey parsed;
    P11dTemplate parts;
    p11d_template_init(&parts);
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    cr_assert_eq(p11d_publickey_add_parts(&parsed, &parts), CKR_OK);
    check_build(&parts, info);
    if (kind->type != CKK_RSA) {
        const CK_ATTRIBUTE *point = p11d_template_find(&parts, CKA_EC_POINT);
        P11dBytes wrapped = p11d_der(point->pValue, point->ulValueLen);
        cr_assert(p11d_der_equal(p11d_der_unwrap(wrapped), parsed.point), "wrapped given");
        cr_assert_gt(wrapped.size, parsed.point.size);
        p11d_template_set(&parts, CKA_EC_POINT, parsed.point.data, parsed.point.size);
        check_build(&parts, info);
    } else {
        /* Big integers with the leading zero of a DER INTEGER are the same numbers. */
        unsigned char padded[1024] = {0};
        memcpy(padded + 1, parsed.modulus.data, parsed.modulus.size);
        p11d_template_set(&parts, CKA_MODULUS, padded, parsed.modulus.size + 1);
        check_build(&parts, info);
    }
    p11d_template_clear(&parts);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(publickey, ec_points_wrapped_or_not_and_numbers_give_the_key_back)
{
    for (size_t i = 0; i < KINDS; i++)
        check_parts_give_the_key_back(&kinds[i]);
}

/* Every copy is exactly as long as what is parsed, so that ASan sees one byte too many. */
static bool parses_copy(const unsigned char *bytes, size_t size)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);
    P11dPublicKey parsed;
    memcpy(copy, bytes, size);
    bool good = p11d_publickey_parse(&parsed, copy, size);
    if (good) {
        unsigned char id[P11D_PUBLICKEY_ID_SIZE];
        P11dTemplate parts;
        p11d_template_init(&parts);
        p11d_publickey_id(&parsed, id);
        p11d_publickey_add_parts(&parsed, &parts);
        p11d_template_clear(&parts);
    }
    free(copy);
    return good;
}

static void check_hostile_bytes(const Kind *kind)
{
    EVP_PKEY *key = keys_generate(kind->name);
    Bytes info = keys_info(key);
    for (size_t size = 0; size < info.size; size++)
        cr_assert_not(parses_copy(info.data, size), "%zu of %zu bytes", size, info.size);
    for (size_t i = 0; i < info.size; i++) {
        static const unsigned char masks[] = {0x01, 0x04, 0x80, 0xff};
        for (size_t mask = 0; mask < sizeof(masks); mask++) {
            info.data[i] ^= masks[mask];
            parses_copy(info.data, info.size);
            info.data[i] ^= masks[mask];
        }
    }
    unsigned char *longer = calloc(1, info.size + 1);
    memcpy(longer, info.data, info.size);
    cr_assert_not(parses_copy(longer, info.size + 1), "bytes behind the end");
    free(longer);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(publickey, truncated_or_flipped_bytes_never_read_outside)
{
    for (size_t i = 0; i < KINDS; i++)
        check_hostile_bytes(&kinds[i]);
}

/* The info of a key on that curve, with its parameters spelled out. */
static Bytes explicit_info(const char *name)
{
    EVP_PKEY *key = keys_generate(name);
    cr_assert(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                             OSSL_PKEY_EC_ENCODING_EXPLICIT));
    Bytes info = keys_info(key);
    EVP_PKEY_free(key);
    return info;
}

Test(publickey, a_curve_that_is_spelled_out_gets_its_name)
{
    static const char *const names[] = {"P-256", "P-384", "P-521", "secp256k1"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Bytes info = explicit_info(names[i]);
        P11dPublicKey parsed, again;
        P11dTemplate parts;
        cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
        cr_assert_eq(parsed.params.data[0], P11D_DER_OID);
        cr_assert_eq(parsed.point.size, 1 + parsed.signature_size);
        p11d_template_init(&parts);
        cr_assert_eq(p11d_publickey_add_parts(&parsed, &parts), CKR_OK);
        const CK_ATTRIBUTE *sent = p11d_template_find(&parts, CKA_PUBLIC_KEY_INFO);
        cr_assert(p11d_publickey_parse(&again, sent->pValue, sent->ulValueLen));
        cr_assert_not(again.renamed);
        cr_assert(p11d_der_equal(again.params, parsed.params));
        cr_assert(p11d_der_equal(again.bits, parsed.bits));
        const CK_ATTRIBUTE *params = p11d_template_find(&parts, CKA_EC_PARAMS);
        cr_assert(p11d_der_equal(p11d_der(params->pValue, params->ulValueLen), parsed.params));
        p11d_template_clear(&parts);
        free(info.data);
    }
}

Test(publickey, parameters_of_a_curve_without_a_name_are_given_as_they_are)
{
    Bytes info = explicit_info("brainpoolP320r1");
    P11dPublicKey parsed;
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    cr_assert_eq(parsed.params.data[0], P11D_DER_SEQUENCE);
    cr_assert_not(parsed.renamed);
    cr_assert_eq(parsed.signature_size, 80);
    cr_assert_eq(parsed.point.size, 81);

    P11dTemplate parts;
    p11d_template_init(&parts);
    p11d_template_set(&parts, CKA_EC_PARAMS, parsed.params.data, parsed.params.size);
    cr_assert_eq(p11d_publickey_name_curve(&parts), CKR_OK);
    const CK_ATTRIBUTE *params = p11d_template_find(&parts, CKA_EC_PARAMS);
    cr_assert(p11d_der_equal(p11d_der(params->pValue, params->ulValueLen), parsed.params));
    p11d_template_clear(&parts);
    free(info.data);
}

Test(publickey, params_alone_get_the_name_too)
{
    Bytes info = explicit_info("P-521");
    P11dBytes left = p11d_der(info.data, info.size);
    P11dBytes body, algorithm, params;
    cr_assert(p11d_der_take(&left, P11D_DER_SEQUENCE, &body, NULL) &&
              p11d_der_take(&body, P11D_DER_SEQUENCE, &algorithm, NULL) &&
              p11d_der_take_any(&algorithm, NULL) && p11d_der_take_any(&algorithm, &params));
    P11dTemplate parts;
    p11d_template_init(&parts);
    p11d_template_set(&parts, CKA_EC_PARAMS, params.data, params.size);
    cr_assert_eq(p11d_publickey_name_curve(&parts), CKR_OK);
    const CK_ATTRIBUTE *named = p11d_template_find(&parts, CKA_EC_PARAMS);
    cr_assert(p11d_der_equal(p11d_der(named->pValue, named->ulValueLen),
                             p11d_der("\x06\x05\x2b\x81\x04\x00\x23", 7)));
    p11d_template_clear(&parts);
    free(info.data);
}

Test(publickey, a_hybrid_point_is_one_and_its_form_must_fit)
{
    EVP_PKEY *key = keys_generate("P-384");
    EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT, "hybrid");
    Bytes info = keys_info(key);
    P11dPublicKey parsed;
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    cr_assert_eq(parsed.point.size, 97);
    info.data[info.size - 97] ^= 1;
    cr_assert_not(p11d_publickey_parse(&parsed, info.data, info.size));
    free(info.data);
    EVP_PKEY_free(key);
}

Test(publickey, a_raw_point_that_looks_wrapped_is_taken_for_what_its_length_says)
{
    static const unsigned char p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48,
                                         0xce, 0x3d, 0x03, 0x01, 0x07};
    unsigned char raw[65] = {0x04, 0x3f, 0x04}; /* an OCTET STRING of 63 bytes, it seems */
    P11dTemplate parts;
    P11dBuffer buffer;
    P11dPublicKey parsed;
    p11d_template_init(&parts);
    p11d_buffer_init(&buffer, 1024);
    p11d_template_set_number(&parts, CKA_KEY_TYPE, CKK_EC);
    p11d_template_set(&parts, CKA_EC_PARAMS, p256, sizeof(p256));
    p11d_template_set(&parts, CKA_EC_POINT, raw, sizeof(raw));
    cr_assert(p11d_publickey_build(&buffer, &parts));
    cr_assert(p11d_publickey_parse(&parsed, buffer.data, buffer.size));
    cr_assert(p11d_der_equal(parsed.point, p11d_der(raw, sizeof(raw))));
    p11d_buffer_clear(&buffer);
    p11d_template_clear(&parts);
}

static void write_info(P11dBuffer *info, P11dBytes oid, size_t key_size)
{
    unsigned char *bits = calloc(1, key_size + 1);
    P11dBuffer inner, body;
    p11d_buffer_init(&inner, 1 << 16);
    p11d_buffer_init(&body, 1 << 16);
    p11d_der_write(&inner, P11D_DER_OID, oid);
    p11d_der_write(&body, P11D_DER_SEQUENCE, p11d_der(inner.data, inner.size));
    p11d_der_write(&body, P11D_DER_BIT_STRING, p11d_der(bits, key_size + 1));
    p11d_der_write(info, P11D_DER_SEQUENCE, p11d_der(body.data, body.size));
    p11d_buffer_clear(&inner);
    p11d_buffer_clear(&body);
    free(bits);
}

/* OpenSSL 3.0 cannot make these, so their SubjectPublicKeyInfo is put together here. */
static void check_set(const char *dotted, size_t key_size, CK_KEY_TYPE type, CK_ULONG set,
                      CK_ULONG signature_size)
{
    ASN1_OBJECT *oid = OBJ_txt2obj(dotted, 1);
    P11dBuffer info;
    P11dPublicKey parsed;
    P11dTemplate parts;
    p11d_buffer_init(&info, 1 << 16);
    write_info(&info, p11d_der(OBJ_get0_data(oid), OBJ_length(oid)), key_size);
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size), "%s", dotted);
    cr_assert_eq(parsed.type, type);
    cr_assert_eq(parsed.parameter_set, set);
    cr_assert_eq(parsed.signature_size, signature_size);
    p11d_template_init(&parts);
    cr_assert_eq(p11d_publickey_add_parts(&parsed, &parts), CKR_OK);
    cr_assert_eq(p11d_template_number(&parts, CKA_PARAMETER_SET, 0), set);
    cr_assert_null(p11d_template_find(&parts, CKA_VALUE), "that of a private key is secret");
    p11d_template_set_number(&parts, CKA_CLASS, CKO_PUBLIC_KEY);
    cr_assert_eq(p11d_publickey_add_parts(&parsed, &parts), CKR_OK);
    cr_assert_eq(p11d_template_find(&parts, CKA_VALUE)->ulValueLen, key_size);
    p11d_template_clear(&parts);

    p11d_buffer_reset(&info);
    write_info(&info, p11d_der(OBJ_get0_data(oid), OBJ_length(oid)), key_size - 1);
    cr_assert_not(p11d_publickey_parse(&parsed, info.data, info.size));
    p11d_buffer_clear(&info);
    ASN1_OBJECT_free(oid);
}

Test(publickey, post_quantum_keys_have_a_parameter_set_and_a_signature_size)
{
    check_set("2.16.840.1.101.3.4.3.17", 1312, CKK_ML_DSA, CKP_ML_DSA_44, 2420);
    check_set("2.16.840.1.101.3.4.3.18", 1952, CKK_ML_DSA, CKP_ML_DSA_65, 3309);
    check_set("2.16.840.1.101.3.4.3.19", 2592, CKK_ML_DSA, CKP_ML_DSA_87, 4627);
    check_set("2.16.840.1.101.3.4.3.20", 32, CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S, 7856);
    check_set("2.16.840.1.101.3.4.3.25", 64, CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F, 49856);
    check_set("2.16.840.1.101.3.4.3.26", 32, CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S, 7856);
    check_set("2.16.840.1.101.3.4.3.31", 64, CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F, 49856);
}

Test(publickey, an_algorithm_without_a_row_still_has_an_id)
{
    static const unsigned char oid[] = {0x2a, 0x03, 0x04};
    P11dBuffer info;
    P11dPublicKey parsed;
    P11dTemplate parts;
    p11d_buffer_init(&info, 1024);
    write_info(&info, p11d_der(oid, sizeof(oid)), 10);
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    cr_assert_eq(parsed.type, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(parsed.bits.size, 10);
    p11d_template_init(&parts);
    cr_assert_eq(p11d_publickey_add_parts(&parsed, &parts), CKR_OK);
    cr_assert_eq(parts.count, 1);
    p11d_template_clear(&parts);
    p11d_buffer_clear(&info);
}

Test(publickey, parts_that_make_no_key_build_nothing)
{
    P11dTemplate parts;
    P11dBuffer buffer;
    p11d_template_init(&parts);
    p11d_buffer_init(&buffer, 1024);
    cr_assert_not(p11d_publickey_build(&buffer, &parts));
    static const CK_KEY_TYPE types[] = {CKK_RSA,           CKK_EC,     CKK_EC_EDWARDS,
                                        CKK_EC_MONTGOMERY, CKK_ML_DSA, CKK_DSA};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        p11d_template_set_number(&parts, CKA_KEY_TYPE, types[i]);
        cr_assert_not(p11d_publickey_build(&buffer, &parts));
        p11d_template_set(&parts, CKA_EC_POINT, "\x04", 1);
        p11d_template_set(&parts, CKA_EC_PARAMS, "\x06\x7f", 2);
        cr_assert_not(p11d_publickey_build(&buffer, &parts));
        p11d_template_unset(&parts, CKA_EC_POINT);
    }
    cr_assert_eq(buffer.size, 0);
    p11d_buffer_clear(&buffer);
    p11d_template_clear(&parts);
}
