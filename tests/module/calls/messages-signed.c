// SPDX-License-Identifier: MIT
/* Messages that are signed and verified one after the other. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;
static CK_SESSION_HANDLE session;
static CK_BYTE data[200] = "what is signed, in one part or in more of them";
static CK_BYTE signature[512];
static CK_ULONG size;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.modern;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(messages_signed, .init = open_stage, .fini = close_stage);

static void begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
}

static CK_RV init(CK_MECHANISM_TYPE mechanism, CK_OBJECT_CLASS class, const char *key)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    const CK_OBJECT_HANDLE found = stage_find(&stage, session, class, key);
    return class == CKO_PRIVATE_KEY ? m->C_MessageSignInit(session, &how, found)
                                    : m->C_MessageVerifyInit(session, &how, found);
}

static CK_RV sign(CK_ULONG count)
{
    size = sizeof signature;
    return m->C_SignMessage(session, NULL, 0, data, count, signature, &size);
}

static CK_RV sign_next(CK_ULONG at, CK_ULONG count, bool last)
{
    size = sizeof signature;
    return m->C_SignMessageNext(session, NULL, 0, data + at, count, signature, last ? &size : NULL);
}

static CK_RV verify(CK_ULONG count)
{
    return m->C_VerifyMessage(session, NULL, 0, data, count, signature, size);
}

static CK_RV verify_next(CK_ULONG at, CK_ULONG count, bool last)
{
    return m->C_VerifyMessageNext(session, NULL, 0, data + at, count, last ? signature : NULL,
                                  last ? size : 0);
}

/* --- with a service that is seen through --- */

Test(messages_signed, each_is_one_message_to_the_service)
{
    begin("");
    stage_ok(init(CKM_ECDSA_SHA256, CKO_PRIVATE_KEY, "ec"));
    stage_ok(init(CKM_ECDSA_SHA256, CKO_PUBLIC_KEY, "ec"));
    for (unsigned i = 1; i < 10; i++) {
        data[0]++;
        if (i % 3 == 0) {
            stage_ok(m->C_SignMessageBegin(session, NULL, 0));
            stage_ok(sign_next(0, 10, false));
            stage_ok(sign_next(10, 90, true));
            stage_ok(verify(100));
        } else {
            stage_ok(sign(100));
            stage_ok(m->C_VerifyMessageBegin(session, NULL, 0));
            stage_ok(verify_next(0, 99, false));
            stage_ok(verify_next(99, 1, true));
        }
        cr_assert_eq(size, 64);
        cr_assert_eq(stage_count(&stage, "Sign"), i);
        cr_assert_eq(stage_count(&stage, "Verify"), i);
    }
    stage_expect(CKR_SIGNATURE_INVALID, verify(99));
    size--;
    stage_expect(CKR_SIGNATURE_LEN_RANGE, verify(100));
    size++;
    stage_ok(verify(100));
    stage_ok(m->C_MessageSignFinal(session));
    stage_ok(m->C_MessageVerifyFinal(session));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign(100));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, verify(100));
}

/* Where nobody knows the size before, the signature is made once and kept. */
static void fetch_slowly(CK_ULONG expected)
{
    size = 0;
    stage_ok(m->C_SignMessage(session, NULL, 0, data, 32, NULL, &size));
    cr_assert_eq(size, expected);
    size--;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_SignMessage(session, NULL, 0, data, 32, signature, &size));
    cr_assert_eq(size, expected);
    stage_ok(sign(32));
    stage_ok(m->C_SignMessageBegin(session, NULL, 0));
    stage_ok(sign_next(0, 20, false));
    size = 0;
    stage_ok(m->C_SignMessageNext(session, NULL, 0, data + 20, 12, NULL, &size));
    cr_assert_eq(size, expected);
    size--;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_SignMessageNext(session, NULL, 0, data + 20, 12, signature, &size));
    stage_ok(sign_next(20, 12, true));
    cr_assert_eq(size, expected);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign_next(0, 1, true));
    cr_assert_eq(stage_count(&stage, "Sign"), 2);
    cr_assert_eq(stage_count(&stage, "sign ecdsa plain 32"), 2, "no part twice");
}

Test(messages_signed, trap_size_query_keeps_operation__where_the_key_tells_the_size)
{
    begin("");
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    fetch_slowly(64);
}

Test(messages_signed, trap_size_query_keeps_operation__where_the_result_has_to_be_kept)
{
    begin("bare=yes");
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    fetch_slowly(64);
    stage_ok(m->C_SignMessage(session, NULL, 0, data, 32, NULL, &size));
    stage_ok(m->C_SignMessageBegin(session, NULL, 0)); /* another message after all */
    stage_ok(sign_next(0, 16, true));
    cr_assert_eq(stage_count(&stage, "sign ecdsa plain 16"), 1);
}

Test(messages_signed, in_parts_have_an_order)
{
    begin("");
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_SignMessageBegin(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_VerifyMessageBegin(session, NULL, 0));
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_expect(CKR_OPERATION_ACTIVE, init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign_next(0, 1, false));
    stage_ok(m->C_SignMessageBegin(session, NULL, 0));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_SignMessageBegin(session, NULL, 0));
    stage_expect(CKR_OPERATION_ACTIVE, sign(32));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_MessageSignFinal(session));
    stage_ok(sign_next(0, 32, true));
    stage_ok(sign(32));
    stage_ok(m->C_SignMessageBegin(session, NULL, 0));
    stage_ok(m->C_SessionCancel(session, CKF_SIGN | CKF_MESSAGE_VERIFY));
    stage_ok(sign_next(0, 16, false));
    stage_ok(m->C_SessionCancel(session, CKF_MESSAGE_SIGN));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign_next(16, 16, true));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_MessageSignFinal(session));
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_ok(m->C_MessageSignInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign(32));
    /* The operations without messages are others. */
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_ok(m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    stage_ok(sign(32));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
}

Test(messages_signed, trap_null_is_not_zero_length)
{
    CK_BYTE parameter[8] = {0};
    begin("");
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_ok(init(CKM_ECDSA, CKO_PUBLIC_KEY, "ec"));
    size = sizeof signature;
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SignMessage(session, NULL, 0, NULL, 32, signature, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SignMessage(session, NULL, 0, data, 32, signature, NULL));
    stage_expect(CKR_MECHANISM_PARAM_INVALID,
                 m->C_SignMessage(session, parameter, 8, data, 32, signature, &size));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_SignMessageBegin(session, parameter, 8));
    stage_ok(m->C_SignMessageBegin(session, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SignMessageNext(session, NULL, 0, NULL, 1, NULL, NULL));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign_next(0, 32, true));
    stage_ok(sign(32));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_VerifyMessage(session, NULL, 0, NULL, 32, signature, size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_VerifyMessage(session, NULL, 0, data, 32, NULL, size));
    stage_expect(CKR_MECHANISM_PARAM_INVALID,
                 m->C_VerifyMessage(session, parameter, 8, data, 32, signature, size));
    stage_ok(verify(32));
}

Test(messages_signed, what_cannot_is_refused_at_once)
{
    begin("");
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0}, other = {CKM_AES_GCM, NULL, 0};
    CK_MECHANISM bad = {CKM_ECDSA, data, 5};
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    const CK_OBJECT_HANDLE check = stage_find(&stage, session, CKO_PUBLIC_KEY, "ec");
    stage_expect(CKR_KEY_TYPE_INCONSISTENT, m->C_MessageSignInit(session, &how, check));
    stage_expect(CKR_KEY_TYPE_INCONSISTENT, m->C_MessageVerifyInit(session, &how, key));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_MessageSignInit(session, &how, 12345));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_MessageSignInit(session, &bad, key));
    other.mechanism = CKM_RSA_PKCS;
    stage_expect(CKR_KEY_TYPE_INCONSISTENT, m->C_MessageSignInit(session, &other, key));
    other.mechanism = CKM_VENDOR_DEFINED;
    stage_expect(CKR_MECHANISM_INVALID, m->C_MessageSignInit(session, &other, key));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, sign(32));
}

/* A key that always authenticates wants a login for each message, after C_MessageSignInit and after
 * each that was signed. */
Test(messages_signed, trap_context_login_is_the_operations_own)
{
    CK_BYTE pin[] = "1234";
    begin("always=yes");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(init(CKM_ECDSA, CKO_PRIVATE_KEY, "ec"));
    stage_expect(CKR_USER_NOT_LOGGED_IN, sign(32));
    for (int i = 0; i < 3; i++) {
        stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
        if (i == 1) {
            stage_ok(m->C_SignMessageBegin(session, NULL, 0));
            stage_ok(sign_next(0, 16, false));
            stage_ok(sign_next(16, 16, true));
        } else {
            stage_ok(sign(32));
        }
        cr_assert_eq(size, 64);
    }
    stage_expect(CKR_USER_NOT_LOGGED_IN, sign(32));
    cr_assert_eq(stage_count(&stage, "FinishStream"), 3);
}

/* --- with the real one --- */

static void serve(const char *keys)
{
    stage_serve(&stage, keys);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
}

static EVP_PKEY *key_of(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    cr_assert_not_null(key);
    return key;
}

/* The mechanism's parameters need not outlive C_MessageSignInit. */
Test(messages_signed, by_rsa_with_salt_are_what_openssl_verifies)
{
    serve("rsa");
    EVP_PKEY *key = key_of("rsa");
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA384, CKG_MGF1_SHA384, 20};
    CK_MECHANISM how = {CKM_SHA384_RSA_PKCS_PSS, &pss, sizeof pss};
    stage_ok(
        m->C_MessageSignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa")));
    stage_ok(
        m->C_MessageVerifyInit(session, &how, stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa")));
    memset(&pss, 0xff, sizeof pss);
    memset(&how, 0xff, sizeof how);
    for (CK_ULONG count = 0; count < sizeof data; count = 2 * count + 7) {
        stage_ok(sign(count));
        EVP_PKEY_CTX *context;
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        cr_assert(EVP_DigestVerifyInit(digest, &context, EVP_sha384(), NULL, key) == 1 &&
                  EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
                  EVP_PKEY_CTX_set_rsa_pss_saltlen(context, 20) == 1);
        cr_assert_eq(EVP_DigestVerify(digest, signature, size, data, count), 1);
        EVP_MD_CTX_free(digest);
        stage_ok(verify(count));
        signature[9] ^= 1;
        stage_expect(CKR_SIGNATURE_INVALID, verify(count));
    }
    EVP_PKEY_free(key);
}

Test(messages_signed, by_edwards_curves_come_in_parts_too)
{
    serve("ed25519");
    EVP_PKEY *key = key_of("ed25519");
    stage_ok(init(CKM_EDDSA, CKO_PRIVATE_KEY, "ed25519"));
    for (int i = 0; i < 3; i++) {
        data[5] = (CK_BYTE)i;
        stage_ok(m->C_SignMessageBegin(session, NULL, 0));
        for (CK_ULONG at = 0; at < sizeof data; at += 50)
            stage_ok(sign_next(at, 50, at + 50 == sizeof data));
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        cr_assert_eq(EVP_DigestVerifyInit(digest, NULL, NULL, NULL, key), 1);
        cr_assert_eq(EVP_DigestVerify(digest, signature, size, data, sizeof data), 1);
        EVP_MD_CTX_free(digest);
    }
    EVP_PKEY_free(key);
}

Test(messages_signed, by_a_secret_key_are_verified_by_it)
{
    CK_MECHANISM how = {CKM_SHA256_HMAC, NULL, 0};
    serve("mac:hmac");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_SECRET_KEY, "mac");
    stage_ok(m->C_MessageSignInit(session, &how, key));
    stage_ok(m->C_MessageVerifyInit(session, &how, key));
    stage_ok(sign(100));
    cr_assert_eq(size, 32);
    stage_ok(m->C_VerifyMessageBegin(session, NULL, 0));
    stage_ok(verify_next(0, 60, false));
    stage_ok(verify_next(60, 40, true));
    stage_expect(CKR_SIGNATURE_INVALID, verify(99));
}
