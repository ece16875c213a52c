// SPDX-License-Identifier: MIT
#include "interface.h"

#include <criterion/criterion.h>
#include <gio/gio.h>

/* GDBus parses the same document: it is the oracle of the generator. */
static void check_against_gdbus(const P11dInterface *ours)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(p11d_interface_xml, &error);
    cr_assert_not_null(node, "%s", error ? error->message : "");
    GDBusInterfaceInfo *theirs = g_dbus_node_info_lookup_interface(node, ours->name);
    cr_assert_not_null(theirs, "no interface %s in the XML", ours->name);

    size_t count = 0;
    for (GDBusMethodInfo **m = theirs->methods; m && *m; m++, count++) {
        const P11dMethod *method = p11d_interface_method(ours, (*m)->name);
        cr_assert_not_null(method, "no method %s", (*m)->name);
        g_autoptr(GString) in = g_string_new(NULL);
        g_autoptr(GString) out = g_string_new(NULL);
        for (GDBusArgInfo **a = (*m)->in_args; a && *a; a++)
            g_string_append(in, (*a)->signature);
        for (GDBusArgInfo **a = (*m)->out_args; a && *a; a++)
            g_string_append(out, (*a)->signature);
        cr_assert_str_eq(method->in, in->str);
        cr_assert_str_eq(method->out, out->str);
        cr_assert_eq(method->channels_only,
                     g_dbus_annotation_info_lookup((*m)->annotations,
                                                   "org.p11dbus.ChannelsOnly") != NULL);
    }
    cr_assert_eq(count, ours->method_count);

    count = 0;
    for (GDBusPropertyInfo **p = theirs->properties; p && *p; p++, count++) {
        const P11dProperty *property = p11d_interface_property(ours, (*p)->name);
        cr_assert_not_null(property, "no property %s", (*p)->name);
        cr_assert_str_eq(property->signature, (*p)->signature);
    }
    cr_assert_eq(count, ours->property_count);
}

Test(interface, token_table_is_the_xml)
{
    check_against_gdbus(&p11d_interface_token);
}

Test(interface, manager_table_is_the_xml)
{
    check_against_gdbus(&p11d_interface_manager);
}

Test(interface, unknown_names_have_no_row)
{
    cr_assert_null(p11d_interface_method(&p11d_interface_token, "sign"));
    cr_assert_null(p11d_interface_signal(&p11d_interface_token, "Sign"));
    cr_assert_null(p11d_interface_property(&p11d_interface_manager, "Label"));
}

Test(interface, pin_methods_are_for_channels_only)
{
    static const char *const pin_methods[] = {"Login", "InitToken", "InitPin", "SetPin"};
    for (size_t i = 0; i < G_N_ELEMENTS(pin_methods); i++)
        cr_assert(p11d_interface_method(&p11d_interface_token, pin_methods[i])->channels_only);
}
