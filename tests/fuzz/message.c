// SPDX-License-Identifier: MIT
/*
 * Any bytes as a message. What we accept GDBus must accept and understand the same, and it must
 * survive being written again by us.
 */
#include <string.h>

#include "fuzz.h"
#include "oracle.h"

/* GDBusMessage needs sixty times a message's size in memory. */
#define COMPARED_MAX 16384

/* Skipping type after type ends where the body ends. */
static void check_skip(const P11dMessage *message)
{
    P11dReader reader = message->body;
    g_autofree char *tuple = g_strdup_printf("(%s)", message->signature);
    const GVariantType *type = g_variant_type_first(G_VARIANT_TYPE(tuple));
    for (; type; type = g_variant_type_next(type)) {
        g_autofree char *single = g_variant_type_dup_string(type);
        FUZZ_EXPECT(p11d_reader_skip(&reader, single));
    }
    FUZZ_EXPECT(p11d_reader_ok(&reader) && p11d_reader_at_end(&reader));
}

static void check_written_again(const P11dMessage *message, GDBusMessage *theirs)
{
    GVariant *body = g_dbus_message_get_body(theirs);
    P11dBuffer buffer;
    P11dWriter writer;
    P11dMessage again;
    p11d_buffer_init(&buffer, P11D_MESSAGE_MAX);
    p11d_message_begin(&writer, &buffer, message);
    if (body)
        oracle_write_body(&writer, body);
    FUZZ_EXPECT(p11d_message_end(&writer) == P11D_OK);
    FUZZ_EXPECT(p11d_message_parse(buffer.data, buffer.size, 0, &again) == P11D_OK);
    FUZZ_EXPECT(oracle_matches_header(&again, theirs));
    FUZZ_EXPECT(oracle_matches_body(&again.body, body));
    p11d_buffer_clear(&buffer);
}

static void compare(const uint8_t *data, size_t size, const P11dMessage *message)
{
    g_autoptr(GError) error = NULL;
    g_autofree guchar *copy = g_memdup2(data, size);
    g_autoptr(GDBusMessage) theirs = g_dbus_message_new_from_blob(copy, size, 0, &error);
    if (!theirs)
        fprintf(stderr, "GDBus: %s\n", error->message);
    FUZZ_EXPECT(theirs);
    FUZZ_EXPECT(oracle_matches_header(message, theirs));
    FUZZ_EXPECT(oracle_matches_body(&message->body, g_dbus_message_get_body(theirs)));
    check_written_again(message, theirs);
}

static void check(const uint8_t *data, size_t size)
{
    P11dMessage message, bounded;
    P11dStatus status = p11d_message_parse(data, size, 0, &message);
    FUZZ_EXPECT(status == P11D_OK || status == P11D_MALFORMED);
    if (status == P11D_OK)
        check_skip(&message);
    if (p11d_message_parse(data, size, P11D_MESSAGE_OVERHEAD, &bounded) == P11D_OK)
        FUZZ_EXPECT(status == P11D_OK);
    else
        FUZZ_EXPECT(status == P11D_MALFORMED || size > P11D_MESSAGE_OVERHEAD);
    if (status == P11D_OK && size <= COMPARED_MAX)
        compare(data, size, &message);
}

static uint32_t get(const uint8_t *data, size_t at)
{
    uint32_t value;
    memcpy(&value, data + at, sizeof value);
    return data[0] == 'l' ? GUINT32_FROM_LE(value) : GUINT32_FROM_BE(value);
}

static void set(uint8_t *data, size_t at, uint32_t value)
{
    value = data[0] == 'l' ? GUINT32_TO_LE(value) : GUINT32_TO_BE(value);
    memcpy(data + at, &value, sizeof value);
}

/* Makes the length of the body what is there, so that the fuzzer may insert and remove bytes.
 * Returns false if the header does not fit. */
static bool repair(uint8_t *data, size_t size)
{
    if (size < P11D_MESSAGE_PREFIX)
        return false;
    size_t body_at = P11D_MESSAGE_PREFIX + ((size_t)get(data, 12) + 7) / 8 * 8;
    if (body_at > size || size > UINT32_MAX)
        return false;
    set(data, 4, (uint32_t)(size - body_at));
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(data, size);
    g_autofree uint8_t *copy = g_memdup2(data, size);
    if (copy && repair(copy, size))
        check(copy, size);
    return 0;
}
