// SPDX-License-Identifier: MIT
/*
 * What is claimed is there: each attribute of an object, flag of a mechanism and flag of a token
 * that stands for a function is held against that function, which may refuse for many reasons but
 * not because it does not exist.
 */
#include <criterion/criterion.h>

#include "name.h"
#include "stage.h"

#define OBJECTS 64
#define MECHANISMS 128

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static unsigned claims; /* seen */

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    claims = 0;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(claims, .init = open_stage, .fini = close_stage);

/* --- the functions --- */

typedef CK_RV UseObject(CK_OBJECT_HANDLE object);
typedef CK_RV UseKey(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);

/* Whether a function that answers so works with that key. Those that need parameters or attributes,
 * or another key to wrap, say so. */
static bool is_fit(CK_RV rv)
{
    return rv == CKR_OK || rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_TEMPLATE_INCOMPLETE ||
           rv == CKR_KEY_UNEXTRACTABLE;
}

static CK_RV copy(CK_OBJECT_HANDLE object)
{
    CK_OBJECT_HANDLE other;
    return m->C_CopyObject(session, object, NULL, 0, &other);
}

static CK_RV destroy(CK_OBJECT_HANDLE object)
{
    return m->C_DestroyObject(session, object);
}

static CK_RV modify(CK_OBJECT_HANDLE object)
{
    CK_ATTRIBUTE label = {CKA_LABEL, "x", 1};
    return m->C_SetAttributeValue(session, object, &label, 1);
}

static CK_RV wrap(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_ULONG size = 0;
    return m->C_WrapKey(in, mechanism, key, key, NULL, &size);
}

static CK_RV unwrap(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_BYTE wrapped[32] = {0};
    CK_OBJECT_HANDLE other;
    return m->C_UnwrapKey(in, mechanism, key, wrapped, sizeof wrapped, NULL, 0, &other);
}

static CK_RV derive(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_HANDLE other;
    return m->C_DeriveKey(in, mechanism, key, NULL, 0, &other);
}

static CK_RV encapsulate(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_BYTE ciphertext[512];
    CK_ULONG size = sizeof ciphertext;
    CK_OBJECT_HANDLE other;
    return stage.modern->C_EncapsulateKey(in, mechanism, key, NULL, 0, ciphertext, &size, &other);
}

static CK_RV decapsulate(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_BYTE ciphertext[32] = {0};
    CK_OBJECT_HANDLE other;
    return stage.modern->C_DecapsulateKey(in, mechanism, key, NULL, 0, ciphertext,
                                          sizeof ciphertext, &other);
}

static CK_RV generate(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return m->C_GenerateKey(in, mechanism, NULL, 0, &key);
}

static CK_RV generate_pair(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    CK_OBJECT_HANDLE other;
    return m->C_GenerateKeyPair(in, mechanism, NULL, 0, NULL, 0, &key, &other);
}

static CK_RV digest(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)key;
    return m->C_DigestInit(in, mechanism);
}

/* The module has no function for it. */
static CK_RV no_function(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    (void)in;
    (void)mechanism;
    (void)key;
    return CKR_FUNCTION_NOT_SUPPORTED;
}

/* For messages of some kind, whose parts may come one by one. */
static CK_RV any_messages(CK_SESSION_HANDLE in, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    UseKey *const uses[] = {stage.modern->C_MessageSignInit, stage.modern->C_MessageVerifyInit,
                            stage.modern->C_MessageEncryptInit, stage.modern->C_MessageDecryptInit};
    CK_RV rv = CKR_FUNCTION_NOT_SUPPORTED;
    for (size_t i = 0; i < G_N_ELEMENTS(uses) && !is_fit(rv); i++)
        rv = uses[i](in, mechanism, key);
    return rv;
}

/* Calls use in a session of its own: what it begins ends with that. */
static CK_RV apart(UseKey *use, CK_MECHANISM_TYPE type, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_SESSION_HANDLE other = stage_session(&stage);
    CK_RV rv = use(other, &mechanism, key);
    stage_ok(m->C_CloseSession(other));
    return rv;
}

/* --- objects --- */

static bool claims_to(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = CK_FALSE, yes = CK_TRUE;
    CK_ATTRIBUTE asked = {type, &value, sizeof value};
    CK_ATTRIBUTE wanted = {type, &yes, sizeof yes};
    bool claimed = m->C_GetAttributeValue(session, object, &asked, 1) == CKR_OK && value;
    /* A search has to tell the same. */
    CK_OBJECT_HANDLE found[OBJECTS];
    CK_ULONG count = 0;
    bool matches = false;
    stage_ok(m->C_FindObjectsInit(session, &wanted, 1));
    stage_ok(m->C_FindObjects(session, found, OBJECTS, &count));
    stage_ok(m->C_FindObjectsFinal(session));
    for (CK_ULONG i = 0; i < count; i++)
        matches = matches || found[i] == object;
    cr_assert_eq(matches, claimed, "attribute 0x%lx of object %lu", type, object);
    claims += claimed;
    return claimed;
}

static void check_object(CK_OBJECT_HANDLE object)
{
    const struct {
        CK_ATTRIBUTE_TYPE type;
        UseObject *use;
    } rows[] = {{CKA_COPYABLE, copy}, {CKA_DESTROYABLE, destroy}, {CKA_MODIFIABLE, modify}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (claims_to(object, rows[i].type))
            cr_assert_neq(rows[i].use(object), CKR_FUNCTION_NOT_SUPPORTED,
                          "attribute 0x%lx of object %lu", rows[i].type, object);
    }
}

/* Whether use works with key by one mechanism of the token at least. */
static bool is_used_by_some(UseKey *use, CK_OBJECT_HANDLE key)
{
    CK_MECHANISM_TYPE mechanisms[MECHANISMS];
    CK_ULONG count = MECHANISMS;
    stage_ok(m->C_GetMechanismList(stage_slot(&stage), mechanisms, &count));
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_fit(apart(use, mechanisms[i], key)))
            return true;
    }
    return false;
}

static void check_key(CK_OBJECT_HANDLE key)
{
    const struct {
        CK_ATTRIBUTE_TYPE type;
        UseKey *use;
    } rows[] = {
        {CKA_SIGN, m->C_SignInit},
        {CKA_VERIFY, m->C_VerifyInit},
        {CKA_SIGN_RECOVER, m->C_SignRecoverInit},
        {CKA_VERIFY_RECOVER, m->C_VerifyRecoverInit},
        {CKA_ENCRYPT, m->C_EncryptInit},
        {CKA_DECRYPT, m->C_DecryptInit},
        {CKA_WRAP, wrap},
        {CKA_UNWRAP, unwrap},
        {CKA_DERIVE, derive},
        {CKA_ENCAPSULATE, encapsulate},
        {CKA_DECAPSULATE, decapsulate},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (claims_to(key, rows[i].type))
            cr_assert(is_used_by_some(rows[i].use, key), "attribute 0x%lx of key %lu", rows[i].type,
                      key);
    }
}

/* --- mechanisms --- */

/* Whether use works with mechanism for one key at least. */
static bool works_with_some(UseKey *use, CK_MECHANISM_TYPE mechanism, const CK_OBJECT_HANDLE *keys,
                            CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_fit(apart(use, mechanism, keys[i])))
            return true;
    }
    return false;
}

static void check_mechanism(CK_MECHANISM_TYPE mechanism, const CK_OBJECT_HANDLE *keys,
                            CK_ULONG count)
{
    const struct {
        CK_FLAGS flag;
        UseKey *use;
    } rows[] = {
        {CKF_SIGN, m->C_SignInit},
        {CKF_VERIFY, m->C_VerifyInit},
        {CKF_SIGN_RECOVER, m->C_SignRecoverInit},
        {CKF_VERIFY_RECOVER, m->C_VerifyRecoverInit},
        {CKF_ENCRYPT, m->C_EncryptInit},
        {CKF_DECRYPT, m->C_DecryptInit},
        {CKF_DIGEST, digest},
        {CKF_GENERATE, generate},
        {CKF_GENERATE_KEY_PAIR, generate_pair},
        {CKF_WRAP, wrap},
        {CKF_UNWRAP, unwrap},
        {CKF_DERIVE, derive},
        {CKF_MESSAGE_ENCRYPT, stage.modern->C_MessageEncryptInit},
        {CKF_MESSAGE_DECRYPT, stage.modern->C_MessageDecryptInit},
        {CKF_MESSAGE_SIGN, stage.modern->C_MessageSignInit},
        {CKF_MESSAGE_VERIFY, stage.modern->C_MessageVerifyInit},
        {CKF_MULTI_MESSAGE, any_messages},
        {CKF_FIND_OBJECTS, no_function},
        {CKF_ENCAPSULATE, encapsulate},
        {CKF_DECAPSULATE, decapsulate},
        {CKF_EXTENSION, no_function},
    };
    CK_MECHANISM_INFO info;
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), mechanism, &info));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!(info.flags & rows[i].flag))
            continue;
        claims++;
        cr_assert(works_with_some(rows[i].use, mechanism, keys, count),
                  "flag 0x%lx of mechanism 0x%lx", rows[i].flag, mechanism);
    }
}

/* --- tokens --- */

static void check_token(void)
{
    CK_TOKEN_INFO info;
    CK_BYTE bytes[16];
    CK_ULONG size = sizeof bytes;
    CK_OBJECT_HANDLE object;
    stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert(info.flags & CKF_RNG);
    stage_ok(m->C_GenerateRandom(session, bytes, sizeof bytes));
    if (info.flags & CKF_CLOCK_ON_TOKEN)
        cr_assert(info.utcTime[0] >= '0' && info.utcTime[0] <= '9');
    if (info.flags & CKF_DUAL_CRYPTO_OPERATIONS)
        cr_assert_neq(m->C_DigestEncryptUpdate(session, bytes, size, bytes, &size),
                      CKR_FUNCTION_NOT_SUPPORTED);
    if (info.flags & CKF_RESTORE_KEY_NOT_NEEDED)
        cr_assert_neq(m->C_GetOperationState(session, NULL, &size), CKR_FUNCTION_NOT_SUPPORTED);
    if (!(info.flags & CKF_WRITE_PROTECTED))
        cr_assert_neq(m->C_CreateObject(session, NULL, 0, &object), CKR_FUNCTION_NOT_SUPPORTED);
    cr_assert_not(info.flags & (CKF_SEED_RANDOM_REQUIRED | CKF_ASYNC_SESSION_SUPPORTED |
                                CKF_SECONDARY_AUTHENTICATION));
}

/* Of a class whose objects sign or might. */
static bool is_key(CK_OBJECT_HANDLE object)
{
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE asked = {CKA_CLASS, &class, sizeof class};
    stage_ok(m->C_GetAttributeValue(session, object, &asked, 1));
    return class == CKO_PRIVATE_KEY || class == CKO_PUBLIC_KEY || class == CKO_SECRET_KEY;
}

/* Keys of kinds that no file of the directory has: returns how many it made of those that the token
 * says it generates. */
static CK_ULONG make_secret_keys(CK_OBJECT_HANDLE *keys)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_DES3_KEY_GEN, CKM_AES_KEY_GEN};
    static const CK_ULONG attributes[] = {2, 5}; /* so many of them */
    CK_BBOOL yes = CK_TRUE;
    CK_ULONG size = 32;
    CK_ATTRIBUTE uses[] = {{CKA_ENCRYPT, &yes, sizeof yes},
                           {CKA_DECRYPT, &yes, sizeof yes},
                           {CKA_WRAP, &yes, sizeof yes},
                           {CKA_UNWRAP, &yes, sizeof yes},
                           {CKA_VALUE_LEN, &size, sizeof size}};
    CK_ULONG count = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        CK_MECHANISM mechanism = {types[i], NULL, 0};
        CK_MECHANISM_INFO info;
        if (m->C_GetMechanismInfo(stage_slot(&stage), types[i], &info) != CKR_OK)
            continue;
        count += m->C_GenerateKey(session, &mechanism, uses, attributes[i], &keys[count]) == CKR_OK;
    }
    return count;
}

static void check_everything(void)
{
    CK_OBJECT_HANDLE objects[OBJECTS];
    CK_MECHANISM_TYPE mechanisms[MECHANISMS];
    CK_ULONG count = 0, mechanism_count = MECHANISMS;
    check_token();
    stage_ok(m->C_FindObjectsInit(session, NULL, 0));
    stage_ok(m->C_FindObjects(session, objects, OBJECTS, &count));
    stage_ok(m->C_FindObjectsFinal(session));
    cr_assert(count > 0 && count < OBJECTS - 4);
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_key(objects[i]))
            check_key(objects[i]);
        check_object(objects[i]); /* which may be the end of it */
    }
    count += make_secret_keys(objects + count);
    stage_ok(m->C_GetMechanismList(stage_slot(&stage), mechanisms, &mechanism_count));
    for (CK_ULONG i = 0; i < mechanism_count; i++)
        check_mechanism(mechanisms[i], objects, count);
    cr_assert(claims > 0, "signing at least");
}

static void begin(CK_BYTE *pin)
{
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    if (pin)
        stage_ok(m->C_Login(session, CKU_USER, pin, 4));
}

Test(claims, trap_what_is_refused_is_not_claimed__by_a_key_directory)
{
    stage_serve(&stage, "rsa p256 p384 p521 secp256k1 ed25519 ed448 locked:p256:1234");
    begin((CK_BYTE *)"1234");
    check_everything();
}

Test(claims, trap_what_is_refused_is_not_claimed__by_a_service_that_says_little)
{
    stage_start(&stage, "");
    begin(NULL);
    check_everything();
}

Test(claims, trap_what_is_refused_is_not_claimed__by_one_that_claims_all)
{
    stage_start(&stage, "claims=yes");
    begin((CK_BYTE *)"1234");
    check_everything();
}
