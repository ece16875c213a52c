// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session, writing;
static CK_OBJECT_CLASS data = CKO_DATA;
static CK_BBOOL yes = CK_TRUE;
static CK_ATTRIBUTE on_token[] = {
    {CKA_CLASS, &data, sizeof data}, {CKA_LABEL, "old", 3}, {CKA_TOKEN, &yes, sizeof yes}};
static CK_ATTRIBUTE renamed = {CKA_LABEL, "renamed", 7};

static void begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    writing = stage_writing_session(&stage);
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

TestSuite(change, .init = open_stage, .fini = close_stage);

Test(change, attributes_are_set_and_read_without_a_list)
{
    CK_OBJECT_HANDLE object;
    begin("");
    stage_ok(m->C_CreateObject(writing, on_token, 3, &object));
    stage_check_label(&stage, session, object, "old");
    const unsigned lists = stage_count(&stage, "ListObjects");
    stage_ok(m->C_SetAttributeValue(writing, object, &renamed, 1));
    stage_check_label(&stage, session, object, "renamed");
    cr_assert_eq(stage_count(&stage, "ListObjects"), lists);
    cr_assert_eq(stage_count(&stage, "order SetAttributes - objects=120,0 attributes=1,0"), 1);
    cr_assert_eq(stage_find(&stage, session, CKO_DATA, "renamed"), object);
}

Test(change, of_an_object_of_which_nothing_is_known_yet)
{
    CK_OBJECT_HANDLE object;
    begin("");
    stage_ok(m->C_CreateObject(writing, on_token, 3, &object));
    stage_ok(m->C_SetAttributeValue(writing, object, &renamed, 1));
    stage_check_label(&stage, session, object, "renamed");
}

Test(change, what_is_destroyed_is_gone_at_once)
{
    CK_OBJECT_HANDLE object;
    begin("");
    stage_ok(m->C_CreateObject(writing, on_token, 3, &object));
    const CK_ULONG count = stage_search(&stage, session);
    stage_ok(m->C_DestroyObject(writing, object));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_DestroyObject(writing, object));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(session, object, &renamed, 1));
    cr_assert_eq(stage_count(&stage, "order DestroyObject - objects=120,0"), 1);
    cr_assert_eq(stage_search(&stage, session), count - 1);
}

Test(change, is_for_sessions_and_objects_that_may)
{
    CK_OBJECT_HANDLE object;
    begin("");
    stage_ok(m->C_CreateObject(writing, on_token, 3, &object));
    stage_expect(CKR_SESSION_READ_ONLY, m->C_SetAttributeValue(session, object, &renamed, 1));
    stage_expect(CKR_SESSION_READ_ONLY, m->C_DestroyObject(session, object));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SetAttributeValue(writing, object, NULL, 1));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_DestroyObject(0, object));
    const CK_OBJECT_HANDLE fixed = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_expect(CKR_ACTION_PROHIBITED, m->C_SetAttributeValue(writing, fixed, &renamed, 1));
    cr_assert_eq(stage_count(&stage, "order SetAttributes"), 0);
    cr_assert_eq(stage_count(&stage, "order DestroyObject"), 0);
}

Test(change, of_a_write_protected_token_is_refused_without_a_message)
{
    CK_OBJECT_HANDLE object;
    begin("login=yes");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_expect(CKR_TOKEN_WRITE_PROTECTED, m->C_CreateObject(writing, on_token, 3, &object));
    stage_expect(CKR_TOKEN_WRITE_PROTECTED, m->C_DestroyObject(writing, key));
    cr_assert_eq(stage_count(&stage, "order"), 0);
}

Test(change, trap_lost_reply_is_not_asked_again__change)
{
    CK_OBJECT_HANDLE object;
    begin("");
    stage_ok(m->C_CreateObject(writing, on_token, 3, &object));
    stage_order(&stage, "DestroyObject=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_DestroyObject(writing, object));
    cr_assert_eq(stage_count(&stage, "DestroyObject"), 1);
}
