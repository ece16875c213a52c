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

TestSuite(slots_mechanisms, .init = open_stage, .fini = close_stage);

Test(slots_mechanisms, buffers_that_are_too_small_say_how_large)
{
    CK_SLOT_ID slot = 77;
    CK_ULONG count = 0;
    CK_MECHANISM_TYPE mechanisms[64];
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetSlotList(CK_TRUE, &slot, &count));
    cr_assert_eq(count, 1);
    cr_assert_eq(slot, 77);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetSlotList(CK_TRUE, NULL, NULL));
    count = 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetMechanismList(1, mechanisms, &count));
    const CK_ULONG all = count;
    stage_ok(m->C_GetMechanismList(1, mechanisms, &count));
    cr_assert_eq(count, all);
}

Test(slots_mechanisms, mechanisms_are_what_functions_are_there_for)
{
    CK_MECHANISM_INFO info;
    stage_start(&stage, "mechanisms=ecdsa,rsa-pkcs features= flags=sign,verify,sign-recover");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(m->C_GetMechanismInfo(slot, CKM_ECDSA, &info));
    cr_assert_eq(info.flags, STAGE_SIGNS, "and not CKF_SIGN_RECOVER, which the service has");
    cr_assert_eq(info.ulMinKeySize, 256);
    stage_ok(m->C_GetMechanismInfo(slot, CKM_ECDSA_SHA384, &info));
    cr_assert_eq(info.flags, STAGE_SIGNS, "hashed here");
    stage_ok(m->C_GetMechanismInfo(slot, CKM_SHA512, &info));
    cr_assert_eq(info.flags, CKF_DIGEST);
    stage_expect(CKR_MECHANISM_INVALID, m->C_GetMechanismInfo(slot, CKM_AES_CBC, &info));
}

Test(slots_mechanisms, a_hashed_mechanism_is_there_if_its_raw_one_is)
{
    static const CK_MECHANISM_TYPE expected[] = {CKM_ECDSA, CKM_ECDSA_SHA1, CKM_ECDSA_SHA256,
                                                 CKM_SHA256, CKM_SHA3_512};
    CK_MECHANISM_TYPE found[128];
    CK_ULONG count = G_N_ELEMENTS(found);
    stage_start(&stage, "mechanisms=ecdsa features=");
    stage_ok(stage_initialize(&stage, ""));
    stage_ok(m->C_GetMechanismList(stage_slot(&stage), found, &count));
    for (size_t i = 0; i < G_N_ELEMENTS(expected); i++) {
        bool there = false;
        for (CK_ULONG j = 0; j < count; j++)
            there = there || found[j] == expected[i];
        cr_assert(there, "mechanism 0x%lx", expected[i]);
    }
    for (CK_ULONG j = 0; j < count; j++)
        cr_assert_neq(found[j], CKM_SHA256_RSA_PKCS);
}

/* One of a vendor, of which this module knows nothing. */
Test(slots_mechanisms, trap_unknown_numbers_pass)
{
    CK_MECHANISM_TYPE found[64];
    CK_ULONG count = G_N_ELEMENTS(found), size;
    CK_MECHANISM_INFO info;
    CK_BYTE signature[512];
    bool there = false;
    stage_start(&stage, "mechanisms=0x80000123,ecdsa features=");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_ok(m->C_GetMechanismList(slot, found, &count));
    for (CK_ULONG i = 0; i < count; i++)
        there = there || found[i] == 0x80000123;
    cr_assert(there);
    stage_ok(m->C_GetMechanismInfo(slot, 0x80000123, &info));
    cr_assert_eq(info.flags, STAGE_SIGNS);
    const CK_SESSION_HANDLE session = stage_session(&stage);
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    stage_ok(stage_sign(&stage, session, 0x80000123, key, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign 0x80000123 plain 32"), 1);
}

Test(slots_mechanisms, of_no_slot_and_of_an_empty_one)
{
    CK_ULONG count = 0;
    CK_MECHANISM_INFO info;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    const CK_SLOT_ID slot = stage_slot(&stage);
    stage_expect(CKR_SLOT_ID_INVALID, m->C_GetMechanismList(slot + 7, NULL, &count));
    stage_order(&stage, "remove");
    stage_expect(CKR_TOKEN_NOT_PRESENT, m->C_GetMechanismInfo(slot, CKM_ECDSA, &info));
}
