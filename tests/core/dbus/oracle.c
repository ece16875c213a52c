// SPDX-License-Identifier: MIT
#include "oracle.h"

#include <string.h>

#include "signature.h"

/* Making values */

/* Types that a variant is filled with: what attributes and parameters use, and the rest of D-Bus.
 */
static const char *const variant_types[] = {
    "s", "t", "b", "ay", "as", "a{sv}", "u",  "y",      "o",      "g",     "v",
    "n", "q", "i", "x",  "d",  "h",     "at", "(ttas)", "a{tay}", "a(yv)", "a{s(ub)}",
};

static GVariant *random_string(GRand *random)
{
    static const char *const pieces[] = {"",
                                         "a",
                                         "label",
                                         "0123456789abcdef",
                                         "\xc3\xa9",
                                         "\xe2\x82\xac",
                                         "\xf0\x9f\x94\x91",
                                         "\xed\x9f\xbf",
                                         " "};
    g_autoptr(GString) text = g_string_new(NULL);
    for (int left = g_rand_int_range(random, 0, 6); left > 0; left--)
        g_string_append(text, pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))]);
    return g_variant_new_string(text->str);
}

static GVariant *random_path(GRand *random)
{
    g_autoptr(GString) text = g_string_new("/");
    for (int left = g_rand_int_range(random, 0, 4); left > 0; left--)
        g_string_append(text, left == 1 ? "t_2d0" : "p11dbus/");
    return g_variant_new_object_path(text->str);
}

static guint64 random_number(GRand *random)
{
    guint64 number = (guint64)g_rand_int(random) << 32 | g_rand_int(random);
    return number >> g_rand_int_range(random, 0, 64);
}

static GVariant *random_bytes(GRand *random)
{
    guint8 bytes[100];
    gsize size = (gsize)g_rand_int_range(random, 0, sizeof bytes + 1);
    for (gsize i = 0; i < size; i++)
        bytes[i] = (guint8)g_rand_int(random);
    return g_variant_new_fixed_array(G_VARIANT_TYPE_BYTE, bytes, size, 1);
}

static GVariant *random_basic(GRand *random, char type)
{
    guint64 number = random_number(random);
    switch (type) {
    case 'y':
        return g_variant_new_byte((guint8)number);
    case 'b':
        return g_variant_new_boolean(number & 1);
    case 'n':
        return g_variant_new_int16((gint16)number);
    case 'q':
        return g_variant_new_uint16((guint16)number);
    case 'i':
        return g_variant_new_int32((gint32)number);
    case 'u':
        return g_variant_new_uint32((guint32)number);
    case 'h':
        return g_variant_new_handle((gint32)(number & 3));
    case 'x':
        return g_variant_new_int64((gint64)number);
    case 't':
        return g_variant_new_uint64(number);
    case 'd':
        return g_variant_new_double(g_rand_double(random));
    case 'o':
        return random_path(random);
    case 'g':
        return g_variant_new_signature(number & 1 ? "a{sv}ay(tt)" : "");
    default:
        return random_string(random);
    }
}

static GVariant *random_array(GRand *random, const GVariantType *type, unsigned depth)
{
    if (g_variant_type_equal(type, G_VARIANT_TYPE_BYTESTRING))
        return random_bytes(random);
    GVariantBuilder builder;
    g_variant_builder_init(&builder, type);
    for (int left = g_rand_int_range(random, 0, 5); left > 0; left--)
        g_variant_builder_add_value(&builder,
                                    oracle_random(random, g_variant_type_element(type), depth));
    return g_variant_builder_end(&builder);
}

static GVariant *random_members(GRand *random, const GVariantType *type, unsigned depth)
{
    GVariantBuilder builder;
    g_variant_builder_init(&builder, type);
    for (const GVariantType *m = g_variant_type_first(type); m; m = g_variant_type_next(m))
        g_variant_builder_add_value(&builder, oracle_random(random, m, depth));
    return g_variant_builder_end(&builder);
}

GVariant *oracle_random(GRand *random, const GVariantType *type, unsigned depth)
{
    if (g_variant_type_is_variant(type)) {
        int kinds = depth > 0 ? (int)G_N_ELEMENTS(variant_types) : 4;
        const char *inner = variant_types[g_rand_int_range(random, 0, kinds)];
        return g_variant_new_variant(
            oracle_random(random, G_VARIANT_TYPE(inner), depth > 0 ? depth - 1 : 0));
    }
    if (g_variant_type_is_array(type))
        return random_array(random, type, depth);
    if (g_variant_type_is_container(type))
        return random_members(random, type, depth);
    return random_basic(random, g_variant_type_peek_string(type)[0]);
}

GVariant *oracle_random_body(GRand *random, const char *signature)
{
    g_autofree char *tuple = g_strdup_printf("(%s)", signature);
    return oracle_random(random, G_VARIANT_TYPE(tuple), 2);
}

/* Writing */

static void write_array(P11dWriter *writer, GVariant *value)
{
    const char *type = g_variant_get_type_string(value);
    if (strcmp(type, "ay") == 0) {
        gsize size;
        const void *bytes = g_variant_get_fixed_array(value, &size, 1);
        p11d_writer_bytes(writer, bytes, size);
        return;
    }
    P11dArray array = p11d_writer_array_begin(writer, p11d_signature_alignment(type[1]));
    oracle_write_body(writer, value);
    p11d_writer_array_end(writer, array);
}

/* The writer has no call of its own for these: their bytes, aligned. */
static void write_fixed(P11dWriter *writer, GVariant *value)
{
    gsize size = g_variant_get_size(value);
    p11d_writer_align(writer, size);
    p11d_writer_raw(writer, g_variant_get_data(value), size);
}

static void write_variant(P11dWriter *writer, GVariant *value)
{
    g_autoptr(GVariant) inner = g_variant_get_variant(value);
    p11d_writer_variant(writer, g_variant_get_type_string(inner));
    oracle_write(writer, inner);
}

void oracle_write(P11dWriter *writer, GVariant *value)
{
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BYTE:
        p11d_writer_byte(writer, g_variant_get_byte(value));
        break;
    case G_VARIANT_CLASS_BOOLEAN:
        p11d_writer_boolean(writer, g_variant_get_boolean(value));
        break;
    case G_VARIANT_CLASS_UINT32:
        p11d_writer_uint32(writer, g_variant_get_uint32(value));
        break;
    case G_VARIANT_CLASS_UINT64:
        p11d_writer_uint64(writer, g_variant_get_uint64(value));
        break;
    case G_VARIANT_CLASS_STRING:
    case G_VARIANT_CLASS_OBJECT_PATH:
        p11d_writer_string(writer, g_variant_get_string(value, NULL));
        break;
    case G_VARIANT_CLASS_SIGNATURE:
        p11d_writer_signature(writer, g_variant_get_string(value, NULL));
        break;
    case G_VARIANT_CLASS_VARIANT:
        write_variant(writer, value);
        break;
    case G_VARIANT_CLASS_ARRAY:
        write_array(writer, value);
        break;
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
        p11d_writer_struct(writer);
        oracle_write_body(writer, value);
        break;
    default:
        write_fixed(writer, value);
    }
}

void oracle_write_body(P11dWriter *writer, GVariant *body)
{
    for (gsize i = 0; i < g_variant_n_children(body); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(body, i);
        oracle_write(writer, child);
    }
}

/* Reading */

static gboolean matches_children(P11dReader *reader, GVariant *value)
{
    for (gsize i = 0; i < g_variant_n_children(value); i++) {
        g_autoptr(GVariant) child = g_variant_get_child_value(value, i);
        if (!oracle_matches(reader, child))
            return FALSE;
    }
    return TRUE;
}

static gboolean matches_array(P11dReader *reader, GVariant *value)
{
    const char *type = g_variant_get_type_string(value);
    if (strcmp(type, "ay") == 0) {
        const uint8_t *ours;
        size_t size;
        gsize their_size;
        const void *theirs = g_variant_get_fixed_array(value, &their_size, 1);
        return p11d_reader_bytes(reader, &ours, &size) && size == their_size &&
               (size == 0 || memcmp(ours, theirs, size) == 0);
    }
    P11dReader elements;
    return p11d_reader_array(reader, p11d_signature_alignment(type[1]), &elements) &&
           matches_children(&elements, value) && p11d_reader_ok(&elements) &&
           p11d_reader_at_end(&elements);
}

/* As write_fixed: n q i x d h. */
static gboolean matches_fixed(P11dReader *reader, GVariant *value)
{
    gsize size = g_variant_get_size(value);
    const uint8_t *theirs = g_variant_get_data(value);
    if (!p11d_reader_align(reader, size))
        return FALSE;
    for (gsize i = 0; i < size; i++) {
        uint8_t ours;
        if (!p11d_reader_byte(reader, &ours) || ours != theirs[reader->swap ? size - 1 - i : i])
            return FALSE;
    }
    return TRUE;
}

static gboolean matches_variant(P11dReader *reader, GVariant *value)
{
    g_autoptr(GVariant) inner = g_variant_get_variant(value);
    const char *signature;
    return p11d_reader_variant(reader, &signature) &&
           strcmp(signature, g_variant_get_type_string(inner)) == 0 &&
           oracle_matches(reader, inner);
}

static gboolean matches_string(P11dReader *reader, GVariant *value)
{
    gsize their_size;
    const char *theirs = g_variant_get_string(value, &their_size);
    const char *ours;
    size_t size;
    return p11d_reader_string(reader, &ours, &size) && size == their_size &&
           strcmp(ours, theirs) == 0;
}

gboolean oracle_matches(P11dReader *reader, GVariant *value)
{
    uint8_t byte;
    bool boolean;
    uint32_t small;
    uint64_t large;
    const char *text;
    switch (g_variant_classify(value)) {
    case G_VARIANT_CLASS_BYTE:
        return p11d_reader_byte(reader, &byte) && byte == g_variant_get_byte(value);
    case G_VARIANT_CLASS_BOOLEAN:
        return p11d_reader_boolean(reader, &boolean) && boolean == g_variant_get_boolean(value);
    case G_VARIANT_CLASS_UINT32:
        return p11d_reader_uint32(reader, &small) && small == g_variant_get_uint32(value);
    case G_VARIANT_CLASS_UINT64:
        return p11d_reader_uint64(reader, &large) && large == g_variant_get_uint64(value);
    case G_VARIANT_CLASS_STRING:
        return matches_string(reader, value);
    case G_VARIANT_CLASS_OBJECT_PATH:
        return p11d_reader_object_path(reader, &text) &&
               strcmp(text, g_variant_get_string(value, NULL)) == 0;
    case G_VARIANT_CLASS_SIGNATURE:
        return p11d_reader_signature(reader, &text) &&
               strcmp(text, g_variant_get_string(value, NULL)) == 0;
    case G_VARIANT_CLASS_VARIANT:
        return matches_variant(reader, value);
    case G_VARIANT_CLASS_ARRAY:
        return matches_array(reader, value);
    case G_VARIANT_CLASS_TUPLE:
    case G_VARIANT_CLASS_DICT_ENTRY:
        return p11d_reader_struct(reader) && matches_children(reader, value);
    default:
        return matches_fixed(reader, value);
    }
}

gboolean oracle_matches_body(const P11dReader *reader, GVariant *body)
{
    P11dReader copy = *reader;
    if (body && !matches_children(&copy, body))
        return FALSE;
    return p11d_reader_ok(&copy) && p11d_reader_at_end(&copy);
}

gboolean oracle_matches_header(const P11dMessage *ours, GDBusMessage *theirs)
{
    return (int)ours->type == (int)g_dbus_message_get_message_type(theirs) &&
           ours->flags == (uint8_t)g_dbus_message_get_flags(theirs) &&
           ours->serial == g_dbus_message_get_serial(theirs) &&
           ours->reply_serial == g_dbus_message_get_reply_serial(theirs) &&
           ours->descriptors == g_dbus_message_get_num_unix_fds(theirs) &&
           g_strcmp0(ours->path, g_dbus_message_get_path(theirs)) == 0 &&
           g_strcmp0(ours->interface, g_dbus_message_get_interface(theirs)) == 0 &&
           g_strcmp0(ours->member, g_dbus_message_get_member(theirs)) == 0 &&
           g_strcmp0(ours->error_name, g_dbus_message_get_error_name(theirs)) == 0 &&
           g_strcmp0(ours->destination, g_dbus_message_get_destination(theirs)) == 0 &&
           g_strcmp0(ours->sender, g_dbus_message_get_sender(theirs)) == 0 &&
           strcmp(ours->signature, g_dbus_message_get_signature(theirs)) == 0;
}
