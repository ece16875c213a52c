// SPDX-License-Identifier: MIT
/* Functions that take one part for two operations, digests of keys, and signatures that hold their
 * data: with the real service, against OpenSSL. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_BYTE secret[32] = "the bytes of a key for anything.";
static CK_BYTE vector[16] = "begins with this";
static CK_BYTE data[1000];
static CK_BYTE output[1200];
static CK_BYTE again[1200];
static CK_MECHANISM cbc = {CKM_AES_CBC, vector, sizeof vector};
static CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)(i * 31 + 1);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(dual, .init = open_stage, .fini = close_stage);

static void begin(void)
{
    stage.keys = g_build_filename(stage.directory, "keys", NULL);
    g_autofree char *make = g_strdup_printf("%s %s rsa", MAKE_KEYS, stage.keys);
    cr_assert(g_spawn_command_line_sync(make, NULL, NULL, NULL, NULL));
    g_autofree char *path = g_build_filename(stage.keys, "cipher.aes.secret", NULL);
    cr_assert(g_file_set_contents(path, (char *)secret, sizeof secret, NULL));
    cr_assert_eq(g_chmod(path, 0600), 0);
    stage_serve(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
}

/* The digest that the session makes is that of data and, behind it, more. */
static void check_digest(const CK_BYTE *bytes, size_t size, const CK_BYTE *more, size_t more_size)
{
    CK_BYTE digest[32], right[32];
    CK_ULONG digest_size = sizeof digest;
    stage_ok(m->C_DigestFinal(session, digest, &digest_size));
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    cr_assert(EVP_DigestInit(context, EVP_sha256()) == 1 &&
              EVP_DigestUpdate(context, bytes, size) == 1 &&
              EVP_DigestUpdate(context, more, more_size) == 1 &&
              EVP_DigestFinal(context, right, NULL) == 1);
    EVP_MD_CTX_free(context);
    cr_assert_arr_eq(digest, right, 32);
}

Test(dual, a_part_is_digested_and_encrypted_and_the_reverse)
{
    begin();
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    CK_ULONG size = sizeof output, first;
    stage_ok(m->C_EncryptInit(session, &cbc, key));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED,
                 m->C_DigestEncryptUpdate(session, data, 160, output, &size));
    stage_ok(m->C_DigestInit(session, &sha256));
    /* Where there is no room neither has taken the part. */
    stage_ok(m->C_DigestEncryptUpdate(session, data, 160, NULL, &size));
    cr_assert_eq(size, 160);
    size = 159;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_DigestEncryptUpdate(session, data, 160, output, &size));
    stage_ok(m->C_DigestEncryptUpdate(session, data, 160, output, &size));
    first = size;
    size = sizeof output - first;
    stage_ok(m->C_DigestEncryptUpdate(session, data + 160, 800, output + first, &size));
    cr_assert_eq(first + size, 960);
    size = 16;
    stage_ok(m->C_EncryptFinal(session, again, &size));
    check_digest(data, 960, NULL, 0);

    /* The ciphertext may be put in the place of the part. */
    memcpy(again, data, 960);
    size = 960;
    stage_ok(m->C_EncryptInit(session, &cbc, key));
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestEncryptUpdate(session, again, 960, again, &size));
    stage_ok(m->C_EncryptFinal(session, NULL, &size));
    check_digest(data, 960, NULL, 0);
    stage_ok(m->C_EncryptInit(session, NULL, 0));

    stage_ok(m->C_DecryptInit(session, &cbc, key));
    stage_ok(m->C_DigestInit(session, &sha256));
    for (CK_ULONG at = 0; at < 960; at += 96) {
        size = 95;
        stage_expect(CKR_BUFFER_TOO_SMALL,
                     m->C_DecryptDigestUpdate(session, output + at, 96, again + at, &size));
        stage_ok(m->C_DecryptDigestUpdate(session, output + at, 96, again + at, &size));
        cr_assert_eq(size, 96);
    }
    size = 16;
    stage_ok(m->C_DecryptFinal(session, output, &size));
    cr_assert_arr_eq(again, data, 960);
    check_digest(data, 960, NULL, 0);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED,
                 m->C_DecryptDigestUpdate(session, output, 16, again, &size));
    stage_expect(CKR_SESSION_HANDLE_INVALID,
                 m->C_DecryptDigestUpdate(session + 99, output, 16, again, &size));
}

Test(dual, a_part_is_signed_and_encrypted_and_decrypted_and_verified)
{
    CK_MECHANISM signs = {CKM_SHA256_RSA_PKCS, NULL, 0};
    CK_BYTE signature[256];
    begin();
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    for (int changed = 0; changed < 2; changed++) {
        CK_ULONG size = sizeof output, signature_size = sizeof signature;
        stage_ok(m->C_EncryptInit(session, &cbc, key));
        stage_ok(
            m->C_SignInit(session, &signs, stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa")));
        stage_ok(m->C_SignEncryptUpdate(session, data, 992, output, &size));
        cr_assert_eq(size, 992);
        stage_ok(m->C_SignFinal(session, signature, &signature_size));
        stage_ok(m->C_EncryptFinal(session, again, &size));
        output[500] ^= (CK_BYTE)changed;
        size = sizeof again;
        stage_ok(m->C_DecryptInit(session, &cbc, key));
        stage_ok(
            m->C_VerifyInit(session, &signs, stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa")));
        stage_ok(m->C_DecryptVerifyUpdate(session, output, 992, again, &size));
        stage_expect(changed ? CKR_SIGNATURE_INVALID : CKR_OK,
                     m->C_VerifyFinal(session, signature, signature_size));
        stage_ok(m->C_DecryptFinal(session, again, &size));
    }
    /* What C_VerifySignatureInit began is no such verification, and nothing is decrypted. */
    CK_ULONG size = sizeof again;
    stage_ok(stage.modern->C_VerifySignatureInit(
        session, &signs, stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa"), signature, 256));
    stage_ok(m->C_DecryptInit(session, &cbc, key));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED,
                 m->C_DecryptVerifyUpdate(session, output, 992, again, &size));
    stage_ok(m->C_Decrypt(session, output, 992, again, &size));
}

static CK_OBJECT_HANDLE make_key(CK_BBOOL sensitive)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE;
    CK_OBJECT_HANDLE key;
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &class, sizeof class},
                            {CKA_KEY_TYPE, &type, sizeof type},
                            {CKA_EXTRACTABLE, &yes, sizeof yes},
                            {CKA_SENSITIVE, &sensitive, sizeof sensitive},
                            {CKA_VALUE, secret, 20}};
    stage_ok(m->C_CreateObject(session, templ, G_N_ELEMENTS(templ), &key));
    return key;
}

Test(dual, a_value_that_may_be_read_is_digested_and_no_other)
{
    CK_BYTE value[32];
    CK_ATTRIBUTE asked = {CKA_VALUE, value, sizeof value};
    begin();
    const CK_OBJECT_HANDLE open = make_key(CK_FALSE), sensitive = make_key(CK_TRUE);
    stage_ok(m->C_GetAttributeValue(session, open, &asked, 1));
    cr_assert_eq(asked.ulValueLen, 20);
    cr_assert_arr_eq(value, secret, 20);
    stage_expect(CKR_ATTRIBUTE_SENSITIVE, m->C_GetAttributeValue(session, sensitive, &asked, 1));

    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_DigestKey(session, open));
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestUpdate(session, data, 100));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_DigestKey(session, 0));
    stage_expect(CKR_KEY_INDIGESTIBLE, m->C_DigestKey(session, sensitive));
    stage_expect(CKR_KEY_INDIGESTIBLE,
                 m->C_DigestKey(session, stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa")));
    stage_ok(m->C_DigestKey(session, open));
    check_digest(data, 100, secret, 20);
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_expect(CKR_KEY_INDIGESTIBLE, m->C_DigestKey(session, sensitive));
}

static EVP_PKEY *read_key(void)
{
    g_autofree char *path = g_strdup_printf("%s/rsa.key", stage.keys);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    return key;
}

/* Takes data out of a signature as OpenSSL does. */
static size_t recover(const CK_BYTE *signature, int padding, CK_BYTE *to)
{
    size_t size = 256;
    EVP_PKEY *key = read_key();
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    cr_assert(EVP_PKEY_verify_recover_init(context) == 1 &&
              EVP_PKEY_CTX_set_rsa_padding(context, padding) == 1 &&
              EVP_PKEY_verify_recover(context, to, &size, signature, 256) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return size;
}

Test(dual, a_signature_holds_its_data)
{
    CK_MECHANISM mechanisms[] = {{CKM_RSA_PKCS, NULL, 0}, {CKM_RSA_X_509, NULL, 0}};
    CK_BYTE signature[256];
    begin();
    const CK_OBJECT_HANDLE private_key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    const CK_OBJECT_HANDLE public_key = stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa");
    for (size_t i = 0; i < 2; i++) {
        CK_ULONG size = 255, right = i == 0 ? 50 : 256;
        stage_ok(m->C_SignRecoverInit(session, &mechanisms[i], private_key));
        stage_expect(CKR_BUFFER_TOO_SMALL, m->C_SignRecover(session, data, 50, signature, &size));
        cr_assert_eq(size, 256);
        stage_ok(m->C_SignRecover(session, data, 50, signature, &size));
        cr_assert_eq(recover(signature, i == 0 ? RSA_PKCS1_PADDING : RSA_NO_PADDING, output),
                     right);
        cr_assert_arr_eq(output + right - 50, data, 50);

        size = 0;
        stage_ok(m->C_VerifyRecoverInit(session, &mechanisms[i], public_key));
        stage_ok(m->C_VerifyRecover(session, signature, 256, NULL, &size));
        cr_assert_eq(size, 256, "at most");
        size = right - 1;
        stage_expect(CKR_BUFFER_TOO_SMALL,
                     m->C_VerifyRecover(session, signature, 256, again, &size));
        cr_assert_eq(size, right);
        stage_ok(m->C_VerifyRecover(session, signature, 256, again, &size));
        cr_assert_arr_eq(again, output, right);
        stage_ok(m->C_VerifyRecoverInit(session, &mechanisms[i], public_key));
        stage_expect(CKR_SIGNATURE_LEN_RANGE,
                     m->C_VerifyRecover(session, signature, 255, again, &size));
    }
    stage_expect(CKR_KEY_TYPE_INCONSISTENT,
                 m->C_SignRecoverInit(session, &mechanisms[0], public_key));
}

Test(dual, recovery_is_two_messages_and_where_there_are_no_streams_it_is_not_claimed)
{
    CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM_INFO info;
    CK_ULONG size = sizeof output;
    for (int streams = 0; streams < 2; streams++) {
        stage_start(&stage, streams ? "claims=yes" : "claims=yes features=");
        stage_ok(stage_initialize(&stage, ""));
        session = stage_session(&stage);
        stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_RSA_PKCS, &info));
        cr_assert_eq((info.flags & CKF_SIGN_RECOVER) != 0, streams);
        const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
        stage_expect(streams ? CKR_OK : CKR_KEY_FUNCTION_NOT_PERMITTED,
                     m->C_SignRecoverInit(session, &pkcs, key));
        if (!streams) {
            m->C_Finalize(NULL);
            stage_stop(&stage);
            continue;
        }
        stage_ok(m->C_SignRecover(session, data, 50, output, &size));
        cr_assert_eq(size, 256);
        cr_assert_eq(stage_count(&stage, "stream sign-recover rsa-pkcs plain"), 1);
        cr_assert_eq(stage_count(&stage, "finish 50"), 1);
        cr_assert_eq(stage_count(&stage, "Sign"), 0);
    }
}

Test(dual, a_value_that_nobody_may_read_the_token_digests)
{
    CK_ULONG size = sizeof output;
    stage_start(&stage, "mechanisms=generic-secret-key-gen,sha256 flags=generate,digest");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_generate(&stage, session);
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestKey(session, key));
    stage_ok(m->C_DigestUpdate(session, data, 7));
    stage_ok(m->C_DigestKey(session, key));
    stage_ok(m->C_DigestUpdate(session, data, 3));
    stage_ok(m->C_DigestFinal(session, NULL, &size));
    cr_assert_eq(size, 32);
    stage_ok(m->C_DigestFinal(session, output, &size));
    cr_assert_eq(output[0], 10, "bytes of data");
    cr_assert_eq(stage_count(&stage, "stream digest sha256 plain"), 1);
    cr_assert_eq(stage_count(&stage, "update 0 key 120"), 2);
    cr_assert_eq(stage_count(&stage, "update 7"), 1);
    cr_assert_eq(stage_count(&stage, "finish 3"), 1);
    /* What was hashed here before cannot be hashed there. */
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestUpdate(session, data, 7));
    stage_expect(CKR_KEY_INDIGESTIBLE, m->C_DigestKey(session, key));
    stage_ok(m->C_DigestFinal(session, output, &size));
}

Test(dual, recovery_by_a_key_that_always_authenticates_has_a_login_of_its_own)
{
    CK_MECHANISM pkcs = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE pin[] = "1234";
    CK_ULONG size = sizeof output;
    stage_start(&stage, "claims=yes always=yes");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    stage_ok(m->C_SignRecoverInit(session, &pkcs, key));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_SignRecover(session, data, 50, output, &size));
    stage_ok(m->C_SignRecoverInit(session, &pkcs, key));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(m->C_SignRecover(session, data, 50, output, &size));
    cr_assert_eq(size, 256);
    cr_assert_eq(stage_count(&stage, "stream sign-recover rsa-pkcs plain"), 1);
}
