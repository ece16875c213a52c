// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_UTF8CHAR pin[] = "1234", fresh[] = "secret";
static CK_UTF8CHAR label[] = "a new label                     ";

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(pins, .init = open_stage, .fini = close_stage);

Test(pins, a_token_is_made_anew_while_nobody_has_a_session)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    const CK_SESSION_HANDLE session = stage_session(&stage);
    stage_expect(CKR_SESSION_EXISTS, m->C_InitToken(slot, pin, 4, label));
    stage_ok(m->C_CloseSession(session));
    stage_expect(CKR_SLOT_ID_INVALID, m->C_InitToken(4711, pin, 4, label));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_InitToken(slot, NULL, 0, label));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_InitToken(slot, pin, 4, NULL));
    stage_expect(CKR_PIN_LEN_RANGE, m->C_InitToken(slot, pin, 5000, label));
    label[0] = 0xff;
    stage_expect(CKR_ARGUMENTS_BAD, m->C_InitToken(slot, pin, 4, label));
    label[0] = 'a';
    cr_assert_eq(stage_count(&stage, "order"), 0);
    stage_ok(m->C_InitToken(slot, pin, 4, label));
    /* A string of C, which nothing of is read behind its end. */
    g_autofree char *text = g_strdup("a string");
    stage_ok(m->C_InitToken(slot, pin, 4, (CK_UTF8CHAR *)text));
    CK_TOKEN_INFO info;
    stage_ok(m->C_GetTokenInfo(slot, &info));
    cr_assert_arr_eq(info.label, "a string                        ", 32);
    cr_assert(info.flags & CKF_TOKEN_INITIALIZED);
    g_autofree char *log = stage_log(&stage);
    static const char *const orders[] = {"a new label\n", "a string\n"};
    for (size_t i = 0; i < 2; i++) {
        g_autofree char *order = g_strconcat(
            "order InitToken - objects=0,0 attributes=0,0 bytes=0 pins=1234, ", orders[i], NULL);
        cr_assert(strstr(log, order), "%s", log);
    }
}

Test(pins, the_so_sets_that_of_the_user)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_writing_session(&stage);
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_InitPIN(0, fresh, 6));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_InitPIN(session, fresh, 6));
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_InitPIN(session, fresh, 6));
    stage_ok(m->C_Logout(session));
    stage_ok(m->C_Login(session, CKU_SO, pin, 4));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_InitPIN(session, NULL, 6));
    cr_assert_eq(stage_count(&stage, "order"), 0);
    stage_ok(m->C_InitPIN(session, fresh, 6));
    cr_assert_eq(
        stage_count(&stage, "order InitPin - objects=0,0 attributes=0,0 bytes=0 pins=secret,"), 1);
    CK_TOKEN_INFO info;
    stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert(info.flags & CKF_USER_PIN_INITIALIZED);
}

Test(pins, one_is_changed_in_a_session_that_writes)
{
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_writing_session(&stage);
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_SetPIN(0, pin, 4, fresh, 6));
    stage_expect(CKR_SESSION_READ_ONLY, m->C_SetPIN(stage_session(&stage), pin, 4, fresh, 6));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SetPIN(session, NULL, 0, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SetPIN(session, pin, 4, NULL, 0));
    stage_expect(CKR_PIN_LEN_RANGE, m->C_SetPIN(session, pin, 4, fresh, 5000));
    cr_assert_eq(stage_count(&stage, "order"), 0);
    stage_ok(m->C_SetPIN(session, pin, 4, fresh, 6));
    cr_assert_eq(
        stage_count(&stage, "order SetPin - objects=0,0 attributes=0,0 bytes=0 pins=1234,secret "),
        1);
    stage_order(&stage, "SetPin=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_SetPIN(session, pin, 4, fresh, 6));
    cr_assert_eq(stage_count(&stage, "SetPin"), 2, "tries are counted: never again");
    stage_order(&stage, "SetPin=absent");
    stage_expect(CKR_FUNCTION_NOT_SUPPORTED, m->C_SetPIN(session, pin, 4, fresh, 6));
}

Test(pins, a_token_with_a_pad_asks_by_itself)
{
    stage_start(&stage, "pad=yes");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SESSION_HANDLE session = stage_writing_session(&stage);
    stage_ok(m->C_SetPIN(session, NULL, 0, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SetPIN(session, NULL, 0, fresh, 6));
    cr_assert_eq(stage_count(&stage, "order SetPin - objects=0,0 attributes=0,0 bytes=0 pins=, "
                                     "no-pin"),
                 1);
}

Test(pins, are_never_sent_over_the_bus)
{
    stage_start(&stage, "channels=no");
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_FUNCTION_REJECTED,
                 m->C_SetPIN(stage_writing_session(&stage), pin, 4, fresh, 6));
    cr_assert_eq(stage_count(&stage, "SetPin"), 0);
}
