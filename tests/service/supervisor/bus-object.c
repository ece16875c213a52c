// SPDX-License-Identifier: MIT
#include "bus-object.h"

#include <criterion/criterion.h>
#include <signal.h>

#include "fixture.h"

static Fixture fixture;

static void stop(void)
{
    fixture_stop(&fixture);
}

TestSuite(bus_object, .fini = stop);

/* Arguments of these types that are all zero or empty. */
static GVariant *zeroes(const char *signature)
{
    g_autofree char *type = g_strdup_printf("(%s)", signature);
    g_autoptr(GVariant) raw =
        g_variant_ref_sink(g_variant_new_from_data(G_VARIANT_TYPE(type), "", 0, FALSE, NULL, NULL));
    return g_variant_get_normal_form(raw);
}

Test(bus_object, tokens_are_on_the_bus_with_their_properties)
{
    fixture_run(&fixture, "demo other");
    g_autoptr(GVariant) objects = fixture_managed_objects(&fixture);
    cr_assert_eq(g_variant_n_children(objects), 2);
    g_autoptr(GVariant) interfaces = g_variant_lookup_value(objects, TOKEN_PATH("demo"), NULL);
    g_autoptr(GVariant) properties =
        g_variant_lookup_value(interfaces, p11d_interface_token.name, NULL);
    const char *label;
    cr_assert(g_variant_lookup(properties, "Label", "&s", &label));
    cr_assert_str_eq(label, "demo");

    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) all =
        fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_properties, "GetAll",
                     g_variant_new("(s)", p11d_interface_token.name), &error);
    cr_assert_not_null(all, "%s", error ? error->message : "");
    g_autoptr(GVariant) first = g_variant_get_child_value(all, 0);
    cr_assert_eq(g_variant_n_children(first), g_variant_n_children(properties));
    GVariantIter each;
    const char *name;
    GVariant *value;
    g_variant_iter_init(&each, first);
    while (g_variant_iter_next(&each, "{&sv}", &name, &value)) {
        g_autoptr(GVariant) same = g_variant_lookup_value(properties, name, NULL);
        cr_assert(g_variant_equal(value, same), "%s", name);
        g_variant_unref(value);
    }
}

Test(bus_object, methods_for_channels_only_are_refused_on_the_bus)
{
    guint refused = 0;
    fixture_run(&fixture, "demo");
    for (size_t i = 0; i < p11d_interface_token.method_count; i++) {
        const P11dMethod *method = &p11d_interface_token.methods[i];
        g_autoptr(GError) error = NULL;
        if (!method->channels_only)
            continue;
        g_autoptr(GVariant) arguments = zeroes(method->in);
        g_autoptr(GVariant) reply =
            fixture_call(&fixture, NULL, TOKEN_PATH("demo"), &p11d_interface_token, method->name,
                         arguments, &error);
        cr_assert_null(reply);
        fixture_expect_error(&error, FIXTURE_DBUS_ERROR "NotSupported");
        refused++;
    }
    cr_assert_geq(refused, 8);
}

static void on_bus_signal(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                          const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                          const char *name, GVariant *arguments G_GNUC_UNUSED, gpointer data)
{
    g_string_append_printf(data, "%s ", name);
}

Test(bus_object, tokens_that_come_and_go_are_told_on_the_bus)
{
    g_autoptr(GString) told = g_string_new(NULL);
    fixture_run(&fixture, "demo");
    g_dbus_connection_signal_subscribe(fixture.bus, P11D_BUS_NAME,
                                       p11d_interface_object_manager.name, NULL, P11D_ROOT_PATH,
                                       NULL, G_DBUS_SIGNAL_FLAGS_NONE, on_bus_signal, told, NULL);
    /* The subscription is on its way before this call is answered, and so is what the service has
     * told of its start, if it was that late. */
    g_variant_unref(fixture_managed_objects(&fixture));
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_string_truncate(told, 0);
    kill(fixture_worker(&fixture, "demo"), SIGKILL);
    while (!strstr(told->str, "InterfacesAdded"))
        g_main_context_iteration(NULL, TRUE);
    cr_assert_str_eq(told->str, "InterfacesRemoved InterfacesAdded ");
}
