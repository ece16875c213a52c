// SPDX-License-Identifier: MIT
#include "keywrap.h"

#include <criterion/criterion.h>
#include <string.h>

#include "keytoken-fixture.h"

static const uint8_t kek[32] = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a,
                                0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15,
                                0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f};
static const uint8_t data[16] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77,
                                 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

typedef CK_RV Act(P11dServedKey *, const P11dParameters *, P11dBytes, P11dBuffer *);

static CK_RV run(Act *act, P11dServedKey *key, CK_MECHANISM_TYPE type, P11dBytes input,
                 P11dBuffer *output)
{
    const P11dParameters parameters = {.mechanism.mechanism = type};
    p11d_buffer_init(output, 1 << 16);
    return act(key, &parameters, input, output);
}

static void expect_vector(CK_MECHANISM_TYPE type, P11dBytes key, P11dBytes plain, P11dBytes wrapped)
{
    P11dBuffer output;
    P11dServedKey *served = p11d_servedkey_new_secret(CKK_AES, key.data, key.size);
    cr_assert_eq(run(p11d_keywrap_wrap, served, type, plain, &output), CKR_OK);
    cr_assert_eq(output.size, wrapped.size);
    cr_assert_arr_eq(output.data, wrapped.data, wrapped.size);
    p11d_buffer_clear(&output);
    cr_assert_eq(run(p11d_keywrap_unwrap, served, type, wrapped, &output), CKR_OK);
    cr_assert_eq(output.size, plain.size);
    cr_assert_arr_eq(output.data, plain.data, plain.size);
    p11d_buffer_clear(&output);

    uint8_t wrong[64];
    memcpy(wrong, wrapped.data, wrapped.size);
    wrong[wrapped.size - 1] ^= 1;
    cr_assert_eq(run(p11d_keywrap_unwrap, served, type, (P11dBytes){wrong, wrapped.size}, &output),
                 CKR_WRAPPED_KEY_INVALID);
    cr_assert_eq(output.size, 0);
    p11d_buffer_clear(&output);
    p11d_servedkey_unref(served);
}

Test(keywrap, is_that_of_the_standards)
{
    /* RFC 3394, section 4.3 */
    static const uint8_t wrapped[24] = {0x64, 0xe8, 0xc3, 0xf9, 0xce, 0x0f, 0x5b, 0xa2,
                                        0x63, 0xe9, 0x77, 0x79, 0x05, 0x81, 0x8a, 0x2a,
                                        0x93, 0xc8, 0x19, 0x1e, 0x7d, 0x6e, 0x8a, 0xe7};
    expect_vector(CKM_AES_KEY_WRAP, (P11dBytes){kek, 32}, (P11dBytes){data, 16},
                  (P11dBytes){wrapped, 24});
    /* RFC 5649, section 6 */
    static const uint8_t key[24] = {0x58, 0x40, 0xdf, 0x6e, 0x29, 0xb0, 0x2a, 0xf1,
                                    0xab, 0x49, 0x3b, 0x70, 0x5b, 0xf1, 0x6e, 0xa1,
                                    0xae, 0x83, 0x38, 0xf4, 0xdc, 0xc1, 0x76, 0xa8};
    static const uint8_t plain[20] = {0xc3, 0x7b, 0x7e, 0x64, 0x92, 0x58, 0x43, 0x40, 0xbe, 0xd1,
                                      0x22, 0x07, 0x80, 0x89, 0x41, 0x15, 0x50, 0x68, 0xf7, 0x38};
    static const uint8_t padded[32] = {0x13, 0x8b, 0xde, 0xaa, 0x9b, 0x8f, 0xa7, 0xfc,
                                       0x61, 0xf9, 0x77, 0x42, 0xe7, 0x22, 0x48, 0xee,
                                       0x5a, 0xe6, 0xae, 0x53, 0x60, 0xd1, 0xae, 0x6a,
                                       0x5f, 0x54, 0xf3, 0x73, 0xfa, 0x54, 0x3b, 0x6a};
    expect_vector(CKM_AES_KEY_WRAP_KWP, (P11dBytes){key, 24}, (P11dBytes){plain, 20},
                  (P11dBytes){padded, 32});
}

Test(keywrap, refuses_what_is_none)
{
    P11dBuffer output;
    P11dServedKey *aes = p11d_servedkey_new_secret(CKK_AES, kek, 32);
    P11dServedKey *hmac = p11d_servedkey_new_secret(CKK_GENERIC_SECRET, kek, 32);
    const struct {
        Act *act;
        P11dServedKey *key;
        CK_MECHANISM_TYPE type;
        size_t size;
        CK_RV rv;
    } rows[] = {
        {p11d_keywrap_wrap, aes, CKM_AES_KEY_WRAP, 15, CKR_KEY_SIZE_RANGE},
        {p11d_keywrap_unwrap, aes, CKM_AES_KEY_WRAP, 15, CKR_WRAPPED_KEY_INVALID},
        {p11d_keywrap_wrap, aes, CKM_RSA_PKCS, 16, CKR_WRAPPING_KEY_TYPE_INCONSISTENT},
        {p11d_keywrap_unwrap, hmac, CKM_AES_KEY_WRAP, 16, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT},
        {p11d_keywrap_wrap, aes, CKM_AES_CTR, 16, CKR_MECHANISM_INVALID},
        {p11d_keywrap_wrap, aes, CKM_AES_CBC_PAD, 16, CKR_MECHANISM_PARAM_INVALID},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cr_expect_eq(
            run(rows[i].act, rows[i].key, rows[i].type, (P11dBytes){data, rows[i].size}, &output),
            rows[i].rv, "row %zu", i);
        cr_expect_eq(output.size, 0);
        p11d_buffer_clear(&output);
    }
    p11d_servedkey_unref(aes);
    p11d_servedkey_unref(hmac);
}

/* --- as acts --- */

static void set_up_keys(void)
{
    EVP_PKEY *key = rig_read_key("rsa-2048.key");
    open_directory();
    rig_write_key(directory, "rsa.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    rig_write_file(directory, "aes.aes.secret", kek, 32, 0600);
    open_token();
    list_all();
}

TestSuite(keywrap_acts, .init = set_up_keys, .fini = tear_down);

static CK_RV perform(const char *method, const P11dArguments *arguments, uint64_t *id,
                     P11dBuffer *output)
{
    P11dActCall call = {.arguments = arguments};
    const P11dAct *act = token->acts;
    while (strcmp(act->method, method) != 0)
        act++;
    p11d_buffer_init(&call.output, P11D_INTERFACE_DATA_MAX);
    CK_RV rv = act->perform(view, &call);
    if (id)
        *id = call.results.objects[0];
    if (output)
        *output = call.output;
    else
        p11d_buffer_clear(&call.output);
    return rv;
}

static CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
static CK_KEY_TYPE generic = CKK_GENERIC_SECRET;

/* A generic secret with the bytes of wrapped, as its label says. */
static CK_RV unwrap(uint64_t key, CK_MECHANISM_TYPE type, P11dBytes wrapped, bool extractable,
                    const char *label, uint64_t *id)
{
    const CK_ATTRIBUTE items[] = {
        {CKA_KEY_TYPE, &generic, sizeof generic},
        {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, extractable ? &yes : &no, sizeof yes},
        {CKA_LABEL, (void *)label, strlen(label)},
    };
    const P11dArguments arguments = {.objects = {key},
                                     .mechanism.parameters.mechanism.mechanism = type,
                                     .bytes = {wrapped},
                                     .templates = {{.items = items, .count = 4}}};
    return perform("Unwrap", &arguments, id, NULL);
}

static CK_RV wrap(uint64_t by, CK_MECHANISM_TYPE type, uint64_t key, P11dBuffer *wrapped)
{
    const P11dArguments arguments = {.objects = {by, key},
                                     .mechanism.parameters.mechanism.mechanism = type};
    return perform("Wrap", &arguments, NULL, wrapped);
}

Test(keywrap_acts, a_key_goes_out_by_one_and_comes_in_by_another)
{
    const struct {
        uint64_t out, in;
        CK_MECHANISM_TYPE type;
    } rows[] = {
        {id_of("public-key", "rsa"), id_of("private-key", "rsa"), CKM_RSA_PKCS},
        {id_of("secret-key", "aes"), id_of("secret-key", "aes"), CKM_AES_KEY_WRAP_KWP},
    };
    const P11dArguments first = {.objects = {rows[0].out},
                                 .mechanism.parameters.mechanism.mechanism = CKM_RSA_PKCS,
                                 .bytes = {{data, sizeof data}}};
    P11dBuffer wrapped;
    cr_assert_eq(act_as(view, "Encrypt", &first, &wrapped), CKR_OK);
    for (size_t i = 0; i < 2; i++) {
        uint64_t id;
        cr_assert_eq(unwrap(rows[i].in, rows[i].type, (P11dBytes){wrapped.data, wrapped.size}, true,
                            i == 0 ? "zero" : "one", &id),
                     CKR_OK);
        list_all();
        const RigObject *came = rig_find(&list, "secret-key", i == 0 ? "zero" : "one");
        cr_assert_eq(came->id, id);
        cr_assert_eq(came->value_size, sizeof data);
        cr_assert_arr_eq(came->value, data, sizeof data);
        p11d_buffer_clear(&wrapped);
        if (i == 0)
            cr_assert_eq(wrap(rows[1].out, rows[1].type, id, &wrapped), CKR_OK);
    }
}

Test(keywrap_acts, no_key_of_a_file_goes_out_and_none_that_may_not)
{
    const uint64_t aes = id_of("secret-key", "aes"), rsa = id_of("private-key", "rsa");
    P11dBuffer wrapped;
    uint64_t id;
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, aes, NULL), CKR_KEY_UNEXTRACTABLE);
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, rsa, NULL), CKR_KEY_UNEXTRACTABLE);
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, 777, NULL), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(wrap(777, CKM_AES_KEY_WRAP_KWP, aes, NULL), CKR_WRAPPING_KEY_HANDLE_INVALID);
    cr_assert_eq(unwrap(777, CKM_AES_KEY_WRAP, (P11dBytes){data, 16}, true, "k", &id),
                 CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    P11dServedKey *served = p11d_servedkey_new_secret(CKK_AES, kek, 32);
    cr_assert_eq(run(p11d_keywrap_wrap, served, CKM_AES_KEY_WRAP, (P11dBytes){data, 16}, &wrapped),
                 CKR_OK);
    p11d_servedkey_unref(served);
    cr_assert_eq(
        unwrap(aes, CKM_AES_KEY_WRAP, (P11dBytes){wrapped.data, wrapped.size}, false, "k", &id),
        CKR_OK);
    p11d_buffer_clear(&wrapped);
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP, id, NULL), CKR_KEY_UNEXTRACTABLE);
    list_all();
    cr_assert_eq(rig_find(&list, "secret-key", "k")->value_size, 0);
}

Test(keywrap_acts, a_key_without_bytes_is_none)
{
    const uint64_t rsa = id_of("private-key", "rsa");
    const P11dArguments nothing = {.objects = {id_of("public-key", "rsa")},
                                   .mechanism.parameters.mechanism.mechanism = CKM_RSA_PKCS};
    P11dBuffer wrapped;
    uint64_t id;
    cr_assert_eq(act_as(view, "Encrypt", &nothing, &wrapped), CKR_OK);
    cr_assert_eq(unwrap(rsa, CKM_RSA_PKCS, (P11dBytes){wrapped.data, wrapped.size}, true, "k", &id),
                 CKR_WRAPPED_KEY_LEN_RANGE);
    p11d_buffer_clear(&wrapped);
    const CK_MECHANISM_TYPE types[] = {CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP};
    for (size_t i = 0; i < 2; i++)
        cr_expect_neq(unwrap(id_of("secret-key", "aes"), types[i], (P11dBytes){0}, true, "k", &id),
                      CKR_OK);
    list_all();
    cr_assert_null(rig_find(&list, "secret-key", "k"));
}

static CK_RV set_boolean(uint64_t id, CK_ATTRIBUTE_TYPE type, bool value)
{
    const CK_ATTRIBUTE item = {type, value ? &yes : &no, sizeof yes};
    const P11dArguments arguments = {.objects = {id}, .templates = {{.items = &item, .count = 1}}};
    return perform("SetAttributes", &arguments, NULL, NULL);
}

Test(keywrap_acts, what_is_for_trusted_keys_goes_out_by_no_other)
{
    const uint64_t aes = id_of("secret-key", "aes");
    const P11dArguments first = {.objects = {id_of("public-key", "rsa")},
                                 .mechanism.parameters.mechanism.mechanism = CKM_RSA_PKCS,
                                 .bytes = {{data, sizeof data}}};
    P11dBuffer wrapped;
    uint64_t id;
    cr_assert_eq(act_as(view, "Encrypt", &first, &wrapped), CKR_OK);
    cr_assert_eq(unwrap(id_of("private-key", "rsa"), CKM_RSA_PKCS,
                        (P11dBytes){wrapped.data, wrapped.size}, true, "k", &id),
                 CKR_OK);
    p11d_buffer_clear(&wrapped);
    cr_assert_eq(set_boolean(id, CKA_WRAP_WITH_TRUSTED, true), CKR_OK);
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, id, NULL), CKR_KEY_NOT_WRAPPABLE);
    cr_assert_eq(set_boolean(id, CKA_WRAP_WITH_TRUSTED, false), CKR_ATTRIBUTE_READ_ONLY);
}

Test(keywrap_acts, trap_private_objects_need_login__to_be_wrapped)
{
    uint64_t locked;
    write_key("locked.key", "secret");
    token->operations->close(view);
    token->operations->free(token);
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    locked = id_of("private-key", "locked");
    const uint64_t aes = id_of("secret-key", "aes");
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, locked, NULL), CKR_KEY_UNEXTRACTABLE);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(wrap(aes, CKM_AES_KEY_WRAP_KWP, locked, NULL), CKR_KEY_HANDLE_INVALID);
}
