// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE data[64] = "what is to be signed, or a digest of that";
static CK_BYTE signature[512];
static CK_BYTE pin[] = "1234";

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(operation, .init = open_stage, .fini = close_stage);

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

Test(operation, a_signature_is_one_message)
{
    CK_ULONG size;
    const CK_SESSION_HANDLE session = begin("");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "ec");
    const unsigned before = stage_count(&stage, "");
    stage_ok(stage_sign(&stage, session, CKM_ECDSA, key, signature, &size));
    cr_assert_eq(size, 64);
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    cr_assert_eq(stage_count(&stage, ""), before + 2, "the call, and what the service notes of it");
}

Test(operation, trap_size_query_keeps_operation__where_the_key_tells_the_size)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_RSA_PKCS, "rsa"));
    stage_ok(m->C_Sign(session, data, 32, NULL, &size));
    cr_assert_eq(size, 256);
    size = 255;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(size, 256);
    cr_assert_eq(stage_count(&stage, "Sign"), 0);
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Sign(session, data, 32, signature, &size));
}

Test(operation, trap_size_query_keeps_operation__where_the_result_has_to_be_kept)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin("bare=yes");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, data, 32, NULL, &size));
    cr_assert_eq(size, 64);
    size = 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Sign(session, data, 32, signature, &size));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    /* And by C_SignFinal, with hashing. */
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_SignUpdate(session, data, 32));
    stage_ok(m->C_SignFinal(session, NULL, &size));
    stage_ok(m->C_SignFinal(session, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 2);
    /* Other data is another signature. */
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, data, 32, NULL, &size));
    stage_ok(m->C_Sign(session, data + 1, 32, signature, &size));
    cr_assert_eq(signature[0], data[1]);
}

Test(operation, trap_size_query_keeps_operation__of_a_digest)
{
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_BYTE digest[32], again[32];
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_Digest(session, data, 32, NULL, &size));
    cr_assert_eq(size, 32);
    size = 31;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Digest(session, data, 32, digest, &size));
    cr_assert_eq(size, 32);
    stage_ok(m->C_Digest(session, data, 32, digest, &size));
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestUpdate(session, data, 32));
    stage_ok(m->C_DigestFinal(session, NULL, &size));
    stage_ok(m->C_DigestFinal(session, again, &size));
    cr_assert_arr_eq(again, digest, 32, "nothing was hashed twice");
}

/* What a host hands over may be gone once the call has returned. */
Test(operation, trap_parameters_are_read_in_their_call)
{
    struct Handed {
        CK_MECHANISM mechanism;
        CK_RSA_PKCS_PSS_PARAMS pss;
        CK_ATTRIBUTE label;
        char text[3];
    };
    struct Handed *handed =
        mmap(NULL, sizeof *handed, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CK_ULONG size = sizeof signature, count = 0;
    CK_OBJECT_HANDLE found[8];
    const CK_SESSION_HANDLE session = begin("mechanisms=rsa-pkcs-pss");
    const CK_OBJECT_HANDLE key = stage_find(&stage, session, CKO_PRIVATE_KEY, "rsa");
    handed->pss = (CK_RSA_PKCS_PSS_PARAMS){CKM_SHA256, CKG_MGF1_SHA256, 32};
    handed->mechanism = (CK_MECHANISM){CKM_RSA_PKCS_PSS, &handed->pss, sizeof handed->pss};
    memcpy(handed->text, "rsa", 3);
    handed->label = (CK_ATTRIBUTE){CKA_LABEL, handed->text, 3};
    stage_ok(m->C_SignInit(session, &handed->mechanism, key));
    stage_ok(m->C_FindObjectsInit(session, &handed->label, 1));
    cr_assert_eq(munmap(handed, sizeof *handed), 0);
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign rsa-pkcs-pss parameters 32"), 1);
    stage_ok(m->C_FindObjects(session, found, 8, &count));
    cr_assert_eq(count, 2);
}

Test(operation, trap_null_is_not_zero_length__data)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Sign(session, NULL, 1, signature, &size));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Sign(session, data, 1, signature, NULL));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, NULL, 0, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign ecdsa plain 0"), 1);
}

Test(operation, trap_second_init_is_operation_active)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_OPERATION_ACTIVE, init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_SignInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Sign(session, data, 32, signature, &size));
    stage_ok(init(session, CKM_ECDSA, "ec"));
}

Test(operation, trap_sizes_are_bounded__data_of_a_host)
{
    const CK_ULONG large = (16UL << 20) + 1;
    CK_ULONG size = sizeof signature;
    CK_BYTE *much = calloc(1, large);
    const CK_SESSION_HANDLE session = begin("features=prehashed");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DATA_LEN_RANGE, m->C_Sign(session, much, large, signature, &size));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_SignUpdate(session, much, large - 1));
    stage_expect(CKR_DATA_LEN_RANGE, m->C_SignUpdate(session, much, 1));
    const unsigned channels = stage_count(&stage, "OpenChannel");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, much, large - 1, signature, &size));
    cr_assert_eq(stage_count(&stage, "sign ecdsa plain 16777216"), 1);
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_Sign(session, much, large, signature, &size));
    cr_assert_leq(stage_count(&stage, "OpenChannel"), channels + 1);
    free(much);
}

Test(operation, trap_lost_reply_is_not_asked_again__sign)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("Sign=close");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(size, sizeof signature, "no length on an error path");
    cr_assert_eq(stage_count(&stage, "Sign"), 1);
    stage_order(&stage, "calm");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
}

Test(operation, trap_reply_is_checked_before_use__of_a_signature)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("Sign=size");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Sign(session, data, 32, signature, &size));
    stage_order(&stage, "Sign=type");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Sign(session, data, 32, signature, &size));
    stage_order(&stage, "Sign=org.p11dbus.Error.KeyFunctionNotPermitted");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED, m->C_Sign(session, data, 32, signature, &size));
    stage_order(&stage, "Sign=org.p11dbus.Error.CryptokiNotInitialized");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Sign(session, data, 32, signature, &size));
    stage_order(&stage, "Sign=org.p11dbus.Error.Ok");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_DEVICE_ERROR, m->C_Sign(session, data, 32, signature, &size));
}

Test(operation, parts_and_whole_do_not_mix)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_SignUpdate(session, data, 1));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_Sign(session, data, 32, signature, &size));
    /* PKCS#11 3.1, section 5.13.2: whatever C_Sign comes to, that was the operation. */
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_SignFinal(session, signature, &size));
    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
}

Test(operation, without_a_mechanism_there_must_be_something_to_end)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SignInit(session, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_DigestInit(session, NULL));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_SignInit(0, NULL, 0));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_SignInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Sign(session, data, 32, signature, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SignInit(session, NULL, 0));
}

Test(operation, a_closed_session_ends_its_operation)
{
    CK_ULONG size = sizeof signature;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_CloseSession(session));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_Sign(session, data, 32, signature, &size));
}

Test(operation, trap_context_login_is_the_operations_own__sign)
{
    CK_ULONG size = 0;
    const CK_SESSION_HANDLE session = begin("always=yes");
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Sign(session, data, 32, NULL, &size));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(stage_count(&stage, "FinishStream"), 0);

    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_PIN_INCORRECT,
                 m->C_Login(session, CKU_CONTEXT_SPECIFIC, (CK_BYTE *)"0000", 4));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(m->C_Sign(session, data, 32, signature, &size));
    cr_assert_eq(stage_count(&stage, "FinishStream"), 1);
    cr_assert_arr_eq(signature, data, 32);

    /* The login was for that one signature. */
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Sign(session, data, 32, signature, &size));

    stage_ok(init(session, CKM_ECDSA_SHA256, "ec"));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(m->C_SignUpdate(session, data, 32));
    stage_ok(m->C_SignFinal(session, signature, &size));
    cr_assert_eq(stage_count(&stage, "Sign"), 0);

    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_ok(m->C_Login(session, CKU_CONTEXT_SPECIFIC, pin, 4));
    stage_ok(m->C_SignInit(session, NULL, 0));
}

Test(operation, digests_need_no_service)
{
    static const CK_BYTE expected[20] = {0xa9, 0x99, 0x3e, 0x36, 0x47, 0x06, 0x81,
                                         0x6a, 0xba, 0x3e, 0x25, 0x71, 0x78, 0x50,
                                         0xc2, 0x6c, 0x9c, 0xd0, 0xd8, 0x9d};
    CK_MECHANISM sha1 = {CKM_SHA_1, NULL, 0};
    CK_MECHANISM unknown = {CKM_MD2, NULL, 0};
    CK_BYTE digest[64];
    CK_ULONG size = 1;
    const CK_SESSION_HANDLE session = begin("");
    const unsigned messages = stage_count(&stage, "");
    stage_expect(CKR_MECHANISM_INVALID, m->C_DigestInit(session, &unknown));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_DigestUpdate(session, data, 1));
    stage_ok(m->C_DigestInit(session, &sha1));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_DigestInit(session, &sha1));
    stage_ok(m->C_Digest(session, (CK_BYTE *)"abc", 3, NULL, &size));
    cr_assert_eq(size, 20);
    size = 19;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_Digest(session, (CK_BYTE *)"abc", 3, digest, &size));
    stage_ok(m->C_Digest(session, (CK_BYTE *)"abc", 3, digest, &size));
    cr_assert_arr_eq(digest, expected, 20);
    stage_ok(m->C_DigestInit(session, &sha1));
    stage_ok(m->C_DigestUpdate(session, (CK_BYTE *)"ab", 2));
    stage_expect(CKR_OPERATION_ACTIVE, m->C_Digest(session, data, 3, digest, &size));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_DigestFinal(session, digest, &size));
    stage_ok(m->C_DigestInit(session, &sha1));
    stage_ok(m->C_DigestUpdate(session, (CK_BYTE *)"ab", 2));
    stage_ok(m->C_DigestUpdate(session, (CK_BYTE *)"c", 1));
    stage_ok(m->C_DigestFinal(session, NULL, &size));
    stage_ok(m->C_DigestFinal(session, digest, &size));
    cr_assert_arr_eq(digest, expected, 20);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_DigestFinal(session, digest, &size));
    cr_assert_eq(stage_count(&stage, ""), messages);
}

Test(operation, a_digest_is_saved_and_goes_on_in_another_session)
{
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_BYTE state[512], expected[32], digest[32];
    CK_ULONG size = 0, room, digest_size = sizeof digest;
    const CK_SESSION_HANDLE session = begin(""), other = stage_session(&stage);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_GetOperationState(session, NULL, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetOperationState(session, NULL, NULL));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetOperationState(0, NULL, &size));
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_DigestUpdate(session, data, 10));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_GetOperationState(session, NULL, NULL));
    stage_ok(m->C_GetOperationState(session, NULL, &size));
    room = size - 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_GetOperationState(session, state, &room));
    cr_assert_eq(room, size);
    stage_ok(m->C_GetOperationState(session, state, &room));
    stage_ok(m->C_DigestUpdate(session, data + 10, 20));
    stage_ok(m->C_DigestFinal(session, expected, &digest_size));

    /* Instead of what goes on there. */
    stage_ok(m->C_DigestInit(other, &sha256));
    stage_expect(CKR_KEY_NOT_NEEDED, m->C_SetOperationState(other, state, size, 1, 0));
    stage_expect(CKR_KEY_NOT_NEEDED, m->C_SetOperationState(other, state, size, 0, 1));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_SetOperationState(other, NULL, size, 0, 0));
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_SetOperationState(0, state, size, 0, 0));
    for (int i = 0; i < 2; i++) {
        stage_ok(m->C_SetOperationState(other, state, size, 0, 0));
        stage_expect(CKR_OPERATION_ACTIVE, m->C_Digest(other, data, 3, digest, &digest_size));
        stage_ok(m->C_SetOperationState(other, state, size, 0, 0));
        stage_ok(m->C_DigestUpdate(other, data + 10, 20));
        stage_ok(m->C_DigestFinal(other, digest, &digest_size));
        cr_assert_arr_eq(digest, expected, 32);
    }
}

Test(operation, only_a_digest_is_saved_and_nothing_else_taken_for_one)
{
    CK_MECHANISM sha256 = {CKM_SHA256, NULL, 0};
    CK_BYTE state[512], digest[32];
    CK_ULONG size = sizeof state, digest_size = sizeof digest;
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(m->C_DigestInit(session, &sha256));
    stage_ok(m->C_FindObjectsInit(session, NULL, 0));
    stage_ok(m->C_GetOperationState(session, state, &size));
    stage_ok(m->C_FindObjectsFinal(session));
    for (CK_ULONG cut = 0; cut < size; cut++)
        stage_expect(CKR_SAVED_STATE_INVALID, m->C_SetOperationState(session, state, cut, 0, 0));
    for (CK_ULONG i = 0; i < sizeof(CK_MECHANISM_TYPE); i++) {
        state[i] ^= 0x55;
        stage_expect(CKR_SAVED_STATE_INVALID, m->C_SetOperationState(session, state, size, 0, 0));
        state[i] ^= 0x55;
    }
    stage_ok(m->C_Digest(session, data, 3, digest, &digest_size));
    stage_ok(init(session, CKM_ECDSA, "ec"));
    stage_expect(CKR_STATE_UNSAVEABLE, m->C_GetOperationState(session, state, &size));
    stage_ok(m->C_SetOperationState(session, state, size, 0, 0));
    stage_expect(CKR_STATE_UNSAVEABLE, m->C_GetOperationState(session, state, &size));
}
