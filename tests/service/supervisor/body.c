// SPDX-License-Identifier: MIT
#include "body.h"

#include <criterion/criterion.h>
#include <string.h>

/* Sends arguments through a channel and reads them again. */
static void expect_round_trip(const char *signature, GVariant *arguments)
{
    g_autoptr(GVariant) before = g_variant_ref_sink(arguments);
    g_autoptr(GError) error = NULL;
    P11dBuffer buffer;
    P11dWriter writer;
    P11dMessage message = {
        .type = P11D_MESSAGE_RETURN, .serial = 7, .reply_serial = 3, .signature = signature};

    g_autoptr(GBytes) body = p11d_body_marshal(before, 0, &error);
    cr_assert_not_null(body, "%s", error ? error->message : "");
    p11d_buffer_init(&buffer, P11D_MESSAGE_MAX);
    p11d_message_begin(&writer, &buffer, &message);
    p11d_body_write(&writer, body);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);

    P11dChannel channel;
    p11d_channel_init(&channel, NULL, P11D_MESSAGE_MAX);
    cr_assert(p11d_buffer_append(&channel.in, buffer.data, buffer.size));
    channel.message_size = buffer.size;
    cr_assert_eq(p11d_message_parse(channel.in.data, channel.message_size, 0, &message), P11D_OK);
    g_autoptr(GVariant) after = p11d_body_received(&channel, &error);
    cr_assert_not_null(after, "%s", error ? error->message : "");
    cr_assert(g_variant_equal(before, after));
    p11d_channel_clear(&channel);
    p11d_buffer_clear(&buffer);
}

Test(body, arguments_survive_the_way_over_a_channel)
{
    expect_round_trip("", g_variant_new("()"));
    expect_round_trip("u", g_variant_new("(u)", 5));
    expect_round_trip("st", g_variant_new("(st)", "text", G_GUINT64_CONSTANT(1) << 63));
    expect_round_trip("oa{sa{sv}}",
                      g_variant_new_parsed("(objectpath '/a', {'i': {'Label': <'x'>, 'Run': "
                                           "<uint64 7>, 'Flags': <['a', 'b']>}})"));
}

Test(body, bytes_outside_of_byte_arrays_are_bounded)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strnfill(5000, 'x');
    g_autoptr(GVariant) bytes = g_variant_ref_sink(
        g_variant_new("(@ay)", g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, text, 5000, 1)));
    g_autoptr(GBytes) marshalled = p11d_body_marshal(bytes, 1000, &error);
    cr_assert_not_null(marshalled);
    cr_assert_null(p11d_body_marshal(g_variant_new("(s)", text), 1000, &error));
    cr_assert(g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED));
}

Test(body, arguments_nested_too_deeply_are_refused)
{
    g_autoptr(GError) error = NULL;
    GVariant *nested = g_variant_new_byte(1);
    for (int i = 0; i < P11D_READER_DEPTH + 1; i++)
        nested = g_variant_new_variant(nested);
    cr_assert_null(p11d_body_marshal(g_variant_new("(v)", nested), 0, &error));
    cr_assert(g_error_matches(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED));
}
