// SPDX-License-Identifier: MIT
#include "message.h"

#include <criterion/criterion.h>
#include <gio/gio.h>

static const P11dMessage sign_call = {
    .type = P11D_MESSAGE_CALL,
    .serial = 7,
    .path = "/org/p11dbus/tokens/demo",
    .interface = "org.p11dbus.Token1",
    .member = "Sign",
    .signature = "tsa{sv}ay",
};

static void write_sign_body(P11dWriter *writer)
{
    p11d_writer_uint64(writer, 3);
    p11d_writer_string(writer, "rsa-pkcs-pss");
    P11dArray array = p11d_writer_array_begin(writer, 8);
    p11d_writer_entry(writer, "hash", "s");
    p11d_writer_string(writer, "sha256");
    p11d_writer_entry(writer, "salt-length", "t");
    p11d_writer_uint64(writer, 32);
    p11d_writer_array_end(writer, array);
    p11d_writer_bytes(writer, "digest", 6);
}

Test(message, what_is_written_is_read_by_gdbus_and_by_us)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, P11D_MESSAGE_MAX);
    p11d_message_begin(&writer, &buffer, &sign_call);
    write_sign_body(&writer);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);

    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) theirs =
        g_dbus_message_new_from_blob(buffer.data, buffer.size, 0, &error);
    cr_assert_not_null(theirs, "%s", error ? error->message : "");
    g_autofree char *text = g_variant_print(g_dbus_message_get_body(theirs), FALSE);
    cr_assert_str_eq(text, "(3, 'rsa-pkcs-pss', {'hash': <'sha256'>, 'salt-length': <uint64 32>}, "
                           "[0x64, 0x69, 0x67, 0x65, 0x73, 0x74])");

    P11dMessage message;
    cr_assert_eq(p11d_message_parse(buffer.data, buffer.size, P11D_MESSAGE_OVERHEAD, &message),
                 P11D_OK);
    cr_assert_str_eq(message.member, "Sign");
    cr_assert_str_eq(message.signature, "tsa{sv}ay");
    cr_assert_eq(message.serial, 7);
    p11d_buffer_clear(&buffer);
}
