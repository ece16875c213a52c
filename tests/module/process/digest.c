// SPDX-License-Identifier: MIT
#include "digest.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <string.h>

static unsigned char data[100000];

static void fill_data(void)
{
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (unsigned char)(i * 31 + i / 251);
}

static const EVP_MD *oracle(const P11dHash *hash)
{
    static EVP_MD *md;
    EVP_MD_free(md);
    md = EVP_MD_fetch(NULL, hash->name, NULL);
    cr_assert(md != NULL, "OpenSSL does not know %s", hash->name);
    return md;
}

static void check(P11dDigest *digest, size_t size)
{
    const P11dHash *hash = digest->hash;
    unsigned char expected[EVP_MAX_MD_SIZE];
    unsigned char result[P11D_HASH_MAX_SIZE];
    unsigned expected_size = 0;
    cr_assert(EVP_Digest(data, size, expected, &expected_size, oracle(hash), NULL));
    cr_assert_eq(p11d_digest_size(digest), expected_size);
    cr_assert_eq(p11d_digest_final(digest, result), expected_size);
    cr_assert_arr_eq(result, expected, expected_size, "%s of %zu bytes", hash->name, size);
}

/* Rows by index: the test runs in another process, so parameters must not hold pointers. */
static struct criterion_test_params every_row(void)
{
    size_t *rows = cr_malloc(p11d_hash_count * sizeof(*rows));
    for (size_t i = 0; i < p11d_hash_count; i++)
        rows[i] = i;
    return cr_make_param_array(size_t, rows, p11d_hash_count);
}

/* Every row of the core's table, so a hash that is added there without a function here is seen. */
ParameterizedTestParameters(digest, every_hash_is_as_openssl_computes_it)
{
    return every_row();
}

ParameterizedTest(size_t *index, digest, every_hash_is_as_openssl_computes_it)
{
    const P11dHash *row = &p11d_hashes[*index];
    P11dDigest digest;
    fill_data();
    cr_assert(p11d_digest_supports(row->mechanism));
    static const size_t sizes[] = {0,   1,   55,  56,  63,  64,  65,  111,
                                   112, 127, 128, 129, 143, 144, 5000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        cr_assert(p11d_digest_init(&digest, row->mechanism));
        p11d_digest_update(&digest, data, sizes[i]);
        check(&digest, sizes[i]);
    }
    cr_assert(p11d_digest_init(&digest, row->mechanism));
    size_t taken = 0;
    for (size_t part = 0; taken + part <= sizeof(data); taken += part, part = (part * 3 + 1) % 4099)
        p11d_digest_update(&digest, data + taken, part);
    check(&digest, taken);
}

ParameterizedTestParameters(digest, digest_info_is_as_openssl_writes_it)
{
    return every_row();
}

ParameterizedTest(size_t *index, digest, digest_info_is_as_openssl_writes_it)
{
    const P11dHash *row = &p11d_hashes[*index];
    unsigned char value[P11D_HASH_MAX_SIZE] = {1, 2, 3};
    X509_SIG *sig = X509_SIG_new();
    X509_ALGOR *algorithm;
    ASN1_OCTET_STRING *octets;
    X509_SIG_getm(sig, &algorithm, &octets);
    X509_ALGOR_set0(algorithm, OBJ_nid2obj(EVP_MD_get_type(oracle(row))), V_ASN1_NULL, NULL);
    ASN1_OCTET_STRING_set(octets, value, (int)row->size);
    unsigned char *expected = NULL;
    int expected_size = i2d_X509_SIG(sig, &expected);

    unsigned char info[P11D_DIGEST_INFO_MAX];
    size_t size = p11d_digest_info(row->mechanism, value, row->size, info);
    cr_assert_eq(size, (size_t)expected_size, "%s", row->name);
    cr_assert_arr_eq(info, expected, size, "%s", row->name);
    cr_assert_eq(p11d_digest_info(row->mechanism, value, row->size - 1, info), 0);
    OPENSSL_free(expected);
    X509_SIG_free(sig);
}

Test(digest, a_copy_goes_its_own_way)
{
    P11dDigest digest, copy;
    fill_data();
    cr_assert(p11d_digest_init(&digest, CKM_SHA256));
    p11d_digest_update(&digest, data, 1000);
    p11d_digest_copy(&copy, &digest);
    p11d_digest_update(&digest, data + 1000, 1000);
    check(&copy, 1000);
    check(&digest, 2000);
}

ParameterizedTestParameters(digest, what_is_saved_goes_on_elsewhere)
{
    return every_row();
}

ParameterizedTest(size_t *index, digest, what_is_saved_goes_on_elsewhere)
{
    const CK_MECHANISM_TYPE mechanism = p11d_hashes[*index].mechanism;
    uint8_t state[P11D_DIGEST_STATE_MAX];
    P11dDigest digest, other;
    fill_data();
    cr_assert(p11d_digest_init(&digest, mechanism));
    p11d_digest_update(&digest, data, 1000);
    const size_t size = p11d_digest_save(&digest, state);
    cr_assert(size > 0 && size <= sizeof state);
    p11d_digest_update(&digest, data + 1000, 10);
    cr_assert(p11d_digest_restore(&other, mechanism, state, size));
    p11d_digest_update(&other, data + 1000, 2000);
    check(&digest, 1010);
    check(&other, 3000);
    cr_assert_not(p11d_digest_restore(&other, mechanism, state, size - 1));
    cr_assert_not(p11d_digest_restore(&other, CKM_RSA_PKCS, state, size));
    cr_assert_eq(p11d_digest_size(&other), 0);
    /* Whatever the bytes are, nothing is written outside of the block. */
    memset(state, 0xff, sizeof state);
    cr_assert_not(p11d_digest_restore(&other, mechanism, state, size));
    cr_assert_eq(p11d_digest_save(&other, state), 0);
}

Test(digest, what_is_not_begun_does_nothing)
{
    P11dDigest digest;
    unsigned char result[P11D_HASH_MAX_SIZE];
    cr_assert_not(p11d_digest_init(&digest, CKM_RSA_PKCS));
    cr_assert_not(p11d_digest_supports(CKM_RSA_PKCS));
    p11d_digest_update(&digest, "x", 1);
    cr_assert_eq(p11d_digest_size(&digest), 0);
    cr_assert_eq(p11d_digest_final(&digest, result), 0);
    cr_assert_eq(p11d_digest_info(CKM_RSA_PKCS, result, 32, data), 0);
}

Test(digest, final_and_wipe_leave_nothing_behind)
{
    static const P11dDigest nothing;
    P11dDigest digest;
    unsigned char result[P11D_HASH_MAX_SIZE];
    memset(&digest, 0, sizeof(digest));
    cr_assert(p11d_digest_init(&digest, CKM_SHA512));
    p11d_digest_update(&digest, "secret", 6);
    p11d_digest_final(&digest, result);
    cr_assert_arr_eq((unsigned char *)&digest, (const unsigned char *)&nothing, sizeof(digest));
    cr_assert(p11d_digest_init(&digest, CKM_SHA512));
    p11d_digest_update(&digest, NULL, 0);
    p11d_digest_wipe(&digest);
    cr_assert_arr_eq((unsigned char *)&digest, (const unsigned char *)&nothing, sizeof(digest));
}
