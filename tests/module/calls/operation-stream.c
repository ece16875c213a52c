// SPDX-License-Identifier: MIT
/* Operations that go through streams of the service: what they cost, how their output comes, and
 * how they end. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"

#define WORDS                                                                                      \
    "mechanisms=generic-secret-key-gen,aes-ecb,aes-cbc,aes-cbc-pad,aes-ctr,aes-gcm,sha256-hmac "   \
    "flags=generate,encrypt,decrypt,sign,verify "

static Stage stage;
static CK_FUNCTION_LIST *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;
static CK_BYTE vector[16];
static CK_BYTE data[3000];
static CK_BYTE output[4000];
static CK_BYTE again[4000];

static CK_GCM_PARAMS gcm = {vector, 12, 96, NULL, 0, 128};
static CK_AES_CTR_PARAMS ctr = {128, {0}};
static CK_MECHANISM mechanisms[] = {
    {CKM_AES_ECB, NULL, 0},
    {CKM_AES_CBC, vector, sizeof vector},
    {CKM_AES_CBC_PAD, vector, sizeof vector},
    {CKM_AES_CTR, &ctr, sizeof ctr},
    {CKM_AES_GCM, &gcm, sizeof gcm},
};
#define CBC (&mechanisms[1])
#define CBC_PAD (&mechanisms[2])
#define GCM (&mechanisms[4])

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.module;
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)(i * 31);
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(stream, .init = open_stage, .fini = close_stage);

static void begin(const char *words)
{
    stage_start(&stage, words);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    key = stage_generate(&stage, session);
}

/* One direction of a cipher. */
typedef struct Way {
    CK_C_EncryptInit init;
    CK_C_Encrypt whole;
    CK_C_EncryptUpdate update;
    CK_C_EncryptFinal final;
} Way;

static Way encrypts(void)
{
    return (Way){m->C_EncryptInit, m->C_Encrypt, m->C_EncryptUpdate, m->C_EncryptFinal};
}

static Way decrypts(void)
{
    return (Way){m->C_DecryptInit, m->C_Decrypt, m->C_DecryptUpdate, m->C_DecryptFinal};
}

static CK_ULONG make_ciphertext(CK_MECHANISM *mechanism, CK_ULONG count, CK_BYTE *ciphertext)
{
    CK_ULONG size = sizeof output;
    stage_ok(m->C_EncryptInit(session, mechanism, key));
    stage_ok(m->C_Encrypt(session, data, count, ciphertext, &size));
    return size;
}

Test(stream, costs_three_messages_and_its_parts)
{
    CK_ULONG size, all = 0;
    begin(WORDS);
    stage_ok(m->C_EncryptInit(session, CBC_PAD, key));
    const unsigned before = stage_count(&stage, "");
    cr_assert_eq(stage_count(&stage, "BeginStream"), 0, "nothing is owed yet");
    for (CK_ULONG at = 0; at < sizeof data; at += 1000) {
        size = sizeof output - all;
        stage_ok(m->C_EncryptUpdate(session, data + at, 1000, output + all, &size));
        cr_assert_eq(size, (at + 1000) / 16 * 16 - at / 16 * 16);
        all += size;
    }
    size = sizeof output - all;
    stage_ok(m->C_EncryptFinal(session, output + all, &size));
    all += size;
    cr_assert_eq(all, 3008);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 1);
    cr_assert_eq(stage_count(&stage, "UpdateStream"), 3);
    cr_assert_eq(stage_count(&stage, "update 1000"), 3);
    cr_assert_eq(stage_count(&stage, "FinishStream"), 1);
    /* Of each the call and what the service notes of it, and one more call channel at most. */
    cr_assert_leq(stage_count(&stage, ""), before + 2 * 5 + 1);

    size = sizeof again;
    stage_ok(m->C_DecryptInit(session, CBC_PAD, key));
    stage_ok(m->C_Decrypt(session, output, all, again, &size));
    cr_assert_eq(size, sizeof data);
    cr_assert_arr_eq(again, data, sizeof data);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 1, "the whole is one message");
}

/* Of a part of which due bytes come, as it was said, into result; what comes. Of which nothing
 * comes, room for the part was asked for: whoever has no room for it asks the same once more. */
static CK_ULONG pass(const Way *way, CK_BYTE *input, CK_ULONG part, CK_BYTE *result, CK_ULONG due)
{
    const unsigned before = stage_count(&stage, "");
    CK_ULONG size = 0;
    const CK_RV rv = way->update(session, input, part, result, &size);
    if (rv != CKR_BUFFER_TOO_SMALL) {
        stage_ok(rv);
        cr_assert_eq(size, 0);
        cr_assert_eq(due, part);
        return 0;
    }
    cr_assert_eq(size, due);
    size = due - 1;
    stage_expect(CKR_BUFFER_TOO_SMALL, way->update(session, input, part, result, &size));
    cr_assert_eq(stage_count(&stage, ""), before);
    size = due;
    stage_ok(way->update(session, input, part, result, &size));
    cr_assert_eq(size, due);
    return size;
}

/* All of input in parts of those sizes and a rest. Before each the size is asked for, and a buffer
 * that is one byte too small is refused: both without a message, and without the part being taken.
 */
static CK_ULONG run(const Way *way, CK_BYTE *input, CK_ULONG count, CK_BYTE *result)
{
    static const CK_ULONG parts[] = {5, 11, 16, 0, 1, 40, 31, 64, 7};
    CK_ULONG all = 0, size;
    for (CK_ULONG at = 0, i = 0; at < count; i++) {
        const CK_ULONG part =
            i < G_N_ELEMENTS(parts) && parts[i] < count - at ? parts[i] : count - at;
        CK_ULONG due = 777;
        const unsigned before = stage_count(&stage, "");
        stage_ok(way->update(session, input + at, part, NULL, &due));
        cr_assert_leq(due, part + 16);
        cr_assert_eq(stage_count(&stage, ""), before);
        all += pass(way, input + at, part, result + all, due);
        at += part;
    }
    CK_ULONG due = 777;
    stage_ok(way->final(session, NULL, &due));
    cr_assert_leq(due, sizeof output - all);
    size = 0;
    if (due > 16) /* what was withheld: it is known how long that is */
        stage_expect(CKR_BUFFER_TOO_SMALL, way->final(session, result + all, &size));
    size = due;
    stage_ok(way->final(session, result + all, &size));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, way->final(session, result, &size));
    return all + size;
}

Test(stream, sizes_are_exact_and_nothing_is_lost_or_sent_twice)
{
    const Way to = encrypts(), from = decrypts();
    begin(WORDS);
    for (size_t i = 0; i < G_N_ELEMENTS(mechanisms); i++) {
        const CK_ULONG right = make_ciphertext(&mechanisms[i], 512, again);
        memset(output, 0, sizeof output);
        stage_ok(to.init(session, &mechanisms[i], key));
        cr_assert_eq(run(&to, data, 512, output), right, "mechanism %zu", i);
        cr_assert_arr_eq(output, again, right, "mechanism %zu", i);
        stage_ok(from.init(session, &mechanisms[i], key));
        cr_assert_eq(run(&from, output, right, again), 512, "mechanism %zu", i);
        cr_assert_arr_eq(again, data, 512, "mechanism %zu", i);
    }
}

Test(stream, parts_that_owe_no_output_cost_no_message)
{
    CK_ULONG size = sizeof output;
    begin(WORDS);
    stage_ok(m->C_EncryptInit(session, CBC, key));
    const unsigned before = stage_count(&stage, "");
    for (int i = 0; i < 5; i++) {
        size = sizeof output;
        stage_ok(m->C_EncryptUpdate(session, data, 3, output, &size));
        cr_assert_eq(size, 0);
    }
    cr_assert_eq(stage_count(&stage, ""), before);
    size = sizeof output;
    stage_ok(m->C_EncryptUpdate(session, data, 1, output, &size));
    cr_assert_eq(size, 16);
    cr_assert_eq(stage_count(&stage, "update 16"), 1);
    size = sizeof output;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(size, 0);
}

Test(stream, trap_sizes_are_bounded__larger_data_are_cut_up)
{
    const CK_ULONG large = 40UL << 20;
    const Way to = encrypts(), from = decrypts();
    CK_BYTE *much = malloc(large), *encrypted = malloc(large + 16), *back = malloc(large + 16);
    begin(WORDS);
    for (CK_ULONG i = 0; i < large; i++)
        much[i] = (CK_BYTE)(i * 31 ^ i >> 11);
    CK_ULONG size = 0;
    stage_ok(to.init(session, CBC_PAD, key));
    stage_ok(to.whole(session, much, large, NULL, &size));
    cr_assert_eq(size, large + 16);
    stage_ok(to.whole(session, much, large, encrypted, &size));
    cr_assert_eq(size, large + 16);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 1);
    cr_assert_eq(stage_count(&stage, "UpdateStream"), 2);

    /* In one part, and into a buffer that is exactly as long as the plaintext. */
    size = large + 16;
    stage_ok(from.init(session, CBC_PAD, key));
    stage_ok(from.update(session, encrypted, large + 16, back, &size));
    cr_assert_eq(size, large);
    size = 16;
    stage_ok(from.final(session, back + large, &size));
    cr_assert_eq(size, 0);
    cr_assert(memcmp(back, much, large) == 0);
    memset(back, 0, large);
    size = large - 1;
    stage_ok(from.init(session, CBC_PAD, key));
    stage_expect(CKR_BUFFER_TOO_SMALL, from.whole(session, encrypted, large + 16, back, &size));
    cr_assert_eq(size, large);
    const unsigned before = stage_count(&stage, "");
    stage_ok(from.whole(session, encrypted, large + 16, back, &size));
    cr_assert_eq(stage_count(&stage, ""), before, "it was kept");
    cr_assert(memcmp(back, much, large) == 0);
    free(much);
    free(encrypted);
    free(back);
}

/* PKCS#11 3.1, section 5.8.3: the output may go to where the input is. */
Test(stream, input_and_output_may_be_in_the_same_place)
{
    const CK_ULONG large = 3UL << 20, whole = 20UL << 20;
    CK_BYTE *much = malloc(whole + 16), *right = malloc(whole + 16);
    CK_ULONG size, right_size = whole + 16;
    begin(WORDS);
    for (CK_ULONG i = 0; i < whole; i++)
        much[i] = (CK_BYTE)(i * 31 ^ i >> 11);
    stage_ok(m->C_EncryptInit(session, CBC, key));
    stage_ok(m->C_Encrypt(session, much, whole, right, &right_size));
    stage_ok(m->C_EncryptInit(session, CBC, key));
    for (CK_ULONG at = 0, part = 5, out = 0; at < large;
         at += part, part = large - at, out += size) {
        size = part + 16;
        memmove(much + out, much + at, part);
        stage_ok(m->C_EncryptUpdate(session, much + out, part, much + out, &size));
    }
    cr_assert(memcmp(much, right, large) == 0);
    for (CK_ULONG i = 0; i < whole; i++)
        much[i] = (CK_BYTE)(i * 31 ^ i >> 11);
    size = 16;
    stage_ok(m->C_EncryptFinal(session, output, &size));
    size = whole;
    stage_ok(m->C_EncryptInit(session, CBC, key));
    stage_ok(m->C_Encrypt(session, much, whole, much, &size));
    cr_assert(memcmp(much, right, whole) == 0);
    free(much);
    free(right);
}

Test(stream, no_plaintext_before_its_tag_was_looked_at)
{
    const CK_ULONG large = 3UL << 20;
    CK_BYTE *much = calloc(1, large), *encrypted = malloc(large + 16),
            *back = calloc(1, large + 16);
    CK_ULONG size = large + 16;
    begin(WORDS);
    stage_ok(m->C_EncryptInit(session, GCM, key));
    stage_ok(m->C_Encrypt(session, much, large, encrypted, &size));
    for (unsigned changed = 0; changed < 2; changed++) {
        stage_ok(m->C_DecryptInit(session, GCM, key));
        for (CK_ULONG at = 0; at < large + 16; at += size) {
            CK_ULONG nothing = large;
            size = large + 16 - at < 700000 ? large + 16 - at : 700000;
            stage_ok(m->C_DecryptUpdate(session, encrypted + at, size, back, &nothing));
            cr_assert_eq(nothing, 0);
        }
        size = 0;
        stage_ok(m->C_DecryptFinal(session, NULL, &size));
        cr_assert_eq(size, large);
        size = large - 1;
        stage_expect(CKR_BUFFER_TOO_SMALL, m->C_DecryptFinal(session, back, &size));
        cr_assert_eq(stage_count(&stage, "FinishStream"), (unsigned)changed);
        memset(back, 7, large);
        stage_expect(changed ? CKR_ENCRYPTED_DATA_INVALID : CKR_OK,
                     m->C_DecryptFinal(session, back, &size));
        cr_assert(memcmp(back, changed ? memset(much, 7, large) : much, large) == 0);
        encrypted[12345] ^= 1;
    }
    free(much);
    free(encrypted);
    free(back);
}

/* Nobody could be told which one the service took. */
Test(stream, an_iv_has_to_be_given)
{
    CK_GCM_PARAMS none = {vector, 0, 0, NULL, 0, 128}, tag = {vector, 12, 96, NULL, 0, 136};
    CK_MECHANISM without = {CKM_AES_GCM, &none, sizeof none};
    CK_MECHANISM too_long = {CKM_AES_GCM, &tag, sizeof tag};
    begin(WORDS);
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_EncryptInit(session, &without, key));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_DecryptInit(session, &without, key));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_EncryptInit(session, &too_long, key));
    stage_ok(m->C_EncryptInit(session, GCM, key));
}

Test(stream, signs_in_parts_what_is_more_than_one_call_takes)
{
    const CK_ULONG half = 12UL << 20;
    CK_MECHANISM hmac = {CKM_SHA256_HMAC, NULL, 0};
    CK_BYTE *much = calloc(1, half);
    CK_ULONG size = sizeof output;
    begin(WORDS);
    /* A little of it: one message. */
    stage_ok(m->C_SignInit(session, &hmac, key));
    stage_ok(m->C_SignUpdate(session, much, 1UL << 19));
    stage_ok(m->C_SignUpdate(session, much, 1UL << 19));
    stage_ok(m->C_SignFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "sign sha256-hmac plain 1048576"), 1);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 0);
    for (int verifies = 0; verifies < 2; verifies++) {
        stage_ok(verifies ? m->C_VerifyInit(session, &hmac, key)
                          : m->C_SignInit(session, &hmac, key));
        for (int i = 0; i < 2; i++)
            stage_ok(verifies ? m->C_VerifyUpdate(session, much, half)
                              : m->C_SignUpdate(session, much, half));
        size = verifies ? size : sizeof output;
        stage_ok(verifies ? m->C_VerifyFinal(session, output, size)
                          : m->C_SignFinal(session, output, &size));
    }
    cr_assert_eq(stage_count(&stage, "stream sign sha256-hmac"), 1);
    cr_assert_eq(stage_count(&stage, "stream verify sha256-hmac"), 1);
    cr_assert_eq(stage_count(&stage, "update 12582912"), 4);
    free(much);
}

Test(stream, what_the_service_has_no_stream_for_is_gathered)
{
    CK_ULONG size;
    begin(WORDS "BeginStream=org.p11dbus.Error.MechanismInvalid");
    stage_ok(m->C_EncryptInit(session, CBC, key));
    for (int i = 0; i < 2; i++) {
        size = sizeof output;
        stage_ok(m->C_EncryptUpdate(session, data, 64, output, &size));
        cr_assert_eq(size, 0);
    }
    cr_assert_eq(stage_count(&stage, "BeginStream"), 1, "it is asked once");
    size = 127;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(size, 128);
    cr_assert_eq(stage_count(&stage, "Encrypt"), 0);
    stage_ok(m->C_EncryptFinal(session, output, &size));
    cr_assert_eq(stage_count(&stage, "encrypt aes-cbc parameters 128"), 1);
}

Test(stream, a_token_without_streams_gets_all_in_one_message)
{
    CK_ULONG size;
    begin(WORDS "features=prehashed");
    stage_ok(m->C_DecryptInit(session, CBC_PAD, key));
    const CK_ULONG count = make_ciphertext(CBC_PAD, 100, again);
    for (CK_ULONG at = 0; at < count; at += 16) {
        size = 0;
        stage_ok(m->C_DecryptUpdate(session, again + at, 16, NULL, &size));
        cr_assert_eq(size, 16, "at most: a buffer of no bytes would ask once more");
        stage_ok(m->C_DecryptUpdate(session, again + at, 16, output, &size));
    }
    size = 99;
    stage_expect(CKR_BUFFER_TOO_SMALL, m->C_DecryptFinal(session, output, &size));
    cr_assert_eq(size, 100);
    stage_expect(CKR_OPERATION_ACTIVE, m->C_DecryptUpdate(session, again, 16, output, &size));
    stage_ok(m->C_DecryptFinal(session, output, &size));
    cr_assert_arr_eq(output, data, 100);
    cr_assert_eq(stage_count(&stage, "Decrypt"), 1);
    cr_assert_eq(stage_count(&stage, "BeginStream"), 0);
}
