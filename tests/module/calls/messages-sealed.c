// SPDX-License-Identifier: MIT
/* Messages that are encrypted one after the other, with the real service and against OpenSSL. */
#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

#include "stage.h"

static Stage stage;
static CK_FUNCTION_LIST_3_2 *m;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE key;
static CK_BYTE bytes[32]; /* of the key */
static CK_BYTE associated[20] = "who and when";
static CK_BYTE data[1000];
static CK_BYTE output[1000];
static CK_BYTE again[1000];
static CK_BYTE iv[16] = "begins with it.";
static CK_BYTE tag[16];
static CK_GCM_MESSAGE_PARAMS gcm;

/* Fresh parameters, without a generator of IVs. */
static void reset(void)
{
    gcm = (CK_GCM_MESSAGE_PARAMS){iv, 12, 0, CKG_NO_GENERATE, tag, 128};
}

static void open_stage(void)
{
    stage_open(&stage);
    m = stage.modern;
    stage_serve(&stage, "pair:p256 cipher:aes256");
    g_autofree char *path = g_build_filename(stage.keys, "cipher.aes.secret", NULL);
    g_autofree char *content = NULL;
    gsize size = 0;
    cr_assert(g_file_get_contents(path, &content, &size, NULL) && size == sizeof bytes);
    memcpy(bytes, content, sizeof bytes);
    stage_ok(stage_initialize(&stage, ""));
    session = stage_session(&stage);
    key = stage_find(&stage, session, CKO_SECRET_KEY, "cipher");
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (CK_BYTE)(i * 31);
    reset();
}

static void close_stage(void)
{
    stage_close(&stage);
}

TestSuite(messages, .init = open_stage, .fini = close_stage);

static void begin(void)
{
    CK_MECHANISM mechanism = {CKM_AES_GCM, &gcm, sizeof gcm};
    stage_ok(m->C_MessageEncryptInit(session, &mechanism, key));
    mechanism = (CK_MECHANISM){CKM_AES_GCM, NULL, 0};
    stage_ok(m->C_MessageDecryptInit(session, &mechanism, key));
}

static CK_RV encrypt(CK_ULONG size)
{
    CK_ULONG room = sizeof output;
    CK_RV rv = m->C_EncryptMessage(session, &gcm, sizeof gcm, associated, sizeof associated, data,
                                   size, output, &room);
    if (rv == CKR_OK)
        cr_assert_eq(room, size);
    return rv;
}

static CK_RV decrypt(CK_ULONG size)
{
    CK_ULONG room = sizeof again;
    CK_RV rv = m->C_DecryptMessage(session, &gcm, sizeof gcm, associated, sizeof associated, output,
                                   size, again, &room);
    if (rv == CKR_OK)
        cr_assert_eq(room, size);
    return rv;
}

/* output, iv and tag are what OpenSSL makes of so many bytes of data. */
static void check_encrypted(CK_ULONG size)
{
    CK_BYTE right[sizeof data + 16], right_tag[16];
    int written = 0, last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    cr_assert(EVP_EncryptInit_ex(context, EVP_aes_256_gcm(), NULL, NULL, NULL) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_SET_IVLEN, (int)gcm.ulIvLen, NULL) == 1 &&
              EVP_EncryptInit_ex(context, NULL, NULL, bytes, iv) == 1 &&
              EVP_EncryptUpdate(context, NULL, &written, associated, sizeof associated) == 1 &&
              EVP_EncryptUpdate(context, right, &written, data, (int)size) == 1 &&
              EVP_EncryptFinal_ex(context, right + written, &last) == 1 &&
              EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, (int)gcm.ulTagBits / 8,
                                  right_tag) == 1);
    EVP_CIPHER_CTX_free(context);
    cr_assert(size == 0 || memcmp(output, right, size) == 0);
    cr_assert_arr_eq(tag, right_tag, gcm.ulTagBits / 8);
}

/* --- whole messages --- */

Test(messages, are_encrypted_as_openssl_does)
{
    begin();
    for (CK_ULONG size = 0; size < sizeof data; size = 2 * size + 1) {
        iv[0]++;
        stage_ok(encrypt(size));
        check_encrypted(size);
        stage_ok(decrypt(size));
        cr_assert(size == 0 || memcmp(again, data, size) == 0);
    }
    stage_ok(m->C_MessageEncryptFinal(session));
    stage_ok(m->C_MessageDecryptFinal(session));
}

Test(messages, have_tags_and_ivs_of_many_lengths)
{
    begin();
    for (gcm.ulTagBits = 96; gcm.ulTagBits <= 128; gcm.ulTagBits += 8) {
        for (gcm.ulIvLen = 1; gcm.ulIvLen <= sizeof iv; gcm.ulIvLen += 5) {
            memset(tag, 0, sizeof tag);
            stage_ok(encrypt(77));
            check_encrypted(77);
            stage_ok(decrypt(77));
            cr_assert_arr_eq(again, data, 77);
        }
    }
}

Test(messages, may_be_in_the_place_of_their_input)
{
    CK_ULONG size = 100;
    begin();
    memcpy(output, data, 100);
    stage_ok(m->C_EncryptMessage(session, &gcm, sizeof gcm, associated, sizeof associated, output,
                                 100, output, &size));
    check_encrypted(100);
    stage_ok(m->C_DecryptMessage(session, &gcm, sizeof gcm, associated, sizeof associated, output,
                                 100, output, &size));
    cr_assert_arr_eq(output, data, 100);
}

/* What a host says alone is not written to: it may be in read-only memory. */
Test(messages, leave_an_iv_alone_that_they_were_given)
{
    static const CK_BYTE constant[12] = "constant IV";
    begin();
    gcm.pIv = (CK_BYTE *)constant;
    stage_ok(encrypt(30));
    stage_ok(decrypt(30));
    stage_ok(m->C_EncryptMessageBegin(session, &gcm, sizeof gcm, associated, sizeof associated));
}

Test(messages, that_were_changed_are_not_decrypted)
{
    CK_BYTE *const places[] = {tag, output, iv, associated, &output[99], &tag[15]};
    begin();
    stage_ok(encrypt(100));
    for (size_t i = 0; i < G_N_ELEMENTS(places); i++) {
        *places[i] ^= 1;
        memset(again, 0, sizeof again);
        stage_expect(CKR_AEAD_DECRYPT_FAILED, decrypt(100));
        cr_assert_eq(again[0], 0);
        *places[i] ^= 1;
    }
    stage_expect(CKR_AEAD_DECRYPT_FAILED, decrypt(99));
    stage_ok(decrypt(100));
}

/* --- IVs --- */

/* Encrypts with what gcm says, and decrypts with the IV that came. */
static void pass(CK_BYTE seen[12])
{
    stage_ok(encrypt(50));
    check_encrypted(50);
    stage_ok(decrypt(50));
    cr_assert_arr_eq(again, data, 50);
    memcpy(seen, iv, 12);
}

static void expect_different(const CK_GENERATOR_FUNCTION generator, CK_ULONG fixed)
{
    CK_BYTE seen[20][12], before[12];
    gcm.ivGenerator = generator;
    gcm.ulIvFixedBits = fixed;
    memcpy(before, iv, sizeof before);
    for (size_t i = 0; i < G_N_ELEMENTS(seen); i++) {
        pass(seen[i]);
        cr_assert(memcmp(seen[i], before, fixed / 8) == 0);
        if (fixed % 8 != 0)
            cr_assert_eq((seen[i][fixed / 8] ^ before[fixed / 8]) >> (8 - fixed % 8), 0);
        for (size_t j = 0; j < i; j++)
            cr_assert(memcmp(seen[i], seen[j], sizeof seen[i]) != 0);
    }
}

Test(messages, get_ivs_that_are_never_the_same)
{
    begin();
    expect_different(CKG_GENERATE, 0);
    expect_different(CKG_GENERATE, 32);
    expect_different(CKG_GENERATE, 29);
    expect_different(CKG_GENERATE_RANDOM, 0);
    expect_different(CKG_GENERATE_RANDOM, 3);
}

Test(messages, are_counted_from_zero)
{
    const CK_BYTE zero[8] = {0};
    CK_BYTE seen[12];
    begin();
    gcm.ivGenerator = CKG_GENERATE_COUNTER;
    gcm.ulIvFixedBits = 32;
    for (CK_BYTE i = 0; i < 20; i++) {
        pass(seen);
        cr_assert(memcmp(seen, "begi", 4) == 0 && memcmp(seen + 4, zero, 7) == 0);
        cr_assert_eq(seen[11], i);
    }
}

/* --- pointers and sizes --- */

static CK_RV use(bool encrypts, void *parameter, CK_ULONG parameter_size, CK_BYTE *place,
                 CK_ULONG *size)
{
    return encrypts ? m->C_EncryptMessage(session, parameter, parameter_size, associated, 20, data,
                                          50, place, size)
                    : m->C_DecryptMessage(session, parameter, parameter_size, associated, 20,
                                          output, 50, place, size);
}

Test(messages, say_how_large_they_are_before_there_is_an_iv)
{
    CK_ULONG size;
    begin();
    gcm.ivGenerator = CKG_GENERATE_COUNTER;
    gcm.ulIvFixedBits = 32;
    for (int encrypts = 1; encrypts >= 0; encrypts--) {
        size = 0;
        stage_ok(use(encrypts, &gcm, sizeof gcm, NULL, &size));
        cr_assert_eq(size, 50);
        size = 49;
        stage_expect(CKR_BUFFER_TOO_SMALL, use(encrypts, &gcm, sizeof gcm, again, &size));
        cr_assert_eq(size, 50);
        stage_ok(use(encrypts, &gcm, sizeof gcm, encrypts ? output : again, &size));
    }
    cr_assert_eq(iv[11], 0, "the first");
    cr_assert_arr_eq(again, data, 50);
}

Test(messages, trap_null_is_not_zero_length)
{
    CK_ULONG size = sizeof again;
    begin();
    for (int encrypts = 0; encrypts < 2; encrypts++) {
        stage_expect(CKR_ARGUMENTS_BAD, use(encrypts, &gcm, sizeof gcm, again, NULL));
        stage_expect(CKR_MECHANISM_PARAM_INVALID, use(encrypts, NULL, 0, again, &size));
        stage_expect(CKR_MECHANISM_PARAM_INVALID, use(encrypts, NULL, sizeof gcm, again, &size));
        for (CK_ULONG length = 0; length < 2 * sizeof gcm; length++) {
            if (length != sizeof gcm)
                stage_expect(CKR_MECHANISM_PARAM_INVALID,
                             use(encrypts, &gcm, length, again, &size));
        }
        gcm.pIv = NULL;
        stage_expect(CKR_MECHANISM_PARAM_INVALID, use(encrypts, &gcm, sizeof gcm, again, &size));
        reset();
        gcm.pTag = NULL;
        stage_expect(CKR_MECHANISM_PARAM_INVALID, use(encrypts, &gcm, sizeof gcm, again, &size));
        reset();
        for (gcm.ulTagBits = 0; gcm.ulTagBits < 300; gcm.ulTagBits++) {
            if (gcm.ulTagBits % 8 != 0 || gcm.ulTagBits < 32 || gcm.ulTagBits > 128)
                stage_expect(CKR_MECHANISM_PARAM_INVALID,
                             use(encrypts, &gcm, sizeof gcm, again, &size));
        }
        reset();
        gcm.ulIvLen = 1UL << 40;
        stage_expect(CKR_MECHANISM_PARAM_INVALID, use(encrypts, &gcm, sizeof gcm, again, &size));
        reset();
    }
    stage_expect(CKR_ARGUMENTS_BAD,
                 m->C_EncryptMessage(session, &gcm, sizeof gcm, NULL, 1, data, 50, again, &size));
    stage_expect(CKR_ARGUMENTS_BAD, m->C_EncryptMessage(session, &gcm, sizeof gcm, associated, 1,
                                                        NULL, 50, again, &size));
    stage_ok(encrypt(50));
    check_encrypted(50);
}

/* --- messages in parts --- */

static CK_RV next(bool encrypts, CK_BYTE *from, CK_ULONG size, CK_BYTE *place, CK_ULONG *room,
                  bool last)
{
    const CK_FLAGS flags = last ? CKF_END_OF_MESSAGE : 0;
    return encrypts
               ? m->C_EncryptMessageNext(session, &gcm, sizeof gcm, from, size, place, room, flags)
               : m->C_DecryptMessageNext(session, &gcm, sizeof gcm, from, size, place, room, flags);
}

/* With a structure that is gone afterwards. */
static CK_RV begin_parts(bool encrypts)
{
    CK_GCM_MESSAGE_PARAMS handed = gcm;
    const CK_RV rv =
        encrypts ? m->C_EncryptMessageBegin(session, &handed, sizeof handed, associated, 20)
                 : m->C_DecryptMessageBegin(session, &handed, sizeof handed, associated, 20);
    memset(&handed, 0xff, sizeof handed);
    return rv;
}

/* All of size bytes, of which each part has so many. */
static void in_parts(bool encrypts, CK_ULONG size, CK_ULONG part)
{
    CK_BYTE *from = encrypts ? data : output, *to = encrypts ? output : again;
    CK_ULONG at = 0, written = 0, room;
    stage_ok(begin_parts(encrypts));
    for (; at + part < size; at += part) {
        room = size - written;
        stage_ok(next(encrypts, from + at, part, to + written, &room, false));
        written += room;
    }
    room = 0;
    stage_ok(next(encrypts, from + at, size - at, NULL, &room, true));
    cr_assert_eq(room, size - written);
    if (room > 0) {
        room--;
        stage_expect(CKR_BUFFER_TOO_SMALL,
                     next(encrypts, from + at, size - at, to + written, &room, true));
        cr_assert_eq(room, size - written);
    }
    stage_ok(next(encrypts, from + at, size - at, to + written, &room, true));
    cr_assert_eq(written + room, size);
}

Test(messages, trap_parameters_are_read_in_their_call)
{
    CK_BYTE first[12];
    begin();
    gcm.ivGenerator = CKG_GENERATE;
    for (CK_ULONG size = 1; size < sizeof data; size = 3 * size + 2) {
        for (CK_ULONG part = size / 7 + 1; part < 2 * size; part = 2 * part + 5) {
            memset(again, 0, sizeof again);
            in_parts(true, size, part);
            check_encrypted(size);
            cr_assert(memcmp(first, iv, 12) != 0);
            memcpy(first, iv, 12);
            in_parts(false, size, part);
            cr_assert_arr_eq(again, data, size);
        }
    }
    /* Whole ones may come between. */
    stage_ok(encrypt(10));
    stage_ok(decrypt(10));
}

Test(messages, in_parts_that_were_changed_are_not_decrypted)
{
    CK_ULONG room = sizeof again;
    begin();
    stage_ok(encrypt(100));
    tag[3] ^= 1;
    memset(again, 0, sizeof again);
    stage_ok(begin_parts(false));
    stage_ok(next(false, output, 60, again, &room, false));
    cr_assert_eq(room, 0, "nothing before the tag");
    room = sizeof again;
    stage_expect(CKR_AEAD_DECRYPT_FAILED, next(false, output + 60, 40, again, &room, true));
    cr_assert_eq(again[0], 0);
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, next(false, output, 1, again, &room, true));
    tag[3] ^= 1;
    in_parts(false, 100, 60);
}

Test(messages, in_parts_have_an_order)
{
    CK_ULONG room = sizeof again;
    for (int encrypts = 0; encrypts < 2; encrypts++) {
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, begin_parts(encrypts));
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, output, 1, again, &room, false));
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, encrypts ? encrypt(1) : decrypt(1));
    }
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_MessageEncryptFinal(session));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, m->C_MessageDecryptFinal(session));
    begin();
    for (int encrypts = 0; encrypts < 2; encrypts++) {
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, output, 1, again, &room, false));
        stage_ok(begin_parts(encrypts));
        stage_expect(CKR_OPERATION_ACTIVE, begin_parts(encrypts));
        stage_expect(CKR_OPERATION_ACTIVE, encrypts ? encrypt(1) : decrypt(1));
        stage_expect(CKR_OPERATION_ACTIVE, encrypts ? m->C_MessageEncryptFinal(session)
                                                    : m->C_MessageDecryptFinal(session));
        room = sizeof again;
        stage_ok(next(encrypts, data, 7, again, &room, false));
        stage_expect(CKR_ARGUMENTS_BAD, next(encrypts, NULL, 1, again, &room, true));
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, output, 1, again, &room, true));
        stage_ok(begin_parts(encrypts));
        gcm.ulTagBits = 96;
        stage_expect(CKR_MECHANISM_PARAM_INVALID, next(encrypts, data, 7, again, &room, true));
        reset();
        stage_expect(CKR_OPERATION_NOT_INITIALIZED, next(encrypts, output, 1, again, &room, true));
    }
    stage_ok(m->C_MessageEncryptFinal(session));
    stage_ok(m->C_MessageDecryptFinal(session));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, encrypt(1));
}

/* --- the key and what ends them --- */

Test(messages, are_cancelled_with_what_is_under_way)
{
    CK_MECHANISM mechanism = {CKM_AES_GCM, NULL, 0};
    begin();
    stage_expect(CKR_OPERATION_ACTIVE, m->C_MessageEncryptInit(session, &mechanism, key));
    stage_ok(begin_parts(true));
    stage_ok(m->C_MessageEncryptInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, encrypt(1));
    stage_ok(begin_parts(false));
    stage_ok(m->C_MessageDecryptInit(session, NULL, 0));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, decrypt(1));
    begin();
    stage_ok(begin_parts(true));
    stage_ok(begin_parts(false));
    stage_ok(m->C_SessionCancel(session, CKF_MESSAGE_ENCRYPT));
    stage_expect(CKR_OPERATION_NOT_INITIALIZED, encrypt(1));
    stage_expect(CKR_OPERATION_ACTIVE, decrypt(1));
    stage_ok(m->C_SessionCancel(session, CKF_MESSAGE_DECRYPT | CKF_ENCRYPT | CKF_DECRYPT));
    begin();
    stage_ok(encrypt(1));
}

Test(messages, are_for_ciphers_with_a_tag_and_keys_that_may)
{
    CK_MECHANISM cbc = {CKM_AES_CBC_PAD, iv, 16}, rsa = {CKM_RSA_PKCS, NULL, 0};
    CK_MECHANISM odd = {CKM_AES_GCM, &gcm, sizeof gcm - 1}, mechanism = {CKM_AES_GCM, NULL, 0};
    const CK_OBJECT_HANDLE pair = stage_find(&stage, session, CKO_PUBLIC_KEY, "pair");
    stage_expect(CKR_MECHANISM_INVALID, m->C_MessageEncryptInit(session, &cbc, key));
    stage_expect(CKR_MECHANISM_INVALID, m->C_MessageEncryptInit(session, &rsa, pair));
    stage_expect(CKR_MECHANISM_PARAM_INVALID, m->C_MessageEncryptInit(session, &odd, key));
    stage_expect(CKR_KEY_HANDLE_INVALID, m->C_MessageEncryptInit(session, &mechanism, 0));
    stage_expect(CKR_KEY_FUNCTION_NOT_PERMITTED,
                 m->C_MessageEncryptInit(session, &mechanism, pair));
    stage_expect(CKR_KEY_TYPE_INCONSISTENT, m->C_MessageDecryptInit(session, &mechanism, pair));
    CK_MECHANISM_INFO info;
    const CK_FLAGS all = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_AES_GCM, &info));
    cr_assert_eq(info.flags & (all | CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY), all);
    stage_ok(m->C_GetMechanismInfo(stage_slot(&stage), CKM_AES_CBC_PAD, &info));
    cr_assert_eq(info.flags & all, 0);
}
