// SPDX-License-Identifier: MIT
/* How the IVs of messages are made. */
#include "gcm.h"

#include <criterion/criterion.h>
#include <string.h>

static CK_BYTE iv[16] = "begins with it.";
static CK_BYTE tag[16];
static CK_GCM_MESSAGE_PARAMS params = {iv, 12, 0, CKG_NO_GENERATE, tag, 128};
static P11dGcmSource source;

/* The next IV, which the host gets in the place of the last. */
static CK_RV next(void)
{
    P11dGcm gcm;
    const CK_BYTE before = iv[11];
    cr_assert_eq(p11d_gcm_read(&gcm, &params, sizeof params, (P11dBytes){NULL, 0}), CKR_OK);
    const CK_RV rv = p11d_gcm_generate(&gcm, &source);
    cr_assert_eq(iv[11], before, "not before it is given");
    if (rv == CKR_OK)
        p11d_gcm_give_iv(&gcm);
    return rv;
}

Test(gcm, counters_end_with_the_numbers_that_there_are)
{
    params.ivGenerator = CKG_GENERATE_COUNTER;
    params.ulIvFixedBits = 94; /* of 96 */
    for (CK_BYTE i = 0; i < 4; i++) {
        cr_assert_eq(next(), CKR_OK);
        cr_assert_eq(iv[11] & 3, i);
        cr_assert_eq(iv[11] >> 2, ' ' >> 2);
    }
    cr_assert_eq(next(), CKR_MECHANISM_PARAM_INVALID);
    params.ulIvFixedBits = 93;
    cr_assert_eq(next(), CKR_OK, "there are more of three bits");
    cr_assert_eq(iv[11] & 7, 4);
}

Test(gcm, counters_go_from_byte_to_byte)
{
    params.ivGenerator = CKG_GENERATE_COUNTER;
    params.ulIvLen = 3;
    for (unsigned i = 0; i < 70000; i++) {
        cr_assert_eq(next(), CKR_OK);
        cr_assert_eq((unsigned)iv[0] << 16 | (unsigned)iv[1] << 8 | iv[2], i);
    }
}

Test(gcm, a_counter_on_top_of_an_iv_needs_that_each_time)
{
    CK_BYTE base[12];
    memcpy(base, iv, sizeof base);
    params.ivGenerator = CKG_GENERATE_COUNTER_XOR;
    params.ulIvFixedBits = 32;
    for (unsigned i = 0; i < 1000; i++) {
        memcpy(iv, base, sizeof base);
        cr_assert_eq(next(), CKR_OK);
        cr_assert(memcmp(iv, base, 10) == 0);
        cr_assert_eq((unsigned)(iv[10] ^ base[10]) << 8 | (iv[11] ^ base[11]), i);
    }
    cr_assert_eq(next(), CKR_MECHANISM_PARAM_INVALID, "what came is no base");
    memcpy(iv, base, sizeof base);
    params.ulIvLen = 13;
    cr_assert_eq(next(), CKR_MECHANISM_PARAM_INVALID);
    params.ulIvLen = 12;
    cr_assert_eq(next(), CKR_OK);
}

Test(gcm, none_is_made_that_could_come_twice)
{
    const struct {
        CK_ULONG generator, fixed, size;
    } rows[] = {{CKG_GENERATE, 96, 12},
                {CKG_GENERATE, 97, 12},
                {CKG_GENERATE, 33, 12},
                {CKG_GENERATE_RANDOM, 33, 12},
                {CKG_GENERATE_RANDOM, 0, 7},
                {CKG_GENERATE_COUNTER, 96, 12},
                {CKG_GENERATE_COUNTER, ~0UL, 12},
                {CKG_GENERATE_COUNTER_XOR, 96, 12},
                {5, 0, 12},
                {~0UL, 0, 12}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        params.ivGenerator = rows[i].generator;
        params.ulIvFixedBits = rows[i].fixed;
        params.ulIvLen = rows[i].size;
        cr_assert_eq(next(), CKR_MECHANISM_PARAM_INVALID, "row %zu", i);
    }
    cr_assert_eq(source.made, 0);
    source.made = UINT64_C(1) << 32; /* NIST SP 800-38D, section 8.3 */
    params = (CK_GCM_MESSAGE_PARAMS){iv, 12, 0, CKG_GENERATE_RANDOM, tag, 128};
    cr_assert_eq(next(), CKR_MECHANISM_PARAM_INVALID);
}

Test(gcm, random_ones_keep_what_is_fixed)
{
    CK_BYTE before[12], ones = 0, zeros = 0xff;
    memcpy(before, iv, sizeof before);
    for (CK_ULONG fixed = 0; fixed <= 32; fixed++) {
        params.ivGenerator = fixed % 2 == 0 ? CKG_GENERATE : CKG_GENERATE_RANDOM;
        params.ulIvFixedBits = fixed;
        for (int i = 0; i < 100; i++) {
            memcpy(iv, before, sizeof before);
            cr_assert_eq(next(), CKR_OK);
            for (CK_ULONG bit = 0; bit < fixed; bit++)
                cr_assert_eq((iv[bit / 8] ^ before[bit / 8]) >> (7 - bit % 8) & 1, 0);
            ones |= iv[4];
            zeros &= iv[4];
        }
    }
    cr_assert(ones == 0xff && zeros == 0, "every bit that is free changes");
}

/* Its order makes that certain, and not luck alone. */
Test(gcm, the_last_64_bits_never_come_twice)
{
    uint64_t last = 0;
    params.ivGenerator = CKG_GENERATE;
    for (int i = 0; i < 1000; i++) {
        uint64_t number = 0;
        cr_assert_eq(next(), CKR_OK);
        for (size_t at = 4; at < 12; at++)
            number = number << 8 | iv[at];
        cr_assert(i == 0 || number == last + 1);
        last = number;
    }
}

Test(gcm, for_one_alone_none_is_counted)
{
    P11dGcm gcm = {0};
    cr_assert_eq(p11d_gcm_generate_once(&gcm), CKR_OK, "nothing to do");
    for (params.ivGenerator = 0; params.ivGenerator < 6; params.ivGenerator++) {
        const bool random =
            params.ivGenerator <= CKG_GENERATE || params.ivGenerator == CKG_GENERATE_RANDOM;
        cr_assert_eq(p11d_gcm_read(&gcm, &params, sizeof params, (P11dBytes){NULL, 0}), CKR_OK);
        cr_assert_eq(p11d_gcm_generate_once(&gcm), random ? CKR_OK : CKR_MECHANISM_PARAM_INVALID);
    }
}
