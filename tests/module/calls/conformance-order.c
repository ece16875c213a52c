// SPDX-License-Identifier: MIT
/* The module with the real service: what is made there is what OpenSSL makes of the same. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY, certificates = CKO_CERTIFICATE;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_BYTE p256[] = {0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07};

static void begin(const char *keys, gboolean writable)
{
    stage.writable = writable;
    stage_serve(&stage, keys);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_writing_session(&stage);
    stage_search(&stage, session);
}

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(conformance_order, .init = open_stage, .fini = close_stage);

static EVP_PKEY *read_key(const char *name)
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
    fclose(file);
    cr_assert_not_null(key);
    return key;
}

static size_t openssl_agrees(const char *name, EVP_PKEY *peer, CK_BYTE *agreed, size_t size)
{
    EVP_PKEY *key = read_key(name);
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    cr_assert(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
              EVP_PKEY_derive(context, agreed, &size) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(key);
    return size;
}

/* Derives a secret that may be read, with the key of that name and the public half of peer. */
static CK_OBJECT_HANDLE derive(const char *name, EVP_PKEY *peer)
{
    CK_BYTE *point = NULL;
    const size_t point_size = EVP_PKEY_get1_encoded_public_key(peer, &point);
    CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, point_size, point};
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &secret, sizeof secret},
                            {CKA_KEY_TYPE, &generic, sizeof generic},
                            {CKA_SENSITIVE, &no, sizeof no},
                            {CKA_EXTRACTABLE, &yes, sizeof yes}};
    CK_OBJECT_HANDLE key = 0;
    const CK_OBJECT_HANDLE base = stage_find(&stage, session, CKO_PRIVATE_KEY, name);
    stage_ok(m->C_DeriveKey(session, &mechanism, base, templ, G_N_ELEMENTS(templ), &key));
    OPENSSL_free(point);
    return key;
}

/* Derives with the key of that name and itself, and reads what came. */
static void check_derived(const char *name)
{
    CK_BYTE value[66], expected[66];
    CK_ATTRIBUTE asked = {CKA_VALUE, value, sizeof value};
    EVP_PKEY *peer = read_key(name);
    const CK_OBJECT_HANDLE key = derive(name, peer);
    stage_ok(m->C_GetAttributeValue(session, key, &asked, 1));
    cr_assert_eq(asked.ulValueLen, openssl_agrees(name, peer, expected, sizeof expected));
    cr_assert_arr_eq(value, expected, asked.ulValueLen, "%s", name);
    stage_ok(m->C_DestroyObject(session, key));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(session, key, &asked, 1));
    EVP_PKEY_free(peer);
}

Test(conformance_order, secrets_are_agreed_on_as_openssl_does_it)
{
    begin("p256 p384 p521", FALSE);
    check_derived("p256");
    check_derived("p384");
    check_derived("p521");
}

static void write_key(const char *name, const char *type)
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, type);
    FILE *file = fopen(path, "w");
    cr_assert(key && file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    cr_assert_eq(g_chmod(path, 0600), 0);
    EVP_PKEY_free(key);
}

Test(conformance_order, with_keys_of_montgomery_too)
{
    stage.keys = g_build_filename(stage.directory, "keys", NULL);
    cr_assert_eq(g_mkdir(stage.keys, 0700), 0);
    write_key("x25519", "X25519");
    write_key("x448", "X448");
    begin("", FALSE);
    check_derived("x25519");
    check_derived("x448");
}

Test(conformance_order, derived_secrets_end_with_their_session)
{
    begin("p256", FALSE);
    EVP_PKEY *peer = read_key("p256");
    const CK_SESSION_HANDLE first = session;
    const CK_ULONG before = stage_search(&stage, session);
    const CK_OBJECT_HANDLE key = derive("p256", peer);
    session = stage_session(&stage);
    cr_assert_eq(stage_search(&stage, session), before + 1, "seen by all sessions");
    stage_ok(m->C_CloseSession(first));
    CK_ULONG size;
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetObjectSize(session, key, &size));
    cr_assert_eq(stage_search(&stage, session), before);
    EVP_PKEY_free(peer);
}

static void generate(gboolean on_token, const char *label, CK_OBJECT_HANDLE *public_key,
                     CK_OBJECT_HANDLE *private_key)
{
    CK_MECHANISM mechanism = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
    CK_ATTRIBUTE public_templ[] = {{CKA_TOKEN, on_token ? &yes : &no, 1},
                                   {CKA_LABEL, (void *)(gsize)label, strlen(label)},
                                   {CKA_EC_PARAMS, p256, sizeof p256}};
    stage_ok(m->C_GenerateKeyPair(session, &mechanism, public_templ, 3, public_templ, 2, public_key,
                                  private_key));
}

/* Signs with one, verifies with the other. */
static void check_pair(CK_OBJECT_HANDLE public_key, CK_OBJECT_HANDLE private_key)
{
    CK_MECHANISM mechanism = {CKM_ECDSA_SHA256, NULL, 0};
    CK_BYTE data[32] = "thirty-two bytes to be signed..", signature[512];
    CK_ULONG size;
    stage_ok(stage_sign(&stage, session, CKM_ECDSA_SHA256, private_key, signature, &size));
    stage_ok(m->C_VerifyInit(session, &mechanism, public_key));
    stage_ok(m->C_Verify(session, data, sizeof data, signature, size));
}

Test(conformance_order, pairs_are_generated_used_renamed_and_destroyed)
{
    CK_OBJECT_HANDLE public_key, private_key;
    CK_ATTRIBUTE label = {CKA_LABEL, "renamed", 7};
    begin("p256", TRUE);
    const CK_ULONG before = stage_search(&stage, session);
    generate(TRUE, "made", &public_key, &private_key);
    check_pair(public_key, private_key);
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "made"), private_key);
    stage_ok(m->C_SetAttributeValue(session, private_key, &label, 1));
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "renamed"), private_key);
    check_pair(public_key, private_key);
    stage_ok(m->C_DestroyObject(session, private_key));
    m->C_DestroyObject(session, public_key); /* it may have been there for the private key alone */
    cr_assert_eq(stage_search(&stage, session), before);
}

Test(conformance_order, pairs_of_a_session_leave_nothing)
{
    CK_OBJECT_HANDLE public_key, private_key;
    begin("p256", FALSE);
    const CK_ULONG before = stage_search(&stage, session);
    generate(FALSE, "passing", &public_key, &private_key);
    check_pair(public_key, private_key);
    stage_ok(m->C_CloseSession(session));
    session = stage_session(&stage);
    cr_assert_eq(stage_search(&stage, session), before);
}

/* DER of the certificate beside the key of that name. */
static CK_BYTE *read_certificate(const char *name, size_t *size)
{
    CK_BYTE *der = NULL;
    g_autofree char *path = g_strdup_printf("%s/%s.crt", stage.keys, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    *size = (size_t)i2d_X509(certificate, &der);
    X509_free(certificate);
    return der;
}

Test(conformance_order, certificates_are_created_and_copied_for_a_session)
{
    CK_OBJECT_HANDLE made, copy;
    begin("p256", FALSE);
    size_t size;
    CK_BYTE *der = read_certificate("p256", &size);
    CK_BYTE value[4096];
    CK_ATTRIBUTE templ[] = {{CKA_CLASS, &certificates, sizeof certificates},
                            {CKA_LABEL, "created", 7},
                            {CKA_VALUE, der, size}};
    CK_ATTRIBUTE label = {CKA_LABEL, "copied", 6}, asked = {CKA_VALUE, value, sizeof value};
    stage_ok(m->C_CreateObject(session, templ, 3, &made));
    stage_ok(m->C_CopyObject(session, made, &label, 1, &copy));
    stage_ok(m->C_GetAttributeValue(session, copy, &asked, 1));
    cr_assert_eq(asked.ulValueLen, size);
    cr_assert_arr_eq(value, der, size);
    cr_assert_eq(stage_find(&stage, session, CKO_CERTIFICATE, "created"), made);
    cr_assert_eq(stage_find(&stage, session, CKO_CERTIFICATE, "copied"), copy);
    OPENSSL_free(der);
}
