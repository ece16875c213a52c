// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <string.h>

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

TestSuite(searches, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(searches, trap_search_keeps_what_it_found)
{
    const CK_SESSION_HANDLE first = begin("");
    const CK_SESSION_HANDLE second = stage_session(&stage);
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 0;
    stage_order(&stage, "changed");
    stage_ok(m->C_FindObjectsInit(first, NULL, 0));
    stage_ok(m->C_FindObjects(first, found, 2, &count));
    cr_assert_eq(count, 2);
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, second), 4);
    stage_ok(m->C_FindObjects(first, found + 2, 6, &count));
    cr_assert_eq(count, 3);
    stage_ok(m->C_FindObjects(first, found, 6, &count));
    cr_assert_eq(count, 0);
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(first, found[4], NULL, 0));
    stage_ok(m->C_FindObjectsFinal(first));
}

Test(searches, trap_empty_label_matches_only_itself)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 99;
    stage_ok(m->C_FindObjectsInit(session, &label, 1));
    stage_ok(m->C_FindObjects(session, found, 8, &count));
    cr_assert_eq(count, 0);
}

Test(searches, is_one_at_a_time_in_a_session)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_OBJECT_HANDLE found;
    CK_ULONG count;
    CK_ATTRIBUTE label = {CKA_LABEL, NULL, 3};
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_FindObjects(session, &found, 1, &count));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_FindObjectsFinal(session));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_FindObjectsInit(session, NULL, 1));
    stage_expect(CKR_ATTRIBUTE_VALUE_INVALID, m->C_FindObjectsInit(session, &label, 1));
    stage_ok(m->C_FindObjectsInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_FindObjectsInit(session, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_FindObjects(session, NULL, 1, &count));
    stage_ok(m->C_FindObjects(session, &found, 1, &count));
    stage_ok(m->C_FindObjectsFinal(session));
}
