// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE data[64] = "what is to be signed, or a digest of that";
static CK_BYTE signature[512];

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(plan, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

static CK_RV init(CK_SESSION_HANDLE session, CK_MECHANISM_TYPE mechanism, const char *key)
{
    CK_MECHANISM how = {mechanism, NULL, 0};
    return m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, key));
}

Test(plan, keys_and_mechanisms_that_do_not_fit)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_MECHANISM how = {CKM_ECDSA, NULL, 0};
    stage_expect(CKR_KEY_TYPE_INCONSISTENT, init(session, CKM_ECDSA, "rsa"));
    stage_expect(CKR_MECHANISM_INVALID, init(session, CKM_RSA_X_509, "rsa"));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_SignInit(session, &how, 0));
    stage_expect(CKR_KEY_TYPE_INCONSISTENT,
                 m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PUBLIC_KEY, "ec")));
    how.pParameter = data;
    how.ulParameterLen = 3;
    stage_expect(CKR_MECHANISM_PARAM_INVALID,
                 m->C_SignInit(session, &how, stage_find(&stage, session, CKO_PRIVATE_KEY, "ec")));
    cr_assert_eq(stage_count(&stage, "Sign"), 0);
}

Test(plan, hashed_here_and_sent_by_name_with_prehashed)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_SHA256_RSA_PKCS, "rsa"));
    stage_ok(m->C_Sign(session, data, sizeof data, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign sha256-rsa-pkcs parameters 32"), 1);
}

Test(plan, hashed_here_and_sent_raw_where_the_token_knows_no_better)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("features= mechanisms=ecdsa,rsa-pkcs");
    stage_ok(init(session, CKM_SHA256_RSA_PKCS, "rsa"));
    stage_ok(m->C_Sign(session, data, sizeof data, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign rsa-pkcs plain 51"), 1, "a DigestInfo");
    stage_ok(init(session, CKM_ECDSA_SHA384, "ec"));
    stage_ok(m->C_SignUpdate(session, data, sizeof data));
    stage_ok(m->C_SignFinal(session, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign ecdsa plain 48"), 1);
}

Test(plan, data_is_sent_where_the_token_must_hash)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("features= mechanisms=ecdsa-sha256");
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_SignUpdate(session, data, 40));
    stage_ok(m->C_SignUpdate(session, data + 40, 24));
    stage_ok(m->C_SignFinal(session, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign ecdsa-sha256 plain 64"), 1);
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
}
