// SPDX-License-Identifier: MIT
/*
 * The module with the real service: secret keys, which have no size that says how long the output
 * is, and mechanisms that take parts of any length.
 */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_BYTE bytes[32] = "the bytes of a key for anything.";
static CK_BYTE vector[16] = "begins with this";
static CK_BYTE data[1000];
static CK_BYTE output[1200];
static CK_BYTE again[1200];

static void write_key(const char *name)
{
    g_autofree char *path = g_build_filename(stage.keys, name, NULL);
    cr_assert(g_file_set_contents(path, (char *)bytes, sizeof bytes, NULL));
    cr_assert_eq(g_chmod(path, 0600), 0);
}

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    stage.keys = g_build_filename(stage.directory, "keys", NULL);
    cr_assert_eq(g_mkdir(stage.keys, 0700), 0);
    write_key("cipher.aes.secret");
    write_key("mac.secret");
    stage_serve(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)(i * 31);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(conformance_secret, .init = open_stage, .fini = close_stage);

static CK_MECHANISM cbc = {CKM_AES_CBC_PAD, vector, sizeof vector};

static size_t openssl(const CK_BYTE *input, size_t size, CK_BYTE *result, int encrypts)
{
    int first = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert(EVP_CipherInit_ex(context, EVP_aes_256_cbc(), NULL, bytes, vector, encrypts) == 1 &&
              EVP_CipherUpdate(context, result, &first, input, (int)size) == 1 &&
              EVP_CipherFinal_ex(context, result + first, &last) == 1);
    EVP_CIPHER_CTX_free(context);
    return (size_t)(first + last);
}

Test(conformance_secret, aes_encrypts_as_openssl_does)
{
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    for (CK_ULONG count = 0; count < sizeof data; count = 2 * count + 1) {
        CK_ULONG size = 0;
        stage_ok(m->C_EncryptInit(session, &cbc, key));
        stage_ok(m->C_Encrypt(session, data, count, NULL, &size));
        cr_assert_eq(size, (count / 16 + 1) * 16);
        stage_ok(m->C_Encrypt(session, data, count, output, &size));
        cr_assert_eq(openssl(data, count, again, 1), size);
        cr_assert_arr_eq(output, again, size);

        CK_ULONG room = sizeof again;
        stage_ok(m->C_DecryptInit(session, &cbc, key));
        stage_ok(m->C_Decrypt(session, output, size, NULL, &room));
        cr_assert_eq(room, size, "at most");
        stage_ok(m->C_Decrypt(session, output, size, again, &room));
        cr_assert_eq(room, count);
        cr_assert(memcmp(again, data, count) == 0);
    }
}

Test(conformance_secret, aes_takes_parts)
{
    CK_ULONG size, all = 0;
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    stage_ok(m->C_EncryptInit(session, &cbc, key));
    for (CK_ULONG at = 0, part = 0; at < sizeof data; at += part) {
        part = at / 3 + 1 < sizeof data - at ? at / 3 + 1 : sizeof data - at;
        size = part + 16; /* as much as hosts have room for */
        stage_ok(m->C_EncryptUpdate(session, data + at, part, output + all, &size));
        all += size;
    }
    size = 16;
    stage_ok(m->C_EncryptFinal(session, output + all, &size));
    all += size;
    cr_assert_eq(openssl(output, all, again, 0), sizeof data);
    cr_assert_arr_eq(again, data, sizeof data);
}

/* What OpenSSL makes of much by AES-GCM, with a tag of 12 bytes. */
static void seal(const CK_BYTE *much, CK_ULONG size, CK_BYTE *right)
{
    int written = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, bytes, vector) == 1 &&
              EVP_EncryptUpdate(context, NULL, &written, data, 20) == 1 &&
              EVP_EncryptUpdate(context, right, &written, much, (int)size) == 1 &&
              EVP_EncryptFinal_ex(context, right + size, &written) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, 12, right + size) == 1);
    EVP_CIPHER_CTX_free(context);
}

/* Forty megabytes by a cipher with a tag, in one call and in parts, against OpenSSL. */
Test(conformance_secret, much_more_than_one_call_takes)
{
    const CK_ULONG large = 40UL << 20, part = 3UL << 20;
    CK_GCM_PARAMS parameters = {vector, 12, 96, data, 20, 96};
    CK_MECHANISM gcm = {CKM_AES_GCM, &parameters, sizeof parameters};
    CK_BYTE *much = malloc(large), *encrypted = malloc(large + 12), *right = malloc(large + 12);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    for (CK_ULONG i = 0; i < large; i++)
        much[i] = (CK_BYTE)(i * 31 ^ i >> 12);
    seal(much, large, right);

    CK_ULONG size = large + 12;
    stage_ok(m->C_EncryptInit(session, &gcm, key));
    stage_ok(m->C_Encrypt(session, much, large, encrypted, &size));
    cr_assert_eq(size, large + 12);
    cr_assert(memcmp(encrypted, right, size) == 0);
    for (int changed = 0; changed < 2; changed++) {
        memset(right, 0, large);
        stage_ok(m->C_DecryptInit(session, &gcm, key));
        for (CK_ULONG at = 0; at < large + 12; at += part) {
            size = large;
            stage_ok(m->C_DecryptUpdate(session, encrypted + at,
                                        at + part < large + 12 ? part : large + 12 - at, right,
                                        &size));
            cr_assert_eq(size, 0, "nothing before the tag");
        }
        size = large;
        stage_expect(changed ? CKR_ENCRYPTED_DATA_INVALID : CKR_OK,
                     m->C_DecryptFinal(session, right, &size));
        cr_assert_eq(right[large - 1], changed ? 0 : much[large - 1]);
        cr_assert(changed || memcmp(right, much, large) == 0);
        encrypted[5] ^= 1;
    }
    encrypted[5] ^= 1;
    stage_ok(m->C_DecryptInit(session, &gcm, key));
    stage_expect(CKR_ENCRYPTED_DATA_INVALID,
                 m->C_Decrypt(session, encrypted, large + 11, right, &size));
    free(much);
    free(encrypted);
    free(right);
}

/* A host with more sessions in the middle of something than there are streams: it is told so, and
 * all else goes on. */
Test(conformance_secret, a_hundred_sessions_in_the_middle_of_something)
{
    CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_SESSION_HANDLE sessions[100];
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    const CK_OBJECT_HANDLE mac = stage_find(&stage, session, CKO_SECRET_KEY, "mac");
    for (size_t i = 0; i < G_N_ELEMENTS(sessions); i++) {
        CK_ULONG size = 48;
        sessions[i] = stage_session(&stage);
        stage_ok(m->C_EncryptInit(sessions[i], &cbc, key));
        stage_expect(i < 64 ? CKR_OK : CKR_DEVICE_MEMORY,
                     m->C_EncryptUpdate(sessions[i], data, 32, output, &size));
    }
    for (size_t i = 0; i < 64; i++) {
        CK_ULONG size = sizeof output;
        stage_ok(m->C_SignInit(sessions[i], &hmac, mac));
        stage_ok(m->C_Sign(sessions[i], data, 32, output, &size));
        size = sizeof output;
        stage_ok(m->C_EncryptFinal(sessions[i], output, &size));
        cr_assert_eq(size, 16);
    }
}

Test(conformance_secret, hmac_signs_as_openssl_does_and_verifies)
{
    CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_ULONG size = 0;
    unsigned right_size = sizeof again;
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "mac");
    stage_ok(m->C_SignInit(session, &hmac, key));
    stage_ok(m->C_Sign(session, data, sizeof data, NULL, &size));
    cr_assert_eq(size, 32);
    stage_ok(m->C_Sign(session, data, sizeof data, output, &size));
    HMAC(EVP_sha256(), bytes, sizeof bytes, data, sizeof data, again, &right_size);
    cr_assert_arr_eq(output, again, 32);
    stage_ok(m->C_VerifyInit(session, &hmac, key));
    stage_ok(m->C_VerifyUpdate(session, data, 1));
    stage_ok(m->C_VerifyUpdate(session, data + 1, sizeof data - 1));
    stage_ok(m->C_VerifyFinal(session, output, size));
    /* More than one call takes, in one call of the host. */
    const size_t much_size = 20UL << 20;
    CK_BYTE *much = calloc(1, much_size);
    HMAC(EVP_sha256(), bytes, sizeof bytes, much, much_size, again, &right_size);
    stage_ok(m->C_VerifyInit(session, &hmac, key));
    stage_ok(m->C_Verify(session, much, much_size, again, 32));
    free(much);
    output[31] ^= 1;
    stage_ok(m->C_VerifyInit(session, &hmac, key));
    stage_expect(CKR_SIGNATURE_INVALID, m->C_Verify(session, data, sizeof data, output, size));
}

Test(conformance_secret, a_key_of_a_session_is_made_stricter_and_not_laxer)
{
    CK_MECHANISM generates = {CKM_AES_KEY_GEN, NULL, 0};
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ULONG size = 32;
    CK_ATTRIBUTE asked[] = {{CKA_VALUE_LEN, &size, sizeof size}, {CKA_SENSITIVE, &no, sizeof no}};
    CK_ATTRIBUTE stricter = {CKA_SENSITIVE, &yes, sizeof yes};
    CK_ATTRIBUTE laxer = {CKA_SENSITIVE, &no, sizeof no};
    CK_BBOOL modifiable = CK_FALSE;
    CK_ATTRIBUTE told = {CKA_MODIFIABLE, &modifiable, sizeof modifiable};
    CK_OBJECT_HANDLE key;
    stage_ok(m->C_GenerateKey(session, &generates, asked, 2, &key));
    stage_ok(m->C_SetAttributeValue(session, key, &stricter, 1));
    stage_ok(m->C_GetAttributeValue(session, key, &told, 1));
    cr_assert_eq(modifiable, CK_TRUE);
    stage_expect(CKR_ATTRIBUTE_READ_ONLY, m->C_SetAttributeValue(session, key, &laxer, 1));
    stage_ok(m->C_GetAttributeValue(session, key, &laxer, 1));
    cr_assert_eq(no, CK_TRUE);
}
