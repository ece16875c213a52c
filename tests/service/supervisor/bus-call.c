// SPDX-License-Identifier: MIT
#include "bus-call.h"

#include <criterion/criterion.h>

#include "fixture.h"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(bus_call, .fini = stop);

Test(bus_call, errors_of_the_worker_reach_the_caller_on_the_bus)
{
    g_autoptr(GError) error = NULL;
    fixture_run(&fixture, "demo");
    GVariant *arguments = g_variant_new("(tsa{sv}@ay)", G_GUINT64_CONSTANT(999), "ecdsa", NULL,
                                        g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, "", 0, 1));
    cr_assert_null(fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, "Sign",
                                arguments, &error));
    fixture_expect_error(&error, "org.p11dbus.Error.KeyHandleInvalid");
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

Test(bus_call, requests_that_are_too_large_are_refused_and_the_next_one_works)
{
    g_autoptr(GError) error = NULL;
    fixture_run(&fixture, "demo");
    gsize size = (gsize)17 << 20;
    g_autoptr(GBytes) bytes = g_bytes_new_take(g_malloc0(size), size);
    GVariant *data = g_variant_new_from_bytes(G_VARIANT_TYPE_BYTESTRING, bytes, TRUE);
    cr_assert_null(fixture_call(
        &fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, "Sign",
        g_variant_new("(tsa{sv}@ay)", G_GUINT64_CONSTANT(1), "ecdsa", NULL, data), &error));
    fixture_expect_error(&error, FIXTURE_DBUS_ERROR "LimitsExceeded");

    g_auto(GStrv) names = g_new0(char *, 20001);
    for (gsize i = 0; i < 20000; i++)
        names[i] = g_strdup("label");
    cr_assert_null(fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token,
                                "GetAttributes",
                                g_variant_new("(t^as)", G_GUINT64_CONSTANT(1), names), &error));
    fixture_expect_error(&error, FIXTURE_DBUS_ERROR "LimitsExceeded");
    fixture_sign_on_bus(&fixture, NULL, "demo");
}

static void remember(GObject *bus G_GNUC_UNUSED, GAsyncResult *result, gpointer data)
{
    g_ptr_array_add(data, g_object_ref(result));
}

Test(bus_call, many_calls_of_one_caller_are_all_answered)
{
    g_autoptr(GPtrArray) results = g_ptr_array_new_with_free_func(g_object_unref);
    fixture_run(&fixture, "demo");
    for (int i = 0; i < 50; i++)
        g_dbus_connection_call(fixture.bus, P11D_BUS_NAME, TOKEN_PATH("demo"),
                               p11d_interface_token.name, "ListObjects", g_variant_new("(t)", 0),
                               NULL, G_DBUS_CALL_FLAGS_NONE, -1, NULL, remember, results);
    while (results->len < 50)
        g_main_context_iteration(NULL, TRUE);
    for (guint i = 0; i < 50; i++) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GVariant) reply =
            g_dbus_connection_call_finish(fixture.bus, g_ptr_array_index(results, i), &error);
        cr_assert_not_null(reply, "%s", error ? error->message : "");
    }
}
