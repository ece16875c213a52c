// SPDX-License-Identifier: MIT
/* What makes objects: one message each, the handle at once, and what becomes of lost replies. */
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_CLASS secret = CKO_SECRET_KEY, data = CKO_DATA;
static CK_BBOOL yes = CK_TRUE;
static CK_MECHANISM generic = {CKM_GENERIC_SECRET_KEY_GEN, NULL, 0};
static CK_MECHANISM pairs = {CKM_EC_KEY_PAIR_GEN, NULL, 0};
static CK_BYTE point[65] = {4};
static CK_ECDH1_DERIVE_PARAMS ecdh = {CKD_NULL, 0, NULL, sizeof point, point};
static CK_MECHANISM derives = {CKM_ECDH1_DERIVE, &ecdh, sizeof ecdh};
static CK_MECHANISM wraps = {CKM_RSA_PKCS, NULL, 0};
static CK_ATTRIBUTE labelled[] = {{CKA_CLASS, &secret, sizeof secret}, {CKA_LABEL, "new", 3}};
static CK_ATTRIBUTE on_token[] = {
    {CKA_CLASS, &data, sizeof data}, {CKA_LABEL, "kept", 4}, {CKA_TOKEN, &yes, sizeof yes}};

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    stage_start(&stage, "claims=yes flags=token-initialized "
                        "mechanisms=generic-secret-key-gen,ec-key-pair-gen,ecdh1-derive,rsa-pkcs");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    stage_search(&stage, session);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(making, .init = open_stage, .fini = close_stage);

static CK_OBJECT_HANDLE base(void)
{
    return stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
}

Test(making, a_key_is_derived_in_one_message)
{
    CK_OBJECT_HANDLE key = 0;
    const CK_OBJECT_HANDLE from = base();
    const unsigned messages = stage_count(&stage, "");
    stage_ok(m->C_DeriveKey(session, &derives, from, labelled, 2, &key));
    cr_assert_neq(key, 0);
    cr_assert_eq(stage_count(&stage, "order Derive ecdh1-derive objects=101,0 attributes=2,0"), 1);
    cr_assert_eq(stage_count(&stage, ""), messages + 2, "the call, and what the service notes");
    stage_check_label(&stage, session, key, "new");
    cr_assert_eq(stage_find(&stage, session, CKO_SECRET_KEY, "new"), key);
}

Test(making, a_pair_is_generated_in_one_message_and_works_at_once)
{
    CK_OBJECT_HANDLE public_key = 0, private_key = 0;
    CK_MECHANISM ecdsa = {CKM_EC_KEY_PAIR_GEN, NULL, 0}; /* the fake can all with each */
    CK_ATTRIBUTE label = {CKA_LABEL, "pair", 4};
    stage_ok(
        m->C_GenerateKeyPair(session, &pairs, &label, 1, &label, 1, &public_key, &private_key));
    cr_assert_eq(stage_count(&stage, "ListObjects"), 1, "the first search alone");
    cr_assert(public_key != 0 && private_key != 0 && public_key != private_key);
    stage_ok(m->C_VerifyInit(session, &ecdsa, public_key));
    stage_ok(m->C_SignInit(session, &ecdsa, private_key));
    cr_assert_eq(stage_find(&stage, session, CKO_PUBLIC_KEY, "pair"), public_key);
    cr_assert_eq(stage_find(&stage, session, CKO_PRIVATE_KEY, "pair"), private_key);
}

Test(making, keys_are_generated_and_unwrapped_and_objects_created_and_copied)
{
    CK_OBJECT_HANDLE made[4] = {0};
    CK_BYTE wrapped[40] = {1};
    stage_ok(m->C_GenerateKey(session, &generic, labelled, 2, &made[0]));
    stage_ok(m->C_CreateObject(session, labelled, 2, &made[1]));
    stage_ok(m->C_CopyObject(session, made[1], NULL, 0, &made[2]));
    stage_ok(
        m->C_UnwrapKey(session, &wraps, base(), wrapped, sizeof wrapped, labelled, 2, &made[3]));
    cr_assert_eq(stage_count(&stage, "order GenerateKey generic-secret-key-gen objects=0,0 "
                                     "attributes=2,0"),
                 1);
    cr_assert_eq(stage_count(&stage, "order CreateObject - objects=0,0 attributes=2,0"), 1);
    cr_assert_eq(stage_count(&stage, "order CopyObject - objects=121,0 attributes=0,0"), 1);
    cr_assert_eq(stage_count(&stage, "order Unwrap rsa-pkcs objects=101,0 attributes=2,0 bytes=40"),
                 1);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            cr_assert_neq(made[i], made[j]);
}

Test(making, token_objects_need_a_session_that_writes)
{
    CK_OBJECT_HANDLE made;
    CK_SESSION_HANDLE writing;
    stage_expect(CKR_SESSION_READ_ONLY, m->C_CreateObject(session, on_token, 3, &made));
    stage_expect(CKR_SESSION_READ_ONLY,
                 m->C_GenerateKeyPair(session, &pairs, NULL, 0, on_token, 3, &made, &made));
    cr_assert_eq(stage_count(&stage, "order"), 0);
    writing = stage_writing_session(&stage);
    stage_ok(m->C_CreateObject(writing, on_token, 3, &made));
    stage_ok(m->C_CloseSession(writing));
    cr_assert_eq(stage_find(&stage, session, CKO_DATA, "kept"), made, "it stays");
}

Test(making, what_hosts_get_wrong)
{
    CK_OBJECT_HANDLE made;
    CK_ATTRIBUTE null = {CKA_LABEL, NULL, 3};
    CK_MECHANISM other = {CKM_SHA256, NULL, 0};
    const CK_OBJECT_HANDLE from = base();
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_CreateObject(0, labelled, 2, &made));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_CreateObject(session, labelled, 2, NULL));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_CreateObject(session, NULL, 2, &made));
    stage_expect(CKR_ATTRIBUTE_VALUE_INVALID, m->C_CreateObject(session, &null, 1, &made));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GenerateKey(session, NULL, NULL, 0, &made));
    stage_expect(CKR_MECHANISM_INVALID, m->C_GenerateKey(session, &other, NULL, 0, &made));
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_GenerateKeyPair(session, &pairs, NULL, 0, NULL, 0, &made, NULL));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_DeriveKey(session, &derives, 0, NULL, 0, &made));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_DeriveKey(session, &derives, 4711, NULL, 0, &made));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_CopyObject(session, 0, NULL, 0, &made));
    stage_expect(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                 m->C_UnwrapKey(session, &wraps, 0, point, 1, NULL, 0, &made));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_UnwrapKey(session, &wraps, from, NULL, 1, NULL, 0, &made));
    cr_assert_eq(stage_count(&stage, "order"), 0);
}

Test(making, trap_lost_reply_is_not_asked_again__generate)
{
    CK_OBJECT_HANDLE made;
    stage_order(&stage, "GenerateKey=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_GenerateKey(session, &generic, labelled, 2, &made));
    cr_assert_eq(stage_count(&stage, "GenerateKey"), 1);
}

Test(making, trap_reply_is_checked_before_use__new_objects)
{
    CK_OBJECT_HANDLE first = 77, second = 77;
    stage_order(&stage, "GenerateKey=zero");
    stage_expect(CKR_DEVICE_ERROR, m->C_GenerateKey(session, &generic, labelled, 2, &first));
    stage_order(&stage, "GenerateKeyPair=twice");
    stage_expect(CKR_DEVICE_ERROR,
                 m->C_GenerateKeyPair(session, &pairs, NULL, 0, NULL, 0, &first, &second));
    stage_order(&stage, "CreateObject=type");
    stage_expect(CKR_DEVICE_ERROR, m->C_CreateObject(session, labelled, 2, &first));
    stage_order(&stage, "CreateObject=org.p11dbus.Error.TemplateIncomplete");
    stage_expect(CKR_TEMPLATE_INCOMPLETE, m->C_CreateObject(session, labelled, 2, &first));
    stage_order(&stage, "CreateObject=absent");
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_CreateObject(session, labelled, 2, &first));
    cr_assert(first == 77 && second == 77, "nothing was given");
}

Test(making, trap_session_objects_die_with_session)
{
    CK_OBJECT_HANDLE ours, theirs, gone;
    const CK_SESSION_HANDLE other = stage_session(&stage);
    const CK_ULONG before = stage_search(&stage, session);
    stage_ok(m->C_CreateObject(session, labelled, 2, &ours));
    stage_ok(m->C_CreateObject(other, labelled, 2, &theirs));
    stage_ok(m->C_CreateObject(other, labelled, 2, &gone));
    cr_assert_eq(stage_search(&stage, session), before + 3);
    stage_ok(m->C_DestroyObject(session, gone));
    stage_ok(m->C_CloseSession(other));
    cr_assert_eq(stage_count(&stage, "order DestroyObject"), 2, "each once");
    CK_ULONG size;
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetObjectSize(session, theirs, &size));
    cr_assert_eq(stage_search(&stage, session), before + 1);
    stage_ok(m->C_CloseAllSessions(stage_slot(&stage)));
    cr_assert_eq(stage_count(&stage, "order DestroyObject"), 3);
    session = stage_session(&stage);
    cr_assert_eq(stage_search(&stage, session), before);
}
