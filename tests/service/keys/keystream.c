// SPDX-License-Identifier: MIT
/* Operations in parts, as a key token does them without a worker. */
#include "keystreams.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keytoken-fixture.h"

#define CHANNEL 5

static const uint8_t secret[32] = {9, 8, 7};
static uint8_t iv[16] = {1};
static uint8_t text[100000];

static void set_up_keys(void)
{
    EVP_PKEY *key = rig_read_key("rsa-2048.key");
    open_directory();
    rig_write_key(directory, "rsa.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    write_key("ec.key", NULL);
    write_key("locked.key", "secret");
    rig_write_file(directory, "aes.aes.secret", secret, 32, 0600);
    rig_write_file(directory, "hmac.secret", secret, 32, 0600);
    open_token();
    list_all();
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (uint8_t)(i * 7);
}

TestSuite(keystream, .init = set_up_keys, .fini = tear_down);

/* Calls on a channel; *output is the caller's unless NULL. */
static CK_RV call_on(uint64_t channel, const char *method, const P11dArguments *arguments,
                     uint64_t *stream, P11dBuffer *output)
{
    P11dActCall call = {.arguments = arguments, .channel = channel};
    const P11dAct *act = token->acts;
    while (strcmp(act->method, method) != 0)
        act++;
    p11d_buffer_init(&call.output, P11D_INTERFACE_DATA_MAX);
    CK_RV rv = act->perform(view, &call);
    if (stream)
        *stream = call.results.stream;
    if (output && call.output.size > 0)
        cr_assert(p11d_buffer_append(output, call.output.data, call.output.size));
    p11d_buffer_clear(&call.output);
    return rv;
}

static CK_RV begin(P11dPurpose purpose, uint64_t key, CK_MECHANISM_TYPE type, void *parameter,
                   size_t size, uint64_t *stream)
{
    const P11dArguments arguments = {.objects = {key},
                                     .purpose = purpose,
                                     .mechanism.parameters.mechanism = {type, parameter, size}};
    return call_on(CHANNEL, "BeginStream", &arguments, stream, NULL);
}

static CK_RV update(uint64_t stream, const void *data, size_t size, P11dBuffer *output)
{
    const P11dArguments arguments = {.stream = stream, .bytes = {{data, size}}};
    return call_on(CHANNEL, "UpdateStream", &arguments, NULL, output);
}

static CK_RV finish(uint64_t stream, P11dBytes last, P11dBytes signature, P11dBuffer *output)
{
    const P11dArguments arguments = {.stream = stream, .bytes = {last, signature}};
    return call_on(CHANNEL, "FinishStream", &arguments, NULL, output);
}

/* All of text in parts; the last with the end. */
static CK_RV run(uint64_t stream, P11dBytes signature, P11dBuffer *output)
{
    static const size_t parts[] = {1, 15, 16, 17, 0, 40000, 3};
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        cr_assert_eq(update(stream, text + at, parts[i], output), CKR_OK);
        at += parts[i];
    }
    return finish(stream, (P11dBytes){text + at, sizeof text - at}, signature, output);
}

/* The same in one call. */
static void whole(const char *method, uint64_t key, CK_MECHANISM_TYPE type, void *parameter,
                  size_t size, P11dBuffer *output)
{
    const P11dArguments arguments = {.objects = {key},
                                     .mechanism.parameters.mechanism = {type, parameter, size},
                                     .bytes = {{text, sizeof text}}};
    p11d_buffer_init(output, P11D_INTERFACE_DATA_MAX);
    cr_assert_eq(call_on(CHANNEL, method, &arguments, NULL, output), CKR_OK);
}

static void expect_same(P11dBuffer *some, P11dBuffer *others)
{
    cr_assert_eq(some->size, others->size);
    cr_assert_arr_eq(some->data, others->data, some->size);
    p11d_buffer_clear(some);
    p11d_buffer_clear(others);
}

Test(keystream, a_cipher_in_parts_is_the_cipher)
{
    const struct {
        CK_MECHANISM_TYPE type;
        void *parameter;
        size_t size;
    } rows[] = {
        {CKM_AES_ECB, NULL, 0},
        {CKM_AES_CBC, iv, sizeof iv},
        {CKM_AES_CBC_PAD, iv, sizeof iv},
        {CKM_AES_GCM, &(CK_GCM_PARAMS){iv, 12, 96, NULL, 0, 128}, sizeof(CK_GCM_PARAMS)},
    };
    const uint64_t key = id_of("secret-key", "aes");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dBuffer parts, one;
        uint64_t stream;
        p11d_buffer_init(&parts, P11D_INTERFACE_DATA_MAX);
        cr_assert_eq(begin(P11D_PURPOSE_ENCRYPT, key, rows[i].type, rows[i].parameter, rows[i].size,
                           &stream),
                     CKR_OK);
        cr_assert_neq(stream, 0);
        cr_assert_eq(run(stream, (P11dBytes){0}, &parts), CKR_OK);
        whole("Encrypt", key, rows[i].type, rows[i].parameter, rows[i].size, &one);
        expect_same(&parts, &one);
    }
}

Test(keystream, a_ciphertext_in_parts_becomes_the_plaintext)
{
    const uint64_t key = id_of("secret-key", "aes");
    P11dBuffer ciphertext, plaintext;
    uint64_t stream;
    whole("Encrypt", key, CKM_AES_CBC_PAD, iv, sizeof iv, &ciphertext);
    p11d_buffer_init(&plaintext, P11D_INTERFACE_DATA_MAX);
    cr_assert_eq(begin(P11D_PURPOSE_DECRYPT, key, CKM_AES_CBC_PAD, iv, sizeof iv, &stream), CKR_OK);
    for (size_t at = 0; at < ciphertext.size; at += 999) {
        size_t size = ciphertext.size - at < 999 ? ciphertext.size - at : 999;
        cr_assert_eq(update(stream, ciphertext.data + at, size, &plaintext), CKR_OK);
    }
    cr_assert_eq(finish(stream, (P11dBytes){0}, (P11dBytes){0}, &plaintext), CKR_OK);
    cr_assert_eq(plaintext.size, sizeof text);
    cr_assert_arr_eq(plaintext.data, text, sizeof text);
    p11d_buffer_clear(&plaintext);
    p11d_buffer_clear(&ciphertext);
}

Test(keystream, signatures_in_parts_are_verified_whole_and_in_parts)
{
    CK_RSA_PKCS_PSS_PARAMS pss = {CKM_SHA384, CKG_MGF1_SHA384, 48};
    const struct {
        const char *label, *private, *public;
        CK_MECHANISM_TYPE type;
        void *parameter;
        size_t size;
    } rows[] = {
        {"rsa", "private-key", "public-key", CKM_SHA256_RSA_PKCS, NULL, 0},
        {"rsa", "private-key", "public-key", CKM_SHA384_RSA_PKCS_PSS, &pss, sizeof pss},
        {"ec", "private-key", "public-key", CKM_ECDSA_SHA512, NULL, 0},
        {"hmac", "secret-key", "secret-key", CKM_SHA3_256_HMAC, NULL, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const uint64_t key = id_of(rows[i].public, rows[i].label);
        P11dBuffer signature;
        uint64_t stream;
        p11d_buffer_init(&signature, 4096);
        cr_assert_eq(begin(P11D_PURPOSE_SIGN, id_of(rows[i].private, rows[i].label), rows[i].type,
                           rows[i].parameter, rows[i].size, &stream),
                     CKR_OK, "%s", rows[i].label);
        cr_assert_eq(run(stream, (P11dBytes){0}, &signature), CKR_OK);
        P11dBytes made = {signature.data, signature.size};
        const P11dArguments arguments = {
            .objects = {key},
            .mechanism.parameters.mechanism = {rows[i].type, rows[i].parameter, rows[i].size},
            .bytes = {{text, sizeof text}, made}};
        cr_assert_eq(call_on(CHANNEL, "Verify", &arguments, NULL, NULL), CKR_OK);
        for (int wrong = 0; wrong < 2; wrong++) {
            signature.data[3] ^= (uint8_t)wrong;
            cr_assert_eq(begin(P11D_PURPOSE_VERIFY, key, rows[i].type, rows[i].parameter,
                               rows[i].size, &stream),
                         CKR_OK);
            cr_assert_eq(run(stream, made, NULL), wrong ? CKR_SIGNATURE_INVALID : CKR_OK);
        }
        p11d_buffer_clear(&signature);
    }
}

Test(keystream, a_digest_needs_no_key)
{
    uint8_t expected[64];
    P11dBuffer digest;
    uint64_t stream;
    p11d_buffer_init(&digest, 4096);
    cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA512, NULL, 0, &stream), CKR_OK);
    cr_assert_eq(run(stream, (P11dBytes){0}, &digest), CKR_OK);
    cr_assert_eq(EVP_Digest(text, sizeof text, expected, NULL, EVP_sha512(), NULL), 1);
    cr_assert_eq(digest.size, 64);
    cr_assert_arr_eq(digest.data, expected, 64);
    p11d_buffer_clear(&digest);
}

Test(keystream, data_come_out_of_a_signature_that_holds_them)
{
    static const CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS, CKM_RSA_X_509};
    for (size_t i = 0; i < 2; i++) {
        P11dBuffer signed_text, data, other;
        uint64_t stream;
        p11d_buffer_init(&signed_text, 4096);
        p11d_buffer_init(&data, 4096);
        p11d_buffer_init(&other, 4096);
        cr_assert_eq(begin(P11D_PURPOSE_SIGN_RECOVER, id_of("private-key", "rsa"), types[i], NULL,
                           0, &stream),
                     CKR_OK);
        cr_assert_eq(update(stream, text + 1, 10, &signed_text), CKR_OK);
        cr_assert_eq(finish(stream, (P11dBytes){text + 11, 90}, (P11dBytes){0}, &signed_text),
                     CKR_OK);
        cr_assert_eq(signed_text.size, 256);
        const P11dBytes signature = {signed_text.data, signed_text.size};
        const uint64_t key = id_of("public-key", "rsa");
        cr_assert_eq(begin(P11D_PURPOSE_VERIFY_RECOVER, key, types[i], NULL, 0, &stream), CKR_OK);
        cr_assert_eq(finish(stream, signature, (P11dBytes){0}, &data), CKR_OK);
        cr_assert_eq(data.size, types[i] == CKM_RSA_PKCS ? 100 : 256);
        cr_assert_arr_eq(data.data + data.size - 100, text + 1, 100);

        cr_assert_eq(begin(P11D_PURPOSE_VERIFY_RECOVER, key, types[i], NULL, 0, &stream), CKR_OK);
        cr_assert_eq(finish(stream, (P11dBytes){signature.data, 255}, (P11dBytes){0}, &other),
                     CKR_SIGNATURE_LEN_RANGE);
        signed_text.data[100] ^= 1;
        cr_assert_eq(begin(P11D_PURPOSE_VERIFY_RECOVER, key, types[i], NULL, 0, &stream), CKR_OK);
        cr_assert_eq(finish(stream, signature, (P11dBytes){0}, &other),
                     types[i] == CKM_RSA_PKCS ? CKR_SIGNATURE_INVALID : CKR_OK);
        cr_assert_eq(begin(P11D_PURPOSE_SIGN_RECOVER, id_of("private-key", "rsa"), types[i], NULL,
                           0, &stream),
                     CKR_OK);
        cr_assert_eq(finish(stream, (P11dBytes){text, types[i] == CKM_RSA_PKCS ? 246 : 2000},
                            (P11dBytes){0}, &other),
                     CKR_DATA_LEN_RANGE);
        p11d_buffer_clear(&signed_text);
        p11d_buffer_clear(&data);
        p11d_buffer_clear(&other);
    }
}

Test(keystream, what_does_not_work_in_parts_does_not_begin)
{
    uint64_t stream;
    const struct {
        P11dPurpose purpose;
        const char *class, *label;
        CK_MECHANISM_TYPE type;
        CK_RV rv;
    } rows[] = {
        {P11D_PURPOSE_SIGN, "private-key", "ec", CKM_ECDSA, CKR_MECHANISM_INVALID},
        {P11D_PURPOSE_SIGN, "private-key", "ec", CKM_SHA256_RSA_PKCS, CKR_KEY_TYPE_INCONSISTENT},
        {P11D_PURPOSE_SIGN, "private-key", "rsa", CKM_SHA256_RSA_PKCS_PSS,
         CKR_MECHANISM_PARAM_INVALID},
        {P11D_PURPOSE_SIGN, "public-key", "ec", CKM_ECDSA_SHA256, CKR_KEY_FUNCTION_NOT_PERMITTED},
        {P11D_PURPOSE_DECRYPT, "private-key", "rsa", CKM_RSA_PKCS, CKR_MECHANISM_INVALID},
        {P11D_PURPOSE_SIGN_RECOVER, "private-key", "rsa", CKM_SHA256_RSA_PKCS,
         CKR_MECHANISM_INVALID},
        {P11D_PURPOSE_SIGN_RECOVER, "private-key", "ec", CKM_RSA_PKCS,
         CKR_KEY_FUNCTION_NOT_PERMITTED},
        {P11D_PURPOSE_SIGN_RECOVER, "public-key", "rsa", CKM_RSA_PKCS,
         CKR_KEY_FUNCTION_NOT_PERMITTED},
        {P11D_PURPOSE_VERIFY_RECOVER, "secret-key", "aes", CKM_RSA_PKCS,
         CKR_KEY_FUNCTION_NOT_PERMITTED},
        {P11D_PURPOSE_SIGN_RECOVER, "", "", CKM_RSA_PKCS, CKR_KEY_HANDLE_INVALID},
        {P11D_PURPOSE_DIGEST, "secret-key", "hmac", CKM_SHA256, CKR_KEY_HANDLE_INVALID},
        {P11D_PURPOSE_DIGEST, "", "", CKM_RSA_PKCS, CKR_MECHANISM_INVALID},
        {P11D_PURPOSE_ENCRYPT, "secret-key", "aes", CKM_AES_CBC, CKR_MECHANISM_PARAM_INVALID},
        {P11D_PURPOSE_ENCRYPT, "", "", CKM_AES_CBC, CKR_KEY_HANDLE_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_expect_eq(begin(rows[i].purpose, id_of(rows[i].class, rows[i].label), rows[i].type, NULL,
                           0, &stream),
                     rows[i].rv, "row %zu", i);
}

Test(keystream, belongs_to_its_channel_and_ends_with_it)
{
    uint64_t stream, other;
    cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA256, NULL, 0, &stream), CKR_OK);
    cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA256, NULL, 0, &other), CKR_OK);
    const P11dArguments arguments = {.stream = stream};
    cr_assert_eq(call_on(CHANNEL + 1, "UpdateStream", &arguments, NULL, NULL),
                 CKR_OPERATION_NOT_INITIALIZED);
    cr_assert_eq(call_on(CHANNEL, "CancelStream", &arguments, NULL, NULL), CKR_OK);
    cr_assert_eq(call_on(CHANNEL, "CancelStream", &arguments, NULL, NULL),
                 CKR_OPERATION_NOT_INITIALIZED);
    token->operations->hang_up(view, CHANNEL + 1);
    cr_assert_eq(update(other, text, 1, NULL), CKR_OK);
    token->operations->hang_up(view, CHANNEL);
    cr_assert_eq(update(other, text, 1, NULL), CKR_OPERATION_NOT_INITIALIZED);
}

Test(keystream, trap_running_out_is_an_answer__streams)
{
    uint64_t stream;
    for (size_t i = 0; i < P11D_KEYSTREAMS_MAX; i++)
        cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA256, NULL, 0, &stream), CKR_OK);
    cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA256, NULL, 0, &stream), P11D_ACT_LIMIT);
    token->operations->hang_up(view, CHANNEL);
    cr_assert_eq(begin(P11D_PURPOSE_DIGEST, 0, CKM_SHA256, NULL, 0, &stream), CKR_OK);
    token->operations->hang_up(view, CHANNEL);
}

static bool has_no_aes(void)
{
    return id_of("secret-key", "aes") == 0;
}

static bool has_two_aes(void)
{
    return id_of("secret-key", "aes2") != 0;
}

/* The file is removed, another one is put into its place, a session object is destroyed. */
Test(keystream, ends_with_its_key)
{
    uint64_t stream, other;
    const uint64_t key = id_of("secret-key", "aes"), hmac = id_of("secret-key", "hmac");
    cr_assert_eq(begin(P11D_PURPOSE_ENCRYPT, key, CKM_AES_ECB, NULL, 0, &stream), CKR_OK);
    cr_assert_eq(begin(P11D_PURPOSE_SIGN, hmac, CKM_SHA256_HMAC, NULL, 0, &other), CKR_OK);
    char path[512];
    snprintf(path, sizeof path, "%s/aes.aes.secret", directory);
    cr_assert_eq(unlink(path), 0);
    wait_until(has_no_aes);
    cr_assert_eq(update(stream, text, 16, NULL), CKR_OPERATION_NOT_INITIALIZED);
    cr_assert_eq(update(other, text, 16, NULL), CKR_OK, "another key's goes on");

    uint8_t more[32] = {1, 2, 3};
    rig_write_file(directory, "hmac.secret", more, 32, 0600);
    rig_write_file(directory, "aes2.aes.secret", secret, 32, 0600);
    wait_until(has_two_aes);
    cr_assert_eq(update(other, text, 16, NULL), CKR_OPERATION_NOT_INITIALIZED);

    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL no = CK_FALSE, yes = CK_TRUE;
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, &class, sizeof class},
                                  {CKA_KEY_TYPE, &type, sizeof type},
                                  {CKA_TOKEN, &no, sizeof no},
                                  {CKA_SIGN, &yes, sizeof yes},
                                  {CKA_VALUE, more, sizeof more}};
    const P11dArguments creation = {.templates = {{items, 5, {0}}}};
    P11dActCall call = {.arguments = &creation, .channel = CHANNEL};
    const P11dAct *act = token->acts;
    while (strcmp(act->method, "CreateObject") != 0)
        act++;
    p11d_buffer_init(&call.output, P11D_INTERFACE_DATA_MAX);
    cr_assert_eq(act->perform(view, &call), CKR_OK);
    p11d_buffer_clear(&call.output);
    const uint64_t made = call.results.objects[0];
    cr_assert_eq(begin(P11D_PURPOSE_SIGN, made, CKM_SHA256_HMAC, NULL, 0, &other), CKR_OK);
    const P11dArguments destruction = {.objects = {made}};
    cr_assert_eq(call_on(CHANNEL, "DestroyObject", &destruction, NULL, NULL), CKR_OK);
    cr_assert_eq(update(other, text, 16, NULL), CKR_OPERATION_NOT_INITIALIZED);
}

Test(keystream, a_failure_and_a_logout_end_it)
{
    uint64_t stream;
    const uint64_t key = id_of("secret-key", "aes");
    cr_assert_eq(begin(P11D_PURPOSE_ENCRYPT, key, CKM_AES_ECB, NULL, 0, &stream), CKR_OK);
    const P11dArguments digested = {.stream = stream, .objects = {key}};
    cr_assert_eq(call_on(CHANNEL, "UpdateStream", &digested, NULL, NULL), CKR_KEY_INDIGESTIBLE);
    cr_assert_eq(update(stream, text, 1, NULL), CKR_OPERATION_NOT_INITIALIZED);

    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(begin(P11D_PURPOSE_SIGN, id_of("private-key", "locked"), CKM_ECDSA_SHA256, NULL, 0,
                       &stream),
                 CKR_OK);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(update(stream, text, 1, NULL), CKR_OPERATION_NOT_INITIALIZED);
    token->operations->hang_up(view, CHANNEL);
}
