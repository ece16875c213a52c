// SPDX-License-Identifier: MIT
#include "sshwire.h"

#include <criterion/criterion.h>
#include <string.h>

/* The examples of RFC 4251, section 5, and what lies between them. */
static const struct {
    const char *number;
    gsize number_size;
    const char *wire;
    gsize wire_size;
} mpints[] = {
    {"", 0, "\0\0\0\0", 4},
    {"\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 8, "\0\0\0\x08\x09\xa3\x78\xf9\xb2\xe3\x32\xa7", 12},
    {"\x80", 1, "\0\0\0\x02\0\x80", 6},
    {"\x7f", 1, "\0\0\0\x01\x7f", 5},
    {"\xff\0\0", 3, "\0\0\0\x04\0\xff\0\0", 8},
};

Test(sshwire, mpints_are_written_and_read)
{
    for (size_t i = 0; i < G_N_ELEMENTS(mpints); i++) {
        g_autoptr(GByteArray) out = g_byte_array_new();
        p11d_sshwire_put_mpint(out, mpints[i].number, mpints[i].number_size);
        cr_assert_eq(out->len, mpints[i].wire_size, "row %zu", i);
        cr_assert_arr_eq(out->data, mpints[i].wire, out->len, "row %zu", i);

        P11dSshwireReader reader = p11d_sshwire_reader(out->data, out->len);
        const guint8 *number;
        gsize size;
        cr_assert(p11d_sshwire_get_mpint(&reader, &number, &size));
        cr_assert_eq(size, mpints[i].number_size);
        cr_assert_eq(memcmp(number, mpints[i].number, size), 0);
        cr_assert_eq(reader.left, 0);
    }
}

Test(sshwire, leading_zeros_are_not_written)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    p11d_sshwire_put_mpint(out, "\0\0\0", 3);
    p11d_sshwire_put_mpint(out, "\0\0\x80", 3);
    cr_assert_eq(out->len, 10);
    cr_assert_arr_eq(out->data, "\0\0\0\0\0\0\0\x02\0\x80", 10);
}

Test(sshwire, what_is_no_mpint_is_not_taken)
{
    static const struct {
        const char *wire;
        gsize size;
    } rows[] = {
        {"\0\0\0\x01\x80", 5},           /* negative */
        {"\0\0\0\x02\xed\xcc", 6},       /* the RFC's -1234 */
        {"\0\0\0\x01\0", 5},             /* zero, written too long */
        {"\0\0\0\x02\0\x7f", 6},         /* a zero byte that no sign needs */
        {"\0\0\0\x03\0\0\x80", 7},       /* one too many */
        {"\0\0\0\x02\x01", 5},           /* cut off */
        {"\xff\xff\xff\xff\x01\x02", 6}, /* longer than anything */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dSshwireReader reader = p11d_sshwire_reader(rows[i].wire, rows[i].size);
        const guint8 *number;
        gsize size;
        cr_assert_not(p11d_sshwire_get_mpint(&reader, &number, &size), "row %zu", i);
        cr_assert_eq(reader.left, rows[i].size, "row %zu moved the reader", i);
    }
}

Test(sshwire, strings_and_numbers_are_read_to_their_end)
{
    g_autoptr(GByteArray) out = g_byte_array_new();
    p11d_sshwire_put_u32(out, 0xdeadbeef);
    p11d_sshwire_put_string(out, "two", 3);
    p11d_sshwire_put_string(out, NULL, 0);
    for (guint cut = 0; cut <= out->len; cut++) {
        /* A copy of exactly that size, so that reading behind it is seen. */
        g_autofree guint8 *copy = g_memdup2(out->data, cut);
        P11dSshwireReader reader = p11d_sshwire_reader(copy, cut);
        guint32 value = 0;
        const guint8 *two, *none;
        gsize two_size, none_size;
        bool number = p11d_sshwire_get_u32(&reader, &value);
        bool first = number && p11d_sshwire_get_string(&reader, &two, &two_size);
        bool second = first && p11d_sshwire_get_string(&reader, &none, &none_size);
        cr_assert_eq(number, cut >= 4);
        cr_assert_eq(first, cut >= 11);
        cr_assert_eq(second, cut == out->len);
        cr_assert(!number || value == 0xdeadbeef);
        cr_assert(!first || (two_size == 3 && memcmp(two, "two", 3) == 0));
        cr_assert(!second || none_size == 0);
    }
}
