// SPDX-License-Identifier: MIT
/* A null pointer of the host is not a zero length, and ends no host, in any function. */
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;
static CK_BYTE bytes[512];
static CK_ULONG size = sizeof bytes;

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    stage_start(&stage, "");
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
}

static void close_stage(void)
{
    /* All the same it works. */
    stage_ok(m->C_CloseSession(session));
    session = stage_session(&stage);
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, bytes, &size));
    stage_close(&stage);
}

TestSuite(pointers, .init = open_stage, .fini = close_stage);

#define bad(call) stage_expect(CKR_ARGUMENTS_BAD, call)

Test(pointers, trap_null_is_not_zero_length__of_the_module_and_of_slots)
{
    const CK_SLOT_ID slot = stage_slot(&stage);
    bad(m->C_GetInfo(NULL));
    bad(m->C_GetFunctionList(NULL));
    bad(m->C_GetSlotList(CK_TRUE, NULL, NULL));
    bad(m->C_GetSlotInfo(slot, NULL));
    bad(m->C_GetTokenInfo(slot, NULL));
    bad(m->C_GetMechanismList(slot, NULL, NULL));
    bad(m->C_GetMechanismInfo(slot, CKM_ECDSA, NULL));
    bad(m->C_WaitForSlotEvent(CKF_DONT_BLOCK, NULL, NULL));
    bad(m->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, NULL));
}

Test(pointers, trap_null_is_not_zero_length__sessions_and_objects)
{
    CK_ATTRIBUTE hole = {CKA_LABEL, NULL, 5};
    CK_OBJECT_HANDLE found;
    CK_ULONG count = 0;
    bad(m->C_GetSessionInfo(session, NULL));
    bad(m->C_Login(session, CKU_USER, NULL, 4));
    bad(m->C_GenerateRandom(session, NULL, 4));
    bad(m->C_GetAttributeValue(session, key, NULL, 1));
    bad(m->C_GetObjectSize(session, key, NULL));
    bad(m->C_FindObjectsInit(session, NULL, 1));
    stage_ok(m->C_FindObjectsInit(session, NULL, 0));
    bad(m->C_FindObjects(session, NULL, 1, &count));
    bad(m->C_FindObjects(session, &found, 1, NULL));
    stage_ok(m->C_FindObjects(session, NULL, 0, &count));
    cr_assert_eq(count, 0);
    stage_ok(m->C_FindObjectsFinal(session));
    stage_expect(CKR_ATTRIBUTE_VALUE_INVALID, m->C_FindObjectsInit(session, &hole, 1));
}

Test(pointers, trap_null_is_not_zero_length__operations)
{
    CK_MECHANISM hole = {CKM_RSA_PKCS_PSS, NULL, sizeof(CK_RSA_PKCS_PSS_PARAMS)};
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_MECHANISM ecdsa = {CKM_ECDSA_SHA256, NULL, 0};
    stage_ok(m->C_DigestInit(session, &sha256));
    bad(m->C_DigestUpdate(session, NULL, 4));
    stage_ok(m->C_DigestInit(session, &sha256));
    bad(m->C_Digest(session, NULL, 4, bytes, &size));
    stage_ok(m->C_DigestInit(session, &sha256));
    bad(m->C_Digest(session, bytes, 4, bytes, NULL));
    cr_assert_neq(
        m->C_SignInit(session, &hole, stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa")), CKR_OK);
    stage_ok(m->C_SignInit(session, &ecdsa, key));
    bad(m->C_SignUpdate(session, NULL, 4));
    stage_ok(m->C_SignInit(session, &ecdsa, key));
    bad(m->C_SignFinal(session, bytes, NULL));
    stage_ok(m->C_SignInit(session, &ecdsa, key));
    bad(m->C_Sign(session, NULL, 4, bytes, &size));
    stage_ok(m->C_SignInit(session, &ecdsa, key));
    bad(m->C_Sign(session, bytes, 4, bytes, NULL));
}
