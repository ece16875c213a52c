// SPDX-License-Identifier: MIT
#include "keycipher.h"

#include <criterion/criterion.h>
#include <openssl/rsa.h>
#include <string.h>

#include "rig.h"

static const uint8_t text[] = "a plaintext with a zero at its end";
static EVP_PKEY *key;
static P11dServedKey *served;

static void set_up(void)
{
    cr_assert(p11d_servedkey_setup());
    key = rig_read_key("rsa-2048.key");
    EVP_PKEY_up_ref(key);
    served = p11d_servedkey_new(key, true);
    cr_assert_not_null(served);
}

static void tear_down(void)
{
    p11d_servedkey_unref(served);
    EVP_PKEY_free(key);
    p11d_servedkey_teardown();
}

TestSuite(keycipher, .init = set_up, .fini = tear_down);

typedef CK_RV Act(P11dServedKey *, const P11dParameters *, const P11dBytes *, P11dBuffer *);

/* Both act and OpenSSL's opposite of it. oaep: NULL for another mechanism. */
static CK_RV run(Act *act, CK_MECHANISM_TYPE type, CK_RSA_PKCS_OAEP_PARAMS *oaep, const void *input,
                 size_t size, P11dBuffer *output)
{
    const P11dParameters parameters = {.mechanism = {type, oaep, oaep ? sizeof *oaep : 0}};
    const P11dBytes bytes[2] = {{input, size}};
    p11d_buffer_init(output, 4096);
    return act(served, &parameters, bytes, output);
}

static EVP_PKEY_CTX *configure(int (*init)(EVP_PKEY_CTX *), CK_MECHANISM_TYPE type,
                               const CK_RSA_PKCS_OAEP_PARAMS *oaep)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    cr_assert_eq(init(context), 1);
    cr_assert_eq(EVP_PKEY_CTX_set_rsa_padding(context, type == CKM_RSA_PKCS_OAEP
                                                           ? RSA_PKCS1_OAEP_PADDING
                                                       : type == CKM_RSA_PKCS ? RSA_PKCS1_PADDING
                                                                              : RSA_NO_PADDING),
                 1);
    if (oaep) {
        cr_assert_eq(EVP_PKEY_CTX_set_rsa_oaep_md_name(
                         context, p11d_hash_of_mechanism(oaep->hashAlg)->name, NULL),
                     1);
        cr_assert_eq(
            EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, p11d_hash_of_mgf(oaep->mgf)->name, NULL), 1);
        if (oaep->ulSourceDataLen > 0)
            cr_assert_eq(EVP_PKEY_CTX_set0_rsa_oaep_label(
                             context, OPENSSL_memdup(oaep->pSourceData, oaep->ulSourceDataLen),
                             (int)oaep->ulSourceDataLen),
                         1);
    }
    return context;
}

/* What one side encrypts the other decrypts, in both directions. */
static void expect_both_ways(CK_MECHANISM_TYPE type, CK_RSA_PKCS_OAEP_PARAMS *oaep,
                             const uint8_t *input, size_t size)
{
    uint8_t other[256];
    size_t other_size = sizeof other;
    P11dBuffer output;
    EVP_PKEY_CTX *context = configure(EVP_PKEY_encrypt_init, type, oaep);
    cr_assert_eq(EVP_PKEY_encrypt(context, other, &other_size, input, size), 1);
    EVP_PKEY_CTX_free(context);
    cr_assert_eq(run(p11d_keycipher_decrypt, type, oaep, other, other_size, &output), CKR_OK);
    cr_assert_eq(output.size, size);
    cr_assert_arr_eq(output.data, input, size);
    p11d_buffer_clear(&output);

    cr_assert_eq(run(p11d_keycipher_encrypt, type, oaep, input, size, &output), CKR_OK);
    cr_assert_eq(output.size, 256);
    other_size = sizeof other;
    context = configure(EVP_PKEY_decrypt_init, type, oaep);
    cr_assert_eq(EVP_PKEY_decrypt(context, other, &other_size, output.data, output.size), 1);
    EVP_PKEY_CTX_free(context);
    cr_assert_eq(other_size, size);
    cr_assert_arr_eq(other, input, size);
    p11d_buffer_clear(&output);
}

Test(keycipher, pkcs1_is_openssls)
{
    expect_both_ways(CKM_RSA_PKCS, NULL, text, sizeof text);
    expect_both_ways(CKM_RSA_PKCS, NULL, text, 1);
}

Test(keycipher, x509_is_openssls)
{
    uint8_t number[256] = {0, 1, 2, 3};
    expect_both_ways(CKM_RSA_X_509, NULL, number, sizeof number);
}

Test(keycipher, oaep_is_openssls_with_every_hash_and_a_label)
{
    static CK_BYTE label[] = "a label with \0 in it";
    size_t tried = 0;
    for (size_t i = 0; i < p11d_hash_count; i++) {
        const P11dHash *hash = &p11d_hashes[i];
        CK_RSA_PKCS_MGF_TYPE mgf = hash->mgf;
        if (!p11d_servedkey_digest(hash))
            continue;
        if (mgf == CK_UNAVAILABLE_INFORMATION) /* SHA-512/t have no MGF of their own */
            mgf = CKG_MGF1_SHA1;
        CK_RSA_PKCS_OAEP_PARAMS oaep = {hash->mechanism, mgf, CKZ_DATA_SPECIFIED, NULL, 0};
        expect_both_ways(CKM_RSA_PKCS_OAEP, &oaep, text, sizeof text);
        oaep.pSourceData = label;
        oaep.ulSourceDataLen = sizeof label;
        oaep.mgf = CKG_MGF1_SHA256;
        expect_both_ways(CKM_RSA_PKCS_OAEP, &oaep, text, sizeof text);
        tried++;
    }
    cr_assert_geq(tried, 8);
}

Test(keycipher, a_ciphertext_with_another_label_is_none)
{
    CK_BYTE label[] = "right";
    CK_RSA_PKCS_OAEP_PARAMS oaep = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, label, 5};
    P11dBuffer ciphertext, output;
    cr_assert_eq(run(p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, &oaep, text, 9, &ciphertext),
                 CKR_OK);
    label[0] = 'f';
    cr_assert_eq(run(p11d_keycipher_decrypt, CKM_RSA_PKCS_OAEP, &oaep, ciphertext.data,
                     ciphertext.size, &output),
                 CKR_ENCRYPTED_DATA_INVALID);
    cr_assert_eq(output.size, 0);
    p11d_buffer_clear(&output);
    p11d_buffer_clear(&ciphertext);
}

/* Whether anybody can tell that a padding was wrong depends on OpenSSL; a plaintext that somebody
 * wrote never comes out. */
Test(keycipher, a_wrong_padding_of_pkcs1_gives_nothing_away)
{
    uint8_t number[256] = {0, 1, 'p', 'l', 'a', 'i', 'n'};
    P11dBuffer ciphertext, output, again;
    cr_assert_eq(run(p11d_keycipher_encrypt, CKM_RSA_X_509, NULL, number, 256, &ciphertext),
                 CKR_OK);
    CK_RV rv = run(p11d_keycipher_decrypt, CKM_RSA_PKCS, NULL, ciphertext.data, 256, &output);
    /* What the manual says of versions. */
    bool implicit = OPENSSL_version_major() > 3 || OPENSSL_version_minor() >= 2;
    cr_assert(rv == CKR_OK || (rv == CKR_ENCRYPTED_DATA_INVALID && !implicit));
    cr_assert_eq(run(p11d_keycipher_decrypt, CKM_RSA_PKCS, NULL, ciphertext.data, 256, &again), rv);
    cr_assert_eq(output.size, again.size, "implicit rejection is the same each time");
    cr_assert(output.size < 5 || memcmp(output.data, "plain", 5) != 0);
    p11d_buffer_clear(&again);
    p11d_buffer_clear(&output);
    p11d_buffer_clear(&ciphertext);
}

Test(keycipher, refuses_what_the_standard_refuses)
{
    static uint8_t data[300] = {0xff};
    CK_RSA_PKCS_OAEP_PARAMS sha256 = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_PKCS_OAEP_PARAMS no_hash = {CKM_ECDSA, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_PKCS_OAEP_PARAMS no_mgf = {CKM_SHA256, 77, CKZ_DATA_SPECIFIED, NULL, 0};
    const struct {
        Act *act;
        CK_MECHANISM_TYPE type;
        CK_RSA_PKCS_OAEP_PARAMS *oaep;
        size_t size;
        CK_RV rv;
    } rows[] = {
        {p11d_keycipher_encrypt, CKM_RSA_PKCS, NULL, 245, CKR_OK},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS, NULL, 246, CKR_DATA_LEN_RANGE},
        {p11d_keycipher_encrypt, CKM_RSA_X_509, NULL, 257, CKR_DATA_LEN_RANGE},
        {p11d_keycipher_encrypt, CKM_RSA_X_509, NULL, 256, CKR_DATA_INVALID}, /* over the modulus */
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, &sha256, 190, CKR_OK},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, &sha256, 191, CKR_DATA_LEN_RANGE},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, &no_hash, 1, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, &no_mgf, 1, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_OAEP, NULL, 1, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keycipher_encrypt, CKM_RSA_PKCS_PSS, NULL, 1, CKR_MECHANISM_INVALID},
        {p11d_keycipher_decrypt, CKM_RSA_PKCS, NULL, 255, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keycipher_decrypt, CKM_RSA_PKCS, NULL, 0, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keycipher_decrypt, CKM_RSA_PKCS_OAEP, &sha256, 257, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keycipher_decrypt, CKM_RSA_PKCS_OAEP, &no_hash, 256, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keycipher_decrypt, CKM_SHA256, NULL, 256, CKR_MECHANISM_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dBuffer output;
        cr_expect_eq(run(rows[i].act, rows[i].type, rows[i].oaep, data, rows[i].size, &output),
                     rows[i].rv, "row %zu", i);
        p11d_buffer_clear(&output);
    }
}

Test(keycipher, keys_of_other_kinds_do_not)
{
    static const struct {
        const char *kind;
        CK_RV rv;
    } rows[] = {{"EC:P-256", CKR_KEY_TYPE_INCONSISTENT},
                {"ED25519", CKR_KEY_TYPE_INCONSISTENT},
                {"RSA-PSS", CKR_KEY_FUNCTION_NOT_PERMITTED}};
    P11dServedKey *before = served;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dBuffer output;
        served = p11d_servedkey_new(rig_generate(rows[i].kind), true);
        cr_expect_not(p11d_keycipher_takes(served));
        cr_expect_eq(run(p11d_keycipher_encrypt, CKM_RSA_PKCS, NULL, text, 1, &output), rows[i].rv);
        cr_expect_eq(run(p11d_keycipher_decrypt, CKM_RSA_PKCS, NULL, text, 1, &output), rows[i].rv);
        p11d_servedkey_unref(served);
    }
    served = before;
}
