// SPDX-License-Identifier: MIT
#include "reader.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "signature.h"
#include "writer.h"

/* The bytes here are little-endian; which order is the other one depends on this machine. */
#define SWAP (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)

/* Reads a copy without a byte to spare, so that a sanitizer sees what reads beyond. */
static P11dReader reader_of(const void *bytes, size_t size)
{
    static uint8_t *copy;
    P11dReader reader;
    free(copy);
    copy = malloc(size > 0 ? size : 1);
    memcpy(copy, bytes, size);
    p11d_reader_init(&reader, copy, size, SWAP);
    return reader;
}

typedef struct Case {
    const char *why;
    const char *signature;
    const char *bytes;
    size_t size;
} Case;

#define CASE(why, signature, bytes)                                                                \
    {                                                                                              \
        why, signature, bytes, sizeof bytes - 1                                                    \
    }
#define COUNT(cases) (sizeof cases / sizeof cases[0])

static const Case well_formed[] = {
    CASE("nothing", "", ""),
    CASE("boolean", "b", "\1\0\0\0"),
    CASE("padding", "yu", "\1\0\0\0\2\0\0\0"),
    CASE("16 bits", "nyq", "\1\0\1\0\2\0"),
    CASE("empty string", "s", "\0\0\0\0\0"),
    CASE("string", "s", "\2\0\0\0\xc3\xa9\0"),
    CASE("root path", "o", "\1\0\0\0/\0"),
    CASE("empty signature", "g", "\0\0"),
    CASE("signature", "g", "\5a{sv}\0"),
    CASE("bytes", "ay", "\3\0\0\0\0\1\2"),
    CASE("no bytes", "ay", "\0\0\0\0"),
    CASE("empty array is padded", "at", "\0\0\0\0\0\0\0\0"),
    CASE("empty array of arrays", "aa(t)", "\0\0\0\0"),
    CASE("array of empty arrays", "aau", "\10\0\0\0\0\0\0\0\0\0\0\0"),
    CASE("padding before elements does not count", "at", "\10\0\0\0\0\0\0\0\1\2\3\4\5\6\7\10"),
    CASE("variant", "v", "\1u\0\0\7\0\0\0"),
    CASE("variant in a variant", "v", "\1v\0\1y\0\7"),
    CASE("variant with an empty array of structs", "v", "\5a(yu)\0\0\0\0\0\0\0\0\0\0"),
    CASE("entry", "a{sv}", "\12\0\0\0\0\0\0\0\1\0\0\0k\0\1y\0\5"),
    CASE("struct", "y(yb)", "\1\0\0\0\0\0\0\0\2\0\0\0\1\0\0\0"),
};

static const Case malformed[] = {
    CASE("bytes left over", "", "\0"),
    CASE("nothing there", "y", ""),
    CASE("half a number", "u", "\0\0"),
    CASE("boolean 2", "b", "\2\0\0\0"),
    CASE("boolean true in the wrong byte", "b", "\0\0\0\1"),
    CASE("padding not zero", "yu", "\1\0\1\0\2\0\0\0"),
    CASE("padding not zero before elements", "at", "\0\0\0\0\0\0\0\1"),
    CASE("no padding behind an empty array", "at", "\0\0\0\0"),
    CASE("string without NUL", "s", "\2\0\0\0ab"),
    CASE("string with another byte for its NUL", "s", "\2\0\0\0abc"),
    CASE("NUL inside of a string", "s", "\3\0\0\0a\0b\0"),
    CASE("string that is not UTF-8", "s", "\1\0\0\0\xff\0"),
    CASE("surrogate", "s", "\3\0\0\0\xed\xa0\x80\0"),
    CASE("string longer than what is there", "s", "\377\377\377\377a\0"),
    CASE("empty path", "o", "\0\0\0\0\0"),
    CASE("path with a slash at its end", "o", "\2\0\0\0a/\0"),
    CASE("signature that is none", "g", "\1a\0"),
    CASE("signature without NUL", "g", "\1yy"),
    CASE("NUL inside of a signature", "g", "\2y\0\0"),
    CASE("signature longer than what is there", "g", "\377y\0"),
    CASE("array longer than what is there", "ay", "\4\0\0\0\0\1\2"),
    CASE("array of 4 GiB", "ay", "\377\377\377\377\0"),
    CASE("half an element", "au", "\6\0\0\0\1\0\0\0\1\0\0\0"),
    CASE("half an element of 16 bits", "aq", "\3\0\0\0\1\0\0\0"),
    CASE("an element that reaches beyond its array", "as", "\6\0\0\0\2\0\0\0ab\0"),
    CASE("boolean in an array", "ab", "\10\0\0\0\1\0\0\0\2\0\0\0"),
    CASE("empty variant", "v", "\0\0"),
    CASE("variant of two types", "v", "\2yy\0\1\2"),
    CASE("variant of an entry", "v", "\4{sv}\0"),
    CASE("variant of half a type", "v", "\1a\0\0\0\0\0\0"),
    CASE("variant without its value", "v", "\1y\0"),
    CASE("variant without NUL", "v", "\1y\1\1"),
    CASE("signature to validate by is none", "a", "\0\0\0\0"),
};

Test(reader, well_formed_values_are_valid_and_skipped)
{
    for (size_t i = 0; i < COUNT(well_formed); i++) {
        const Case *c = &well_formed[i];
        P11dReader reader = reader_of(c->bytes, c->size);
        cr_assert(p11d_reader_validate(&reader, c->signature, 0), "%s", c->why);
        cr_assert_eq(reader.position, 0, "validating does not move");
        P11dSignature signature;
        if (!p11d_signature_parse(&signature, c->signature) ||
            !p11d_signature_is_single(&signature))
            continue;
        cr_assert(p11d_reader_skip(&reader, c->signature), "%s", c->why);
        cr_assert(p11d_reader_at_end(&reader), "%s", c->why);
    }
}

Test(reader, well_formed_values_cut_anywhere_are_malformed)
{
    for (size_t i = 0; i < COUNT(well_formed); i++) {
        const Case *c = &well_formed[i];
        for (size_t size = 0; size < c->size; size++) {
            P11dReader reader = reader_of(c->bytes, size);
            cr_assert_not(p11d_reader_validate(&reader, c->signature, 0), "%s, %zu bytes", c->why,
                          size);
        }
    }
}

Test(reader, malformed_values_are_refused)
{
    for (size_t i = 0; i < COUNT(malformed); i++) {
        const Case *c = &malformed[i];
        P11dReader reader = reader_of(c->bytes, c->size);
        cr_assert_not(p11d_reader_validate(&reader, c->signature, 0), "%s", c->why);
    }
}

Test(reader, values_in_the_other_byte_order)
{
    static const uint8_t bytes[] = {1, 2, 3, 4, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8};
    uint32_t small, small_swapped;
    uint64_t large, large_swapped;
    for (int swap = 0; swap <= 1; swap++) {
        P11dReader reader;
        p11d_reader_init(&reader, bytes, sizeof bytes, swap);
        cr_assert(p11d_reader_uint32(&reader, swap ? &small_swapped : &small));
        cr_assert(p11d_reader_uint64(&reader, swap ? &large_swapped : &large));
    }
    cr_assert_eq(small, __builtin_bswap32(small_swapped));
    cr_assert_eq(large, __builtin_bswap64(large_swapped));
}

Test(reader, the_first_failure_sticks_and_fills_nothing)
{
    P11dReader reader = reader_of("\2\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0", 16);
    P11dReader elements;
    bool boolean = true;
    uint8_t byte = 42;
    uint32_t small = 42;
    uint64_t large = 42;
    const char *text = "untouched", *other = "untouched";
    const uint8_t *bytes = &byte;
    size_t size = 42;
    cr_assert_not(p11d_reader_boolean(&reader, &boolean));
    cr_assert_not(p11d_reader_ok(&reader));
    cr_assert(p11d_reader_at_end(&reader), "a loop must end");
    cr_assert_not(p11d_reader_byte(&reader, &byte));
    cr_assert_not(p11d_reader_uint32(&reader, &small));
    cr_assert_not(p11d_reader_uint64(&reader, &large));
    cr_assert_not(p11d_reader_string(&reader, &text, &size));
    cr_assert_not(p11d_reader_object_path(&reader, &text));
    cr_assert_not(p11d_reader_signature(&reader, &text));
    cr_assert_not(p11d_reader_bytes(&reader, &bytes, &size));
    cr_assert_not(p11d_reader_variant(&reader, &text));
    cr_assert_not(p11d_reader_entry(&reader, &text, &other));
    cr_assert_not(p11d_reader_struct(&reader));
    cr_assert_not(p11d_reader_align(&reader, 1));
    cr_assert_not(p11d_reader_skip(&reader, "y"));
    cr_assert_not(p11d_reader_validate(&reader, "y", 0));
    cr_assert(boolean && byte == 42 && small == 42 && large == 42 && size == 42);
    cr_assert(bytes == &byte);
    cr_assert_str_eq(text, "untouched");
    cr_assert_str_eq(other, "untouched");
    cr_assert_not(p11d_reader_array(&reader, 8, &elements));
    cr_assert(p11d_reader_at_end(&elements), "a loop over the elements must end, too");
}

Test(reader, an_entry_with_half_of_it_malformed_fills_nothing)
{
    P11dReader elements = reader_of("\1\0\0\0k\0\2yy\0", 10);
    const char *key = "untouched", *signature = "untouched";
    cr_assert_not(p11d_reader_entry(&elements, &key, &signature));
    cr_assert_str_eq(key, "untouched");
    cr_assert_str_eq(signature, "untouched");
}

Test(reader, an_array_is_read_alone_and_passed_over)
{
    P11dReader reader = reader_of("\10\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0", 16);
    P11dReader elements;
    uint32_t value;
    cr_assert(p11d_reader_array(&reader, 4, &elements));
    cr_assert(p11d_reader_uint32(&elements, &value));
    cr_assert(p11d_reader_uint32(&elements, &value));
    cr_assert(p11d_reader_at_end(&elements));
    cr_assert_not(p11d_reader_uint32(&elements, &value), "the 3 is not an element");
    cr_assert(p11d_reader_uint32(&reader, &value));
    cr_assert_eq(value, 3);
    cr_assert(p11d_reader_at_end(&reader));
    cr_assert(p11d_reader_ok(&reader));
}

Test(reader, bytes_point_into_the_message)
{
    P11dReader reader = reader_of("\3\0\0\0abc", 7);
    const uint8_t *bytes;
    size_t size;
    cr_assert(p11d_reader_bytes(&reader, &bytes, &size));
    cr_assert_eq(size, 3);
    cr_assert_eq(bytes, reader.data + 4);
    cr_assert(p11d_reader_at_end(&reader));
}

Test(reader, skip_takes_exactly_one_type)
{
    P11dReader reader = reader_of("\1\2", 2);
    cr_assert(p11d_reader_skip(&reader, "y"));
    cr_assert_eq(reader.position, 1);
    cr_assert_not(p11d_reader_skip(&reader, ""));
    reader = reader_of("\1\2", 2);
    cr_assert_not(p11d_reader_skip(&reader, "yy"));
}

/* Variants in variants: each level is a container. */
static bool nested_variants(size_t levels)
{
    uint8_t bytes[100];
    for (size_t i = 0; i < levels; i++)
        memcpy(bytes + 3 * i, i + 1 < levels ? "\1v" : "\1y", 3);
    bytes[3 * levels] = 0;
    P11dReader reader = reader_of(bytes, 3 * levels + 1);
    return p11d_reader_validate(&reader, "v", 0);
}

Test(reader, nesting_is_bounded)
{
    cr_assert(nested_variants(P11D_READER_DEPTH));
    cr_assert_not(nested_variants(P11D_READER_DEPTH + 1));

    /* Arrays: empty is no excuse only where the level is reached. */
    char signature[40];
    memset(signature, 'a', P11D_READER_DEPTH + 1);
    strcpy(signature + P11D_READER_DEPTH + 1, "y");
    uint8_t bytes[4 * (P11D_READER_DEPTH + 1)];
    for (size_t i = 0; i <= P11D_READER_DEPTH; i++) {
        uint8_t left = (uint8_t)(4 * (P11D_READER_DEPTH - i));
        memcpy(bytes + 4 * i, (uint8_t[]){left, 0, 0, 0}, 4);
    }
    P11dReader reader = reader_of(bytes, sizeof bytes);
    cr_assert_not(p11d_reader_validate(&reader, signature, 0));
    for (size_t i = 0; i < P11D_READER_DEPTH; i++)
        bytes[4 * i] = (uint8_t)(bytes[4 * i] - 4);
    reader = reader_of(bytes, sizeof bytes - 4);
    cr_assert(p11d_reader_validate(&reader, signature + 1, 0));
}

Test(reader, templates_nested_four_deep_in_a_list_of_objects_are_accepted)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dArray arrays[5];
    p11d_buffer_init(&buffer, 4096);
    p11d_writer_init(&writer, &buffer);
    P11dArray objects = p11d_writer_array_begin(&writer, 8);
    p11d_writer_struct(&writer);
    p11d_writer_uint64(&writer, 1);
    for (size_t i = 0; i < 5; i++) {
        arrays[i] = p11d_writer_array_begin(&writer, 8);
        p11d_writer_entry(&writer, i < 4 ? "wrap-template" : "id", i < 4 ? "a{sv}" : "ay");
    }
    p11d_writer_bytes(&writer, "x", 1);
    for (size_t i = 5; i > 0; i--)
        p11d_writer_array_end(&writer, arrays[i - 1]);
    p11d_writer_array_end(&writer, objects);
    P11dReader reader;
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_writer_ok(&writer));
    cr_assert(p11d_reader_validate(&reader, "a(ta{sv})", 0));
    p11d_buffer_clear(&buffer);
}

Test(reader, overhead_counts_all_but_the_content_of_byte_arrays)
{
    /* ay of 5 behind a number: 4 + 4 bytes. */
    P11dReader reader = reader_of("\1\0\0\0\5\0\0\0abcde", 13);
    cr_assert(p11d_reader_validate(&reader, "uay", 8));
    cr_assert_not(p11d_reader_validate(&reader, "uay", 7));
    cr_assert(p11d_reader_validate(&reader, "uay", SIZE_MAX));
    /* Byte arrays in variants count the same, strings count whole. */
    reader = reader_of("\2ay\0\3\0\0\0abc\0\2\0\0\0ab\0", 19);
    cr_assert(p11d_reader_validate(&reader, "vs", 8 + 1 + 4 + 3));
    cr_assert_not(p11d_reader_validate(&reader, "vs", 8 + 1 + 4 + 2));
    /* It does not depend on where in a message the values begin. */
    reader = reader_of("\0\0\0\0\0\0\0\0\1\0\0\0\1\0\0\0x", 17);
    reader.position = 8;
    cr_assert(p11d_reader_validate(&reader, "uay", 8));
    cr_assert_not(p11d_reader_validate(&reader, "uay", 7));
}
