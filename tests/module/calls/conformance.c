// SPDX-License-Identifier: MIT
/*
 * The module with the real service: every kind of key signs with every mechanism that the token
 * lists for it, in one part and in several, and OpenSSL, with the key file, and the token verify.
 */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE data[3000];
static CK_BYTE signature[1024];
static CK_ULONG size;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)(i * 31);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(conformance, .init = open_stage, .fini = close_stage);

static EVP_PKEY *read_key(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t) "1234");
    cr_assert_not_null(key, "%s", path);
    fclose(file);
    return key;
}

typedef struct Row {
    const char key[12];
    CK_MECHANISM_TYPE mechanism;
    const char digest[10]; /* "": the data is signed as it is */
    CK_ULONG salt;         /* of PSS, bytes */
    CK_MECHANISM_TYPE hash;
    CK_ULONG mgf;
} Row;

static Row rows[] = {
    {"rsa", CKM_RSA_PKCS, "", 0, 0, 0},
    {"rsa", CKM_SHA1_RSA_PKCS, "SHA1", 0, 0, 0},
    {"rsa", CKM_SHA224_RSA_PKCS, "SHA224", 0, 0, 0},
    {"rsa", CKM_SHA256_RSA_PKCS, "SHA256", 0, 0, 0},
    {"rsa", CKM_SHA384_RSA_PKCS, "SHA384", 0, 0, 0},
    {"rsa", CKM_SHA512_RSA_PKCS, "SHA512", 0, 0, 0},
    {"rsa", CKM_SHA3_256_RSA_PKCS, "SHA3-256", 0, 0, 0},
    {"rsa3072", CKM_SHA256_RSA_PKCS, "SHA256", 0, 0, 0},
    {"rsa", CKM_SHA1_RSA_PKCS_PSS, "SHA1", 20, CKM_SHA_1, CKG_MGF1_SHA1},
    {"rsa", CKM_SHA256_RSA_PKCS_PSS, "SHA256", 32, CKM_SHA256, CKG_MGF1_SHA256},
    {"rsa", CKM_SHA512_RSA_PKCS_PSS, "SHA512", 0, CKM_SHA512, CKG_MGF1_SHA512},
    {"rsa", CKM_SHA384_RSA_PKCS_PSS, "SHA384", 48, CKM_SHA384, CKG_MGF1_SHA384},
    {"p256", CKM_ECDSA, "", 0, 0, 0},
    {"p256", CKM_ECDSA_SHA1, "SHA1", 0, 0, 0},
    {"p256", CKM_ECDSA_SHA256, "SHA256", 0, 0, 0},
    {"p256", CKM_ECDSA_SHA512, "SHA512", 0, 0, 0},
    {"p384", CKM_ECDSA_SHA384, "SHA384", 0, 0, 0},
    {"p521", CKM_ECDSA, "", 0, 0, 0},
    {"p521", CKM_ECDSA_SHA512, "SHA512", 0, 0, 0},
    {"p521", CKM_ECDSA_SHA3_256, "SHA3-256", 0, 0, 0},
    {"secp256k1", CKM_ECDSA_SHA256, "SHA256", 0, 0, 0},
    {"ed25519", CKM_EDDSA, "pure", 0, 0, 0},
    {"ed448", CKM_EDDSA, "pure", 0, 0, 0},
};

static bool is(const char *digest, const char *name)
{
    return strcmp(digest, name) == 0;
}

/* r and s, as PKCS#11 gives them, to what OpenSSL reads. */
static size_t encode_ecdsa(const CK_BYTE *raw, CK_ULONG raw_size, unsigned char **der)
{
    const int half = (int)raw_size / 2;
    ECDSA_SIG *parts = ECDSA_SIG_new();
    ECDSA_SIG_set0(parts, BN_bin2bn(raw, half, NULL), BN_bin2bn(raw + half, half, NULL));
    *der = NULL;
    const int der_size = i2d_ECDSA_SIG(parts, der);
    ECDSA_SIG_free(parts);
    return (size_t)der_size;
}

/* What OpenSSL says of the signature of the first count bytes of data. */
static bool verify(const Row *row, EVP_PKEY *key, CK_ULONG count)
{
    unsigned char *der = signature;
    size_t der_size = size;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    EVP_PKEY_CTX *parameters = NULL;
    bool good;
    if (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC)
        der_size = encode_ecdsa(signature, size, &der);
    if (is(row->digest, "")) {
        parameters = EVP_PKEY_CTX_new(key, NULL);
        EVP_PKEY_verify_init(parameters);
        if (EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA)
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PADDING);
        good = EVP_PKEY_verify(parameters, der, der_size, data, count) == 1;
        EVP_PKEY_CTX_free(parameters);
    } else {
        const char *digest = is(row->digest, "pure") ? NULL : row->digest;
        EVP_DigestVerifyInit_ex(context, &parameters, digest, NULL, NULL, key, NULL);
        if (row->mgf != 0) {
            EVP_PKEY_CTX_set_rsa_padding(parameters, RSA_PKCS1_PSS_PADDING);
            EVP_PKEY_CTX_set_rsa_pss_saltlen(parameters, (int)row->salt);
        }
        good = EVP_DigestVerify(context, der, der_size, data, count) == 1;
    }
    EVP_MD_CTX_free(context);
    if (der != signature)
        OPENSSL_free(der);
    return good;
}

static void init(const Row *row, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {row->hash, row->mgf, row->salt};
    CK_MECHANISM mechanism = {row->mechanism, row->mgf ? &pss : NULL, row->mgf ? sizeof pss : 0};
    stage_ok(m->C_SignInit(session, &mechanism, key));
}

/* What the token itself says of it. */
static CK_RV judge(const Row *row, CK_SESSION_HANDLE session, CK_ULONG count)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {row->hash, row->mgf, row->salt};
    CK_MECHANISM mechanism = {row->mechanism, row->mgf ? &pss : NULL, row->mgf ? sizeof pss : 0};
    stage_ok(m->C_VerifyInit(session, &mechanism,
                             stage_find(&stage, session, CKO_PUBLIC_KEY, row->key)));
    return m->C_Verify(session, data, count, signature, size);
}

static const char all_keys[] = "rsa rsa3072:rsa3072 p256 p384 p521 secp256k1 ed25519 ed448";

Test(conformance, every_key_signs_and_verifies_with_every_mechanism)
{
    stage_serve(&stage, all_keys);
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        const Row *row = &rows[i];
        const CK_ULONG count = is(row->digest, "") ? 32 : sizeof data;
        const CK_OBJECT_HANDLE handle = stage_find(&stage, session, CKO_PRIVATE_KEY, row->key);
        EVP_PKEY *key = read_key(row->key);
        CK_ULONG needed;
        init(row, session, handle);
        stage_ok(m->C_Sign(session, data, count, NULL, &needed));
        size = needed;
        stage_ok(m->C_Sign(session, data, count, signature, &size));
        cr_assert_eq(size, needed);
        cr_assert(verify(row, key, count), "row %zu", i);
        cr_assert_eq(judge(row, session, count), CKR_OK, "row %zu", i);
        signature[size / 3] ^= 1;
        cr_assert_not(verify(row, key, count), "row %zu: a flipped bit", i);
        cr_assert_eq(judge(row, session, count), CKR_SIGNATURE_INVALID, "row %zu", i);

        init(row, session, handle);
        stage_ok(m->C_SignUpdate(session, data, 1));
        stage_ok(m->C_SignUpdate(session, data + 1, count - 1));
        stage_ok(m->C_SignFinal(session, signature, &size));
        cr_assert(verify(row, key, count), "row %zu: in parts", i);
        EVP_PKEY_free(key);
    }
}

Test(conformance, trap_leading_zeros_stay)
{
    const Row row = {"p521", CKM_ECDSA, "", 0, 0, 0};
    int zeros = 0;
    stage_serve(&stage, "p521");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE handle = stage_find(&stage, session, CKO_PRIVATE_KEY, "p521");
    EVP_PKEY *key = read_key("p521");
    for (int i = 0; i < 40; i++) {
        data[0] = (CK_BYTE)i;
        init(&row, session, handle);
        size = sizeof signature;
        stage_ok(m->C_Sign(session, data, 64, signature, &size));
        cr_assert_eq(size, 132);
        cr_assert(verify(&row, key, 64));
        zeros += signature[0] == 0 || signature[66] == 0;
    }
    cr_assert_gt(zeros, 0, "P-521 has 521 bits: the first byte is 0 or 1");
    EVP_PKEY_free(key);
}

Test(conformance, every_mechanism_that_is_listed_is_for_something)
{
    CK_MECHANISM_TYPE list[256];
    CK_ULONG count = G_N_ELEMENTS(list);
    stage_serve(&stage, "p256");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(m->C_GetMechanismList(slot, list, &count));
    cr_assert_gt(count, 30);
    for (CK_ULONG i = 0; i < count; i++) {
        CK_MECHANISM_INFO info;
        stage_ok(m->C_GetMechanismInfo(slot, list[i], &info));
        cr_assert(info.flags & (CKF_SIGN | CKF_DIGEST | CKF_DECRYPT | CKF_DERIVE | CKF_WRAP |
                                CKF_GENERATE | CKF_GENERATE_KEY_PAIR),
                  "mechanism 0x%lx", list[i]);
    }
}

Test(conformance, a_key_with_a_passphrase_needs_login)
{
    CK_BYTE pin[] = "1234";
    CK_SESSION_INFO info;
    const Row row = {"locked", CKM_ECDSA_SHA256, "SHA256", 0, 0, 0};
    stage_serve(&stage, "locked:p256:1234");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    CK_TOKEN_INFO token;
    stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &token));
    cr_assert(token.flags & CKF_LOGIN_REQUIRED);
    stage_find(&stage, session, CKO_PUBLIC_KEY, "locked");
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, (CK_BYTE *)"4321", 4));
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    const CK_OBJECT_HANDLE handle = stage_find(&stage, session, CKO_PRIVATE_KEY, "locked");
    EVP_PKEY *key = read_key("locked");
    init(&row, session, handle);
    size = sizeof signature;
    stage_ok(m->C_Sign(session, data, sizeof data, signature, &size));
    cr_assert(verify(&row, key, sizeof data));
    EVP_PKEY_free(key);

    stage_ok(m->C_Logout(session));
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    const CK_RV value = m->C_SignInit(session, &mechanism, handle);
    if (value == CKR_OK) {
        size = sizeof signature;
        stage_expect(CKR_USER_NOT_LOGGED_IN,
                     m->C_Sign(session, data, sizeof data, signature, &size));
    } else {
        stage_expect(CKR_KEY_HANDLE_INVALID, value);
    }

    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_stop(&stage);
    stage_serve(&stage, "");
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_FindObjectsInit(session, NULL, 0));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetSessionInfo(session, &info));
    const CK_SESSION_HANDLE another = stage_session(&stage);
    stage_ok(m->C_Login(another, CKU_USER, pin, 4));
    stage_find(&stage, another, CKO_PRIVATE_KEY, "locked");
}

/* What is no text, and no number, as the passphrase of a key may be. */
Test(conformance, trap_pin_is_bytes)
{
    CK_BYTE pin[] = {0xff, 0xfe, ' ', 0x80, 'x', 0, 'y'}; /* its first five are the right one */
    stage_serve(&stage, "'locked:p256:\xff\xfe \x80x'");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, pin, sizeof pin));
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(m->C_Login(session, CKU_USER, pin, 5));
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "locked");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

/* Another host with the same token, from its login to the end of its last session. */
static void be_another_host(void)
{
    CK_SESSION_INFO info;
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_GetSessionInfo(session, &info));
    stage_check(info.state == CKS_RO_PUBLIC_SESSION);
    stage_ok(m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    stage_find(&stage, session, CKO_PRIVATE_KEY, "locked");
    stage_ok(m->C_CloseSession(session));
    stage_ok(m->C_GetSessionInfo(stage_session(&stage), &info));
    stage_check(info.state == CKS_RO_PUBLIC_SESSION);
    _exit(0);
}

Test(conformance, trap_last_session_logs_out__its_own_host_alone)
{
    int status = -1;
    stage_serve(&stage, "locked:p256:1234");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "locked");
    const pid_t other = fork();
    if (other == 0)
        be_another_host();
    cr_assert_eq(waitpid(other, &status, 0), other);
    cr_assert_eq(status, 0);
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
}

Test(conformance, trap_handles_never_come_again__after_a_restart)
{
    const Row row = {"p384", CKM_ECDSA_SHA384, "SHA384", 0, 0, 0};
    stage_serve(&stage, "rsa p256 p384");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE handle = stage_find(&stage, session, CKO_PRIVATE_KEY, "p384");
    EVP_PKEY *key = read_key("p384");
    for (int i = 0; i < 3; i++) {
        init(&row, session, handle);
        size = sizeof signature;
        stage_ok(m->C_Sign(session, data, sizeof data, signature, &size));
        cr_assert(verify(&row, key, sizeof data));
        cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "p384"), handle);
        stage_stop(&stage);
        if (i == 0) { /* and other ids in the next run */
            g_autofree char *file = g_build_filename(stage.keys, "p256.key", NULL);
            cr_assert_eq(remove(file), 0);
        }
        stage_serve(&stage, "");
    }
    EVP_PKEY_free(key);
}
