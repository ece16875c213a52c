// SPDX-License-Identifier: MIT
#include "body.h"

/* GDBusMessage marshals whole messages only: this is the header that is cut off again. */
static GDBusMessage *wrap(GVariant *arguments)
{
    GDBusMessage *message = g_dbus_message_new_method_call(NULL, "/", NULL, "Body");
    g_dbus_message_set_serial(message, 1);
    if (arguments)
        g_dbus_message_set_body(message, arguments);
    return message;
}

GBytes *p11d_body_marshal(GVariant *arguments, size_t overhead, GError **error)
{
    g_autoptr(GDBusMessage) wrapper = wrap(arguments);
    gsize size = 0;
    P11dMessage message;

    guchar *blob = g_dbus_message_to_blob(wrapper, &size, G_DBUS_CAPABILITY_FLAGS_NONE, error);
    if (!blob)
        return NULL;
    g_autoptr(GBytes) whole = g_bytes_new_take(blob, size);
    if (p11d_message_parse(blob, size, overhead, &message) != P11D_OK) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                    "the arguments have more than %zu bytes outside of byte arrays, or are nested "
                    "deeper than %d",
                    overhead, P11D_READER_DEPTH);
        return NULL;
    }
    return g_bytes_new_from_bytes(whole, message.body.position,
                                  message.body.end - message.body.position);
}

void p11d_body_write(P11dWriter *writer, GBytes *body)
{
    gsize size = 0;
    const void *bytes = g_bytes_get_data(body, &size);
    if (size > 0)
        p11d_writer_raw(writer, bytes, size);
}

GVariant *p11d_body_received(const P11dChannel *channel, GError **error)
{
    g_autoptr(GDBusMessage) message = g_dbus_message_new_from_blob(
        channel->in.data, channel->message_size, G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING, error);
    if (!message)
        return NULL;
    GVariant *body = g_dbus_message_get_body(message);
    return body ? g_variant_ref(body) : g_variant_ref_sink(g_variant_new("()"));
}
