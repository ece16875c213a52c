// SPDX-License-Identifier: MIT
/*
 * Writes seeds into the directory that is its argument: a message for every call, reply and signal
 * of the interface tables, named by it, in both byte orders, made by GDBus.
 */
#include <stdio.h>

#include "interface.h"
#include "oracle.h"

static const char *directory;
static GRand *random_numbers;

static void write_order(GDBusMessage *message, const char *name, GDBusMessageByteOrder order)
{
    g_autoptr(GError) error = NULL;
    gsize size;
    g_dbus_message_set_byte_order(message, order);
    g_autofree guchar *blob = g_dbus_message_to_blob(message, &size, 0, &error);
    g_autofree char *file = g_strdup_printf(
        "%s.%s", name, order == G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN ? "big" : "little");
    g_autofree char *path = g_build_filename(directory, file, NULL);
    if (!blob || !g_file_set_contents(path, (const char *)blob, (gssize)size, &error))
        g_error("%s: %s", path, error->message);
}

/* Takes message. */
static void write_seed(GDBusMessage *message, const char *name, const char *kind,
                       const char *signature)
{
    g_autofree char *file = g_strdup_printf("%s.%s", name, kind);
    g_dbus_message_set_serial(message, 1000);
    if (signature[0] != '\0')
        g_dbus_message_set_body(message, oracle_random_body(random_numbers, signature));
    write_order(message, file, G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
    write_order(message, file, G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN);
    g_object_unref(message);
}

static void write_interface(const P11dInterface *interface)
{
    const char *path = P11D_TOKENS_PATH "/demo";
    for (size_t i = 0; i < interface->method_count; i++) {
        const P11dMethod *method = &interface->methods[i];
        g_autoptr(GDBusMessage) call =
            g_dbus_message_new_method_call(P11D_BUS_NAME, path, interface->name, method->name);
        g_dbus_message_set_serial(call, 999);
        write_seed(g_dbus_message_new_method_reply(call), method->name, "reply", method->out);
        write_seed(g_object_ref(call), method->name, "call", method->in);
    }
    for (size_t i = 0; i < interface->signal_count; i++) {
        const P11dSignal *signal = &interface->signals[i];
        write_seed(g_dbus_message_new_signal(path, interface->name, signal->name), signal->name,
                   "signal", signal->signature);
    }
}

static GDBusMessage *new_error(void)
{
    g_autoptr(GDBusMessage) call =
        g_dbus_message_new_method_call(NULL, P11D_ROOT_PATH, p11d_interface_token.name, "Login");
    g_dbus_message_set_serial(call, 999);
    return g_dbus_message_new_method_error_literal(call, "org.p11dbus.Error.PinIncorrect", "PIN");
}

int main(int argc, char **argv)
{
    if (argc != 2 || g_mkdir_with_parents(argv[1], 0755) != 0) {
        fprintf(stderr, "usage: seeds-message DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    random_numbers = g_rand_new_with_seed(1);
    write_interface(&p11d_interface_manager);
    write_interface(&p11d_interface_token);
    write_interface(&p11d_interface_object_manager);
    write_interface(&p11d_interface_properties);
    write_seed(new_error(), "PinIncorrect", "error", "s");
    g_rand_free(random_numbers);
    return 0;
}
