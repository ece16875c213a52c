// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_BYTE pin[] = "1234";
static CK_BYTE wrong_pin[] = "4321";

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(login, .init = open_stage, .fini = close_stage);

static CK_SESSION_HANDLE begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    return stage_session(&stage);
}

Test(login, trap_login_is_the_clients_own__in_all_its_sessions)
{
    const CK_SESSION_HANDLE first = begin("");
    const CK_SESSION_HANDLE second = stage_session(&stage);
    stage_ok(m->C_Login(first, CKU_USER, pin, 4));
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, m->C_Login(second, CKU_USER, pin, 4));
    stage_expect(CKR_USER_ANOTHER_ALREADY_LOGGED_IN, m->C_Login(second, CKU_SO, pin, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 1, "the others are refused here");
    stage_ok(m->C_Logout(second));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Logout(first));
    cr_assert_eq(stage_count(&stage, "Logout"), 1);
}

Test(login, a_wrong_pin_is_sent_once)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, wrong_pin, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 1);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
}

Test(login, trap_lost_reply_is_not_asked_again__login)
{
    const CK_SESSION_HANDLE session = begin("Login=close");
    stage_expect(CKR_DEVICE_ERROR, m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 1);
}

Test(login, trap_null_is_not_zero_length__pin)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Login(session, CKU_USER, NULL, 0));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Login(session, CKU_USER, NULL, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 0);
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, pin, 0));
    stage_expect(CKR_PIN_LEN_RANGE, m->C_Login(session, CKU_USER, pin, 1UL << 40));
    stage_expect(CKR_USER_TYPE_INVALID, m->C_Login(session, 77, pin, 4));
}

Test(login, a_token_with_a_pin_pad_asks_by_itself)
{
    const CK_SESSION_HANDLE session = begin("pad=yes");
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Login(session, CKU_USER, NULL, 4));
    stage_ok(m->C_Login(session, CKU_USER, NULL, 0));
}

Test(login, trap_so_and_read_only_exclude)
{
    CK_SESSION_HANDLE writable;
    const CK_SESSION_HANDLE session = begin("");
    stage_expect(CKR_SESSION_READ_ONLY_EXISTS, m->C_Login(session, CKU_SO, pin, 4));
    stage_ok(m->C_CloseSession(session));
    stage_ok(m->C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &writable));
    stage_ok(m->C_Login(writable, CKU_SO, pin, 4));
    CK_SESSION_HANDLE another;
    stage_expect(CKR_SESSION_READ_WRITE_SO_EXISTS,
                 m->C_OpenSession(1, CKF_SERIAL_SESSION, NULL, NULL, &another));
}

Test(login, trap_last_session_logs_out)
{
    const CK_SESSION_HANDLE first = begin("");
    const CK_SESSION_HANDLE second = stage_session(&stage);
    stage_ok(m->C_Login(first, CKU_USER, pin, 4));
    stage_ok(m->C_CloseSession(first));
    cr_assert_eq(stage_count(&stage, "Logout"), 0);
    stage_ok(m->C_CloseSession(second));
    cr_assert_eq(stage_count(&stage, "Logout"), 1);
    const CK_SESSION_HANDLE third = stage_session(&stage);
    CK_SESSION_INFO info;
    stage_ok(m->C_GetSessionInfo(third, &info));
    cr_assert_eq(info.state, CKS_RO_PUBLIC_SESSION);
    stage_ok(m->C_Login(third, CKU_USER, pin, 4));
    stage_ok(m->C_CloseAllSessions(1));
    cr_assert_eq(stage_count(&stage, "Logout"), 2);
    stage_expect(CKR_SESSION_HANDLE_INVALID, m->C_GetSessionInfo(third, &info));
}

Test(login, trap_private_objects_need_login__in_the_module)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_ATTRIBUTE label = {CKA_LABEL, NULL, 0};
    cr_assert_eq(stage_search(&stage, session), 4);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_search(&stage, session), 5);
    const CK_OBJECT_HANDLE hidden = stage_find(&stage, session, CKO_DATA, "hidden");
    stage_ok(m->C_GetAttributeValue(session, hidden, &label, 1));
    stage_ok(m->C_Logout(session));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetAttributeValue(session, hidden, &label, 1));
    cr_assert_eq(stage_search(&stage, session), 4);
}

/* Wherever its handle is used, of which the host still knows. */
Test(login, trap_private_objects_need_login__at_every_use)
{
    CK_MECHANISM how = {CKM_RSA_PKCS, NULL, 0};
    CK_ATTRIBUTE label = {CKA_LABEL, "x", 1};
    CK_BYTE bytes[256] = {0};
    CK_ULONG size = sizeof bytes;
    CK_OBJECT_HANDLE made;
    begin("claims=yes flags=sign,verify,encrypt,decrypt,wrap,unwrap,derive");
    const CK_SESSION_HANDLE session = stage_writing_session(&stage);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    const CK_OBJECT_HANDLE hidden = stage_find(&stage, session, CKO_DATA, "hidden");
    stage_ok(m->C_Logout(session));
    const CK_OBJECT_HANDLE open = stage_find(&stage, session, CKO_PUBLIC_KEY, "rsa");
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_GetObjectSize(session, hidden, &size));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_SetAttributeValue(session, hidden, &label, 1));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_CopyObject(session, hidden, NULL, 0, &made));
    stage_expect(CKR_OBJECT_HANDLE_INVALID, m->C_DestroyObject(session, hidden));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_SignInit(session, &how, hidden));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_VerifyInit(session, &how, hidden));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_EncryptInit(session, &how, hidden));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_DecryptInit(session, &how, hidden));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_WrapKey(session, &how, open, hidden, bytes, &size));
    stage_expect(CKR_WRAPPING_KEY_HANDLE_INVALID,
                 m->C_WrapKey(session, &how, hidden, open, bytes, &size));
    stage_expect(CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                 m->C_UnwrapKey(session, &how, hidden, bytes, 256, NULL, 0, &made));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_DeriveKey(session, &how, hidden, NULL, 0, &made));
    cr_assert_eq(stage_count(&stage, "order"), 0);
}

Test(login, a_service_that_does_not_log_out_is_hung_up)
{
    const CK_SESSION_HANDLE session = begin("Logout=org.p11dbus.Error.GeneralError");
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(m->C_Logout(session));
    stage_order(&stage, "calm");
    cr_assert_eq(stage_search(&stage, session), 4, "a new client, to whom nothing is private");
}

static CK_STATE state_of(CK_SESSION_HANDLE session)
{
    CK_SESSION_INFO info;
    stage_ok(m->C_GetSessionInfo(session, &info));
    return info.state;
}

static CK_RV sign(CK_SESSION_HANDLE session)
{
    CK_BYTE signature[512];
    CK_ULONG size = sizeof signature;
    return stage_sign(&stage, session, CKM_ECDSA,
                      stage_find(&stage, session, CKO_PRIVATE_KEY, "ec"), signature, &size);
}

/* What a login is, whether it was needed or not. */
static void check_login_with(CK_SESSION_HANDLE session, CK_BYTE *any_pin, CK_ULONG any_size)
{
    stage_ok(m->C_Login(session, CKU_USER, any_pin, any_size));
    cr_assert_eq(state_of(session), CKS_RO_USER_FUNCTIONS);
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(sign(session));
    stage_ok(m->C_Logout(session));
    cr_assert_eq(state_of(session), CKS_RO_PUBLIC_SESSION);
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Logout(session));
    stage_ok(sign(session));
}

Test(login, trap_login_where_none_is_needed__with_any_pin)
{
    const CK_SESSION_HANDLE session = begin("open=yes");
    check_login_with(session, wrong_pin, 4);
    check_login_with(session, wrong_pin, 0);
    check_login_with(session, NULL, 0);
    cr_assert_eq(stage_count(&stage, "Login"), 3, "the service is asked");
    cr_assert_eq(stage_count(&stage, "Logout"), 3);
    stage_expect(CKR_ARGUMENTS_BAD, m->C_Login(session, CKU_USER, NULL, 4));
}

Test(login, trap_login_where_none_is_needed__nor_taken)
{
    static const char *const without[] = {
        "open=yes Login=org.freedesktop.DBus.Error.UnknownMethod "
        "Logout=org.freedesktop.DBus.Error.UnknownMethod",
        "open=yes Login=org.freedesktop.DBus.Error.NotSupported "
        "Logout=org.freedesktop.DBus.Error.NotSupported",
        "open=yes Login=org.p11dbus.Error.UserPinNotInitialized",
        "open=yes channels=no",
    };
    for (size_t i = 0; i < sizeof without / sizeof without[0]; i++) {
        const CK_SESSION_HANDLE session = begin(without[i]);
        check_login_with(session, wrong_pin, 4);
        CK_SESSION_HANDLE writable;
        stage_ok(m->C_CloseSession(session));
        stage_ok(m->C_OpenSession(1, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL, &writable));
        cr_assert_neq(m->C_Login(writable, CKU_SO, pin, 4), CKR_OK, "%s: of a user alone",
                      without[i]);
        stage_ok(m->C_Finalize(NULL));
        stage_stop(&stage);
    }
}

Test(login, that_the_service_forbids_does_not_succeed)
{
    const CK_SESSION_HANDLE session = begin("open=yes Login=org.p11dbus.Error.FunctionRejected");
    stage_expect(CKR_FUNCTION_REJECTED, m->C_Login(session, CKU_USER, pin, 4));
    stage_order(&stage, "Login=org.p11dbus.Error.PinIncorrect");
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(state_of(session), CKS_RO_PUBLIC_SESSION);
}

Test(login, for_nothing_is_none_once_a_pin_counts)
{
    const CK_SESSION_HANDLE session = begin("open=yes");
    stage_ok(m->C_Login(session, CKU_USER, wrong_pin, 4));
    stage_order(&stage, "lock");
    stage_ok(sign(session));
    stage_expect(CKR_PIN_INCORRECT, m->C_Login(session, CKU_USER, wrong_pin, 4));
    cr_assert_eq(state_of(session), CKS_RO_PUBLIC_SESSION);
    stage_ok(m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(state_of(session), CKS_RO_USER_FUNCTIONS);
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(m->C_Logout(session));
    stage_expect(CKR_USER_NOT_LOGGED_IN, m->C_Logout(session));
}

Test(login, for_nothing_is_not_lost_with_the_service)
{
    const CK_SESSION_HANDLE session = begin("open=yes");
    stage_ok(m->C_Login(session, CKU_USER, wrong_pin, 4));
    stage_stop(&stage);
    stage_start(&stage, "open=yes run=2");
    stage_ok(sign(session));
    cr_assert_eq(state_of(session), CKS_RO_USER_FUNCTIONS);
    stage_ok(m->C_Logout(session));
    stage_ok(m->C_Login(session, CKU_USER, wrong_pin, 4));
}

Test(login, is_not_for_a_service_without_channels)
{
    const CK_SESSION_HANDLE session = begin("channels=no");
    stage_expect(CKR_FUNCTION_REJECTED, m->C_Login(session, CKU_USER, pin, 4));
    cr_assert_eq(stage_count(&stage, "Login"), 0);
}

static CK_RV login_user(CK_SESSION_HANDLE session, const char *name, CK_ULONG size)
{
    return stage.modern->C_LoginUser(session, CKU_USER, pin, 4, (CK_UTF8CHAR *)name, size);
}

Test(login, of_a_user_says_who_it_is)
{
    const CK_SESSION_HANDLE session = begin("");
    stage_ok(login_user(session, "alice and more", 5));
    cr_assert_eq(stage_count(&stage, "username alice\n"), 1);
    cr_assert_eq(state_of(session), CKS_RO_USER_FUNCTIONS);
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, login_user(session, "bob", 3));
    stage_expect(CKR_USER_ALREADY_LOGGED_IN, m->C_Login(session, CKU_USER, pin, 4));
    stage_ok(m->C_Logout(session));
    stage_ok(login_user(session, NULL, 0));
    cr_assert_eq(stage_count(&stage, "username"), 1, "nobody is no name");
    cr_assert_eq(stage_count(&stage, "Login"), 2);
}

Test(login, of_a_user_takes_names_that_are_text)
{
    char longest[300];
    memset(longest, 'x', sizeof longest);
    const CK_SESSION_HANDLE session = begin("");
    stage_expect(CKR_ARGUMENTS_BAD, login_user(session, NULL, 1));
    stage_expect(CKR_ARGUMENTS_BAD, login_user(session, "\xff\xfe", 2));
    stage_expect(CKR_ARGUMENTS_BAD, login_user(session, "a\0b", 3));
    stage_expect(CKR_ARGUMENTS_BAD, login_user(session, longest, 256));
    stage_expect(CKR_ARGUMENTS_BAD, login_user(session, longest, CK_UNAVAILABLE_INFORMATION));
    cr_assert_eq(stage_count(&stage, "Login"), 0);
    stage_ok(login_user(session, longest, 255));
}

Test(login, of_a_user_is_refused_as_any_other)
{
    const CK_SESSION_HANDLE session = begin("");
    CK_BYTE wrong[] = "4321", name[] = "alice";
    stage_expect(CKR_PIN_INCORRECT,
                 stage.modern->C_LoginUser(session, CKU_USER, wrong, 4, name, 5));
    stage_expect(CKR_USER_TYPE_INVALID, stage.modern->C_LoginUser(session, 9, pin, 4, name, 5));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED,
                 stage.modern->C_LoginUser(session, CKU_CONTEXT_SPECIFIC, pin, 4, name, 5));
}
