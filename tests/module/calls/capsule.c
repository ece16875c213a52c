// SPDX-License-Identifier: MIT
/* Keys that are encapsulated, with the real service and against OpenSSL. */
#include <criterion/criterion.h>
#include <glib/gstdio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;
static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_ATTRIBUTE templ[] = {{CKA_CLASS, &secret, sizeof secret},
                               {CKA_KEY_TYPE, &generic, sizeof generic},
                               {CKA_SENSITIVE, &no, sizeof no},
                               {CKA_EXTRACTABLE, &yes, sizeof yes}};
static CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, 0, NULL};
static CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
static CK_BYTE ciphertext[200];
static CK_ULONG size;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.modern;
}

/* Makes the key of that name, which it takes. */
static void write_key(const char *name, EVP_PKEY *key)
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    FILE *file = fopen(path, "w");
    cr_assert(key && file && PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(file);
    cr_assert_eq(g_chmod(path, 0600), 0);
    EVP_PKEY_free(key);
}

static void begin(void)
{
    stage.keys = g_build_filename(stage.directory, "keys", NULL);
    cr_assert_eq(g_mkdir(stage.keys, 0700), 0);
    write_key("p256", EVP_EC_gen("P-256"));
    write_key("p384", EVP_EC_gen("P-384"));
    write_key("p521", EVP_EC_gen("P-521"));
    write_key("x25519", EVP_PKEY_Q_keygen(NULL, NULL, "X25519"));
    write_key("ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    write_key("rsa", EVP_RSA_gen(2048));
    stage_serve(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(capsule, .init = open_stage, .fini = close_stage);

static CK_RV encapsulate(const char *name, CK_OBJECT_HANDLE *key)
{
    size = sizeof ciphertext;
    return m->C_EncapsulateKey(session, &mechanism,
                               stage_find(&stage, session, CKO_PUBLIC_KEY, name), templ,
                               G_N_ELEMENTS(templ), ciphertext, &size, key);
}

static CK_RV decapsulate(const char *name, CK_OBJECT_HANDLE *key)
{
    return m->C_DecapsulateKey(session, &mechanism,
                               stage_find(&stage, session, CKO_PRIVATE_KEY, name), templ,
                               G_N_ELEMENTS(templ), ciphertext, size, key);
}

static CK_ULONG value_of(CK_OBJECT_HANDLE key, CK_BYTE value[80])
{
    CK_ATTRIBUTE asked = {CKA_VALUE, value, 80};
    stage_ok(m->C_GetAttributeValue(session, key, &asked, 1));
    return asked.ulValueLen;
}

static CK_BBOOL says(CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = 77;
    CK_ATTRIBUTE asked = {type, &value, sizeof value};
    stage_ok(m->C_GetAttributeValue(session, key, &asked, 1));
    return value;
}

/* What the owner of the private key of that name makes of the ciphertext. */
static size_t openssl_opens(const char *name, CK_BYTE value[80])
{
    g_autofree char *path = g_strdup_printf("%s/%s.key", stage.keys, name);
    FILE *file = fopen(path, "r");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, NULL), *peer = EVP_PKEY_new();
    fclose(file);
    if (EVP_PKEY_get_id(key) == EVP_PKEY_X25519)
        cr_assert_eq(EVP_PKEY_set_type(peer, EVP_PKEY_X25519), 1);
    else
        cr_assert_eq(EVP_PKEY_copy_parameters(peer, key), 1);
    cr_assert_eq(EVP_PKEY_set1_encoded_public_key(peer, ciphertext, size), 1);
    size_t agreed = 80;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    cr_assert(EVP_PKEY_derive_init(context) == 1 && EVP_PKEY_derive_set_peer(context, peer) == 1 &&
              EVP_PKEY_derive(context, value, &agreed) == 1);
    EVP_PKEY_CTX_free(context);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(key);
    return agreed;
}

Test(capsule, the_owner_gets_the_same_secret_as_openssl)
{
    const struct {
        const char *name;
        CK_ULONG ciphertext, secret;
    } rows[] = {{"p256", 65, 32}, {"p384", 97, 48}, {"p521", 133, 66}, {"x25519", 32, 32}};
    CK_BYTE before[sizeof ciphertext] = {0}, mine[80], theirs[80];
    begin();
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CK_OBJECT_HANDLE key = 0, same = 0;
        stage_ok(encapsulate(rows[i].name, &key));
        cr_assert_eq(size, rows[i].ciphertext);
        cr_assert_eq(value_of(key, mine), rows[i].secret);
        cr_assert_eq(openssl_opens(rows[i].name, theirs), rows[i].secret);
        cr_assert_arr_eq(mine, theirs, rows[i].secret);
        stage_ok(decapsulate(rows[i].name, &same));
        cr_assert_neq(same, key);
        cr_assert_eq(value_of(same, theirs), rows[i].secret);
        cr_assert_arr_eq(mine, theirs, rows[i].secret);
        cr_assert_eq(says(same, CKA_ALWAYS_SENSITIVE) || says(key, CKA_NEVER_EXTRACTABLE), 0);
        cr_assert(memcmp(before, ciphertext, size) != 0);
        memcpy(before, ciphertext, size);
        stage_ok(encapsulate(rows[i].name, &key));
        cr_assert(memcmp(before, ciphertext, size) != 0, "a pair is made each time");
    }
}

Test(capsule, a_key_derivation_function_may_follow)
{
    CK_BYTE shared[] = "for this and that", mine[80], theirs[80];
    CK_OBJECT_HANDLE key = 0, same = 0;
    begin();
    ecdh.kdf = CKD_SHA256_KDF;
    ecdh.pSharedData = shared;
    ecdh.ulSharedDataLen = sizeof shared;
    stage_ok(encapsulate("p256", &key));
    stage_ok(decapsulate("p256", &same));
    cr_assert_eq(value_of(key, mine), 32);
    cr_assert_eq(value_of(same, theirs), 32);
    cr_assert_arr_eq(mine, theirs, 32);
    shared[0] ^= 1;
    stage_ok(decapsulate("p256", &same));
    value_of(same, theirs);
    cr_assert(memcmp(mine, theirs, 32) != 0);
}

Test(capsule, a_size_query_makes_no_key)
{
    begin();
    const CK_OBJECT_HANDLE with = stage_find(&stage, session, CKO_PUBLIC_KEY, "x25519");
    const CK_ULONG before = stage_search(&stage, session);
    CK_OBJECT_HANDLE key = 0;
    size = 0;
    stage_ok(m->C_EncapsulateKey(session, &mechanism, with, templ, 4, NULL, &size, &key));
    cr_assert_eq(size, 32);
    size--;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_EncapsulateKey(session, &mechanism, with, templ, 4, ciphertext, &size, &key));
    cr_assert_eq(size, 32);
    cr_assert_eq(key, 0);
    cr_assert_eq(stage_search(&stage, session), before);
    stage_ok(m->C_EncapsulateKey(session, &mechanism, with, templ, 4, ciphertext, &size, &key));
    cr_assert_eq(stage_search(&stage, session), before + 1);
}

Test(capsule, what_cannot_is_refused)
{
    CK_OBJECT_HANDLE key = 0;
    CK_MECHANISM other = {CKM_RSA_PKCS, NULL, 0};
    begin();
    const CK_OBJECT_HANDLE open = stage_find(&stage, session, CKO_PUBLIC_KEY, "p256");
    const CK_OBJECT_HANDLE own = stage_find(&stage, session, CKO_PRIVATE_KEY, "p256");
    size = sizeof ciphertext;
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, encapsulate("rsa", &key));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, encapsulate("ed25519", &key));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED,
                 m->C_EncapsulateKey(session, &mechanism, own, templ, 4, ciphertext, &size, &key));
    stage_expect(CKR_KEY_HANDLE_INVALID,
                 m->C_EncapsulateKey(session, &mechanism, 0, templ, 4, ciphertext, &size, &key));
    stage_expect(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                 m->C_DecapsulateKey(session, &mechanism, 0, templ, 4, ciphertext, 65, &key));
    stage_expect(CKR_MECHANISM_INVALID,
                 m->C_EncapsulateKey(session, &other, open, templ, 4, ciphertext, &size, &key));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_EncapsulateKey(session, &mechanism, open, templ, 4, ciphertext, NULL, &key));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_EncapsulateKey(session, NULL, open, templ, 4, ciphertext, &size, &key));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_EncapsulateKey(session, &mechanism, open, templ, 4, ciphertext, &size, NULL));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_DecapsulateKey(session, &mechanism, own, templ, 4, NULL, 65, &key));
    stage_expect(CKR_TEMPLATE_INCOMPLETE,
                 m->C_EncapsulateKey(session, &mechanism, open, NULL, 0, ciphertext, &size, &key));
    memset(ciphertext, 4, sizeof ciphertext);
    for (size = 0; size < 70; size += 5)
        stage_expect(CKR_WRAPPED_KEY_INVALID, decapsulate("p256", &key));
    ecdh.pPublicData = ciphertext; /* which comes as ciphertext, and nowhere else */
    ecdh.ulPublicDataLen = 65;
    stage_expect(CKR_MECHANISM_PARAM_INVALID, encapsulate("p256", &key));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, decapsulate("p256", &key));
    cr_assert_eq(key, 0);
}

Test(capsule, keys_and_the_mechanism_say_who_can)
{
    CK_MECHANISM_INFO info;
    begin();
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_ECDH1_DERIVE, &info));
    cr_assert_eq(info.flags & (CKF_ENCAPSULATE | CKF_DECAPSULATE),
                 CKF_ENCAPSULATE | CKF_DECAPSULATE);
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_RSA_PKCS, &info));
    cr_assert_eq(info.flags & (CKF_ENCAPSULATE | CKF_DECAPSULATE), 0);
    const char *const names[] = {"p521", "x25519", "rsa", "ed25519"};
    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        const CK_OBJECT_HANDLE open = stage_find(&stage, session, CKO_PUBLIC_KEY, names[i]);
        const CK_OBJECT_HANDLE own = stage_find(&stage, session, CKO_PRIVATE_KEY, names[i]);
        cr_assert_eq(says(open, CKA_ENCAPSULATE), i < 2, "%s", names[i]);
        cr_assert_eq(says(own, CKA_DECAPSULATE), i < 2, "%s", names[i]);
    }
}

/* Where nobody knows how long it is, a key is made, and is gone if there was no room. */
Test(capsule, a_key_without_its_ciphertext_does_not_stay)
{
    CK_MECHANISM other = {CKM_RSA_PKCS, NULL, 0};
    CK_BYTE pin[] = "1234";
    CK_OBJECT_HANDLE key = 0;
    stage_start(&stage, "claims=yes");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    const CK_OBJECT_HANDLE with = stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa");
    size = 0;
    stage_ok(m->C_EncapsulateKey(session, &other, with, templ, 4, NULL, &size, &key));
    cr_assert_eq(size, 40);
    cr_assert_eq(key, 0);
    size--;
    stage_expect(CKR_BUFFER_TOO_SMALL,
                 m->C_EncapsulateKey(session, &other, with, templ, 4, ciphertext, &size, &key));
    cr_assert_eq(stage_count(&stage, "order DestroyObject"), 2);
    stage_ok(m->C_EncapsulateKey(session, &other, with, templ, 4, ciphertext, &size, &key));
    cr_assert_neq(key, 0);
    cr_assert_eq(stage_count(&stage, "order DestroyObject"), 2);
    cr_assert_eq(stage_count(&stage, "order Encapsulate rsa-pkcs"), 3);
}
