// SPDX-License-Identifier: MIT
#include "keysign.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "rig.h"

static const uint8_t text[] = "Every signature is checked by OpenSSL in a way of its own.";

/* --- what a row wants --- */

static EVP_PKEY *key_for(CK_KEY_TYPE type)
{
    if (type == CKK_RSA)
        return rig_read_key("rsa-2048.key");
    return rig_generate(type == CKK_EC ? "EC:P-256" : "ED25519");
}

static const P11dHash *hash_of(const P11dMechanism *row)
{
    return row->hash == P11D_MECHANISM_NONE ? NULL : p11d_hash_of_mechanism(row->hash);
}

static bool is_pss(const P11dMechanism *row)
{
    return strcmp(row->shape->label, "pss") == 0;
}

/* The parameters of row; PSS over a digest that the caller made takes SHA-256. */
static P11dParameters parameters_for(const P11dMechanism *row, bool prehashed)
{
    P11dParameters parameters = {.mechanism.mechanism = row->type, .prehashed = prehashed};
    if (is_pss(row)) {
        const P11dHash *hash = hash_of(row) ? hash_of(row) : p11d_hash_of_mechanism(CKM_SHA256);
        CK_RSA_PKCS_PSS_PARAMS pss = {hash->mechanism, hash->mgf, hash->size};
        if (pss.mgf == CK_UNAVAILABLE_INFORMATION) /* SHA-512/t have no MGF of their own */
            pss.mgf = CKG_MGF1_SHA256;
        memcpy(parameters.storage.bytes, &pss, sizeof pss);
        parameters.mechanism.ulParameterLen = sizeof pss;
    }
    return parameters;
}

static CK_RV sign(P11dServedKey *served, P11dParameters *parameters, const void *data, size_t size,
                  P11dBuffer *output)
{
    if (parameters->mechanism.ulParameterLen > 0)
        parameters->mechanism.pParameter = parameters->storage.bytes;
    p11d_buffer_init(output, 4096);
    return p11d_keysign_sign(served, parameters, &(P11dBytes){data, size}, output);
}

/* What our own check says of a signature of size bytes at data. */
static CK_RV check(P11dServedKey *served, P11dParameters *parameters, const void *data, size_t size,
                   const P11dBuffer *output)
{
    P11dBuffer none;
    const P11dBytes bytes[] = {{data, size}, {output->data, output->size}};
    if (parameters->mechanism.ulParameterLen > 0)
        parameters->mechanism.pParameter = parameters->storage.bytes;
    p11d_buffer_init(&none, 0);
    return p11d_keysign_verify(served, parameters, bytes, &none);
}

/* --- OpenSSL's opinion --- */

static void configure(EVP_PKEY_CTX *context, const P11dMechanism *row, const P11dHash *hash)
{
    if (row->key_type != CKK_RSA)
        return;
    if (strstr(row->name, "x-509")) {
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_NO_PADDING), 1);
    } else if (is_pss(row)) {
        const char *mgf = hash->mgf == CK_UNAVAILABLE_INFORMATION ? "sha256" : hash->name;
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING), 1);
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)hash->size), 1);
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, mgf, NULL), 1);
    } else {
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING), 1);
    }
}

/* r and s as OpenSSL wants them. */
static size_t to_der(const P11dBuffer *raw, uint8_t *der)
{
    int half = (int)raw->size / 2;
    ECDSA_SIG *signature = ECDSA_SIG_new();
    ECDSA_SIG_set0(signature, BN_bin2bn(raw->data, half, NULL),
                   BN_bin2bn(raw->data + half, half, NULL));
    int size = i2d_ECDSA_SIG(signature, &der);
    ECDSA_SIG_free(signature);
    return (size_t)size;
}

static bool verify_hashed(EVP_PKEY *key, const P11dMechanism *row, const P11dHash *hash,
                          const void *data, size_t size, const uint8_t *signature, size_t length)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *inner;
    const char *name = hash ? hash->name : NULL;
    cr_assert_eq(EVP_DigestVerifyInit_ex(context, &inner, name, NULL, NULL, key, NULL), 1);
    if (hash)
        configure(inner, row, hash);
    int ok = EVP_DigestVerify(context, signature, length, data, size);
    EVP_MD_CTX_free(context);
    return ok == 1;
}

static bool verify_raw(EVP_PKEY *key, const P11dMechanism *row, const void *data, size_t size,
                       const uint8_t *signature, size_t length)
{
    const P11dHash *hash = p11d_hash_of_mechanism(CKM_SHA256);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    cr_assert_eq(EVP_PKEY_verify_init(context), 1);
    configure(context, row, hash);
    if (is_pss(row))
        cr_assert_eq(EVP_PKEY_CTX_set_signature_md(context, EVP_sha256()), 1);
    int ok = EVP_PKEY_verify(context, signature, length, data, size);
    EVP_PKEY_CTX_free(context);
    return ok == 1;
}

static bool verify(EVP_PKEY *key, const P11dMechanism *row, const void *data, size_t size,
                   const P11dBuffer *output)
{
    uint8_t der[256];
    const uint8_t *signature = output->data;
    size_t length = output->size;
    if (row->key_type == CKK_EC) {
        length = to_der(output, der);
        signature = der;
    }
    if (hash_of(row) || row->key_type == CKK_EC_EDWARDS)
        return verify_hashed(key, row, hash_of(row), data, size, signature, length);
    return verify_raw(key, row, data, size, signature, length);
}

/* --- every mechanism --- */

ParameterizedTestParameters(keysign, every_offered_mechanism_verifies)
{
    size_t count = 0;
    int *rows = cr_malloc(p11d_mechanism_count * sizeof *rows);
    p11d_servedkey_setup();
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        CK_ULONG smallest, largest;
        if (p11d_keysign_offers(&p11d_mechanisms[i], &smallest, &largest))
            rows[count++] = (int)i;
    }
    p11d_servedkey_teardown();
    return cr_make_param_array(int, rows, count);
}

/* Signs data, and has it checked by OpenSSL and by ourselves, before and after a bit was changed.
 */
static void expect_signature(P11dServedKey *served, const P11dMechanism *row, const uint8_t *data,
                             size_t size)
{
    P11dBuffer output;
    P11dParameters parameters = parameters_for(row, false);
    cr_assert_eq(sign(served, &parameters, data, size, &output), CKR_OK, "%s", row->name);
    cr_assert(verify(served->key, row, data, size, &output), "%s", row->name);
    cr_assert_eq(check(served, &parameters, data, size, &output), CKR_OK, "%s", row->name);
    output.size--;
    cr_assert_eq(check(served, &parameters, data, size, &output), CKR_SIGNATURE_LEN_RANGE);
    output.size++;
    output.data[output.size / 2] ^= 1;
    cr_assert_not(verify(served->key, row, data, size, &output), "%s", row->name);
    cr_assert_eq(check(served, &parameters, data, size, &output), CKR_SIGNATURE_INVALID, "%s",
                 row->name);
    p11d_buffer_clear(&output);
}

/* The same of a digest that the caller made of text. */
static void expect_prehashed(P11dServedKey *served, const P11dMechanism *row, const P11dHash *hash)
{
    uint8_t digest[64];
    P11dBuffer output;
    P11dParameters parameters = parameters_for(row, true);
    cr_assert_eq(EVP_Q_digest(NULL, hash->name, NULL, text, sizeof text, digest, NULL), 1);
    cr_assert_eq(sign(served, &parameters, digest, hash->size, &output), CKR_OK);
    cr_assert(verify(served->key, row, text, sizeof text, &output), "%s, prehashed", row->name);
    cr_assert_eq(check(served, &parameters, digest, hash->size, &output), CKR_OK);
    digest[0] ^= 1;
    cr_assert_eq(check(served, &parameters, digest, hash->size, &output), CKR_SIGNATURE_INVALID);
    p11d_buffer_clear(&output);
    cr_assert_eq(sign(served, &parameters, digest, hash->size - 1, &output), CKR_DATA_LEN_RANGE);
    p11d_buffer_clear(&output);
}

ParameterizedTest(int *index, keysign, every_offered_mechanism_verifies)
{
    const P11dMechanism *row = &p11d_mechanisms[*index];
    const P11dHash *hash = hash_of(row);
    const uint8_t number[256] = {0, 1, 2, 3};
    P11dBuffer output;

    cr_assert(p11d_servedkey_setup());
    P11dServedKey *served = p11d_servedkey_new(key_for(row->key_type), true);
    /* Raw mechanisms get a digest, or all of a number for rsa-x-509. */
    if (hash || row->key_type == CKK_EC_EDWARDS)
        expect_signature(served, row, text, sizeof text);
    else
        expect_signature(served, row, number, strstr(row->name, "x-509") ? sizeof number : 32);
    if (hash) {
        expect_prehashed(served, row, hash);
    } else {
        P11dParameters parameters = parameters_for(row, true);
        cr_assert_eq(sign(served, &parameters, text, 32, &output), CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&output);
    }
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

Test(keysign, offers_what_it_can_compute)
{
    static const char *const names[] = {
        "rsa-pkcs",        "rsa-pkcs-pss",          "rsa-x-509",    "sha1-rsa-pkcs",
        "sha256-rsa-pkcs", "sha256-rsa-pkcs-pss",   "ecdsa",        "ecdsa-sha256",
        "ecdsa-sha3-512",  "sha3-256-rsa-pkcs-pss", "ecdsa-sha512", "eddsa",
    };
    CK_ULONG smallest, largest;
    cr_assert(p11d_servedkey_setup());
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        CK_MECHANISM_TYPE type;
        cr_assert(p11d_mechanism_parse_name(names[i], &type), "%s", names[i]);
        cr_assert(p11d_keysign_offers(p11d_mechanism_find(type), &smallest, &largest), "%s",
                  names[i]);
    }
    cr_assert_not(p11d_keysign_offers(p11d_mechanism_find(CKM_RSA_PKCS_OAEP), &smallest, &largest));
    cr_assert_not(p11d_keysign_offers(p11d_mechanism_find(CKM_SHA256), &smallest, &largest));
    p11d_servedkey_teardown();
}

/* --- sizes (traps, 34) --- */

static void check_ecdsa_sizes(const char *curve, size_t size, int count)
{
    const P11dMechanism *row = p11d_mechanism_find(CKM_ECDSA);
    cr_assert(p11d_servedkey_setup());
    EVP_PKEY *key = rig_generate(curve);
    EVP_PKEY_up_ref(key);
    P11dServedKey *served = p11d_servedkey_new(key, true);
    P11dParameters parameters = parameters_for(row, false);
    int leading_zeros = 0;
    for (int i = 0; i < count; i++) {
        uint8_t digest[32];
        P11dBuffer output;
        memset(digest, i, sizeof digest);
        cr_assert_eq(sign(served, &parameters, digest, sizeof digest, &output), CKR_OK);
        cr_assert_eq(output.size, size);
        cr_assert(verify(key, row, digest, sizeof digest, &output));
        leading_zeros += output.data[0] == 0 || output.data[size / 2] == 0;
        p11d_buffer_clear(&output);
    }
    cr_assert(count < 1000 || leading_zeros > 0, "no short r or s was met");
    p11d_servedkey_unref(served);
    EVP_PKEY_free(key);
    p11d_servedkey_teardown();
}

Test(keysign, trap_leading_zeros_stay__of_r_and_s)
{
    check_ecdsa_sizes("EC:P-256", 64, 1500);
}

Test(keysign, trap_leading_zeros_stay__of_rsa_signatures)
{
    P11dParameters parameters = {.mechanism.mechanism = CKM_RSA_PKCS};
    int leading_zeros = 0;
    cr_assert(p11d_servedkey_setup());
    P11dServedKey *served = p11d_servedkey_new(key_for(CKK_RSA), true);
    for (int i = 0; i < 5000 && leading_zeros == 0; i++) {
        P11dBuffer output;
        cr_assert_eq(sign(served, &parameters, &i, sizeof i, &output), CKR_OK);
        cr_assert_eq(output.size, 256);
        leading_zeros += output.data[0] == 0;
        p11d_buffer_clear(&output);
    }
    cr_assert_gt(leading_zeros, 0);
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

Test(keysign, ecdsa_sizes_of_the_other_curves)
{
    check_ecdsa_sizes("EC:P-384", 96, 20);
    check_ecdsa_sizes("EC:P-521", 132, 20);
    check_ecdsa_sizes("EC:secp256k1", 64, 20);
    check_ecdsa_sizes("EC:brainpoolP256r1", 64, 20);
    check_ecdsa_sizes("EC:brainpoolP384r1", 96, 20);
    check_ecdsa_sizes("EC:brainpoolP512r1", 128, 20);
}

Test(keysign, ed448_is_114_bytes)
{
    const P11dMechanism *row = p11d_mechanism_find(CKM_EDDSA);
    P11dBuffer output;
    cr_assert(p11d_servedkey_setup());
    EVP_PKEY *key = rig_generate("ED448");
    EVP_PKEY_up_ref(key);
    P11dServedKey *served = p11d_servedkey_new(key, true);
    P11dParameters parameters = parameters_for(row, false);
    cr_assert_eq(sign(served, &parameters, text, sizeof text, &output), CKR_OK);
    cr_assert_eq(output.size, 114);
    cr_assert(verify(key, row, text, sizeof text, &output));
    p11d_buffer_clear(&output);
    cr_assert_eq(sign(served, &parameters, NULL, 0, &output), CKR_OK);
    p11d_buffer_clear(&output);
    p11d_servedkey_unref(served);
    EVP_PKEY_free(key);
    p11d_servedkey_teardown();
}

/* --- refusals --- */

typedef struct Refusal {
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE key_type;
    size_t size;
    CK_RV expected;
} Refusal;

static const Refusal refusals[] = {
    {CKM_RSA_PKCS, CKK_RSA, 256 - 11, CKR_OK},
    {CKM_RSA_PKCS, CKK_RSA, 256 - 10, CKR_DATA_LEN_RANGE},
    {CKM_RSA_X_509, CKK_RSA, 1, CKR_OK}, /* a number with leading zeros */
    {CKM_RSA_X_509, CKK_RSA, 0, CKR_DATA_LEN_RANGE},
    {CKM_RSA_X_509, CKK_RSA, 256, CKR_DATA_INVALID}, /* as large as can be: over the modulus */
    {CKM_RSA_X_509, CKK_RSA, 257, CKR_DATA_LEN_RANGE},
    {CKM_RSA_PKCS_PSS, CKK_RSA, 32, CKR_OK},
    {CKM_RSA_PKCS_PSS, CKK_RSA, 31, CKR_DATA_LEN_RANGE},
    {CKM_ECDSA, CKK_EC, 0, CKR_DATA_LEN_RANGE},
    {CKM_ECDSA, CKK_EC, 20, CKR_OK},
    {CKM_ECDSA, CKK_EC, 300, CKR_OK}, /* its leftmost bits count */
    {CKM_ECDSA, CKK_RSA, 32, CKR_KEY_TYPE_INCONSISTENT},
    {CKM_EDDSA, CKK_EC, 32, CKR_KEY_TYPE_INCONSISTENT},
    {CKM_RSA_PKCS, CKK_EC_EDWARDS, 32, CKR_KEY_TYPE_INCONSISTENT},
    {CKM_RSA_PKCS_OAEP, CKK_RSA, 32, CKR_MECHANISM_INVALID},
    {CKM_SHA256, CKK_RSA, 32, CKR_MECHANISM_INVALID},
    {0x80001234, CKK_RSA, 32, CKR_MECHANISM_INVALID},
};

ParameterizedTestParameters(keysign, refuses_what_the_standard_refuses)
{
    Refusal *rows = cr_malloc(sizeof refusals);
    memcpy(rows, refusals, sizeof refusals);
    return cr_make_param_array(Refusal, rows, sizeof refusals / sizeof refusals[0]);
}

ParameterizedTest(Refusal *refusal, keysign, refuses_what_the_standard_refuses)
{
    uint8_t data[300];
    P11dBuffer output;
    P11dParameters parameters = {.mechanism.mechanism = refusal->mechanism};
    const P11dMechanism *row = p11d_mechanism_find(refusal->mechanism);

    memset(data, 0xff, sizeof data);
    cr_assert(p11d_servedkey_setup());
    P11dServedKey *served = p11d_servedkey_new(key_for(refusal->key_type), true);
    if (row)
        parameters = parameters_for(row, false);
    CK_RV rv = sign(served, &parameters, data, refusal->size, &output);
    cr_assert_eq(rv, refusal->expected, "mechanism %#lx, %zu bytes: %#lx", refusal->mechanism,
                 refusal->size, rv);
    cr_assert_eq(output.size == 0, rv != CKR_OK);
    p11d_buffer_clear(&output);
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

Test(keysign, eddsa_with_parameters_is_refused)
{
    P11dBuffer output;
    CK_EDDSA_PARAMS eddsa = {0};
    P11dParameters parameters = {.mechanism.mechanism = CKM_EDDSA};
    cr_assert(p11d_servedkey_setup());
    P11dServedKey *served = p11d_servedkey_new(key_for(CKK_EC_EDWARDS), true);
    /* Ed25519ctx with an empty context is another signature than plain Ed25519. */
    for (int ph = 0; ph <= 1; ph++) {
        eddsa.phFlag = (CK_BBOOL)ph;
        memcpy(parameters.storage.bytes, &eddsa, sizeof eddsa);
        parameters.mechanism.ulParameterLen = sizeof eddsa;
        cr_assert_eq(sign(served, &parameters, text, sizeof text, &output),
                     CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&output);
    }
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}
