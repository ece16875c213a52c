// SPDX-License-Identifier: MIT
#include "parameter.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <gio/gio.h>

#include "parameter-wire.h"

/* Where the pointers of a shape stand is known from its fields; the rest is compared as it is. */
static void check_same(const P11dParameterShape *shape, const CK_MECHANISM *a,
                       const CK_MECHANISM *b)
{
    uint8_t left[P11D_PARAMETER_STORAGE], right[P11D_PARAMETER_STORAGE];
    cr_assert_eq(a->mechanism, b->mechanism);
    cr_assert_eq(a->ulParameterLen, b->ulParameterLen);
    cr_assert_eq(!a->ulParameterLen, !b->pParameter);
    if (a->ulParameterLen == 0)
        return;
    cr_assert_eq(a->ulParameterLen, shape->size);
    memcpy(left, a->pParameter, shape->size);
    memcpy(right, b->pParameter, shape->size);
    for (size_t i = 0; i < shape->field_count; i++) {
        const P11dParameter *field = &shape->fields[i];
        if (field->kind != P11D_PARAMETER_BYTES && field->kind != P11D_PARAMETER_POINT)
            continue;
        const void *bytes[2];
        CK_ULONG sizes[2];
        memcpy(&bytes[0], left + field->at, sizeof bytes[0]);
        memcpy(&bytes[1], right + field->at, sizeof bytes[1]);
        memcpy(&sizes[0], left + field->length, sizeof sizes[0]);
        memcpy(&sizes[1], right + field->length, sizeof sizes[1]);
        cr_assert_eq(sizes[0], sizes[1], "%s", field->key);
        cr_assert(sizes[0] == 0 || memcmp(bytes[0], bytes[1], sizes[0]) == 0, "%s", field->key);
        memset(left + field->at, 0, sizeof bytes[0]);
        memset(right + field->at, 0, sizeof bytes[0]);
    }
    cr_assert_eq(memcmp(left, right, shape->size), 0);
}

/* Zeroes its padding too, so that structures can be compared. */
#define ZEROED(type, variable)                                                                     \
    type variable;                                                                                 \
    memset(&variable, 0, sizeof variable)

static void check_round_trip(const P11dParameterShape *shape, CK_MECHANISM_TYPE type,
                             void *parameter, CK_ULONG size)
{
    CK_MECHANISM mechanism = {type, parameter, size};
    P11dBuffer buffer;
    P11dParameters parameters;
    cr_assert_eq(p11d_mechanism_find(type)->shape, shape);
    cr_assert_eq(write_parameters(&buffer, &mechanism), CKR_OK);
    cr_assert_eq(read_parameters(&buffer, type, &parameters), CKR_OK);
    check_same(shape, &mechanism, &parameters.mechanism);
    cr_assert_not(parameters.prehashed);
    g_autoptr(GVariant) theirs = parameters_by_gdbus(&mechanism);
    cr_assert_leq(g_variant_n_children(theirs), shape->field_count);
    p11d_buffer_clear(&buffer);
}

static void check_pss(CK_MECHANISM_TYPE type)
{
    for (size_t i = 0; i < p11d_hash_count; i++) {
        const P11dHash *hash = &p11d_hashes[i];
        CK_RSA_PKCS_PSS_PARAMS pss = {hash->mechanism, hash->mgf, hash->size};
        CK_MECHANISM mechanism = {type, &pss, sizeof pss};
        P11dBuffer buffer;
        if (hash->mgf != CK_UNAVAILABLE_INFORMATION) {
            check_round_trip(&p11d_parameters_pss, type, &pss, sizeof pss);
            continue;
        }
        cr_expect_eq(write_parameters(&buffer, &mechanism), CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&buffer);
    }
    CK_RSA_PKCS_PSS_PARAMS none = {CKM_SHA256, CKG_MGF1_SHA1, 0};
    check_round_trip(&p11d_parameters_pss, type, &none, sizeof none);
}

static void check_oaep(CK_MECHANISM_TYPE type)
{
    static uint8_t label[65536] = "label";
    static const CK_ULONG sizes[] = {0, 1, 5, sizeof label};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA_1, CKG_MGF1_SHA512, CKZ_DATA_SPECIFIED,
                                        sizes[i] ? label : NULL, sizes[i]};
        check_round_trip(&p11d_parameters_oaep, type, &oaep, sizeof oaep);
    }
}

static void check_ecdh1(CK_MECHANISM_TYPE type)
{
    static uint8_t point[133] = {0x04, 1, 2}, shared[65536];
    static const CK_ULONG sizes[] = {32, 56, 65, 97, 133, 1};
    static const CK_ULONG kdfs[] = {CKD_NULL, CKD_SHA1_KDF, CKD_SHA256_KDF, CKD_SHA3_512_KDF};
    for (size_t i = 0; i < G_N_ELEMENTS(sizes); i++) {
        for (size_t k = 0; k < G_N_ELEMENTS(kdfs); k++) {
            CK_ECDH1_DERIVE_PARAMS ecdh = {kdfs[k], 0, NULL, sizes[i], point};
            check_round_trip(&p11d_parameters_ecdh1, type, &ecdh, sizeof ecdh);
            ecdh.ulSharedDataLen = k == 0 ? sizeof shared : k;
            ecdh.pSharedData = shared;
            check_round_trip(&p11d_parameters_ecdh1, type, &ecdh, sizeof ecdh);
        }
    }
}

static void check_eddsa(CK_MECHANISM_TYPE type)
{
    static uint8_t context[255] = "context";
    check_round_trip(&p11d_parameters_eddsa, type, NULL, 0);
    for (CK_ULONG size = 0; size <= sizeof context; size += 85) {
        for (CK_BBOOL ph = CK_FALSE; ph <= CK_TRUE; ph++) {
            ZEROED(CK_EDDSA_PARAMS, eddsa);
            eddsa.phFlag = ph;
            eddsa.ulContextDataLen = size;
            eddsa.pContextData = size ? context : NULL;
            check_round_trip(&p11d_parameters_eddsa, type, &eddsa, sizeof eddsa);
        }
    }
}

static void check_gcm(CK_MECHANISM_TYPE type)
{
    static uint8_t bytes[65536] = {1, 2, 3};
    CK_GCM_PARAMS gcm = {bytes, 12, 96, bytes, 20, 128};
    check_round_trip(&p11d_parameters_gcm, type, &gcm, sizeof gcm);
    CK_GCM_PARAMS none = {NULL, 0, 0, NULL, 0, 96};
    check_round_trip(&p11d_parameters_gcm, type, &none, sizeof none);
    CK_GCM_PARAMS large = {bytes, sizeof bytes, CK_UNAVAILABLE_INFORMATION, bytes, sizeof bytes, 0};
    check_round_trip(&p11d_parameters_gcm, type, &large, sizeof large);
}

static void check_iv16(CK_MECHANISM_TYPE type)
{
    uint8_t iv[16] = "0123456789abcde";
    check_round_trip(&p11d_parameters_iv16, type, iv, sizeof iv);
}

static void check_iv8(CK_MECHANISM_TYPE type)
{
    uint8_t iv[8] = "0123456";
    check_round_trip(&p11d_parameters_iv8, type, iv, sizeof iv);
}

static void check_ctr(CK_MECHANISM_TYPE type)
{
    CK_AES_CTR_PARAMS ctr = {128, "0123456789abcde"};
    check_round_trip(&p11d_parameters_ctr, type, &ctr, sizeof ctr);
}

static void check_sign(CK_MECHANISM_TYPE type)
{
    static uint8_t context[255] = "context";
    check_round_trip(&p11d_parameters_sign, type, NULL, 0);
    for (CK_HEDGE_TYPE hedge = 0; hedge <= CKH_DETERMINISTIC_REQUIRED; hedge++) {
        CK_SIGN_ADDITIONAL_CONTEXT sign = {hedge, context, sizeof context};
        check_round_trip(&p11d_parameters_sign, type, &sign, sizeof sign);
        CK_SIGN_ADDITIONAL_CONTEXT empty = {hedge, NULL, 0};
        check_round_trip(&p11d_parameters_sign, type, &empty, sizeof empty);
    }
}

static void check_hash_sign(CK_MECHANISM_TYPE type)
{
    static uint8_t context[255] = "context";
    for (size_t i = 0; i < p11d_hash_count; i++) {
        CK_HASH_SIGN_ADDITIONAL_CONTEXT sign = {CKH_HEDGE_REQUIRED, context, i,
                                                p11d_hashes[i].mechanism};
        check_round_trip(&p11d_parameters_hash_sign, type, &sign, sizeof sign);
    }
}

static void check_none(CK_MECHANISM_TYPE type)
{
    check_round_trip(&p11d_parameters_none, type, NULL, 0);
}

/* A shape with a mechanism of its own and what it takes. */
static const struct {
    const P11dParameterShape *shape;
    void (*check)(CK_MECHANISM_TYPE type);
} shapes[] = {
    {&p11d_parameters_none, check_none},
    {&p11d_parameters_pss, check_pss},
    {&p11d_parameters_oaep, check_oaep},
    {&p11d_parameters_ecdh1, check_ecdh1},
    {&p11d_parameters_eddsa, check_eddsa},
    {&p11d_parameters_gcm, check_gcm},
    {&p11d_parameters_iv16, check_iv16},
    {&p11d_parameters_ctr, check_ctr},
    {&p11d_parameters_iv8, check_iv8},
    {&p11d_parameters_sign, check_sign},
    {&p11d_parameters_hash_sign, check_hash_sign},
};

static size_t shape_index(const P11dParameterShape *shape)
{
    size_t i = 0;
    while (i < G_N_ELEMENTS(shapes) && shapes[i].shape != shape)
        i++;
    cr_assert_lt(i, G_N_ELEMENTS(shapes), "no test for shape %s", shape->label);
    return i;
}

/* Criterion forks for each parameter: a shape each, with all mechanisms that have it. */
static struct criterion_test_params every_shape(void)
{
    size_t *indices = cr_malloc(G_N_ELEMENTS(shapes) * sizeof *indices);
    for (size_t i = 0; i < G_N_ELEMENTS(shapes); i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, G_N_ELEMENTS(shapes));
}

ParameterizedTestParameters(parameter, trap_parameter_pointers_are_followed)
{
    return every_shape();
}

ParameterizedTest(size_t *index, parameter, trap_parameter_pointers_are_followed)
{
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        if (shape_index(p11d_mechanisms[i].shape) == *index)
            shapes[*index].check(p11d_mechanisms[i].type);
    }
}

/* A parameter of zeroes as long as the shape's, and one byte more or less. */
ParameterizedTestParameters(parameter, every_mechanism_refuses_other_lengths_and_null)
{
    return every_shape();
}

ParameterizedTest(size_t *index, parameter, every_mechanism_refuses_other_lengths_and_null)
{
    static uint8_t zeroes[P11D_PARAMETER_STORAGE];
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        if (shape_index(row->shape) != *index)
            continue;
        for (size_t size = 0; size < sizeof zeroes; size++) {
            bool left_out = size == 0 && (row->shape->size == 0 || row->shape->optional);
            CK_MECHANISM mechanism = {row->type, zeroes, size};
            CK_MECHANISM null = {row->type, NULL, size};
            P11dBuffer buffer;
            CK_RV rv = write_parameters(&buffer, &mechanism);
            p11d_buffer_clear(&buffer);
            if (size != row->shape->size || size == 0)
                cr_expect_eq(rv, left_out ? CKR_OK : CKR_MECHANISM_PARAM_INVALID, "%s, %zu",
                             row->name, size);
            cr_expect_eq(write_parameters(&buffer, &null),
                         left_out ? CKR_OK : CKR_MECHANISM_PARAM_INVALID, "%s, %zu", row->name,
                         size);
            p11d_buffer_clear(&buffer);
        }
    }
}

static void expect_refused(CK_MECHANISM_TYPE type, void *parameter, CK_ULONG size)
{
    CK_MECHANISM mechanism = {type, parameter, size};
    P11dBuffer buffer;
    cr_expect_eq(write_parameters(&buffer, &mechanism), CKR_MECHANISM_PARAM_INVALID, "%lx", type);
    p11d_buffer_clear(&buffer);
}

/* A null pointer is not a zero length. */
Test(parameter, trap_parameter_pointers_are_followed__and_checked)
{
    uint8_t one = 1;
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 1};
    expect_refused(CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep);
    oaep = (CK_RSA_PKCS_OAEP_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, 2, NULL, 0};
    expect_refused(CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep);
    oaep = (CK_RSA_PKCS_OAEP_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, &one, 65537};
    expect_refused(CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep);
    oaep.ulSourceDataLen = CK_UNAVAILABLE_INFORMATION;
    expect_refused(CKM_RSA_PKCS_OAEP, &oaep, sizeof oaep);
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, 65, NULL};
    expect_refused(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh);
    ecdh = (CK_ECDH1_DERIVE_PARAMS){CKD_NULL, 1, NULL, 1, &one};
    expect_refused(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh);
    ecdh = (CK_ECDH1_DERIVE_PARAMS){CKD_NULL, 0, NULL, 65537, &one};
    expect_refused(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh);
    CK_EDDSA_PARAMS eddsa = {CK_TRUE, 256, &one};
    expect_refused(CKM_EDDSA, &eddsa, sizeof eddsa);
    eddsa = (CK_EDDSA_PARAMS){CK_TRUE, 1, NULL};
    expect_refused(CKM_EDDSA, &eddsa, sizeof eddsa);
    CK_GCM_PARAMS gcm = {NULL, 12, 96, NULL, 0, 128};
    expect_refused(CKM_AES_GCM, &gcm, sizeof gcm);
    CK_SIGN_ADDITIONAL_CONTEXT sign = {CKH_HEDGE_PREFERRED, &one, 256};
    expect_refused(CKM_ML_DSA, &sign, sizeof sign);
}

Test(parameter, hashes_that_are_not_known_are_refused)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_MD5, CKG_MGF1_SHA256, 16};
    expect_refused(CKM_RSA_PKCS_PSS, &pss, sizeof pss);
    pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256_RSA_PKCS, CKG_MGF1_SHA256, 32};
    expect_refused(CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss);
    pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, 99, 32};
    expect_refused(CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss);
    pss = (CK_RSA_PKCS_PSS_PARAMS){CK_UNAVAILABLE_INFORMATION, CK_UNAVAILABLE_INFORMATION, 32};
    expect_refused(CKM_SHA256_RSA_PKCS_PSS, &pss, sizeof pss);
    uint8_t point[65] = {4};
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_SHA1_KDF_ASN1, 0, NULL, 65, point};
    expect_refused(CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh);
    CK_SIGN_ADDITIONAL_CONTEXT sign = {CKH_DETERMINISTIC_REQUIRED + 1, NULL, 0};
    expect_refused(CKM_SLH_DSA, &sign, sizeof sign);
}

/* Trap 34: EC points may be wrapped in an OCTET STRING or not. */
Test(parameter, trap_ec_points_wrapped_or_not__from_a_host)
{
    static const struct {
        uint8_t form;
        size_t size;
    } points[] = {{4, 41},  {4, 49}, {4, 57}, {4, 65}, {4, 81},    {4, 97}, {4, 129},
                  {4, 133}, {2, 33}, {3, 49}, {3, 67}, {0x99, 32}, {4, 32}, {4, 56}};
    for (size_t i = 0; i < G_N_ELEMENTS(points); i++) {
        size_t size = points[i].size;
        uint8_t wrapped[140] = {0x04, (uint8_t)size};
        size_t header = 2;
        if (size >= 128) {
            wrapped[1] = 0x81;
            wrapped[header++] = (uint8_t)size;
        }
        uint8_t *raw = wrapped + header;
        /* The worst case: a raw point whose first bytes look like a header as well. */
        for (unsigned second = 0; second < 256; second++) {
            raw[0] = points[i].form;
            raw[1] = (uint8_t)second;
            raw[2] = second % 2 ? (uint8_t)(size - 3) : 0x04;
            raw[3] = 0x04;
            CK_ECDH1_DERIVE_PARAMS given[2] = {{CKD_NULL, 0, NULL, size, raw},
                                               {CKD_NULL, 0, NULL, size + header, wrapped}};
            for (size_t k = 0; k < 2; k++) {
                CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &given[k], sizeof given[k]};
                P11dBuffer buffer;
                P11dParameters parameters;
                cr_assert_eq(write_parameters(&buffer, &mechanism), CKR_OK);
                cr_assert_eq(read_parameters(&buffer, CKM_ECDH1_DERIVE, &parameters), CKR_OK);
                const CK_ECDH1_DERIVE_PARAMS *got = parameters.mechanism.pParameter;
                cr_assert_eq(got->ulPublicDataLen, size, "point %zu, %u, %zu", i, second, k);
                cr_assert_eq(memcmp(got->pPublicData, raw, size), 0);
                p11d_buffer_clear(&buffer);
            }
        }
    }
}
