// SPDX-License-Identifier: MIT
#include "message.h"

#include <string.h>

#include "syntax.h"

#define PROTOCOL_VERSION 1
#define BODY_LENGTH_AT 4
#define SERIAL_AT 8
#define FIELDS_LENGTH_AT 12
#define FIELDS_AT 16

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_BYTE_ORDER 'l'
#define OTHER_BYTE_ORDER 'B'
#else
#define OUR_BYTE_ORDER 'B'
#define OTHER_BYTE_ORDER 'l'
#endif

/* A set of message types. */
#define IN(type) (1U << P11D_MESSAGE_##type)

/* One header field (D-Bus Specification, "Header Fields"). */
typedef struct Field {
    const char *type;            /* its signature, one character */
    size_t offset;               /* of its value in P11dMessage: const char * or uint32_t */
    bool (*valid)(const char *); /* for text, what its type does not say; may be NULL */
    unsigned required;           /* of which message types; a number then is not 0 */
} Field;

/* Reserved for what a library says to itself; never on the wire. */
static bool is_path(const char *text)
{
    return strcmp(text, "/org/freedesktop/DBus/Local") != 0;
}

static bool is_interface(const char *text)
{
    return p11d_syntax_is_interface(text) && strcmp(text, "org.freedesktop.DBus.Local") != 0;
}

/* Indexed by the code of the field. */
static const Field fields[] = {
    [1] = {"o", offsetof(P11dMessage, path), is_path, IN(CALL) | IN(SIGNAL)},
    [2] = {"s", offsetof(P11dMessage, interface), is_interface, IN(SIGNAL)},
    [3] = {"s", offsetof(P11dMessage, member), p11d_syntax_is_member, IN(CALL) | IN(SIGNAL)},
    [4] = {"s", offsetof(P11dMessage, error_name), p11d_syntax_is_interface, IN(ERROR)},
    [5] = {"u", offsetof(P11dMessage, reply_serial), NULL, IN(RETURN) | IN(ERROR)},
    [6] = {"s", offsetof(P11dMessage, destination), p11d_syntax_is_bus_name, 0},
    [7] = {"s", offsetof(P11dMessage, sender), p11d_syntax_is_bus_name, 0},
    [8] = {"g", offsetof(P11dMessage, signature), NULL, 0},
    [9] = {"u", offsetof(P11dMessage, descriptors), NULL, 0},
};

#define FIELD_COUNT (sizeof fields / sizeof fields[0])

static bool is_type(unsigned type)
{
    return type >= P11D_MESSAGE_CALL && type <= P11D_MESSAGE_SIGNAL;
}

/* seen: bit n is set if the header has field n. */
static bool has_required_fields(P11dMessageType type, unsigned seen)
{
    for (size_t code = 1; code < FIELD_COUNT; code++) {
        if ((fields[code].required >> type & 1U) && !(seen >> code & 1U))
            return false;
    }
    return true;
}

static uint32_t prefix_uint32(const uint8_t *prefix, size_t at)
{
    uint32_t value;
    memcpy(&value, prefix + at, sizeof value);
    return prefix[0] == OUR_BYTE_ORDER ? value : __builtin_bswap32(value);
}

P11dStatus p11d_message_size(const uint8_t *prefix, size_t limit, size_t *size)
{
    if ((prefix[0] != OUR_BYTE_ORDER && prefix[0] != OTHER_BYTE_ORDER) || !is_type(prefix[1]) ||
        prefix[3] != PROTOCOL_VERSION || prefix_uint32(prefix, SERIAL_AT) == 0)
        return P11D_MALFORMED;
    uint64_t fields_length = prefix_uint32(prefix, FIELDS_LENGTH_AT);
    uint64_t body_length = prefix_uint32(prefix, BODY_LENGTH_AT);
    if (fields_length > P11D_READER_ARRAY_MAX)
        return P11D_MALFORMED;
    uint64_t all = FIELDS_AT + ((fields_length + 7) & ~(uint64_t)7) + body_length;
    if (all > limit)
        return P11D_TOO_LARGE;
    *size = (size_t)all;
    return P11D_OK;
}

static bool read_text(P11dReader *reader, const Field *field, const char **value)
{
    switch (field->type[0]) {
    case 'o':
        return p11d_reader_object_path(reader, value);
    case 'g':
        return p11d_reader_signature(reader, value);
    default:
        return p11d_reader_string(reader, value, NULL);
    }
}

static bool read_value(P11dReader *reader, const Field *field, P11dMessage *message)
{
    void *place = (char *)message + field->offset;
    if (field->type[0] == 'u') {
        uint32_t *number = place;
        return p11d_reader_uint32(reader, number) && (*number != 0 || field->required == 0);
    }
    const char **text = place;
    return read_text(reader, field, text) && (!field->valid || field->valid(*text));
}

/* A field twice would leave open which one counts. Fields that are not known are passed over. */
static bool read_field(P11dReader *reader, P11dMessage *message, unsigned *seen)
{
    uint8_t code;
    const char *type;
    if (!p11d_reader_struct(reader) || !p11d_reader_byte(reader, &code) ||
        !p11d_reader_variant(reader, &type) || code == 0)
        return false;
    if (code >= FIELD_COUNT)
        return p11d_reader_skip(reader, type);
    if (strcmp(type, fields[code].type) != 0 || (*seen >> code & 1U))
        return false;
    *seen |= 1U << code;
    return read_value(reader, &fields[code], message);
}

static bool read_header(P11dReader *reader, size_t overhead, P11dMessage *message)
{
    P11dReader header;
    unsigned seen = 0;
    reader->position = FIELDS_LENGTH_AT;
    if (!p11d_reader_array(reader, 8, &header))
        return false;
    if (overhead > 0 && header.end - header.position > overhead)
        return false;
    while (!p11d_reader_at_end(&header)) {
        if (!read_field(&header, message, &seen))
            return false;
    }
    return p11d_reader_align(reader, 8) && has_required_fields(message->type, seen);
}

static bool parse(P11dReader *reader, size_t overhead, P11dMessage *message)
{
    const uint8_t *data = reader->data;
    size_t size;
    if (reader->end < P11D_MESSAGE_PREFIX ||
        p11d_message_size(data, reader->end, &size) != P11D_OK || size != reader->end)
        return false;
    message->type = (P11dMessageType)data[1];
    message->flags = data[2];
    message->serial = prefix_uint32(data, SERIAL_AT);
    reader->swap = data[0] != OUR_BYTE_ORDER;
    return read_header(reader, overhead, message) &&
           message->descriptors <= P11D_MESSAGE_DESCRIPTORS &&
           p11d_reader_validate(reader, message->signature, overhead);
}

P11dStatus p11d_message_parse(const uint8_t *data, size_t size, size_t overhead,
                              P11dMessage *message)
{
    *message = (P11dMessage){.signature = ""};
    P11dReader reader;
    p11d_reader_init(&reader, data, size, false);
    if (!parse(&reader, overhead, message)) {
        /* Nothing of it may be taken for checked. */
        *message = (P11dMessage){.signature = "", .body = {.failed = true}};
        return P11D_MALFORMED;
    }
    message->body = reader;
    return P11D_OK;
}

/* Writes the field if message has it; returns whether it does. */
static bool write_field(P11dWriter *writer, uint8_t code, const P11dMessage *message)
{
    const Field *field = &fields[code];
    const void *place = (const char *)message + field->offset;
    bool number = field->type[0] == 'u';
    const char *text = number ? NULL : *(const char *const *)place;
    uint32_t value = number ? *(const uint32_t *)place : 0;
    if (number ? value == 0 : (!text || (field->type[0] == 'g' && text[0] == '\0')))
        return false;

    p11d_writer_struct(writer);
    p11d_writer_byte(writer, code);
    p11d_writer_variant(writer, field->type);
    if (number)
        p11d_writer_uint32(writer, value);
    else if (field->type[0] == 'g')
        p11d_writer_signature(writer, text);
    else
        p11d_writer_string(writer, text);
    if ((field->type[0] == 'o' && !p11d_syntax_is_object_path(text)) ||
        (field->valid && !field->valid(text)))
        writer->failed = true;
    return true;
}

void p11d_message_begin(P11dWriter *writer, P11dBuffer *buffer, const P11dMessage *message)
{
    unsigned seen = 0;
    p11d_writer_init(writer, buffer);
    p11d_writer_byte(writer, OUR_BYTE_ORDER);
    p11d_writer_byte(writer, (uint8_t)message->type);
    p11d_writer_byte(writer, message->flags);
    p11d_writer_byte(writer, PROTOCOL_VERSION);
    p11d_writer_uint32(writer, 0); /* the length of the body, see p11d_message_end */
    p11d_writer_uint32(writer, message->serial);
    P11dArray array = p11d_writer_array_begin(writer, 8);
    for (uint8_t code = 1; code < FIELD_COUNT; code++) {
        if (write_field(writer, code, message))
            seen |= 1U << code;
    }
    p11d_writer_array_end(writer, array);
    p11d_writer_align(writer, 8);
    if (message->serial == 0 || !is_type(message->type) ||
        !has_required_fields(message->type, seen))
        writer->failed = true;
}

/* Why the message could not be written. */
static P11dStatus failure(const P11dBuffer *buffer)
{
    if (buffer->too_large)
        return P11D_TOO_LARGE;
    return buffer->no_memory ? P11D_NO_MEMORY : P11D_MALFORMED;
}

P11dStatus p11d_message_end(P11dWriter *writer)
{
    P11dBuffer *buffer = writer->buffer;
    if (!p11d_writer_ok(writer)) {
        P11dStatus status = failure(buffer);
        p11d_buffer_truncate(buffer, writer->start);
        return status;
    }
    uint8_t *message = buffer->data + writer->start;
    size_t header = FIELDS_AT + ((prefix_uint32(message, FIELDS_LENGTH_AT) + 7) & ~(size_t)7);
    uint32_t body = (uint32_t)(buffer->size - writer->start - header);
    memcpy(message + BODY_LENGTH_AT, &body, sizeof body);
    return P11D_OK;
}
