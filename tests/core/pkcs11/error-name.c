// SPDX-License-Identifier: MIT
#include "error-name.h"

#include <criterion/criterion.h>
#include <gio/gio.h>
#include <stdio.h>

#include "derived-name.h"

static bool makes_sense(CK_RV value)
{
    return value != CKR_OK && value != CKR_BUFFER_TOO_SMALL;
}

static void check_both_directions(const P11dError *row)
{
    char storage[P11D_ERROR_SIZE], expected[P11D_ERROR_SIZE], scratch[P11D_NAME_SIZE];
    CK_RV back = makes_sense(row->value) ? row->value : CKR_DEVICE_ERROR;

    cr_expect_eq(p11d_error_parse_last_part(row->name), back, "%s", row->ckr);
    snprintf(expected, sizeof expected, "org.p11dbus.Error.%s", row->name);
    cr_expect_str_eq(p11d_error_name(row->value, storage), expected);
    cr_expect(g_dbus_is_interface_name(storage)); /* error names have the same syntax */
    cr_expect_eq(p11d_error_parse_name(storage), back, "%s", row->ckr);
    cr_expect_str_eq(p11d_error_ckr(row->value, scratch), row->ckr);

    /* The same by number, as a service sends it that lacks the name. */
    snprintf(storage, sizeof storage, "X%lx", row->value);
    cr_expect_eq(p11d_error_parse_last_part(storage), back, "%s", row->ckr);
}

Test(error, every_row_survives_both_directions)
{
    for (size_t i = 0; i < p11d_error_count; i++)
        check_both_directions(&p11d_errors[i]);
}

Test(error, rows_are_sorted_unique_and_called_by_the_rule)
{
    char derived[DERIVED_NAME_SIZE];
    for (size_t i = 0; i < p11d_error_count; i++) {
        cr_expect_eq(strncmp(p11d_errors[i].ckr, "CKR_", 4), 0);
        cr_expect_str_eq(p11d_errors[i].name, derived_error(p11d_errors[i].ckr, derived));
        cr_expect_lt(strlen(P11D_ERROR_PREFIX) + strlen(p11d_errors[i].name), P11D_ERROR_SIZE);
        if (i > 0)
            cr_expect_lt(p11d_errors[i - 1].value, p11d_errors[i].value, "%s", p11d_errors[i].ckr);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(p11d_errors[k].name, p11d_errors[i].name);
    }
}

/* p11-kit 0.24 has numbers of its own for these. */
Test(error, numbers_are_those_of_the_standard)
{
    cr_assert_eq(p11d_error_parse_last_part("ExceededMaxIterations"), 0x1b5);
    cr_assert_eq(p11d_error_parse_last_part("FipsSelfTestFailed"), 0x1b6);
    cr_assert_eq(p11d_error_parse_last_part("LibraryLoadFailed"), 0x1b7);
    cr_assert_eq(p11d_error_parse_last_part("PinTooWeak"), 0x1b8);
    cr_assert_eq(p11d_error_parse_last_part("PublicKeyInvalid"), 0x1b9);
    cr_assert_eq(p11d_error_parse_last_part("FunctionRejected"), 0x200);
    cr_assert_eq(p11d_error_parse_last_part("AeadDecryptFailed"), 0x42);
    cr_assert_eq(p11d_error_parse_last_part("KeyExhausted"), 0x203);
}

Test(error, trap_unknown_numbers_pass__errors)
{
    static const CK_RV values[] = {4, 0x999, 0x80000001UL, 0xce534351UL, 0xabcdefUL};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        char storage[P11D_ERROR_SIZE];
        p11d_error_name(values[i], storage);
        cr_expect(g_dbus_is_interface_name(storage), "%s", storage);
        cr_expect_eq(p11d_error_parse_name(storage), values[i], "%s", storage);
    }
    char storage[P11D_ERROR_SIZE], scratch[P11D_NAME_SIZE];
    cr_assert_str_eq(p11d_error_name(0x80000001UL, storage), "org.p11dbus.Error.X80000001");
    cr_assert_str_eq(p11d_error_ckr(0x80000001UL, scratch), "0x80000001");
}

Test(error, success_is_no_error_of_a_service)
{
    static const char *const names[] = {"Ok", "X0", "BufferTooSmall", "X150"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char name[P11D_ERROR_SIZE];
        snprintf(name, sizeof name, P11D_ERROR_PREFIX "%s", names[i]);
        cr_expect_eq(p11d_error_parse_last_part(names[i]), CKR_DEVICE_ERROR, "%s", names[i]);
        cr_expect_eq(p11d_error_parse_name(name), CKR_DEVICE_ERROR, "%s", name);
    }
}

Test(error, what_nobody_knows_is_a_device_error)
{
    static const char *const names[] = {
        "",
        "org.p11dbus.Error",
        "org.p11dbus.Error.",
        "org.p11dbus.Error.NoSuchThing",
        "org.p11dbus.Error.pinincorrect",
        "org.p11dbus.Error.X",
        "org.p11dbus.Error.Xa0g",
        "org.p11dbus.Error.X0a0",
        "org.p11dbus.Error.X10000000000000000",
        "org.p11dbus.Error.Xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "org.freedesktop.DBus.Error.Failed",
        "org.example.Error.PinIncorrect",
        "PinIncorrect",
    };
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        cr_expect_eq(p11d_error_parse_name(names[i]), CKR_DEVICE_ERROR, "%s", names[i]);
}

Test(error, trap_errors_by_scope__of_the_bus)
{
    static const struct {
        const char *name;
        CK_RV value;
        P11dTrouble trouble;
    } rows[] = {
        {"org.freedesktop.DBus.Error.LimitsExceeded", CKR_DEVICE_MEMORY, P11D_TROUBLE_BUSY},
        {"org.freedesktop.DBus.Error.UnknownMethod", CKR_FUNCTION_NOT_SUPPORTED,
         P11D_TROUBLE_ABSENT},
        {"org.freedesktop.DBus.Error.UnknownInterface", CKR_FUNCTION_NOT_SUPPORTED,
         P11D_TROUBLE_ABSENT},
        {"org.freedesktop.DBus.Error.NotSupported", CKR_FUNCTION_NOT_SUPPORTED,
         P11D_TROUBLE_ABSENT},
        {"org.freedesktop.DBus.Error.UnknownObject", CKR_TOKEN_NOT_PRESENT, P11D_TROUBLE_ABSENT},
        {"org.freedesktop.DBus.Error.AccessDenied", CKR_FUNCTION_REJECTED, P11D_TROUBLE_NONE},
        {"org.freedesktop.DBus.Error.NoReply", CKR_DEVICE_REMOVED, P11D_TROUBLE_GONE},
        {"org.freedesktop.DBus.Error.ServiceUnknown", CKR_DEVICE_REMOVED, P11D_TROUBLE_NOBODY},
        {"org.freedesktop.DBus.Error.NameHasNoOwner", CKR_DEVICE_REMOVED, P11D_TROUBLE_NOBODY},
        {"org.freedesktop.DBus.Error.Failed", CKR_DEVICE_ERROR, P11D_TROUBLE_NONE},
        {"org.p11dbus.Error.FunctionNotSupported", CKR_FUNCTION_NOT_SUPPORTED, P11D_TROUBLE_NONE},
        {"UnknownMethod", CKR_DEVICE_ERROR, P11D_TROUBLE_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(p11d_error_parse_name(rows[i].name), rows[i].value, "%s", rows[i].name);
        cr_expect_eq(p11d_error_trouble(rows[i].name), rows[i].trouble, "%s", rows[i].name);
    }
}

Test(error, of_a_status_only_ok_is_ok)
{
    for (P11dStatus status = P11D_OK; status <= P11D_SYSTEM; status++) {
        CK_RV value = p11d_error_of_status(status);
        cr_expect_eq(value == CKR_OK, status == P11D_OK);
        cr_expect(status == P11D_OK || makes_sense(value));
    }
    cr_assert_eq(p11d_error_of_status(P11D_NO_MEMORY), CKR_HOST_MEMORY);
}
