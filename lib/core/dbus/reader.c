// SPDX-License-Identifier: MIT
#include "reader.h"

#include <string.h>

#include "signature.h"
#include "syntax.h"

void p11d_reader_init(P11dReader *reader, const void *data, size_t size, bool swap)
{
    *reader = (P11dReader){.data = data, .end = size, .swap = swap};
}

bool p11d_reader_ok(const P11dReader *reader)
{
    return !reader->failed;
}

bool p11d_reader_at_end(const P11dReader *reader)
{
    return reader->failed || reader->position >= reader->end;
}

static bool fail(P11dReader *reader)
{
    reader->failed = true;
    return false;
}

/* The next size bytes after padding to alignment, or NULL. position never exceeds end. */
static const uint8_t *take(P11dReader *reader, size_t alignment, size_t size)
{
    if (!p11d_reader_align(reader, alignment))
        return NULL;
    if (size > reader->end - reader->position) {
        fail(reader);
        return NULL;
    }
    const uint8_t *bytes = reader->data + reader->position;
    reader->position += size;
    return bytes;
}

bool p11d_reader_align(P11dReader *reader, size_t alignment)
{
    if (reader->failed)
        return false;
    size_t padding = -reader->position & (alignment - 1);
    if (padding > reader->end - reader->position)
        return fail(reader);
    for (size_t i = 0; i < padding; i++) {
        if (reader->data[reader->position + i] != 0)
            return fail(reader);
    }
    reader->position += padding;
    return true;
}

bool p11d_reader_byte(P11dReader *reader, uint8_t *value)
{
    const uint8_t *bytes = take(reader, 1, 1);
    if (!bytes)
        return false;
    *value = bytes[0];
    return true;
}

bool p11d_reader_boolean(P11dReader *reader, bool *value)
{
    uint32_t number;
    if (!p11d_reader_uint32(reader, &number))
        return false;
    if (number > 1)
        return fail(reader);
    *value = number == 1;
    return true;
}

bool p11d_reader_uint32(P11dReader *reader, uint32_t *value)
{
    const uint8_t *bytes = take(reader, sizeof *value, sizeof *value);
    if (!bytes)
        return false;
    memcpy(value, bytes, sizeof *value);
    if (reader->swap)
        *value = __builtin_bswap32(*value);
    return true;
}

bool p11d_reader_uint64(P11dReader *reader, uint64_t *value)
{
    const uint8_t *bytes = take(reader, sizeof *value, sizeof *value);
    if (!bytes)
        return false;
    memcpy(value, bytes, sizeof *value);
    if (reader->swap)
        *value = __builtin_bswap64(*value);
    return true;
}

bool p11d_reader_string(P11dReader *reader, const char **value, size_t *size)
{
    uint32_t length;
    if (!p11d_reader_uint32(reader, &length))
        return false;
    const uint8_t *bytes = take(reader, 1, (size_t)length + 1);
    if (!bytes)
        return false;
    if (bytes[length] != '\0' || !p11d_syntax_is_text(bytes, length))
        return fail(reader);
    *value = (const char *)bytes;
    if (size)
        *size = length;
    return true;
}

bool p11d_reader_object_path(P11dReader *reader, const char **value)
{
    const char *text;
    if (!p11d_reader_string(reader, &text, NULL))
        return false;
    if (!p11d_syntax_is_object_path(text))
        return fail(reader);
    *value = text;
    return true;
}

/* The text of a signature, not yet checked but for its NUL. */
static const char *signature_text(P11dReader *reader)
{
    const uint8_t *length = take(reader, 1, 1);
    const uint8_t *text = length ? take(reader, 1, (size_t)*length + 1) : NULL;
    if (text && (text[*length] != '\0' || memchr(text, '\0', *length))) {
        fail(reader);
        return NULL;
    }
    return (const char *)text;
}

bool p11d_reader_signature(P11dReader *reader, const char **value)
{
    P11dSignature signature;
    const char *text = signature_text(reader);
    if (!text)
        return false;
    if (!p11d_signature_parse(&signature, text))
        return fail(reader);
    *value = text;
    return true;
}

bool p11d_reader_bytes(P11dReader *reader, const uint8_t **bytes, size_t *size)
{
    P11dReader elements;
    if (!p11d_reader_array(reader, 1, &elements))
        return false;
    *bytes = elements.data + elements.position;
    *size = elements.end - elements.position;
    return true;
}

bool p11d_reader_array(P11dReader *reader, size_t alignment, P11dReader *elements)
{
    uint32_t length = 0;
    bool entered = p11d_reader_uint32(reader, &length) && p11d_reader_align(reader, alignment);
    if (entered && (length > P11D_READER_ARRAY_MAX || length > reader->end - reader->position))
        entered = fail(reader);
    /* Also after a failure, so that a loop over elements ends. */
    *elements = *reader;
    if (!entered)
        return false;
    elements->end = reader->position + length;
    reader->position = elements->end;
    return true;
}

bool p11d_reader_struct(P11dReader *reader)
{
    return p11d_reader_align(reader, 8);
}

/* The type of a variant, checked; its value comes next. */
static bool variant_type(P11dReader *reader, P11dSignature *signature)
{
    const char *text = signature_text(reader);
    return text &&
           ((p11d_signature_parse(signature, text) && p11d_signature_is_single(signature)) ||
            fail(reader));
}

bool p11d_reader_variant(P11dReader *reader, const char **signature)
{
    P11dSignature type;
    if (!variant_type(reader, &type))
        return false;
    *signature = type.text;
    return true;
}

bool p11d_reader_entry(P11dReader *elements, const char **key, const char **signature)
{
    const char *text;
    if (!p11d_reader_struct(elements) || !p11d_reader_string(elements, &text, NULL) ||
        !p11d_reader_variant(elements, signature))
        return false;
    *key = text;
    return true;
}

/*
 * Walking values by a signature. Every step consumes at least a byte or descends, and the depth is
 * bounded, so the work is linear in the size of the input.
 */
typedef struct Walk {
    P11dReader reader;
    size_t in_byte_arrays; /* bytes of ay content passed so far */
    size_t budget;         /* position less in_byte_arrays may not exceed this */
} Walk;

static bool walk_value(Walk *walk, const P11dSignature *signature, size_t at, unsigned depth);

static bool walk_members(Walk *walk, const P11dSignature *signature, size_t at, unsigned depth)
{
    if (!p11d_reader_struct(&walk->reader))
        return false;
    size_t close = signature->end[at] - 1U;
    for (size_t member = at + 1; member < close; member = signature->end[member]) {
        if (!walk_value(walk, signature, member, depth))
            return false;
    }
    return true;
}

static bool walk_array(Walk *walk, const P11dSignature *signature, size_t at, unsigned depth)
{
    P11dReader *reader = &walk->reader;
    char type = signature->text[at + 1];
    P11dReader elements;
    if (!p11d_reader_array(reader, p11d_signature_alignment(type), &elements))
        return false;
    size_t size = elements.end - elements.position;
    if (type == 'y')
        walk->in_byte_arrays += size;
    size_t fixed = p11d_signature_fixed_size(type);
    if (fixed > 0)
        return size % fixed == 0 || fail(reader);

    size_t end = reader->end;
    reader->position = elements.position;
    reader->end = elements.end;
    while (reader->position < reader->end) {
        if (!walk_value(walk, signature, at + 1, depth))
            return false;
    }
    reader->end = end;
    return true;
}

static bool walk_variant(Walk *walk, unsigned depth)
{
    P11dSignature type;
    return variant_type(&walk->reader, &type) && walk_value(walk, &type, 0, depth);
}

static bool walk_container(Walk *walk, const P11dSignature *signature, size_t at, unsigned depth)
{
    if (signature->text[at] == '{') /* counts as one with its array */
        return walk_members(walk, signature, at, depth);
    if (depth >= P11D_READER_DEPTH)
        return fail(&walk->reader);
    switch (signature->text[at]) {
    case 'a':
        return walk_array(walk, signature, at, depth + 1);
    case 'v':
        return walk_variant(walk, depth + 1);
    default:
        return walk_members(walk, signature, at, depth + 1);
    }
}

/* Passes over the value of the type at at in signature, which is depth containers deep. */
static bool walk_value(Walk *walk, const P11dSignature *signature, size_t at, unsigned depth)
{
    P11dReader *reader = &walk->reader;
    char type = signature->text[at];
    size_t fixed = p11d_signature_fixed_size(type);
    const char *text;
    bool boolean;
    bool done;
    if (fixed > 0)
        done = take(reader, fixed, fixed) != NULL;
    else if (type == 's')
        done = p11d_reader_string(reader, &text, NULL);
    else if (type == 'b')
        done = p11d_reader_boolean(reader, &boolean);
    else if (type == 'o')
        done = p11d_reader_object_path(reader, &text);
    else if (type == 'g')
        done = p11d_reader_signature(reader, &text);
    else
        done = walk_container(walk, signature, at, depth);
    return done && (reader->position - walk->in_byte_arrays <= walk->budget || fail(reader));
}

bool p11d_reader_skip(P11dReader *reader, const char *signature)
{
    P11dSignature parsed;
    if (!p11d_signature_parse(&parsed, signature) || !p11d_signature_is_single(&parsed))
        return fail(reader);
    Walk walk = {.reader = *reader, .budget = SIZE_MAX};
    walk_value(&walk, &parsed, 0, 0);
    *reader = walk.reader;
    return !reader->failed;
}

bool p11d_reader_validate(const P11dReader *reader, const char *signature, size_t overhead)
{
    P11dSignature parsed;
    if (reader->failed || !p11d_signature_parse(&parsed, signature))
        return false;
    Walk walk = {.reader = *reader, .budget = SIZE_MAX};
    if (overhead > 0 && overhead < SIZE_MAX - reader->position)
        walk.budget = reader->position + overhead;
    for (size_t at = 0; at < parsed.size; at = parsed.end[at]) {
        if (!walk_value(&walk, &parsed, at, 0))
            return false;
    }
    return walk.reader.position == walk.reader.end;
}
