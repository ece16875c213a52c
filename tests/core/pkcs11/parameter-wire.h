// SPDX-License-Identifier: MIT
/* Parameters of mechanisms to the wire and back, for the tests of mechanisms and parameters. */
#ifndef P11D_TEST_PARAMETER_WIRE_H
#define P11D_TEST_PARAMETER_WIRE_H

#include <criterion/criterion.h>
#include <gio/gio.h>

#include "mechanism.h"
#include "message.h"

/* The a{sv} of a mechanism's parameters in buffer. */
static inline CK_RV write_parameters(P11dBuffer *buffer, const CK_MECHANISM *mechanism)
{
    P11dWriter writer;
    p11d_buffer_init(buffer, 1 << 20);
    p11d_writer_init(&writer, buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    CK_RV rv = p11d_mechanism_write_parameters(&writer, mechanism);
    if (rv != CKR_OK)
        cr_expect_eq(buffer->size, 8, "something was left behind");
    p11d_writer_array_end(&writer, array);
    cr_assert(p11d_writer_ok(&writer));
    return rv;
}

static inline CK_RV read_parameters(const P11dBuffer *buffer, CK_MECHANISM_TYPE type,
                                    P11dParameters *parameters)
{
    P11dReader reader;
    p11d_reader_init(&reader, buffer->data, buffer->size, false);
    cr_assert(p11d_reader_validate(&reader, "a{sv}", 0));
    CK_RV rv = p11d_mechanism_read_parameters(&reader, type, parameters);
    cr_expect_eq(parameters->mechanism.mechanism, type);
    if (rv == CKR_OK)
        cr_expect(p11d_reader_at_end(&reader) && p11d_reader_ok(&reader));
    else
        cr_expect(!parameters->mechanism.pParameter && !parameters->mechanism.ulParameterLen &&
                  !parameters->prehashed);
    return rv;
}

/* What GLib reads in the parameters. */
static inline GVariant *parameters_by_gdbus(const CK_MECHANISM *mechanism)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .serial = 1,
                           .path = "/a",
                           .interface = "a.b",
                           .member = "c",
                           .signature = "a{sv}"};
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_message_begin(&writer, &buffer, &message);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    cr_assert_eq(p11d_mechanism_write_parameters(&writer, mechanism), CKR_OK);
    p11d_writer_array_end(&writer, array);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    g_autoptr(GDBusMessage) theirs =
        g_dbus_message_new_from_blob(buffer.data, buffer.size, G_DBUS_CAPABILITY_FLAGS_NONE, NULL);
    cr_assert_not_null(theirs);
    p11d_buffer_clear(&buffer);
    return g_variant_get_child_value(g_dbus_message_get_body(theirs), 0);
}

#endif
