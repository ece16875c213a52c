// SPDX-License-Identifier: MIT
#include "derreader.h"

#include <criterion/criterion.h>
#include <string.h>

/* SEQUENCE { INTEGER 5, BIT STRING of 128 bytes }, with a byte behind it. */
static guint8 *make_sample(size_t *size)
{
    static const guint8 head[] = {0x30, 0x81, 0x86, 0x02, 0x01, 0x05, 0x03, 0x81, 0x80};
    *size = sizeof head + 128 + 1;
    guint8 *sample = g_malloc0(*size);
    memcpy(sample, head, sizeof head);
    return sample;
}

Test(derreader, elements_are_found)
{
    size_t size;
    g_autofree guint8 *sample = make_sample(&size);
    P11dDerReader reader = p11d_derreader_new(sample, size);
    P11dDerReader sequence, integer, string, whole;
    cr_assert(p11d_derreader_enter(&reader, P11D_DER_SEQUENCE, &sequence));
    cr_assert_eq(reader.left, 1);
    cr_assert_not(p11d_derreader_enter(&sequence, P11D_DER_OBJECT, NULL));
    cr_assert(p11d_derreader_enter(&sequence, P11D_DER_INTEGER, &integer));
    cr_assert_eq(integer.left, 1);
    cr_assert_eq(*integer.p, 5);
    cr_assert(p11d_derreader_is_at(&sequence, P11D_DER_BIT_STRING));
    cr_assert(p11d_derreader_next(&sequence, &string, &whole));
    cr_assert_eq(string.left, 128);
    cr_assert_eq(whole.left, 131);
    cr_assert_eq(sequence.left, 0);
    cr_assert_not(p11d_derreader_is_at(&sequence, P11D_DER_BIT_STRING));
    cr_assert_not(p11d_derreader_next(&sequence, NULL, NULL));
}

Test(derreader, what_is_cut_off_is_no_element)
{
    size_t size;
    g_autofree guint8 *sample = make_sample(&size);
    for (size_t cut = 0; cut < size - 1; cut++) {
        g_autofree guint8 *copy = g_memdup2(sample, cut);
        P11dDerReader reader = p11d_derreader_new(copy, cut);
        cr_assert_not(p11d_derreader_next(&reader, NULL, NULL), "%zu bytes", cut);
        cr_assert_eq(reader.left, cut, "%zu bytes", cut);
    }
}

Test(derreader, lengths_that_are_no_der_are_refused)
{
    static const guint8 rows[][8] = {
        {0x30, 0x80, 0, 0},                      /* indefinite */
        {0x30, 0x85, 0, 0, 0, 0, 1, 0},          /* of five bytes */
        {0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0}, /* longer than anything */
        {0x3f, 0x81, 0x01, 0x01, 0},             /* the tag in bytes of its own */
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dDerReader reader = p11d_derreader_new(rows[i], sizeof rows[i]);
        cr_assert_not(p11d_derreader_next(&reader, NULL, NULL), "row %zu", i);
    }
}
