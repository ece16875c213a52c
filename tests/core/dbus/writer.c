// SPDX-License-Identifier: MIT
#include "writer.h"

#include <criterion/criterion.h>
#include <string.h>

#include "reader.h"

static P11dBuffer buffer;
static P11dWriter writer;

static void begin(void)
{
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
}

static void end(void)
{
    p11d_buffer_clear(&buffer);
}

TestSuite(writer, .init = begin, .fini = end);

static void check(const void *bytes, size_t size)
{
    cr_assert(p11d_writer_ok(&writer));
    cr_assert_eq(buffer.size, size, "%zu bytes", buffer.size);
    cr_assert_eq(memcmp(buffer.data, bytes, size), 0);
}

Test(writer, values_are_aligned_with_zeroes)
{
    const struct {
        uint8_t byte, padding[3];
        uint32_t small;
        uint8_t boolean[4];
        uint32_t more_padding;
        uint64_t large;
    } expected = {.byte = 1, .small = 2, .large = 3};
    uint32_t one = 1;
    uint8_t bytes[sizeof expected];
    memcpy(bytes, &expected, sizeof bytes);
    memcpy(bytes + 8, &one, sizeof one);
    p11d_writer_byte(&writer, 1);
    p11d_writer_uint32(&writer, 2);
    p11d_writer_boolean(&writer, true);
    p11d_writer_uint64(&writer, 3);
    check(bytes, sizeof bytes);
}

Test(writer, strings_and_signatures_end_with_nul)
{
    p11d_writer_signature(&writer, "ay");
    p11d_writer_string(&writer, "xyz");
    p11d_writer_text(&writer, "abcd", 2);
    uint32_t three = 3, two = 2;
    uint8_t expected[19] = "\2ay";
    memcpy(expected + 4, &three, 4);
    memcpy(expected + 8, "xyz", 4);
    memcpy(expected + 12, &two, 4);
    memcpy(expected + 16, "ab", 3);
    check(expected, sizeof expected);
}

Test(writer, array_padding_does_not_count_and_is_there_without_elements)
{
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_array_end(&writer, array);
    uint8_t expected[8] = {0};
    check(expected, 8);
}

Test(writer, alignment_counts_from_where_the_writer_began)
{
    p11d_writer_byte(&writer, 1);
    P11dWriter second;
    p11d_writer_init(&second, &buffer);
    p11d_writer_uint64(&second, 0);
    cr_assert_eq(buffer.size, 9);
}

Test(writer, an_entry_can_be_read_back)
{
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "salt-length", "t");
    p11d_writer_uint64(&writer, 32);
    p11d_writer_array_end(&writer, array);

    P11dReader reader, elements;
    const char *key, *signature;
    uint64_t value;
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, "a{sv}", 0));
    cr_assert(p11d_reader_array(&reader, 8, &elements));
    cr_assert(p11d_reader_entry(&elements, &key, &signature));
    cr_assert_str_eq(key, "salt-length");
    cr_assert_str_eq(signature, "t");
    cr_assert(p11d_reader_uint64(&elements, &value));
    cr_assert_eq(value, 32);
    cr_assert(p11d_reader_at_end(&elements));
}

Test(writer, raw_carries_elements_marshalled_elsewhere)
{
    P11dBuffer kept;
    P11dWriter elsewhere;
    p11d_buffer_init(&kept, 1000);
    p11d_writer_init(&elsewhere, &kept);
    p11d_writer_entry(&elsewhere, "hash", "s");
    p11d_writer_string(&elsewhere, "sha256");

    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_raw(&writer, kept.data, kept.size);
    p11d_writer_raw(&writer, NULL, 0);
    p11d_writer_array_end(&writer, array);
    p11d_buffer_clear(&kept);

    P11dReader reader;
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_writer_ok(&writer));
    cr_assert(p11d_reader_validate(&reader, "a{sv}", 0));
}

static void refused_text(const char *bytes, size_t size)
{
    p11d_writer_init(&writer, &buffer);
    p11d_writer_text(&writer, bytes, size);
    cr_assert_not(p11d_writer_ok(&writer));
}

Test(writer, text_that_dbus_cannot_carry_is_refused)
{
    refused_text("a\0b", 3);
    refused_text("\xff", 1);
    refused_text("\xed\xa0\x80", 3);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_text(&writer, "a\xc3\xa9", 3);
    cr_assert(p11d_writer_ok(&writer));
}

static void refused_signature(void (*write)(P11dWriter *, const char *), const char *text)
{
    p11d_writer_init(&writer, &buffer);
    write(&writer, text);
    cr_assert_not(p11d_writer_ok(&writer), "%s", text);
}

Test(writer, signatures_that_are_none_are_refused)
{
    refused_signature(p11d_writer_signature, "a");
    refused_signature(p11d_writer_signature, "z");
    refused_signature(p11d_writer_variant, "");
    refused_signature(p11d_writer_variant, "ss");
    refused_signature(p11d_writer_variant, "{sv}");
}

Test(writer, the_first_failure_sticks_and_nothing_more_is_written)
{
    p11d_buffer_clear(&buffer);
    p11d_buffer_init(&buffer, 16);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_uint64(&writer, 1);
    p11d_writer_bytes(&writer, "123456789", 9);
    size_t size = buffer.size;
    p11d_writer_byte(&writer, 1);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    cr_assert_not(p11d_writer_ok(&writer));
    cr_assert(buffer.too_large);
    cr_assert_eq(buffer.size, size);
}

Test(writer, an_array_over_the_limit_of_dbus_is_too_large)
{
    p11d_buffer_clear(&buffer);
    p11d_buffer_init(&buffer, SIZE_MAX);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_bytes(&writer, "", P11D_READER_ARRAY_MAX + 1); /* not even looked at */
    cr_assert_not(p11d_writer_ok(&writer));
    cr_assert(buffer.too_large);

    p11d_buffer_reset(&buffer);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 1);
    cr_assert_not_null(p11d_buffer_reserve(&buffer, P11D_READER_ARRAY_MAX + 1));
    buffer.size += P11D_READER_ARRAY_MAX + 1;
    p11d_writer_array_end(&writer, array);
    cr_assert_not(p11d_writer_ok(&writer));
    cr_assert(buffer.too_large);
}

Test(writer, rewinding_wipes_what_it_takes_back)
{
    p11d_writer_uint32(&writer, 1);
    p11d_writer_string(&writer, "secret");
    size_t size = buffer.size;
    p11d_writer_rewind(&writer, size);
    cr_assert_eq(buffer.size, size);
    p11d_writer_rewind(&writer, 4);
    cr_assert_eq(buffer.size, 4);
    for (size_t i = 4; i < size; i++)
        cr_assert_eq(buffer.data[i], 0);
    p11d_writer_rewind(&writer, 100);
    cr_assert_eq(buffer.size, 4);
    cr_assert(p11d_writer_ok(&writer));
}
