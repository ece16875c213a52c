// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(sessions, .init = open_stage, .fini = close_stage);

Test(sessions, handles_are_never_zero_and_never_come_again)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE first = stage_session(&stage);
    const CK_OBJECT_HANDLE object = stage_find(&stage, first, CKO_PRIVATE_KEY, "ec");
    stage_ok(m->C_CloseSession(first));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_CloseSession(first));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_CloseSession(0));
    stage_ok(m->C_Finalize(NULL));
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE second = stage_session(&stage);
    cr_assert_gt(second, first);
    cr_assert_gt(stage_find(&stage, second, CKO_PRIVATE_KEY, "ec"), object);
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(second, object, NULL, 0));
}

Test(sessions, information_follows_login)
{
    CK_SESSION_INFO info;
    CK_SESSION_HANDLE writable;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_expect(CKR_SESSION_PARALLEL_NOT_SUPPORTED, m->C_OpenSession(1, 0, NULL, NULL, &writable));
    stage_ok(m->C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &writable));
    stage_ok(m->C_GetSessionInfo(session, &info));
    cr_assert_eq(info.state, CKS_RO_PUBLIC_SESSION);
    cr_assert_eq(info.slotID, 1);
    stage_ok(m->C_Login(session, CKU_USER, (CK_BYTE *)"1234", 4));
    stage_ok(m->C_GetSessionInfo(session, &info));
    cr_assert_eq(info.state, CKS_RO_USER_FUNCTIONS);
    stage_ok(m->C_GetSessionInfo(writable, &info));
    cr_assert_eq(info.state, CKS_RW_USER_FUNCTIONS);
    CK_TOKEN_INFO token;
    stage_ok(m->C_GetTokenInfo(1, &token));
    cr_assert_eq(token.ulSessionCount, 2);
    cr_assert_eq(token.ulRwSessionCount, 1);
}

Test(sessions, a_write_protected_token_has_the_sessions_that_ssh_opens)
{
    CK_SESSION_HANDLE session;
    CK_TOKEN_INFO info;
    stage_start(&stage, "login=yes");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(m->C_GetTokenInfo(slot, &info));
    cr_assert(info.flags & CKF_WRITE_PROTECTED);
    stage_ok(m->C_OpenSession(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &session));
}

Test(sessions, functions_that_are_not_there_check_before_they_say_so)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    CK_BYTE seed = 1;
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_DigestKey(0, 1));
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_DigestKey(session, 1));
    stage_expect(CKR_FUNCTION_NOT_PARALLEL, m->C_GetFunctionStatus(session));
    stage_expect(CKR_RANDOM_SEED_NOT_SUPPORTED, m->C_SeedRandom(session, &seed, 1));
}
