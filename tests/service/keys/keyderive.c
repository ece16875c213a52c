// SPDX-License-Identifier: MIT
#include "keyderive.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "rig.h"

static EVP_PKEY *own, *peer;
static P11dServedKey *served;
static uint8_t point[160];
static size_t point_size;

/* Two keys of that kind, one of them served, and the point of the other. */
static void make_keys(const char *kind)
{
    cr_assert(p11d_servedkey_setup());
    own = rig_generate(kind);
    peer = rig_generate(kind);
    EVP_PKEY_up_ref(own);
    served = p11d_servedkey_new(own, true);
    cr_assert_not_null(served);
    uint8_t *encoded = NULL;
    point_size = EVP_PKEY_get1_encoded_public_key(peer, &encoded);
    cr_assert_leq(point_size, sizeof point);
    if (point_size > 0)
        memcpy(point, encoded, point_size);
    OPENSSL_free(encoded);
}

static void free_keys(void)
{
    p11d_servedkey_unref(served);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    p11d_servedkey_teardown();
}

/* What the other side makes of our public key. */
static size_t agree(uint8_t secret[80])
{
    size_t size = 80;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    cr_assert_eq(EVP_PKEY_derive_init(context), 1);
    cr_assert_eq(EVP_PKEY_derive_set_peer(context, own), 1);
    cr_assert_eq(EVP_PKEY_derive(context, secret, &size), 1);
    EVP_PKEY_CTX_free(context);
    return size;
}

static CK_RV derive(CK_MECHANISM_TYPE type, CK_ECDH1_DERIVE_PARAMS *ecdh, size_t wanted,
                    P11dBuffer *secret)
{
    const P11dParameters parameters = {.mechanism = {type, ecdh, ecdh ? sizeof *ecdh : 0}};
    p11d_buffer_init(secret, 1 << 16);
    return p11d_keyderive(served, &parameters, wanted, secret);
}

static CK_ECDH1_DERIVE_PARAMS with(CK_ULONG kdf)
{
    return (CK_ECDH1_DERIVE_PARAMS){
        .kdf = kdf, .pPublicData = point, .ulPublicDataLen = point_size};
}

/* --- every curve --- */

static const char *const kinds[] = {
    "EC:P-256",           "EC:P-384",           "EC:P-521", "EC:secp256k1", "EC:brainpoolP256r1",
    "EC:brainpoolP384r1", "EC:brainpoolP512r1", "X25519",   "X448",
};
#define KINDS (sizeof kinds / sizeof kinds[0])

typedef struct Kind {
    char name[32];
} Kind;

ParameterizedTestParameters(keyderive, is_what_the_other_side_has)
{
    Kind *rows = cr_malloc(sizeof(Kind) * KINDS);
    for (size_t i = 0; i < KINDS; i++)
        snprintf(rows[i].name, sizeof rows[i].name, "%s", kinds[i]);
    return cr_make_param_array(Kind, rows, KINDS);
}

/* ANSI X9.63, written down once more. */
static void stretch(const P11dHash *hash, const uint8_t *secret, size_t secret_size,
                    const uint8_t *shared, size_t shared_size, uint8_t *out, size_t size)
{
    for (uint32_t counter = 1; size > 0; counter++) {
        const uint8_t number[4] = {0, 0, (uint8_t)(counter >> 8), (uint8_t)counter};
        uint8_t block[EVP_MAX_MD_SIZE];
        EVP_MD_CTX *context = EVP_MD_CTX_new();
        cr_assert_eq(EVP_DigestInit_ex(context, p11d_servedkey_digest(hash), NULL), 1);
        cr_assert_eq(EVP_DigestUpdate(context, secret, secret_size), 1);
        cr_assert_eq(EVP_DigestUpdate(context, number, sizeof number), 1);
        cr_assert_eq(EVP_DigestUpdate(context, shared, shared_size), 1);
        cr_assert_eq(EVP_DigestFinal_ex(context, block, NULL), 1);
        EVP_MD_CTX_free(context);
        size_t part = size < hash->size ? size : hash->size;
        memcpy(out, block, part);
        out += part;
        size -= part;
    }
}

static void expect_stretched(const P11dHash *hash, const uint8_t *agreed, size_t agreed_size)
{
    static uint8_t shared[] = "shared \0 data";
    uint8_t expected[150];
    P11dBuffer secret;
    CK_ECDH1_DERIVE_PARAMS ecdh = with(hash->kdf);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 0, &secret), CKR_OK, "%s", hash->name);
    stretch(hash, agreed, agreed_size, NULL, 0, expected, hash->size);
    cr_assert_eq(secret.size, hash->size);
    cr_assert_arr_eq(secret.data, expected, secret.size);
    p11d_buffer_clear(&secret);

    ecdh.pSharedData = shared;
    ecdh.ulSharedDataLen = sizeof shared;
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, sizeof expected, &secret), CKR_OK);
    stretch(hash, agreed, agreed_size, shared, sizeof shared, expected, sizeof expected);
    cr_assert_eq(secret.size, sizeof expected);
    cr_assert_arr_eq(secret.data, expected, secret.size);
    p11d_buffer_clear(&secret);
}

ParameterizedTest(Kind *kind, keyderive, is_what_the_other_side_has, .fini = free_keys)
{
    uint8_t agreed[80];
    P11dBuffer secret;
    size_t tried = 0;
    make_keys(kind->name);
    size_t size = agree(agreed);
    CK_ECDH1_DERIVE_PARAMS ecdh = with(CKD_NULL);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 0, &secret), CKR_OK);
    cr_assert_eq(secret.size, size);
    cr_assert_arr_eq(secret.data, agreed, size);
    p11d_buffer_clear(&secret);
    bool weierstrass = served->type == CKK_EC;
    cr_assert_eq(derive(CKM_ECDH1_COFACTOR_DERIVE, &ecdh, 0, &secret),
                 weierstrass ? CKR_OK : CKR_KEY_TYPE_INCONSISTENT);
    cr_assert(!weierstrass || memcmp(secret.data, agreed, size) == 0);
    p11d_buffer_clear(&secret);
    for (size_t i = 0; i < p11d_hash_count; i++) {
        if (p11d_hashes[i].kdf == CK_UNAVAILABLE_INFORMATION)
            continue;
        expect_stretched(&p11d_hashes[i], agreed, size);
        tried++;
    }
    cr_assert_geq(tried, 8);
}

/* --- forms and limits --- */

static void make_p256(void)
{
    make_keys("EC:P-256");
}

TestSuite(keyderive_forms, .init = make_p256, .fini = free_keys);

Test(keyderive_forms, less_is_what_is_at_the_end)
{
    uint8_t agreed[80];
    P11dBuffer secret;
    agree(agreed);
    CK_ECDH1_DERIVE_PARAMS ecdh = with(CKD_NULL);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 16, &secret), CKR_OK);
    cr_assert_eq(secret.size, 16);
    cr_assert_arr_eq(secret.data, agreed + 16, 16);
    p11d_buffer_clear(&secret);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 33, &secret), CKR_KEY_SIZE_RANGE);
    cr_assert_eq(secret.size, 0);
}

Test(keyderive_forms, trap_ec_points_wrapped_or_not__to_derive)
{
    uint8_t agreed[80], wrapped[67] = {0x04, 65}, compressed[33];
    P11dBuffer secret;
    agree(agreed);
    memcpy(wrapped + 2, point, 65);
    compressed[0] = 2 + (point[64] & 1);
    memcpy(compressed + 1, point + 1, 32);
    CK_ECDH1_DERIVE_PARAMS forms[] = {
        {CKD_NULL, 0, NULL, sizeof wrapped, wrapped},
        {CKD_NULL, 0, NULL, sizeof compressed, compressed},
    };
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(derive(CKM_ECDH1_DERIVE, &forms[i], 0, &secret), CKR_OK, "form %zu", i);
        cr_assert_arr_eq(secret.data, agreed, 32);
        p11d_buffer_clear(&secret);
    }
}

Test(keyderive_forms, what_is_no_public_key_on_the_curve_is_refused)
{
    static uint8_t shared[4];
    P11dBuffer secret;
    point[64] ^= 1; /* off the curve */
    CK_ECDH1_DERIVE_PARAMS rows[] = {
        with(CKD_NULL), with(CKD_NULL), with(CKD_NULL), with(77), with(CKD_NULL),
    };
    rows[1].ulPublicDataLen = 64;
    rows[2].ulPublicDataLen = 0;
    rows[4].pSharedData = shared; /* which only a derivation function takes */
    rows[4].ulSharedDataLen = sizeof shared;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_assert_eq(derive(CKM_ECDH1_DERIVE, &rows[i], 0, &secret), CKR_MECHANISM_PARAM_INVALID,
                     "row %zu", i);
        cr_assert_eq(secret.size, 0);
    }
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, NULL, 0, &secret), CKR_MECHANISM_PARAM_INVALID);
    cr_assert_eq(derive(CKM_ECDSA, &rows[0], 0, &secret), CKR_MECHANISM_INVALID);
}

Test(keyderive, points_that_make_no_secret_are_refused, .fini = free_keys)
{
    P11dBuffer secret;
    make_keys("X25519");
    memset(point, 0, sizeof point);
    CK_ECDH1_DERIVE_PARAMS ecdh = with(CKD_NULL);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 0, &secret), CKR_MECHANISM_PARAM_INVALID);
    ecdh.ulPublicDataLen = 31;
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 0, &secret), CKR_MECHANISM_PARAM_INVALID);
}

Test(keyderive, other_keys_do_not, .fini = free_keys)
{
    P11dBuffer secret;
    make_keys("ED25519");
    CK_ECDH1_DERIVE_PARAMS ecdh = with(CKD_NULL);
    cr_assert_eq(derive(CKM_ECDH1_DERIVE, &ecdh, 0, &secret), CKR_KEY_TYPE_INCONSISTENT);
}
