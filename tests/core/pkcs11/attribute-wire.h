// SPDX-License-Identifier: MIT
/* Attributes to the wire and back, for the tests of attributes and their kinds. */
#ifndef P11D_TEST_ATTRIBUTE_WIRE_H
#define P11D_TEST_ATTRIBUTE_WIRE_H

#include <criterion/criterion.h>
#include <gio/gio.h>

#include "attribute.h"
#include "message.h"

/* Deeply. */
static inline bool same_values(const CK_ATTRIBUTE *a, const CK_ATTRIBUTE *b)
{
    if (a->type != b->type || a->ulValueLen != b->ulValueLen)
        return false;
    const P11dAttribute *row = p11d_attribute_find(a->type);
    if (!row || row->kind != &p11d_attribute_template)
        return a->ulValueLen == 0 || memcmp(a->pValue, b->pValue, a->ulValueLen) == 0;
    const CK_ATTRIBUTE *inner_a = a->pValue, *inner_b = b->pValue;
    for (size_t i = 0; i < a->ulValueLen / sizeof *a; i++) {
        if (!same_values(&inner_a[i], &inner_b[i]))
            return false;
    }
    return true;
}

/* What GLib reads in an a{sv} that was written: the oracle of names and types. */
static inline GVariant *read_by_gdbus(const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .serial = 1,
                           .path = "/a",
                           .interface = "a.b",
                           .member = "c",
                           .signature = "a{sv}"};
    p11d_buffer_init(&buffer, 1 << 24);
    p11d_message_begin(&writer, &buffer, &message);
    cr_assert_eq(p11d_attribute_write_all(&writer, attributes, count), CKR_OK);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) theirs = g_dbus_message_new_from_blob(
        buffer.data, buffer.size, G_DBUS_CAPABILITY_FLAGS_NONE, &error);
    cr_assert_not_null(theirs, "%s", error ? error->message : "");
    GVariant *body = g_dbus_message_get_body(theirs);
    p11d_buffer_clear(&buffer);
    return g_variant_get_child_value(body, 0);
}

static inline CK_RV write_and_read(const CK_ATTRIBUTE *attributes, CK_ULONG count,
                                   P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 24);
    p11d_writer_init(&writer, &buffer);
    CK_RV rv = p11d_attribute_write_all(&writer, attributes, count);
    if (rv == CKR_OK) {
        cr_assert(p11d_writer_ok(&writer));
        p11d_reader_init(&reader, buffer.data, buffer.size, false);
        cr_assert(p11d_reader_validate(&reader, "a{sv}", 0));
        rv = p11d_attribute_read_all(&reader, templ);
        if (rv == CKR_OK)
            cr_assert(p11d_reader_ok(&reader) && p11d_reader_at_end(&reader));
    }
    p11d_buffer_clear(&buffer);
    return rv;
}

/* Writes an a{sv} with one entry of a type and reads it as attributes. */
static inline CK_RV read_entry(const char *name, const char *signature, P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, name, signature);
    if (strcmp(signature, "y") == 0) {
        p11d_writer_byte(&writer, 7);
    } else if (strcmp(signature, "b") == 0) {
        p11d_writer_boolean(&writer, true);
    } else if (strchr("uih", *signature)) {
        p11d_writer_uint32(&writer, 7);
    } else if (strchr("txd", *signature)) {
        p11d_writer_uint64(&writer, 7);
    } else if (strcmp(signature, "s") == 0) {
        p11d_writer_string(&writer, "0x7");
    } else if (strcmp(signature, "o") == 0) {
        p11d_writer_string(&writer, "/a");
    } else if (strcmp(signature, "g") == 0) {
        p11d_writer_signature(&writer, "s");
    } else if (strcmp(signature, "v") == 0) {
        p11d_writer_variant(&writer, "b");
        p11d_writer_boolean(&writer, true);
    } else if (strcmp(signature, "(t)") == 0) {
        p11d_writer_struct(&writer);
        p11d_writer_uint64(&writer, 7);
    } else {
        bool wide = strcmp(signature, "at") == 0 || strcmp(signature, "a{sv}") == 0;
        P11dArray inner = p11d_writer_array_begin(&writer, wide ? 8 : 4);
        p11d_writer_array_end(&writer, inner);
    }
    p11d_writer_array_end(&writer, array);
    cr_assert(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, "a{sv}", 0), "%s", signature);
    CK_RV rv = p11d_attribute_read_all(&reader, templ);
    p11d_buffer_clear(&buffer);
    return rv;
}

/* Every type that a value may have, and some that none has. */
static const char *const all_signatures[] = {"y", "b", "u", "i",   "h",  "t",     "x",  "d",  "s",
                                             "o", "g", "v", "(t)", "ay", "a{sv}", "as", "at", "au"};

#endif
