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

TestSuite(attributes, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(attributes, attributes_come_without_a_message)
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

Test(attributes, trap_attributes_fill_what_they_can)
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

Test(attributes, what_only_the_service_knows_is_asked_once)
{
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    CK_BYTE value[8];
    CK_ATTRIBUTE vendor = {CKA_VENDOR_DEFINED | 77, value, sizeof value};
    stage_expect(CKR_ATTRIBUTE_TYPE_INVALID, m->C_GetAttributeValue(session, key, &vendor, 1));
    stage_expect(CKR_ATTRIBUTE_TYPE_INVALID, m->C_GetAttributeValue(session, key, &vendor, 1));
    cr_assert_eq(stage_count(&stage, "GetAttributes"), 1);
}
