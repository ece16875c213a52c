// SPDX-License-Identifier: MIT
#include "message.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>

#include "interface.h"
#include "oracle.h"

/* Every allocation passes here; see wrapped_allocation in meson.build. */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static size_t allocations;
static bool memory_is_out;

void *__wrap_malloc(size_t size)
{
    allocations++;
    return memory_is_out ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    allocations++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    allocations++;
    return __real_realloc(memory, size);
}

/* Every signature of the interface tables. */

typedef struct Row {
    char name[48];
    char signature[48];
} Row;

static size_t add_rows(Row *rows, const P11dInterface *interface)
{
    size_t count = 0;
    for (size_t i = 0; i < interface->method_count; i++) {
        const P11dMethod *method = &interface->methods[i];
        g_snprintf(rows[count].name, sizeof rows->name, "%s", method->name);
        g_snprintf(rows[count++].signature, sizeof rows->signature, "%s", method->in);
        g_snprintf(rows[count].name, sizeof rows->name, "%s reply", method->name);
        g_snprintf(rows[count++].signature, sizeof rows->signature, "%s", method->out);
    }
    for (size_t i = 0; i < interface->signal_count; i++, count++) {
        g_snprintf(rows[count].name, sizeof rows->name, "%s", interface->signals[i].name);
        g_snprintf(rows[count].signature, sizeof rows->signature, "%s",
                   interface->signals[i].signature);
    }
    return count;
}

static struct criterion_test_params all_rows(void)
{
    static const P11dInterface *const interfaces[] = {
        &p11d_interface_manager,
        &p11d_interface_token,
        &p11d_interface_object_manager,
        &p11d_interface_properties,
    };
    size_t count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++)
        count += 2 * interfaces[i]->method_count + interfaces[i]->signal_count;
    Row *rows = cr_malloc(count * sizeof *rows);
    count = 0;
    for (size_t i = 0; i < G_N_ELEMENTS(interfaces); i++)
        count += add_rows(rows + count, interfaces[i]);
    return cr_make_param_array(Row, rows, count, NULL);
}

/* A message of each type, with every field that the type can have. */
static GDBusMessage *random_message(GRand *random, const char *signature)
{
    GDBusMessage *message = g_dbus_message_new();
    GDBusMessageType type = (GDBusMessageType)g_rand_int_range(random, 1, 5);
    g_dbus_message_set_message_type(message, type);
    g_dbus_message_set_serial(message, (guint32)g_rand_int(random) | 1);
    g_dbus_message_set_flags(message, (GDBusMessageFlags)g_rand_int_range(random, 0, 4));
    if (type == G_DBUS_MESSAGE_TYPE_METHOD_CALL || type == G_DBUS_MESSAGE_TYPE_SIGNAL) {
        g_dbus_message_set_path(message, P11D_TOKENS_PATH "/demo");
        g_dbus_message_set_member(message, "Sign");
        if (type == G_DBUS_MESSAGE_TYPE_SIGNAL || g_rand_boolean(random))
            g_dbus_message_set_interface(message, p11d_interface_token.name);
    } else {
        g_dbus_message_set_reply_serial(message, (guint32)g_rand_int(random) | 1);
    }
    if (type == G_DBUS_MESSAGE_TYPE_ERROR)
        g_dbus_message_set_error_name(message, "org.p11dbus.Error.PinIncorrect");
    if (g_rand_boolean(random))
        g_dbus_message_set_destination(message, P11D_BUS_NAME);
    if (g_rand_boolean(random))
        g_dbus_message_set_sender(message, ":1.23");
    if (signature[0] != '\0')
        g_dbus_message_set_body(message, oracle_random_body(random, signature));
    return message;
}

static void read_what_gdbus_writes(GDBusMessage *theirs)
{
    g_autoptr(GError) error = NULL;
    gsize size;
    g_autofree guchar *blob = g_dbus_message_to_blob(theirs, &size, 0, &error);
    cr_assert_not_null(blob, "%s", error ? error->message : "");
    size_t told;
    cr_assert_eq(p11d_message_size(blob, P11D_MESSAGE_MAX, &told), P11D_OK);
    cr_assert_eq(told, size);
    P11dMessage ours;
    cr_assert_eq(p11d_message_parse(blob, size, P11D_MESSAGE_OVERHEAD, &ours), P11D_OK);
    cr_assert(oracle_matches_header(&ours, theirs));
    cr_assert(oracle_matches_body(&ours.body, g_dbus_message_get_body(theirs)));
}

static P11dMessage header_of(GDBusMessage *theirs)
{
    return (P11dMessage){
        .type = (P11dMessageType)g_dbus_message_get_message_type(theirs),
        .flags = (uint8_t)g_dbus_message_get_flags(theirs),
        .serial = g_dbus_message_get_serial(theirs),
        .reply_serial = g_dbus_message_get_reply_serial(theirs),
        .path = g_dbus_message_get_path(theirs),
        .interface = g_dbus_message_get_interface(theirs),
        .member = g_dbus_message_get_member(theirs),
        .error_name = g_dbus_message_get_error_name(theirs),
        .destination = g_dbus_message_get_destination(theirs),
        .sender = g_dbus_message_get_sender(theirs),
        .signature = g_dbus_message_get_signature(theirs),
        .descriptors = g_dbus_message_get_num_unix_fds(theirs),
    };
}

static void write_for_gdbus_to_read(GDBusMessage *original)
{
    GVariant *body = g_dbus_message_get_body(original);
    P11dMessage header = header_of(original);
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, P11D_MESSAGE_MAX);
    cr_assert(p11d_buffer_append(&buffer, "queued", 6), "a message may follow others");
    p11d_message_begin(&writer, &buffer, &header);
    if (body)
        oracle_write_body(&writer, body);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);
    p11d_buffer_consume(&buffer, 6);

    g_autoptr(GError) error = NULL;
    g_autoptr(GDBusMessage) theirs =
        g_dbus_message_new_from_blob(buffer.data, buffer.size, 0, &error);
    cr_assert_not_null(theirs, "%s", error ? error->message : "");
    cr_assert(oracle_matches_header(&header, theirs));
    GVariant *read = g_dbus_message_get_body(theirs);
    cr_assert(body ? read && g_variant_equal(body, read) : !read);
    p11d_buffer_clear(&buffer);
}

ParameterizedTestParameters(message, means_the_same_to_gdbus)
{
    return all_rows();
}

ParameterizedTest(Row *row, message, means_the_same_to_gdbus)
{
    guint32 seed = g_random_int();
    cr_log_info("%s \"%s\": seed %u", row->name, row->signature, seed);
    g_autoptr(GRand) random = g_rand_new_with_seed(seed);
    for (int i = 0; i < 30; i++) {
        g_autoptr(GDBusMessage) message = random_message(random, row->signature);
        g_dbus_message_set_byte_order(message, G_DBUS_MESSAGE_BYTE_ORDER_LITTLE_ENDIAN);
        read_what_gdbus_writes(message);
        g_dbus_message_set_byte_order(message, G_DBUS_MESSAGE_BYTE_ORDER_BIG_ENDIAN);
        read_what_gdbus_writes(message);
        write_for_gdbus_to_read(message);
    }
}

/* Malformed messages. */

static bool parses(const uint8_t *bytes, size_t size, P11dMessage *message)
{
    return p11d_message_parse(bytes, size, P11D_MESSAGE_OVERHEAD, message) == P11D_OK;
}

/* What we accept, GDBus must accept and understand the same; the reverse need not be. */
static bool is_laxer(const guchar *bytes, gsize size)
{
    P11dMessage ours;
    if (!parses(bytes, size, &ours))
        return false;
    g_autoptr(GDBusMessage) theirs = g_dbus_message_new_from_blob((guchar *)bytes, size, 0, NULL);
    return !theirs || !oracle_matches_header(&ours, theirs) ||
           !oracle_matches_body(&ours.body, g_dbus_message_get_body(theirs));
}

ParameterizedTestParameters(message, cut_or_changed_anywhere_is_refused_or_means_the_same_to_gdbus)
{
    return all_rows();
}

ParameterizedTest(Row *row, message, cut_or_changed_anywhere_is_refused_or_means_the_same_to_gdbus)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20260101);
    g_autoptr(GDBusMessage) message = random_message(random, row->signature);
    gsize size;
    g_autofree guchar *blob = g_dbus_message_to_blob(message, &size, 0, NULL);
    for (gsize cut = 0; cut < size; cut++) {
        P11dMessage ours;
        g_autofree guchar *bytes = g_memdup2(blob, cut);
        cr_assert_not(parses(bytes, cut, &ours), "%s, cut to %zu", row->name, cut);
        cr_assert(!ours.path && !ours.member && !p11d_reader_ok(&ours.body));
        cr_assert_str_eq(ours.signature, "");
    }
    for (gsize at = 0; at < size; at++) {
        guchar was = blob[at];
        for (guint i = 0; i < 8; i++) {
            blob[at] = (guchar)(was ^ (guchar)(1U << i));
            cr_assert_not(is_laxer(blob, size), "%s, byte %zu: %02x", row->name, at, blob[at]);
        }
        blob[at] = was;
    }
}

static const P11dMessage call = {
    .type = P11D_MESSAGE_CALL,
    .serial = 7,
    .path = P11D_TOKENS_PATH "/demo",
    .interface = "org.p11dbus.Token1",
    .member = "Sign",
};

static P11dStatus write_message(const P11dMessage *message)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 4096);
    p11d_message_begin(&writer, &buffer, message);
    P11dStatus status = p11d_message_end(&writer);
    cr_assert((status == P11D_OK) == (buffer.size > 0));
    p11d_buffer_clear(&buffer);
    return status;
}

Test(message, what_would_be_malformed_is_not_written)
{
    P11dMessage message = call;
    cr_assert_eq(write_message(&message), P11D_OK);
    message.serial = 0;
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = call;
    message.type = (P11dMessageType)5;
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = call;
    message.path = "no/path";
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = call;
    message.member = NULL;
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = call;
    message.destination = "nodot";
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = call;
    message.signature = "a";
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message = (P11dMessage){.type = P11D_MESSAGE_RETURN, .serial = 1};
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message.reply_serial = 1;
    cr_assert_eq(write_message(&message), P11D_OK);
    message.type = P11D_MESSAGE_ERROR;
    cr_assert_eq(write_message(&message), P11D_MALFORMED);
    message.error_name = "org.p11dbus.Error.PinIncorrect";
    cr_assert_eq(write_message(&message), P11D_OK);
}

Test(message, what_does_not_fit_is_told_apart_and_leaves_an_empty_buffer)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 200);
    p11d_message_begin(&writer, &buffer, &call);
    for (int i = 0; i < 100; i++)
        p11d_writer_uint64(&writer, 0);
    cr_assert_eq(p11d_message_end(&writer), P11D_TOO_LARGE);
    cr_assert_eq(buffer.size, 0);
    cr_assert_not(buffer.too_large);
    p11d_buffer_clear(&buffer);

    p11d_buffer_init(&buffer, SIZE_MAX);
    memory_is_out = true;
    p11d_message_begin(&writer, &buffer, &call);
    memory_is_out = false;
    cr_assert_eq(p11d_message_end(&writer), P11D_NO_MEMORY);
    cr_assert_eq(buffer.size, 0);
    p11d_buffer_clear(&buffer);
}

Test(message, the_size_is_told_from_the_prefix_and_bounded)
{
    size_t size = 0;
    uint8_t prefix[P11D_MESSAGE_PREFIX] = "l\1\0\1\3\0\0\0\1\0\0\0\11\0\0\0";
    cr_assert_eq(p11d_message_size(prefix, 35, &size), P11D_OK);
    cr_assert_eq(size, 16 + 16 + 3);
    cr_assert_eq(p11d_message_size(prefix, 34, &size), P11D_TOO_LARGE);
    memcpy(prefix + 4, "\377\377\377\377", 4);
    cr_assert_eq(p11d_message_size(prefix, P11D_MESSAGE_MAX, &size), P11D_TOO_LARGE);
    memcpy(prefix + 12, "\1\0\0\4", 4); /* an array over 64 MiB */
    cr_assert_eq(p11d_message_size(prefix, SIZE_MAX, &size), P11D_MALFORMED);
    uint8_t other[P11D_MESSAGE_PREFIX] = "B\1\0\1\0\0\0\3\0\0\0\1\0\0\0\11";
    cr_assert_eq(p11d_message_size(other, 35, &size), P11D_OK);
    cr_assert_eq(size, 35);
}

Test(message, a_prefix_that_begins_no_message_is_malformed)
{
    static const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 'b'}, {0, 0}, {1, 0}, {1, 5}, {3, 0}, {3, 2}, {8, 0}};
    for (size_t i = 0; i < G_N_ELEMENTS(changes); i++) {
        size_t size;
        uint8_t prefix[P11D_MESSAGE_PREFIX] = "l\1\0\1\3\0\0\0\1\0\0\0\11\0\0\0";
        prefix[changes[i].at] = changes[i].value;
        cr_assert_eq(p11d_message_size(prefix, 100, &size), P11D_MALFORMED, "%zu", i);
    }
}

/* Header fields that no writer of ours makes: marshalled by hand. */

typedef struct RawField {
    uint8_t code;
    const char *type;
    const char *text;
    uint32_t number;
} RawField;

static bool accepts(P11dMessageType type, const RawField *fields, size_t count, size_t overhead)
{
    static const uint8_t start[] = {__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 'l' : 'B', 0, 0, 1};
    P11dBuffer buffer;
    P11dWriter writer;
    P11dMessage message;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_raw(&writer, start, sizeof start);
    buffer.data[1] = (uint8_t)type;
    p11d_writer_uint32(&writer, 0);
    p11d_writer_uint32(&writer, 1);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; i < count; i++) {
        p11d_writer_struct(&writer);
        p11d_writer_byte(&writer, fields[i].code);
        p11d_writer_variant(&writer, fields[i].type);
        if (fields[i].type[0] == 'g')
            p11d_writer_signature(&writer, fields[i].text);
        else if (fields[i].text)
            p11d_writer_string(&writer, fields[i].text);
        else
            p11d_writer_uint32(&writer, fields[i].number);
    }
    p11d_writer_array_end(&writer, array);
    p11d_writer_align(&writer, 8);
    cr_assert(p11d_writer_ok(&writer));
    P11dStatus status = p11d_message_parse(buffer.data, buffer.size, overhead, &message);
    p11d_buffer_clear(&buffer);
    return status == P11D_OK;
}

#define PATH                                                                                       \
    {                                                                                              \
        1, "o", "/a"                                                                               \
    }
#define INTERFACE                                                                                  \
    {                                                                                              \
        2, "s", "a.b"                                                                              \
    }
#define MEMBER                                                                                     \
    {                                                                                              \
        3, "s", "C"                                                                                \
    }
#define ERROR_NAME                                                                                 \
    {                                                                                              \
        4, "s", "a.b"                                                                              \
    }
#define REPLY_SERIAL                                                                               \
    {                                                                                              \
        5, "u", NULL, 9                                                                            \
    }
#define ACCEPTS(type, ...)                                                                         \
    accepts(P11D_MESSAGE_##type, (RawField[]){__VA_ARGS__},                                        \
            sizeof((RawField[]){__VA_ARGS__}) / sizeof(RawField), 0)

Test(message, each_type_has_its_required_fields)
{
    cr_assert(ACCEPTS(CALL, PATH, MEMBER));
    cr_assert_not(ACCEPTS(CALL, PATH));
    cr_assert_not(ACCEPTS(CALL, MEMBER));
    cr_assert(ACCEPTS(SIGNAL, PATH, INTERFACE, MEMBER));
    cr_assert_not(ACCEPTS(SIGNAL, PATH, MEMBER));
    cr_assert_not(ACCEPTS(SIGNAL, PATH, INTERFACE));
    cr_assert_not(ACCEPTS(SIGNAL, INTERFACE, MEMBER));
    cr_assert(ACCEPTS(RETURN, REPLY_SERIAL));
    cr_assert_not(ACCEPTS(RETURN, PATH));
    cr_assert(ACCEPTS(ERROR, REPLY_SERIAL, ERROR_NAME));
    cr_assert_not(ACCEPTS(ERROR, REPLY_SERIAL));
    cr_assert_not(ACCEPTS(ERROR, ERROR_NAME));
}

Test(message, fields_have_their_types_and_syntax_and_come_once)
{
    cr_assert_not(ACCEPTS(CALL, {1, "s", "/a"}, MEMBER));
    cr_assert_not(ACCEPTS(CALL, PATH, {3, "g", "s"}));
    cr_assert_not(ACCEPTS(CALL, PATH, {3, "s", "not.a.member"}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {2, "s", "nodot"}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {2, "s", "org.freedesktop.DBus.Local"}));
    cr_assert_not(ACCEPTS(CALL, MEMBER, {1, "o", "/org/freedesktop/DBus/Local"}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {6, "s", "nodot"}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {7, "s", ""}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {8, "s", ""}));
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, {8, "g", "u"}), "a body must follow");
    cr_assert_not(ACCEPTS(CALL, PATH, MEMBER, MEMBER));
    cr_assert_not(ACCEPTS(RETURN, {5, "u", NULL, 0}));
    cr_assert_not(ACCEPTS(RETURN, {5, "i", NULL, 1}));
    cr_assert_not(ACCEPTS(ERROR, REPLY_SERIAL, {4, "s", "nodot"}));
}

Test(message, fields_that_are_not_known_are_passed_over)
{
    cr_assert(ACCEPTS(CALL, PATH, {10, "u", NULL, 1}, MEMBER, {255, "s", "x"}));
    cr_assert_not(ACCEPTS(CALL, PATH, {0, "u", NULL, 1}, MEMBER));
    cr_assert_not(ACCEPTS(CALL, PATH, {200, "b", NULL, 2}, MEMBER),
                  "its value must be well formed");
}

Test(message, the_number_of_descriptors_is_bounded)
{
    cr_assert(ACCEPTS(RETURN, REPLY_SERIAL, {9, "u", NULL, P11D_MESSAGE_DESCRIPTORS}));
    cr_assert(ACCEPTS(RETURN, REPLY_SERIAL, {9, "u", NULL, 0}));
    cr_assert_not(ACCEPTS(RETURN, REPLY_SERIAL, {9, "u", NULL, P11D_MESSAGE_DESCRIPTORS + 1}));
}

Test(message, a_header_counts_as_overhead)
{
    g_autofree char *large = g_strnfill(1000, 'x');
    const RawField fields[] = {REPLY_SERIAL, {10, "s", large}};
    cr_assert(accepts(P11D_MESSAGE_RETURN, fields, 2, 0));
    cr_assert(accepts(P11D_MESSAGE_RETURN, fields, 2, 1100));
    cr_assert_not(accepts(P11D_MESSAGE_RETURN, fields, 2, 1000));
}

/* Hostile messages. */

#define HOSTILE_SIZE ((size_t)8 << 20)

static void hostile(const char *signature, const uint8_t *element, size_t size)
{
    P11dMessage header = call;
    P11dMessage message;
    P11dBuffer buffer;
    P11dWriter writer;
    header.signature = signature;
    p11d_buffer_init(&buffer, P11D_MESSAGE_MAX);
    p11d_message_begin(&writer, &buffer, &header);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; i < HOSTILE_SIZE; i += size)
        p11d_writer_raw(&writer, element, size);
    p11d_writer_array_end(&writer, array);
    cr_assert_eq(p11d_message_end(&writer), P11D_OK);

    allocations = 0;
    cr_assert_eq(p11d_message_parse(buffer.data, buffer.size, 0, &message), P11D_OK);
    cr_assert_eq(p11d_message_parse(buffer.data, buffer.size, P11D_MESSAGE_OVERHEAD, &message),
                 P11D_MALFORMED);
    cr_assert_eq(allocations, 0);
    p11d_buffer_clear(&buffer);
}

Test(message, a_hostile_one_of_8_mib_allocates_nothing)
{
    hostile("a(vy)", (const uint8_t *)"\1v\0\1y\0\7\7", 8);
    hostile("a(asu)", (const uint8_t *)"\0\0\0\0\0\0\0", 8);
    hostile("a(ga{sv})", (const uint8_t *)"\0\0\0\0\0\0\0", 8);
    /* Long types of which no value is there: each array costs eight bytes and no more work. */
    char signature[256];
    memset(signature, 'u', sizeof signature);
    memcpy(signature, "a(a(", 4);
    memcpy(signature + 253, "))", 3);
    hostile(signature, (const uint8_t *)"\0\0\0\0\0\0\0", 8);
}
