// SPDX-License-Identifier: MIT
/*
 * The module with the real service: what the token encrypts OpenSSL decrypts with the key file, and
 * the reverse, with every padding of RSA.
 */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_BYTE secret[256]; /* as much as a modulus takes that is not padded, and less */
static CK_BYTE encrypted[512];
static CK_BYTE decrypted[512];
static EVP_PKEY *key;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    stage_serve(&stage, "rsa rsapss");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    g_autofree char *path = g_strdup_printf("%s/rsa.key", stage.keys);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    cr_assert_not_null(key, "%s", path);
    fclose(file);
    for (size_t i = 1; i < sizeof secret; i++)
        secret[i] = (CK_BYTE)(i * 31);
}

static void close_stage(void)
{
    EVP_PKEY_free(key);
    stage_close(&stage);
}

TestSuite(conformance_cipher, .init = open_stage, .fini = close_stage);

typedef struct Row {
    CK_MECHANISM_TYPE mechanism;
    int padding;
    CK_ULONG size;      /* of what is encrypted, bytes */
    const char *digest; /* of OAEP */
    const char *label;
    CK_MECHANISM_TYPE hash;
    CK_ULONG mgf;
} Row;

static const Row rows[] = {
    {CKM_RSA_PKCS, RSA_PKCS1_PADDING, 245, NULL, "", 0, 0},
    {CKM_RSA_PKCS, RSA_PKCS1_PADDING, 0, NULL, "", 0, 0},
    {CKM_RSA_X_509, RSA_NO_PADDING, 256, NULL, "", 0, 0},
    {CKM_RSA_PKCS_OAEP, RSA_PKCS1_OAEP_PADDING, 32, "SHA1", "", CKM_SHA_1, CKG_MGF1_SHA1},
    {CKM_RSA_PKCS_OAEP, RSA_PKCS1_OAEP_PADDING, 190, "SHA256", "", CKM_SHA256, CKG_MGF1_SHA256},
    {CKM_RSA_PKCS_OAEP, RSA_PKCS1_OAEP_PADDING, 1, "SHA384", "label", CKM_SHA384, CKG_MGF1_SHA384},
    {CKM_RSA_PKCS_OAEP, RSA_PKCS1_OAEP_PADDING, 0, "SHA512", "label", CKM_SHA512, CKG_MGF1_SHA512},
};

static EVP_PKEY_CTX *begin_openssl(const Row *row, int (*init)(EVP_PKEY_CTX *context))
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    cr_assert(init(context) == 1 && EVP_PKEY_CTX_set_rsa_padding(context, row->padding) == 1);
    if (row->digest) {
        cr_assert(EVP_PKEY_CTX_set_rsa_oaep_md_name(context, row->digest, NULL) == 1);
        cr_assert(EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, row->digest, NULL) == 1);
    }
    if (row->label[0] != '\0')
        cr_assert(EVP_PKEY_CTX_set0_rsa_oaep_label(context, OPENSSL_strdup(row->label),
                                                   (int)strlen(row->label)) == 1);
    return context;
}

typedef CK_RV Init(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE with);

static CK_RV begin(const Row *row, Init *init, CK_OBJECT_CLASS class)
{
    CK_RSA_PKCS_OAEP_PARAMS oaep = {.hashAlg = row->hash,
                                    .mgf = row->mgf,
                                    .source = CKZ_DATA_SPECIFIED,
                                    .pSourceData = (void *)(uintptr_t)row->label,
                                    .ulSourceDataLen = strlen(row->label)};
    CK_MECHANISM mechanism = {row->mechanism, row->digest ? &oaep : NULL,
                              row->digest ? sizeof oaep : 0};
    return init(session, &mechanism, stage_find(&stage, session, class, "rsa"));
}

static void decrypt(const Row *row, size_t i)
{
    CK_ULONG size = sizeof decrypted, needed = 0;
    stage_ok(begin(row, m->C_DecryptInit, CKO_PRIVATE_KEY));
    stage_ok(m->C_Decrypt(session, encrypted, 256, NULL, &needed));
    cr_assert_eq(needed, 256, "at most");
    stage_ok(m->C_Decrypt(session, encrypted, 256, decrypted, &size));
    cr_assert_eq(size, row->size, "row %zu", i);
    cr_assert(memcmp(decrypted, secret, size) == 0, "row %zu", i);

    memset(decrypted, 0, sizeof decrypted);
    stage_ok(begin(row, m->C_DecryptInit, CKO_PRIVATE_KEY));
    for (CK_ULONG at = 0; at < 256; at += 64) {
        size = sizeof decrypted;
        stage_ok(m->C_DecryptUpdate(session, encrypted + at, 64, decrypted, &size));
    }
    size = sizeof decrypted;
    stage_ok(m->C_DecryptFinal(session, decrypted, &size));
    cr_assert_eq(size, row->size, "row %zu: in parts", i);
    cr_assert(memcmp(decrypted, secret, size) == 0, "row %zu: in parts", i);
}

Test(conformance_cipher, what_openssl_encrypts_is_decrypted)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        size_t size = sizeof encrypted;
        EVP_PKEY_CTX *context = begin_openssl(&rows[i], EVP_PKEY_encrypt_init);
        cr_assert_eq(EVP_PKEY_encrypt(context, encrypted, &size, secret, rows[i].size), 1);
        EVP_PKEY_CTX_free(context);
        cr_assert_eq(size, 256);
        decrypt(&rows[i], i);
    }
}

Test(conformance_cipher, what_is_encrypted_openssl_decrypts)
{
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CK_ULONG size = sizeof encrypted;
        size_t length = sizeof decrypted;
        stage_ok(begin(&rows[i], m->C_EncryptInit, CKO_PUBLIC_KEY));
        stage_ok(m->C_Encrypt(session, secret, rows[i].size, encrypted, &size));
        cr_assert_eq(size, 256, "row %zu", i);
        EVP_PKEY_CTX *context = begin_openssl(&rows[i], EVP_PKEY_decrypt_init);
        cr_assert_eq(EVP_PKEY_decrypt(context, decrypted, &length, encrypted, size), 1, "row %zu",
                     i);
        EVP_PKEY_CTX_free(context);
        cr_assert_eq(length, rows[i].size, "row %zu", i);
        cr_assert(memcmp(decrypted, secret, length) == 0, "row %zu", i);
    }
}

Test(conformance_cipher, what_was_not_encrypted_for_the_key_is_refused)
{
    const Row *oaep = &rows[4];
    CK_ULONG size = sizeof decrypted;
    memset(encrypted, 7, 256);
    stage_ok(begin(oaep, m->C_DecryptInit, CKO_PRIVATE_KEY));
    stage_expect(CKR_ENCRYPTED_DATA_INVALID,
                 m->C_Decrypt(session, encrypted, 256, decrypted, &size));
    stage_ok(begin(oaep, m->C_DecryptInit, CKO_PRIVATE_KEY));
    stage_expect(CKR_ENCRYPTED_DATA_LEN_RANGE,
                 m->C_Decrypt(session, encrypted, 255, decrypted, &size));
    stage_ok(begin(oaep, m->C_EncryptInit, CKO_PUBLIC_KEY));
    stage_expect(CKR_DATA_LEN_RANGE, m->C_Encrypt(session, secret, 191, encrypted, &size));
    cr_assert_eq(size, sizeof decrypted, "no length on an error path");
}

Test(conformance_cipher, keys_for_pss_alone_do_neither)
{
    CK_BBOOL claims = CK_TRUE;
    CK_ATTRIBUTE decrypts = {CKA_DECRYPT, &claims, sizeof claims};
    CK_MECHANISM mechanism = {CKM_RSA_PKCS, NULL, 0};
    const CK_OBJECT_HANDLE private_key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsapss");
    stage_ok(m->C_GetAttributeValue(session, private_key, &decrypts, 1));
    cr_assert_not(claims);
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED,
                 m->C_DecryptInit(session, &mechanism, private_key));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED,
                 m->C_EncryptInit(session, &mechanism,
                                  stage_find(&stage, session, CKO_PUBLIC_KEY, "rsapss")));
}
