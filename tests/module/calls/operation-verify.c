// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE data[64] = "what is to be verified";
static CK_BYTE signature[256];

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(verify, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

static CK_RV init(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, const char *key)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    return m->C_VerifyInit(session, &how, stage_find(&stage, session, CKO_PUBLIC_KEY, key));
}

/* What the fake service takes for the signature of 32 bytes of data by the key "ec". */
static void sign(CK_SESSION_HANDLE session)
{
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    CK_ULONG size = sizeof signature;
    stage_ok(m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(size, 64);
}

Test(verify, a_verification_is_one_message)
{
    const CK_SESSION_HANDLE session = begin("");
    sign(session);
    stage_ok(init(session, CKM_ECDSA, "ec"));
    const unsigned before = stage_count(&stage, "");
    stage_ok(m->C_Verify(session, data, 32, signature, 64));
    cr_assert_eq(stage_count(&stage, ""), before + 2, "the call, and what the service notes of it");
    cr_assert_eq(stage_count(&stage, "verify ecdsa plain 32"), 1);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Verify(session, data, 32, signature, 64));
}

Test(verify, a_signature_that_is_wrong_ends_the_operation)
{
    const CK_SESSION_HANDLE session = begin("");
    sign(session);
    signature[0] ^= 1;
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_SIGNATURE_INVALID, m->C_Verify(session, data, 32, signature, 64));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_VerifyFinal(session, signature, 64));
}

Test(verify, a_signature_of_another_length_needs_no_message)
{
    const CK_SESSION_HANDLE session = begin("");
    for (CK_ULONG size = 0; size <= 256; size += 32) {
        if (size == 64)
            continue;
        stage_ok(init(session, CKM_ECDSA, "ec"));
        stage_expect(CKR_SIGNATURE_LEN_RANGE, m->C_Verify(session, data, 32, signature, size));
    }
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_VerifyUpdate(session, data, 32));
    stage_expect(CKR_SIGNATURE_LEN_RANGE, m->C_VerifyFinal(session, signature, 1UL << 40));
    cr_assert_eq(stage_count(&stage, "Verify"), 0);
}

Test(verify, parts_are_hashed_here)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_MECHANISM how = {CKM_ECDSA_SHA256, NULL, 0};
    CK_ULONG size = sizeof signature;
    stage_ok(m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    stage_ok(m->C_Sign(session, data, sizeof data, signature, &size));
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_VerifyUpdate(session, data, 40));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_Verify(session, data, 32, signature, 64));
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_VerifyUpdate(session, data, 40));
    stage_ok(m->C_VerifyUpdate(session, data + 40, 24));
    stage_ok(m->C_VerifyFinal(session, signature, 64));
    cr_assert_eq(stage_count(&stage, "verify ecdsa-sha256 parameters 32"), 1);
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_VerifyUpdate(session, data, sizeof data - 1));
    stage_expect(CKR_SIGNATURE_INVALID, m->C_VerifyFinal(session, signature, 64));
}

Test(verify, trap_null_is_not_zero_length__signatures)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Verify(session, NULL, 1, signature, 64));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Verify(session, data, 32, NULL, 64));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_VerifyUpdate(session, NULL, 1));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_VerifyFinal(session, NULL, 64));
    cr_assert_eq(stage_count(&stage, "Verify"), 0);
}

static void expect_claim(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BBOOL expected)
{
    CK_BBOOL claimed = 77;
    CK_ATTRIBUTE verify = {CKA_VERIFY, &claimed, sizeof claimed};
    stage_ok(m->C_GetAttributeValue(session, key, &verify, 1));
    cr_assert_eq(claimed, expected);
}

Test(verify, trap_what_is_refused_is_not_claimed__by_the_token)
{
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    CK_MECHANISM_INFO info;
    const CK_SESSION_HANDLE session = begin("flags=sign");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PUBLIC_KEY, "ec");
    expect_claim(session, key, CK_FALSE);
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_ECDSA, &info));
    cr_assert_eq(info.flags, CKF_SIGN | CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE);
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, m->C_VerifyInit(session, &how, key));
    stage_expect(
        CKR_KEY_TYPE_INCONSISTENT,
        m->C_VerifyInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
}

Test(verify, trap_what_is_refused_is_not_claimed__for_this_key)
{
    const CK_SESSION_HANDLE session = begin("mechanisms=rsa-pkcs");
    expect_claim(session, stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa"), CK_TRUE);
    expect_claim(session, stage_find(&stage, session, CKO_PUBLIC_KEY, "ec"), CK_FALSE);
}

Test(verify, is_asked_once)
{
    const CK_SESSION_HANDLE session = begin("");
    sign(session);
    stage_order(&stage, "Verify=close");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Verify(session, data, 32, signature, 64));
    cr_assert_eq(stage_count(&stage, "Verify"), 1);
    stage_order(&stage, "Verify=type");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Verify(session, data, 32, signature, 64));
}

/* --- C_VerifySignatureInit: the signature comes first --- */

static CK_RV init_given(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, CK_ULONG size)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    return stage.modern->C_VerifySignatureInit(
        session, &how, stage_find(&stage, session, CKO_PUBLIC_KEY, "ec"), signature, size);
}

Test(verify, a_signature_may_come_first)
{
    const CK_SESSION_HANDLE session = begin("");
    sign(session);
    stage_ok(init_given(session, CKM_ECDSA, 64));
    signature[0] ^= 1; /* a copy is kept */
    stage_ok(stage.modern->C_VerifySignature(session, data, 32));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, stage.modern->C_VerifySignature(session, data, 32));
    stage_ok(init_given(session, CKM_ECDSA, 64));
    stage_expect(CKR_SIGNATURE_INVALID, stage.modern->C_VerifySignature(session, data, 32));
    signature[0] ^= 1;
    stage_ok(init_given(session, CKM_ECDSA, 64));
    stage_ok(stage.modern->C_VerifySignatureUpdate(session, data, 20));
    stage_expect(CKR_OPERATION_ACTIVE, stage.modern->C_VerifySignature(session, data, 32));
    stage_ok(init_given(session, CKM_ECDSA, 64));
    stage_ok(stage.modern->C_VerifySignatureUpdate(session, data, 20));
    stage_ok(stage.modern->C_VerifySignatureUpdate(session, data + 20, 12));
    stage_ok(stage.modern->C_VerifySignatureFinal(session));
    cr_assert_eq(stage_count(&stage, "Verify"), 3, "one message each");
}

Test(verify, a_signature_of_another_length_begins_nothing)
{
    const CK_SESSION_HANDLE session = begin("");
    for (CK_ULONG size = 0; size <= 256; size += 32) {
        if (size != 64)
            stage_expect(CKR_SIGNATURE_LEN_RANGE, init_given(session, CKM_ECDSA, size));
    }
    stage_expect(CKR_SIGNATURE_LEN_RANGE, init_given(session, CKM_ECDSA, 1UL << 40));
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PUBLIC_KEY, "ec");
    stage_expect(CKR_ARGUMENTS_BAD,
                 stage.modern->C_VerifySignatureInit(session, &how, key, NULL, 64));
    stage_ok(init(session, CKM_ECDSA, "ec"));
}

/* There is one verification in a session, and it goes on as it began. */
Test(verify, what_begins_with_a_signature_goes_on_with_its_own_functions)
{
    CK_FUNCTION_LIST_3_2 *n = stage.modern;
    const CK_SESSION_HANDLE session = begin("");
    sign(session);
    stage_ok(init_given(session, CKM_ECDSA, 64));
    stage_expect(CKR_OPERATION_ACTIVE, init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_OPERATION_ACTIVE, init_given(session, CKM_ECDSA, 64));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_VerifyUpdate(session, data, 32));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Verify(session, data, 32, signature, 64));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_VerifyFinal(session, signature, 64));
    stage_ok(n->C_VerifySignature(session, data, 32));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_OPERATION_ACTIVE, init_given(session, CKM_ECDSA, 64));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, n->C_VerifySignature(session, data, 32));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, n->C_VerifySignatureUpdate(session, data, 32));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, n->C_VerifySignatureFinal(session));
    stage_ok(m->C_Verify(session, data, 32, signature, 64));
    stage_ok(init_given(session, CKM_ECDSA, 64));
    stage_ok(n->C_VerifySignatureInit(session, NULL, 0, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, n->C_VerifySignatureFinal(session));
}
