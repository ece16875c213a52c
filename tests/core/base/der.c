// SPDX-License-Identifier: MIT
#include "der.h"

#include <criterion/criterion.h>
#include <openssl/asn1.h>
#include <stdlib.h>
#include <string.h>

static bool takes(const uint8_t *bytes, size_t size)
{
    P11dBytes der = p11d_der(bytes, size);
    P11dBytes content;
    return p11d_der_take(&der, P11D_DER_OCTET_STRING, &content, NULL);
}

#define TAKES(...) takes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

Test(der, bytes_are_ordered_by_size_then_by_content)
{
    cr_assert_lt(p11d_der_compare(p11d_der("b", 1), p11d_der("aa", 2)), 0);
    cr_assert_gt(p11d_der_compare(p11d_der("ab", 2), p11d_der("aa", 2)), 0);
    cr_assert_gt(p11d_der_compare(p11d_der("\xff", 1), p11d_der("\x01", 1)), 0);
    cr_assert_eq(p11d_der_compare(p11d_der("ab", 2), p11d_der("ab", 2)), 0);
    cr_assert_eq(p11d_der_compare(p11d_der(NULL, 0), p11d_der("", 0)), 0);
}

Test(der, takes_elements_in_turn)
{
    static const uint8_t bytes[] = {0x04, 0x02, 'a', 'b', 0x05, 0x00, 0x30, 0x03, 0x04, 0x01, 'c'};
    P11dBytes der = p11d_der(bytes, sizeof(bytes));
    P11dBytes content, whole, inner;
    cr_assert(p11d_der_take(&der, P11D_DER_OCTET_STRING, &content, &whole));
    cr_assert(p11d_der_equal(content, p11d_der("ab", 2)));
    cr_assert_eq(whole.size, 4);
    cr_assert_not(p11d_der_take(&der, P11D_DER_OCTET_STRING, NULL, NULL));
    cr_assert(p11d_der_take_any(&der, &whole));
    cr_assert_eq(whole.size, 2);
    cr_assert(p11d_der_take(&der, P11D_DER_SEQUENCE, &inner, NULL));
    cr_assert(p11d_der_take(&inner, P11D_DER_OCTET_STRING, &content, NULL));
    cr_assert(p11d_der_equal(content, p11d_der("c", 1)));
    cr_assert_eq(der.size, 0);
    cr_assert_not(p11d_der_take_any(&der, NULL));
}

Test(der, refuses_lengths_that_are_indefinite_not_minimal_or_too_long)
{
    cr_assert(TAKES(0x04, 0x01, 1));
    cr_assert_not(TAKES(0x04));
    cr_assert_not(TAKES(0x04, 0x01));
    cr_assert_not(TAKES(0x04, 0x80, 1, 0, 0), "indefinite");
    cr_assert_not(TAKES(0x04, 0x81, 0x01, 1), "not minimal");
    cr_assert_not(TAKES(0x04, 0x82, 0x00, 0x01, 1), "leading zero");
    cr_assert_not(TAKES(0x04, 0x84, 0xff, 0xff, 0xff, 0xff, 1), "beyond the end");
    cr_assert_not(TAKES(0x04, 0x85, 0x01, 0, 0, 0, 0, 1), "five bytes of length");
    cr_assert_not(TAKES(0x04, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff));
    cr_assert_not(TAKES(0x04, 0xff, 1));
    cr_assert_not(TAKES(0x04, 0x82, 0x01));
    static const uint8_t long_tag[] = {0x1f, 0x81, 0x01, 0x00};
    P11dBytes der = p11d_der(long_tag, sizeof(long_tag));
    cr_assert_not(p11d_der_take_any(&der, NULL));
    cr_assert_eq(der.size, sizeof(long_tag));
}

Test(der, integers_are_given_without_leading_zeros_and_negative_ones_refused)
{
    static const uint8_t bytes[] = {0x02, 0x02, 0x00, 0x80, 0x02, 0x01,
                                    0x00, 0x02, 0x01, 0x80, 0x02, 0x00};
    P11dBytes der = p11d_der(bytes, sizeof(bytes));
    P11dBytes number;
    cr_assert(p11d_der_take_unsigned(&der, &number));
    cr_assert(p11d_der_equal(number, p11d_der("\x80", 1)));
    cr_assert(p11d_der_take_unsigned(&der, &number));
    cr_assert_eq(number.size, 0);
    cr_assert_not(p11d_der_take_unsigned(&der, &number));
    der = p11d_der(bytes + 10, 2);
    cr_assert_not(p11d_der_take_unsigned(&der, &number), "an INTEGER without content");
}

Test(der, bit_strings_must_be_whole_bytes)
{
    static const uint8_t bytes[] = {0x03, 0x02, 0x00, 0xaa, 0x03, 0x02, 0x01, 0xaa, 0x03, 0x00};
    P11dBytes der = p11d_der(bytes, sizeof(bytes));
    P11dBytes bits;
    cr_assert(p11d_der_take_bits(&der, &bits));
    cr_assert(p11d_der_equal(bits, p11d_der("\xaa", 1)));
    cr_assert_not(p11d_der_take_bits(&der, &bits));
    der = p11d_der(bytes + 8, 2);
    cr_assert_not(p11d_der_take_bits(&der, &bits));
}

Test(der, unwraps_only_what_is_one_octet_string_to_the_end)
{
    static const uint8_t bytes[] = {0x04, 0x02, 'a', 'b', 'c'};
    cr_assert(p11d_der_equal(p11d_der_unwrap(p11d_der(bytes, 4)), p11d_der("ab", 2)));
    cr_assert_eq(p11d_der_unwrap(p11d_der(bytes, 5)).size, 5);
    cr_assert_eq(p11d_der_unwrap(p11d_der(bytes, 3)).size, 3);
    cr_assert_eq(p11d_der_unwrap(p11d_der(NULL, 0)).size, 0);
}

static void check_octet_string(size_t size)
{
    uint8_t *bytes = calloc(size + 1, 1);
    ASN1_OCTET_STRING *oracle = ASN1_OCTET_STRING_new();
    ASN1_OCTET_STRING_set(oracle, bytes, (int)size);
    unsigned char *expected = NULL;
    int expected_size = i2d_ASN1_OCTET_STRING(oracle, &expected);

    P11dBuffer buffer;
    p11d_buffer_init(&buffer, (size_t)1 << 25);
    p11d_der_write(&buffer, P11D_DER_OCTET_STRING, p11d_der(bytes, size));
    cr_assert(p11d_der_equal(p11d_der(buffer.data, buffer.size),
                             p11d_der(expected, (size_t)expected_size)),
              "%zu bytes", size);
    cr_assert_eq(p11d_der_unwrap(p11d_der(buffer.data, buffer.size)).size, size);

    p11d_buffer_clear(&buffer);
    OPENSSL_free(expected);
    ASN1_OCTET_STRING_free(oracle);
    free(bytes);
}

Test(der, writes_what_openssl_writes)
{
    static const size_t sizes[] = {0, 1, 127, 128, 255, 256, 65535, 65536, 0xffffff, 0x1000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        check_octet_string(sizes[i]);
}

Test(der, writes_integers_that_are_not_negative)
{
    static const struct {
        const char *magnitude;
        size_t size;
        const char *expected;
        size_t expected_size;
    } rows[] = {
        {"", 0, "\x02\x01\x00", 3},
        {"\x00", 1, "\x02\x01\x00", 3},
        {"\x00\x00\x7f", 3, "\x02\x01\x7f", 3},
        {"\x80", 1, "\x02\x02\x00\x80", 4},
        {"\x01\x00\x01", 3, "\x02\x03\x01\x00\x01", 5},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        P11dBuffer buffer;
        p11d_buffer_init(&buffer, 64);
        p11d_der_write_unsigned(&buffer, p11d_der(rows[i].magnitude, rows[i].size));
        cr_assert(p11d_der_equal(p11d_der(buffer.data, buffer.size),
                                 p11d_der(rows[i].expected, rows[i].expected_size)));
        p11d_buffer_clear(&buffer);
    }
}

Test(der, a_full_buffer_is_a_sticking_failure)
{
    P11dBuffer buffer;
    p11d_buffer_init(&buffer, 4);
    p11d_der_write(&buffer, P11D_DER_OCTET_STRING, p11d_der("abcdef", 6));
    cr_assert(buffer.too_large);
    p11d_buffer_clear(&buffer);
}
