// SPDX-License-Identifier: MIT
/* Encryption and decryption: the other operations of many calls. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE data[64] = "what is to be kept secret";
static CK_BYTE output[512];
static CK_BYTE again[512];
static CK_BYTE pin[] = "1234";

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(cipher, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

#define CIPHERS "ciphers=yes flags=sign,verify,encrypt,decrypt "

static CK_RV init(CK_SESSION_HANDLE session, bool encrypts, CK_MECHANISM_TYPE mechanism,
                  const char *key)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    const CK_OBJECT_HANDLE handle =
        stage_find(&stage, session, encrypts ? CKO_PUBLIC_KEY : CKO_PRIVATE_KEY, key);
    return encrypts ? m->C_EncryptInit(session, &how, handle)
                    : m->C_DecryptInit(session, &how, handle);
}

/* 40 bytes of data, encrypted for the key "rsa", are in output. */
static CK_SESSION_HANDLE begin_with_secret(const char *words)
{
    CK_ULONG size = sizeof output;
    const CK_SESSION_HANDLE session = begin(words);
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Encrypt(session, data, 40, output, &size));
    cr_assert_eq(size, 256);
    return session;
}

Test(cipher, each_is_one_message)
{
    CK_ULONG size = sizeof again;
    const CK_SESSION_HANDLE session = begin_with_secret(CIPHERS);
    cr_assert_eq(stage_count(&stage, "encrypt rsa-pkcs plain 40"), 1);
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    const unsigned before = stage_count(&stage, "");
    stage_ok(m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_eq(stage_count(&stage, ""), before + 2, "the call, and what the service notes of it");
    cr_assert_eq(size, 40);
    cr_assert_arr_eq(again, data, 40);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Decrypt(session, output, 256, again, &size));
}

Test(cipher, trap_size_query_keeps_operation__where_the_key_tells_the_size)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Encrypt(session, data, 40, NULL, &size));
    cr_assert_eq(size, 256);
    size = 255;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Encrypt(session, data, 40, output, &size));
    cr_assert_eq(size, 256);
    cr_assert_eq(stage_count(&stage, "Encrypt"), 0);
    stage_ok(m->C_Encrypt(session, data, 40, output, &size));

    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    size = 0;
    stage_ok(m->C_Decrypt(session, output, 256, NULL, &size));
    cr_assert_eq(size, 256, "at most");
    cr_assert_eq(stage_count(&stage, "Decrypt"), 0);
    /* A buffer that may be too small is, and the result is kept. */
    size = 39;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_eq(size, 40, "really");
    stage_ok(m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_arr_eq(again, data, 40);
    cr_assert_eq(stage_count(&stage, "Decrypt"), 1);
    /* One that is large enough will do, though it is smaller than the modulus. */
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Decrypt(session, output, 256, again, &size));
}

Test(cipher, trap_size_query_keeps_operation__where_the_result_has_to_be_kept)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    stage_ok(init(session, true, CKM_ECDSA, "ec")); /* the fake service encrypts with anything */
    stage_ok(m->C_Encrypt(session, data, 40, NULL, &size));
    cr_assert_eq(size, 42);
    stage_ok(m->C_Encrypt(session, data, 40, output, &size));
    cr_assert_eq(stage_count(&stage, "Encrypt"), 1);
    stage_ok(init(session, false, CKM_ECDSA, "ec"));
    stage_ok(m->C_Decrypt(session, output, 42, NULL, &size));
    cr_assert_eq(size, 42, "no plaintext is longer than what it came from");
    stage_ok(m->C_Decrypt(session, output, 42, again, &size));
    cr_assert_eq(size, 40);
    cr_assert_arr_eq(again, data, 40);
    cr_assert_eq(stage_count(&stage, "Decrypt"), 1);
}

Test(cipher, nothing_may_be_encrypted_too)
{
    CK_ULONG size = sizeof output;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Encrypt(session, NULL, 0, output, &size));
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Decrypt(session, output, size, again, &size));
    cr_assert_eq(size, 0);
}

Test(cipher, parts_end_in_one_message)
{
    CK_ULONG size = 77;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_EncryptUpdate(session, data, 10, NULL, &size));
    cr_assert_eq(size, 10, "at most");
    stage_ok(m->C_EncryptUpdate(session, data, 10, output, &size));
    cr_assert_eq(size, 0);
    stage_ok(m->C_EncryptUpdate(session, data + 10, 30, output, &size));
    stage_ok(m->C_EncryptFinal(session, NULL, &size));
    cr_assert_eq(size, 256);
    cr_assert_eq(stage_count(&stage, "Encrypt"), 0);
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "encrypt rsa-pkcs plain 40"), 1);

    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    size = sizeof again;
    stage_ok(m->C_DecryptUpdate(session, output, 200, again, &size));
    size = sizeof again;
    stage_ok(m->C_DecryptUpdate(session, output + 200, 56, again, &size));
    size = 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_DecryptFinal(session, again, &size));
    stage_ok(m->C_DecryptFinal(session, again, &size));
    cr_assert_eq(size, 40);
    cr_assert_arr_eq(again, data, 40);
    cr_assert_eq(stage_count(&stage, "Decrypt"), 1);
    cr_assert_eq(stage_count(&stage, "UpdateStream"), 0);
}

Test(cipher, what_the_whole_was_asked_for_is_no_part)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    stage_ok(init(session, true, CKM_ECDSA, "ec"));
    stage_ok(m->C_Encrypt(session, data, 40, NULL, &size));
    size = sizeof output;
    stage_ok(m->C_EncryptUpdate(session, data, 8, output, &size));
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "encrypt ecdsa plain 8"), 1);

    stage_ok(init(session, true, CKM_ECDSA, "ec"));
    stage_ok(m->C_Encrypt(session, data, 40, NULL, &size));
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "encrypt ecdsa plain 0"), 1);
}

Test(cipher, trap_sizes_are_bounded__data_of_a_host)
{
    const CK_ULONG large = (16UL << 20) + 1;
    CK_ULONG size = sizeof output;
    CK_BYTE *much = calloc(1, large);
    const CK_SESSION_HANDLE session = begin_with_secret(CIPHERS "features=prehashed");
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_DATA_LEN_RANGE, m->C_Decrypt(session, much, large, again, &size));
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_EncryptUpdate(session, much, large - 1, again, &size));
    size = sizeof again;
    stage_expect(CKR_DATA_LEN_RANGE, m->C_EncryptUpdate(session, much, 1, again, &size));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_EncryptFinal(session, again, &size));
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Decrypt(session, output, 256, again, &size));
    free(much);
}

static CK_RV begin_digest(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    (void)key;
    return m->C_DigestInit(session, mechanism ? &sha256 : NULL);
}

/* Of every kind, and each by itself. */
Test(cipher, trap_second_init_is_operation_active)
{
    CK_MECHANISM how = {CKM_RSA_PKCS, NULL, 0};
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    const CK_OBJECT_HANDLE public = stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa");
    const CK_OBJECT_HANDLE private = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    const struct {
        CK_RV (*init)(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
        CK_OBJECT_HANDLE key;
    } kinds[] = {{m->C_EncryptInit, public},
                 {m->C_DecryptInit, private},
                 {m->C_SignInit, private},
                 {m->C_VerifyInit, public},
                 {begin_digest, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++)
        stage_ok(kinds[i].init(session, &how, kinds[i].key));
    for (size_t i = 0; i < G_N_ELEMENTS(kinds); i++) {
        stage_expect(CKR_OPERATION_ACTIVE, kinds[i].init(session, &how, kinds[i].key));
        stage_ok(kinds[i].init(session, NULL, 0));
        stage_ok(kinds[i].init(session, &how, kinds[i].key));
    }
}

Test(cipher, trap_reply_is_checked_before_use__of_a_cipher)
{
    CK_ULONG size = sizeof again;
    const CK_SESSION_HANDLE session = begin_with_secret(CIPHERS);
    stage_order(&stage, "Decrypt=size");
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_eq(size, sizeof again, "no length on an error path");
    stage_order(&stage, "Encrypt=size");
    stage_ok(init(session, true, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Encrypt(session, data, 40, again, &size));
    stage_order(&stage, "Decrypt=org.p11dbus.Error.EncryptedDataInvalid");
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_ENCRYPTED_DATA_INVALID, m->C_Decrypt(session, output, 256, again, &size));
    stage_order(&stage, "Decrypt=close");
    const unsigned before = stage_count(&stage, "Decrypt");
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_eq(stage_count(&stage, "Decrypt"), before + 1, "never asked for twice");
}

Test(cipher, trap_null_is_not_zero_length__plaintext_and_ciphertext)
{
    CK_ULONG size = sizeof again;
    const CK_SESSION_HANDLE session = begin(CIPHERS);
    for (int encrypts = 0; encrypts < 2; encrypts++) {
        stage_ok(init(session, encrypts, CKM_RSA_PKCS, "rsa"));
        stage_expect(CKR_ARGUMENTS_BAD, encrypts ? m->C_Encrypt(session, NULL, 1, again, &size)
                                                 : m->C_Decrypt(session, NULL, 1, again, &size));
        stage_ok(init(session, encrypts, CKM_RSA_PKCS, "rsa"));
        stage_expect(CKR_ARGUMENTS_BAD, encrypts ? m->C_Encrypt(session, data, 1, again, NULL)
                                                 : m->C_Decrypt(session, data, 1, again, NULL));
        stage_ok(init(session, encrypts, CKM_RSA_PKCS, "rsa"));
        stage_expect(CKR_ARGUMENTS_BAD, encrypts
                                            ? m->C_EncryptUpdate(session, NULL, 1, again, &size)
                                            : m->C_DecryptUpdate(session, NULL, 1, again, &size));
        stage_ok(init(session, encrypts, CKM_RSA_PKCS, "rsa"));
        stage_expect(CKR_ARGUMENTS_BAD, encrypts
                                            ? m->C_EncryptUpdate(session, data, 1, again, NULL)
                                            : m->C_DecryptUpdate(session, data, 1, again, NULL));
        stage_ok(init(session, encrypts, CKM_RSA_PKCS, "rsa"));
        stage_expect(CKR_ARGUMENTS_BAD, encrypts ? m->C_EncryptFinal(session, again, NULL)
                                                 : m->C_DecryptFinal(session, again, NULL));
    }
}

Test(cipher, trap_what_is_refused_is_not_claimed)
{
    CK_BBOOL claimed = CK_TRUE;
    CK_ATTRIBUTE decrypt = {CKA_DECRYPT, &claimed, sizeof claimed};
    CK_ULONG count = 99;
    CK_OBJECT_HANDLE found[8];
    const CK_SESSION_HANDLE session = begin("ciphers=yes");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    stage_ok(m->C_FindObjectsInit(session, &decrypt, 1));
    stage_ok(m->C_FindObjects(session, found, 8, &count));
    stage_ok(m->C_FindObjectsFinal(session));
    cr_assert_eq(count, 0);
    stage_ok(m->C_GetAttributeValue(session, key, &decrypt, 1));
    cr_assert_eq(claimed, CK_FALSE);
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, init(session, true, CKM_RSA_PKCS, "rsa"));
}

Test(cipher, a_hashed_mechanism_is_none)
{
    CK_MECHANISM_INFO info;
    const CK_SESSION_HANDLE session = begin(CIPHERS "mechanisms=rsa-pkcs");
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_SHA256_RSA_PKCS, &info));
    cr_assert_eq(info.flags, STAGE_SIGNS);
    stage_expect(CKR_MECHANISM_INVALID, init(session, false, CKM_SHA256_RSA_PKCS, "rsa"));
}

Test(cipher, trap_context_login_is_the_operations_own__decrypt)
{
    CK_ULONG size = sizeof again;
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0};
    const CK_SESSION_HANDLE session = begin_with_secret(CIPHERS "always=yes");
    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Decrypt(session, output, 256, again, &size));

    stage_ok(init(session, false, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    /* A login of another operation of the session is its own. */
    stage_ok(m->C_SignInit(session, &ecdsa, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(m->C_Decrypt(session, output, 256, again, &size));
    cr_assert_eq(size, 40);
    cr_assert_arr_eq(again, data, 40);
    size = sizeof again;
    stage_ok(m->C_Sign(session, data, 32, again, &size));
    cr_assert_eq(size, 64);
    cr_assert_eq(stage_count(&stage, "stream decrypt rsa-pkcs plain"), 1);
    cr_assert_eq(stage_count(&stage, "stream sign ecdsa plain"), 1);
    cr_assert_eq(stage_count(&stage, "Decrypt"), 0);
}
