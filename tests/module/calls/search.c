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

TestSuite(search, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(search, after_the_first_it_sends_nothing_until_something_changed)
{
    const CK_SESSION_HANDLE session = begin("");
    cr_assert_eq(stage_search(&stage, session), 4);
    const unsigned messages = stage_count(&stage, "");
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    cr_assert_eq(stage_count(&stage, ""), messages);
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_count(&stage, ""), messages + 1);
    cr_assert_eq(stage_count(&stage, "ListObjects"), 2);
}

Test(search, attributes_come_without_a_message)
{
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    const unsigned messages = stage_count(&stage, "");
    CK_BYTE label[8];
    CK_BYTE modulus[256];
    CK_KEY_TYPE type;
    CK_ATTRIBUTE templ[] = {{CKA_LABEL, label, sizeof label},
                            {CKA_MODULUS, modulus, sizeof modulus},
                            {CKA_KEY_TYPE, &type, sizeof type}};
    stage_ok(m->C_GetAttributeValue(session, key, templ, 3));
    cr_assert_eq(templ[0].ulValueLen, 3);
    cr_assert_eq(templ[1].ulValueLen, 256);
    cr_assert_eq(type, CKK_RSA);
    cr_assert_eq(stage_count(&stage, ""), messages);
}

Test(search, attributes_fill_what_they_can)
{
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    CK_BYTE label[8] = {0};
    CK_BYTE small[2];
    CK_BYTE exponent[256];
    CK_ATTRIBUTE templ[] = {{CKA_PRIVATE_EXPONENT, exponent, sizeof exponent},
                            {CKA_LABEL, label, sizeof label},
                            {CKA_MODULUS, small, sizeof small}};
    stage_expect(CKR_ATTRIBUTE_SENSITIVE, m->C_GetAttributeValue(session, key, templ, 3));
    cr_assert_eq(templ[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_str_eq((char *)label, "rsa");
    cr_assert_eq(templ[2].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetAttributeValue(session, key, NULL, 1));
}

Test(search, what_only_the_service_knows_is_asked_once)
{
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    CK_BYTE value[8];
    CK_ATTRIBUTE vendor = {CKA_VENDOR_DEFINED | 77, value, sizeof value};
    stage_expect(CKR_ATTRIBUTE_TYPE_INVALID, m->C_GetAttributeValue(session, key, &vendor, 1));
    stage_expect(CKR_ATTRIBUTE_TYPE_INVALID, m->C_GetAttributeValue(session, key, &vendor, 1));
    cr_assert_eq(stage_count(&stage, "GetAttributes"), 1);
}

Test(search, handles_gathered_at_init_stay_although_objects_come_and_go)
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

Test(search, a_zero_length_label_matches_only_the_empty_label)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
    CK_OBJECT_HANDLE found[8];
    CK_ULONG count = 99;
    stage_ok(m->C_FindObjectsInit(session, &label, 1));
    stage_ok(m->C_FindObjects(session, found, 8, &count));
    cr_assert_eq(count, 0);
}

Test(search, is_one_at_a_time_in_a_session)
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

Test(search, a_list_that_lies_is_a_device_error)
{
    const CK_SESSION_HANDLE session = begin("ListObjects=type");
    stage_expect(CKR_DEVICE_ERROR, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "ListObjects=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_FindObjectsInit(session, NULL, 0));
    stage_order(&stage, "calm");
    cr_assert_eq(stage_search(&stage, session), 4);
}

Test(search, without_channels_every_search_asks)
{
    const CK_SESSION_HANDLE session = begin("channels=no");
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_order(&stage, "changed");
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_search(&stage, session), 5);
    cr_assert_eq(stage_count(&stage, "ListObjects"), 3);
}
