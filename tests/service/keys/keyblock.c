// SPDX-License-Identifier: MIT
#include "keyblock.h"

#include <criterion/criterion.h>
#include <string.h>

#include "rig.h"

static const uint8_t secret[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17};
static uint8_t iv[16] = {0xf0, 0xf1, 0xf2};
static uint8_t aad[] = "what is not encrypted";
static uint8_t text[80] = "a plaintext that fills some blocks of sixteen bytes, and is no number";
static P11dServedKey *served;

static void set_up(void)
{
    cr_assert(p11d_servedkey_setup());
    served = p11d_servedkey_new_secret(CKK_AES, secret, 32);
}

static void tear_down(void)
{
    p11d_servedkey_unref(served);
    p11d_servedkey_teardown();
}

TestSuite(keyblock, .init = set_up, .fini = tear_down);

typedef CK_RV Act(P11dServedKey *, const P11dParameters *, const P11dBytes *, P11dBuffer *);

static P11dParameters with(CK_MECHANISM_TYPE type, void *parameter, size_t size)
{
    return (P11dParameters){.mechanism = {type, parameter, size}};
}

static CK_RV run(Act *act, P11dParameters parameters, const void *data, size_t size,
                 P11dBuffer *output)
{
    const P11dBytes bytes[2] = {{data, size}};
    p11d_buffer_init(output, 4096);
    return act(served, &parameters, bytes, output);
}

/* What OpenSSL makes of text. */
static size_t encrypt_otherwise(const char *cipher_name, bool padding, size_t size, uint8_t *out)
{
    int part, rest;
    EVP_CIPHER *cipher = EVP_CIPHER_fetch(NULL, cipher_name, NULL);
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert_eq(EVP_EncryptInit_ex(context, cipher, NULL, secret, iv), 1);
    EVP_CIPHER_CTX_set_padding(context, padding);
    cr_assert_eq(EVP_EncryptUpdate(context, out, &part, text, (int)size), 1);
    cr_assert_eq(EVP_EncryptFinal_ex(context, out + part, &rest), 1);
    EVP_CIPHER_CTX_free(context);
    EVP_CIPHER_free(cipher);
    return (size_t)(part + rest);
}

Test(keyblock, ciphertexts_are_openssls_and_decrypt_in_every_mode_and_size)
{
    static const struct {
        const char *mode;
        CK_MECHANISM_TYPE type;
        size_t size;
    } rows[] = {{"ECB", CKM_AES_ECB, 64},     {"CBC", CKM_AES_CBC, 64},
                {"CBC", CKM_AES_CBC_PAD, 64}, {"CBC", CKM_AES_CBC_PAD, 65},
                {"CTR", CKM_AES_CTR, 63},     {"CBC", CKM_AES_CBC_PAD, 0}};
    CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 128};
    memcpy(ctr.cb, iv, sizeof iv);
    for (size_t bits = 128; bits <= 256; bits += 64) {
        p11d_servedkey_unref(served);
        served = p11d_servedkey_new_secret(CKK_AES, secret, bits / 8);
        for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
            char name[16];
            uint8_t expected[96];
            P11dBuffer ciphertext, plaintext;
            P11dParameters parameters = with(rows[i].type, iv, sizeof iv);
            if (rows[i].type == CKM_AES_ECB)
                parameters = with(rows[i].type, NULL, 0);
            if (rows[i].type == CKM_AES_CTR)
                parameters = with(rows[i].type, &ctr, sizeof ctr);
            snprintf(name, sizeof name, "AES-%zu-%s", bits, rows[i].mode);
            size_t size =
                encrypt_otherwise(name, rows[i].type == CKM_AES_CBC_PAD, rows[i].size, expected);
            cr_assert_eq(run(p11d_keyblock_encrypt, parameters, text, rows[i].size, &ciphertext),
                         CKR_OK, "%s", name);
            cr_assert_eq(ciphertext.size, size);
            cr_assert_arr_eq(ciphertext.data, expected, size);
            cr_assert_eq(run(p11d_keyblock_decrypt, parameters, expected, size, &plaintext), CKR_OK,
                         "%s", name);
            cr_assert_eq(plaintext.size, rows[i].size);
            cr_assert(rows[i].size == 0 || memcmp(plaintext.data, text, rows[i].size) == 0);
            p11d_buffer_clear(&plaintext);
            p11d_buffer_clear(&ciphertext);
        }
    }
}

Test(keyblock, triple_des_is_openssls)
{
    static const struct {
        const char *name;
        CK_MECHANISM_TYPE type;
        size_t iv_size;
    } rows[] = {{"DES-EDE3-ECB", CKM_DES3_ECB, 0},
                {"DES-EDE3-CBC", CKM_DES3_CBC, 8},
                {"DES-EDE3-CBC", CKM_DES3_CBC_PAD, 8}};
    p11d_servedkey_unref(served);
    served = p11d_servedkey_new_secret(CKK_DES3, secret, 24);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t expected[96];
        P11dBuffer ciphertext, plaintext;
        const bool padding = rows[i].type == CKM_DES3_CBC_PAD;
        const P11dParameters parameters =
            with(rows[i].type, rows[i].iv_size > 0 ? iv : NULL, rows[i].iv_size);
        size_t size = encrypt_otherwise(rows[i].name, padding, 40, expected);
        cr_assert_eq(run(p11d_keyblock_encrypt, parameters, text, 40, &ciphertext), CKR_OK);
        cr_assert_eq(ciphertext.size, size);
        cr_assert_arr_eq(ciphertext.data, expected, size);
        cr_assert_eq(run(p11d_keyblock_decrypt, parameters, expected, size, &plaintext), CKR_OK);
        cr_assert_eq(plaintext.size, 40);
        cr_assert_arr_eq(plaintext.data, text, 40);
        p11d_buffer_clear(&plaintext);
        p11d_buffer_clear(&ciphertext);
        cr_assert_eq(run(p11d_keyblock_encrypt, parameters, text, 41, &ciphertext),
                     padding ? CKR_OK : CKR_DATA_LEN_RANGE);
        p11d_buffer_clear(&ciphertext);
        cr_assert_eq(run(p11d_keyblock_encrypt, with(rows[i].type, iv, 16), text, 40, &ciphertext),
                     CKR_MECHANISM_PARAM_INVALID);
        p11d_buffer_clear(&ciphertext);
    }
    P11dBuffer ciphertext;
    cr_assert_eq(run(p11d_keyblock_encrypt, with(CKM_AES_CBC, iv, 16), text, 48, &ciphertext),
                 CKR_KEY_TYPE_INCONSISTENT);
    p11d_buffer_clear(&ciphertext);
}

/* The test vector of NIST for a key, an IV and a plaintext of zeros: case 14 of GCM's revised
 * specification. */
Test(keyblock, gcm_is_that_of_the_standard)
{
    static const uint8_t zeros[32];
    static const uint8_t expected[32] = {0xce, 0xa7, 0x40, 0x3d, 0x4d, 0x60, 0x6b, 0x6e,
                                         0x07, 0x4e, 0xc5, 0xd3, 0xba, 0xf3, 0x9d, 0x18,
                                         0xd0, 0xd1, 0xc8, 0xa7, 0x99, 0x99, 0x6b, 0xf0,
                                         0x26, 0x5b, 0x98, 0xb5, 0xd4, 0x8a, 0xb9, 0x19};
    uint8_t zero_iv[12] = {0};
    CK_GCM_PARAMS gcm = {.pIv = zero_iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
    P11dBuffer ciphertext;
    p11d_servedkey_unref(served);
    served = p11d_servedkey_new_secret(CKK_AES, zeros, 32);
    cr_assert_eq(
        run(p11d_keyblock_encrypt, with(CKM_AES_GCM, &gcm, sizeof gcm), zeros, 16, &ciphertext),
        CKR_OK);
    cr_assert_eq(ciphertext.size, 32);
    cr_assert_arr_eq(ciphertext.data, expected, 32);
    p11d_buffer_clear(&ciphertext);
}

Test(keyblock, gcm_tells_nothing_of_what_was_changed)
{
    static const CK_ULONG tags[] = {32, 64, 96, 104, 112, 120, 128};
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        CK_GCM_PARAMS gcm = {iv, 16, 128, aad, sizeof aad, tags[i]};
        P11dParameters parameters = with(CKM_AES_GCM, &gcm, sizeof gcm);
        P11dBuffer ciphertext, plaintext;
        cr_assert_eq(run(p11d_keyblock_encrypt, parameters, text, 33, &ciphertext), CKR_OK);
        cr_assert_eq(ciphertext.size, 33 + tags[i] / 8);
        cr_assert_eq(
            run(p11d_keyblock_decrypt, parameters, ciphertext.data, ciphertext.size, &plaintext),
            CKR_OK);
        cr_assert_eq(plaintext.size, 33);
        cr_assert_arr_eq(plaintext.data, text, 33);
        p11d_buffer_clear(&plaintext);
        for (size_t at = 0; at < ciphertext.size; at += ciphertext.size - 1) {
            ciphertext.data[at] ^= 1;
            cr_assert_eq(run(p11d_keyblock_decrypt, parameters, ciphertext.data, ciphertext.size,
                             &plaintext),
                         CKR_ENCRYPTED_DATA_INVALID);
            cr_assert_eq(plaintext.size, 0);
            p11d_buffer_clear(&plaintext);
            ciphertext.data[at] ^= 1;
        }
        gcm.ulAADLen--;
        cr_assert_eq(
            run(p11d_keyblock_decrypt, parameters, ciphertext.data, ciphertext.size, &plaintext),
            CKR_ENCRYPTED_DATA_INVALID);
        p11d_buffer_clear(&plaintext);
        p11d_buffer_clear(&ciphertext);
    }
}

Test(keyblock, refuses_what_the_standard_refuses)
{
    CK_AES_CTR_PARAMS ctr = {.ulCounterBits = 8, .cb = {[15] = 0xfe}}, none = {0};
    CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 128}, no_iv = {iv, 0, 0, NULL, 0, 128};
    CK_GCM_PARAMS short_tag = {iv, 12, 96, NULL, 0, 40}, bits = {iv, 12, 95, NULL, 0, 128};
    const struct {
        Act *act;
        CK_MECHANISM_TYPE type;
        void *parameter;
        size_t parameter_size;
        size_t size;
        CK_RV rv;
    } rows[] = {
        {p11d_keyblock_encrypt, CKM_AES_CBC, iv, 16, 17, CKR_DATA_LEN_RANGE},
        {p11d_keyblock_encrypt, CKM_AES_ECB, NULL, 0, 15, CKR_DATA_LEN_RANGE},
        {p11d_keyblock_decrypt, CKM_AES_CBC, iv, 16, 17, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keyblock_decrypt, CKM_AES_CBC_PAD, iv, 16, 0, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keyblock_decrypt, CKM_AES_CBC_PAD, iv, 16, 32, CKR_ENCRYPTED_DATA_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_CBC, NULL, 0, 16, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_CBC, iv, 15, 16, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_ECB, iv, 16, 16, CKR_MECHANISM_PARAM_INVALID},
        /* two blocks are left before the counter of eight bits begins anew */
        {p11d_keyblock_encrypt, CKM_AES_CTR, &ctr, sizeof ctr, 32, CKR_OK},
        {p11d_keyblock_encrypt, CKM_AES_CTR, &ctr, sizeof ctr, 33, CKR_DATA_LEN_RANGE},
        {p11d_keyblock_encrypt, CKM_AES_CTR, &none, sizeof none, 1, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_GCM, &no_iv, sizeof gcm, 1, CKR_MECHANISM_PARAM_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_GCM, &short_tag, sizeof gcm, 1,
         CKR_MECHANISM_PARAM_INVALID},
        {p11d_keyblock_encrypt, CKM_AES_GCM, &bits, sizeof gcm, 1, CKR_OK}, /* which nobody reads */
        {p11d_keyblock_decrypt, CKM_AES_GCM, &gcm, sizeof gcm, 15, CKR_ENCRYPTED_DATA_LEN_RANGE},
        {p11d_keyblock_encrypt, CKM_RSA_PKCS, NULL, 0, 1, CKR_MECHANISM_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dBuffer output;
        P11dParameters parameters = with(rows[i].type, rows[i].parameter, rows[i].parameter_size);
        cr_expect_eq(run(rows[i].act, parameters, text, rows[i].size, &output), rows[i].rv,
                     "row %zu", i);
        cr_expect(rows[i].rv == CKR_OK || output.size == 0);
        p11d_buffer_clear(&output);
    }
    p11d_servedkey_unref(served);
    served = p11d_servedkey_new_secret(CKK_GENERIC_SECRET, secret, 32);
    P11dBuffer output;
    cr_assert_eq(run(p11d_keyblock_encrypt, with(CKM_AES_CBC, iv, 16), text, 16, &output),
                 CKR_KEY_TYPE_INCONSISTENT);
}

/* A part of any size, and what came of all of them together. */
Test(keyblock, parts_come_to_the_whole)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_AES_CBC, CKM_AES_CBC_PAD};
    for (size_t i = 0; i < 2; i++) {
        for (size_t step = 1; step < 40; step++) {
            P11dBuffer whole, parts;
            P11dKeyBlock aes;
            P11dParameters parameters = with(types[i], iv, sizeof iv);
            cr_assert_eq(run(p11d_keyblock_encrypt, parameters, text, sizeof text, &whole), CKR_OK);
            p11d_buffer_init(&parts, 4096);
            cr_assert_eq(p11d_keyblock_begin(&aes, served, &parameters, true), CKR_OK);
            for (size_t at = 0; at < sizeof text; at += step) {
                size_t size = sizeof text - at < step ? sizeof text - at : step;
                cr_assert_eq(p11d_keyblock_update(&aes, (P11dBytes){text + at, size}, &parts),
                             CKR_OK);
            }
            cr_assert_eq(p11d_keyblock_finish(&aes, &parts), CKR_OK);
            p11d_keyblock_clear(&aes);
            cr_assert_eq(parts.size, whole.size);
            cr_assert_arr_eq(parts.data, whole.data, whole.size);
            p11d_buffer_clear(&parts);
            p11d_buffer_clear(&whole);
        }
    }
}

/* The tag may come in pieces, alone or behind others; changed is the byte that is not as it was. */
static CK_RV decrypt_in_steps(const P11dBuffer *ciphertext, size_t step, size_t changed,
                              P11dBuffer *output)
{
    CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 96};
    P11dParameters parameters = with(CKM_AES_GCM, &gcm, sizeof gcm);
    P11dKeyBlock aes;
    p11d_buffer_init(output, 4096);
    CK_RV rv = p11d_keyblock_begin(&aes, served, &parameters, false);
    for (size_t at = 0; at < ciphertext->size && rv == CKR_OK; at += step) {
        uint8_t part[200];
        const size_t size = ciphertext->size - at < step ? ciphertext->size - at : step;
        memcpy(part, ciphertext->data + at, size);
        if (changed >= at && changed < at + size)
            part[changed - at] ^= 1;
        rv = p11d_keyblock_update(&aes, (P11dBytes){part, size}, output);
    }
    if (rv == CKR_OK)
        rv = p11d_keyblock_finish(&aes, output);
    p11d_keyblock_clear(&aes);
    return rv;
}

Test(keyblock, a_ciphertext_with_a_tag_may_come_in_parts_and_its_tag_is_looked_at)
{
    CK_GCM_PARAMS gcm = {iv, 12, 96, NULL, 0, 96};
    P11dBuffer ciphertext, output;
    cr_assert_eq(run(p11d_keyblock_encrypt, with(CKM_AES_GCM, &gcm, sizeof gcm), text, sizeof text,
                     &ciphertext),
                 CKR_OK);
    cr_assert_leq(ciphertext.size, 200);
    for (size_t step = 1; step <= ciphertext.size; step++) {
        cr_assert_eq(decrypt_in_steps(&ciphertext, step, SIZE_MAX, &output), CKR_OK, "%zu", step);
        cr_assert_eq(output.size, sizeof text);
        cr_assert_arr_eq(output.data, text, sizeof text);
        p11d_buffer_clear(&output);
        for (size_t changed = 0; changed < ciphertext.size; changed += 7) {
            cr_assert_eq(decrypt_in_steps(&ciphertext, step, changed, &output),
                         CKR_ENCRYPTED_DATA_INVALID);
            p11d_buffer_clear(&output);
        }
    }
    ciphertext.size = 11;
    cr_assert_eq(decrypt_in_steps(&ciphertext, 4, SIZE_MAX, &output), CKR_ENCRYPTED_DATA_LEN_RANGE);
    p11d_buffer_clear(&output);
    p11d_buffer_clear(&ciphertext);
}

Test(keyblock, as_much_as_one_call_may_bring_goes_in_and_comes_out)
{
    const size_t size = P11D_INTERFACE_DATA_MAX;
    uint8_t *data = calloc(1, size);
    P11dBuffer output;
    P11dParameters parameters = with(CKM_AES_CBC, iv, sizeof iv);
    const P11dBytes bytes[2] = {{data, size}};
    Act *const acts[] = {p11d_keyblock_encrypt, p11d_keyblock_decrypt};
    for (size_t i = 0; i < 2; i++) {
        p11d_buffer_init(&output, size);
        cr_assert_eq(acts[i](served, &parameters, bytes, &output), CKR_OK);
        cr_assert_eq(output.size, size);
        p11d_buffer_clear(&output);
    }
    parameters = with(CKM_AES_CBC_PAD, iv, sizeof iv);
    p11d_buffer_init(&output, size);
    cr_assert_eq(p11d_keyblock_encrypt(served, &parameters, bytes, &output), CKR_DATA_LEN_RANGE);
    p11d_buffer_clear(&output);
    free(data);
}
