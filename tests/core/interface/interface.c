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
                     g_dbus_annotation_info_lookup((*m)->annotations, "org.p11dbus.ChannelsOnly") !=
                         NULL);
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

/* That rows say, in the order of the D-Bus signature, what stands there. */
static void check_rows(const P11dArgumentList *list, const char *signature)
{
    g_autoptr(GString) types = g_string_new(NULL);
    for (size_t i = 0; i < list->count; i++) {
        const P11dArgument *row = &list->rows[i];
        if (!row->option)
            g_string_append(types, row->signature);
        cr_assert(g_variant_type_string_is_valid(row->signature));
        for (size_t j = 0; j < i; j++) {
            cr_assert_str_neq(row->name, list->rows[j].name);
            if (list->rows[j].kind == row->kind)
                cr_assert_lt(list->rows[j].nth, row->nth);
        }
    }
    cr_assert_str_eq(types->str, signature);
}

Test(interface, arguments_are_what_the_signature_says)
{
    for (size_t i = 0; i < p11d_interface_token.method_count; i++) {
        const P11dMethod *method = &p11d_interface_token.methods[i];
        check_rows(&method->arguments, method->in);
        check_rows(&method->results, method->out);
    }
}

Test(interface, rights_are_those_of_the_xml)
{
    static const char *const names[] = {"see", "sign", "decrypt", "manage", "purpose"};
    g_autoptr(GDBusNodeInfo) node = g_dbus_node_info_new_for_xml(p11d_interface_xml, NULL);
    GDBusInterfaceInfo *token = g_dbus_node_info_lookup_interface(node, p11d_interface_token.name);
    for (size_t i = 0; i < p11d_interface_token.method_count; i++) {
        const P11dMethod *method = &p11d_interface_token.methods[i];
        GDBusMethodInfo *theirs = g_dbus_interface_info_lookup_method(token, method->name);
        cr_assert_str_eq(names[method->right],
                         g_dbus_annotation_info_lookup(theirs->annotations, "org.p11dbus.Right"));
    }
    cr_assert_eq(p11d_interface_method(&p11d_interface_token, "DestroyObject")->right,
                 P11D_RIGHT_MANAGE);
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
