// SPDX-License-Identifier: MIT
#include "ecdsa.h"

#include <criterion/criterion.h>
#include <string.h>

/* r and s of size bytes each, made of one digit and leading zeros. */
static GBytes *make_raw(size_t size, size_t zeros_of_r, size_t zeros_of_s, guint8 byte)
{
    guint8 *raw = g_malloc(2 * size);
    memset(raw, byte, 2 * size);
    memset(raw, 0, zeros_of_r);
    memset(raw + size, 0, zeros_of_s);
    return g_bytes_new_take(raw, 2 * size);
}

Test(ecdsa, leading_zeros_of_r_and_s_are_no_part_of_der)
{
    for (size_t zeros = 0; zeros < 32; zeros++)
        for (guint8 byte = 0x7f; byte <= 0x80; byte++) {
            g_autoptr(GBytes) raw = make_raw(32, zeros, 31 - zeros, byte);
            g_autoptr(GBytes) der = p11d_ecdsa_der_of_raw(raw);
            cr_assert_not_null(der);
            /* Tag and length of three, the digits, and a zero where the first bit is set. */
            size_t expected = 6 + (32 - zeros) + (zeros + 1) + (byte & 0x80 ? 2 : 0);
            cr_assert_eq(g_bytes_get_size(der), expected, "%zu zeros: %zu bytes", zeros,
                         g_bytes_get_size(der));
            cr_assert(p11d_ecdsa_is_der(der, 32));
        }
}

Test(ecdsa, numbers_longer_than_the_curve_are_no_signature_of_it)
{
    g_autoptr(GBytes) raw = make_raw(33, 0, 0, 0x11);
    g_autoptr(GBytes) der = p11d_ecdsa_der_of_raw(raw);
    cr_assert(p11d_ecdsa_is_der(der, 33));
    cr_assert_not(p11d_ecdsa_is_der(der, 32));
}

Test(ecdsa, what_is_not_exactly_der_is_not_taken_for_it)
{
    g_autoptr(GBytes) raw = make_raw(32, 0, 0, 0x11);
    g_autoptr(GBytes) der = p11d_ecdsa_der_of_raw(raw);
    gsize size;
    const guint8 *bytes = g_bytes_get_data(der, &size);
    for (gsize cut = 0; cut < size; cut++) {
        g_autoptr(GBytes) part = g_bytes_new(bytes, cut);
        cr_assert_not(p11d_ecdsa_is_der(part, 32), "%zu bytes", cut);
    }
    g_autofree guint8 *longer = g_malloc0(size + 1);
    memcpy(longer, bytes, size);
    g_autoptr(GBytes) with_tail = g_bytes_new(longer, size + 1);
    cr_assert_not(p11d_ecdsa_is_der(with_tail, 32));
    /* A length in the long form is BER. */
    guint8 ber[] = {0x30, 0x81, 0x06, 0x02, 0x01, 0x01, 0x02, 0x01, 0x01};
    g_autoptr(GBytes) not_der = g_bytes_new(ber, sizeof ber);
    cr_assert_not(p11d_ecdsa_is_der(not_der, 32));
    cr_assert_not(p11d_ecdsa_is_der(raw, 32));
}

Test(ecdsa, raw_of_odd_or_no_length_has_no_der)
{
    g_autoptr(GBytes) none = g_bytes_new(NULL, 0);
    g_autoptr(GBytes) odd = g_bytes_new("abc", 3);
    cr_assert_null(p11d_ecdsa_der_of_raw(none));
    cr_assert_null(p11d_ecdsa_der_of_raw(odd));
}
