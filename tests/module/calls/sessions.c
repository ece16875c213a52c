// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.modern;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(sessions, .init = open_stage, .fini = close_stage);

Test(sessions, trap_handles_never_come_again)
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
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_SeedRandom(0, &seed, 1));
    stage_expect(CKR_FUNCTION_NOT_PARALLEL, m->C_GetFunctionStatus(session));
    stage_expect(CKR_RANDOM_SEED_NOT_SUPPORTED, m->C_SeedRandom(session, &seed, 1));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SeedRandom(session, NULL, 1));
}

/* Begins one of each kind; returns how many were active already. */
static unsigned begin_all(CK_SESSION_HANDLE session)
{
    CK_MECHANISM digest = {CKM_SHA256, NULL, 0}, ecdsa = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM rsa = {CKM_RSA_PKCS, NULL, 0};
    const CK_OBJECT_HANDLE key = stage_find(&stage, stage_session(&stage), CKO_PRIVATE_KEY, "ec");
    const CK_OBJECT_HANDLE check = stage_find(&stage, stage_session(&stage), CKO_PUBLIC_KEY, "ec");
    const CK_OBJECT_HANDLE opens =
        stage_find(&stage, stage_session(&stage), CKO_PRIVATE_KEY, "rsa");
    const CK_OBJECT_HANDLE shuts = stage_find(&stage, stage_session(&stage), CKO_PUBLIC_KEY, "rsa");
    const CK_RV answers[] = {
        m->C_FindObjectsInit(session, NULL, 0), m->C_DigestInit(session, &digest),
        m->C_SignInit(session, &ecdsa, key),    m->C_VerifyInit(session, &ecdsa, check),
        m->C_EncryptInit(session, &rsa, shuts), m->C_DecryptInit(session, &rsa, opens),
    };
    unsigned active = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        cr_assert(answers[i] == CKR_OK || answers[i] == CKR_OPERATION_ACTIVE, "%zu: 0x%lx", i,
                  answers[i]);
        active += answers[i] == CKR_OPERATION_ACTIVE;
    }
    return active;
}

Test(sessions, each_operation_is_cancelled_by_its_flag)
{
    const CK_FLAGS flags[] = {CKF_FIND_OBJECTS, CKF_DIGEST,  CKF_SIGN,
                              CKF_VERIFY,       CKF_ENCRYPT, CKF_DECRYPT};
    const unsigned all = G_N_ELEMENTS(flags);
    CK_FLAGS together = 0;
    stage_start(&stage, "ciphers=yes flags=sign,verify,encrypt,decrypt");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_session(&stage);
    cr_assert_eq(begin_all(session), 0);
    stage_ok(m->C_SessionCancel(session, 0));
    cr_assert_eq(begin_all(session), all, "no flag ends nothing");
    for (unsigned i = 0; i < all; i++) {
        stage_ok(m->C_SessionCancel(session, flags[i]));
        cr_assert_eq(begin_all(session), all - 1, "flag 0x%lx ends one", flags[i]);
        together |= flags[i];
    }
    stage_ok(m->C_SessionCancel(session, ~together));
    cr_assert_eq(begin_all(session), all, "flags of what is not active end nothing");
    stage_ok(m->C_SessionCancel(session, together));
    cr_assert_eq(begin_all(session), 0);
    stage_ok(m->C_SessionCancel(session, ~0UL));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_FindObjectsFinal(session));
    cr_assert_eq(stage_count(&stage, "Sign"), 0);
}

/* A call that works on an operation is not to be disturbed: that is said, and the others end. */
static gpointer sign_in_vain(gpointer data)
{
    CK_BYTE bytes[512];
    CK_ULONG size = sizeof bytes;
    return GSIZE_TO_POINTER(m->C_Sign(*(CK_SESSION_HANDLE *)data, bytes, 32, bytes, &size));
}

Test(sessions, what_a_call_works_on_cannot_be_cancelled)
{
    CK_MECHANISM ecdsa = {CKM_ECDSA, NULL, 0}, digest = {CKM_SHA256, NULL, 0};
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    CK_SESSION_HANDLE session = stage_session(&stage);
    stage_ok(m->C_SignInit(session, &ecdsa, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    stage_ok(m->C_DigestInit(session, &digest));
    stage_order(&stage, "Sign=hang");
    GThread *thread = g_thread_new("sign", sign_in_vain, &session);
    while (stage_count(&stage, "Sign") == 0)
        g_thread_yield();
    stage_expect(CKR_OPERATION_CANCEL_FAILED, m->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST));
    stage_ok(m->C_DigestInit(session, &digest));
    stage_order(&stage, "release");
    cr_assert_neq(GPOINTER_TO_SIZE(g_thread_join(thread)), CKR_OK);
    stage_ok(m->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST));
}
