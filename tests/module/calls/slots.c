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

TestSuite(slots, .init = open_stage, .fini = close_stage);

Test(slots, a_service_that_is_not_there_is_an_empty_slot_list)
{
    CK_ULONG count = 99;
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetSlotList(CK_FALSE, NULL, &count));
    cr_assert_eq(count, 0);
    CK_SLOT_INFO info;
    stage_expect(CKR_SLOT_ID_INVALID, m->C_GetSlotInfo(1, &info));
}

Test(slots, slots_count_from_one_and_keep_their_number)
{
    CK_SLOT_INFO info;
    CK_ULONG count = 0;
    CK_SESSION_HANDLE session;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    cr_assert_eq(stage_slot(&stage), 1);
    stage_order(&stage, "remove");
    stage_ok(m->C_GetSlotList(CK_TRUE, NULL, &count));
    cr_assert_eq(count, 0);
    stage_ok(m->C_GetSlotList(CK_FALSE, NULL, &count));
    cr_assert_eq(count, 1);
    stage_ok(m->C_GetSlotInfo(1, &info));
    cr_assert_eq(info.flags & CKF_TOKEN_PRESENT, 0);
    stage_expect(CKR_TOKEN_NOT_PRESENT,
                 m->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &session));
    stage_order(&stage, "add");
    cr_assert_eq(stage_slot(&stage), 1);
    stage_ok(m->C_Finalize(NULL));
    stage_ok(stage_initialize(&stage, ""));
    cr_assert_eq(stage_slot(&stage), 1);
}

Test(slots, trap_strings_are_blank_padded)
{
    CK_TOKEN_INFO info;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert_arr_eq(info.label, "fake                            ", 32);
    cr_assert(info.flags & CKF_RNG);
    /* 31 bytes, and then a character of two. */
    stage_order(&stage, "rename 0123456789012345678901234567890\xc3\xbc");
    stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &info));
    cr_assert_arr_eq(info.label, "0123456789012345678901234567890 ", 32);
}

/* Some hosts want to make a PIN first where they are told that there is none. */
Test(slots, where_any_pin_is_right_there_is_one)
{
    static const struct {
        const char *words;
        CK_FLAGS flags;
    } rows[] = {{"open=yes", CKF_USER_PIN_INITIALIZED},
                {"", CKF_USER_PIN_INITIALIZED},
                {"login=yes", CKF_LOGIN_REQUIRED}};
    CK_TOKEN_INFO info;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        stage_start(&stage, rows[i].words);
        stage_ok(stage_initialize(&stage, ""));
        stage_ok(m->C_GetTokenInfo(stage_slot(&stage), &info));
        cr_assert_eq(info.flags & (CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED), rows[i].flags,
                     "%s", rows[i].words);
        stage_ok(m->C_Finalize(NULL));
        stage_stop(&stage);
    }
}
