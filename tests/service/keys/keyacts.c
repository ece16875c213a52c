// SPDX-License-Identifier: MIT
/* What a key token does for each method, without a worker. */
#include "keyacts.h"

#include <criterion/criterion.h>
#include <string.h>

#include "keytoken-fixture.h"

static void write_rsa(const char *name, const char *passphrase)
{
    EVP_PKEY *key = rig_read_key("rsa-2048.key");
    char file[64];
    snprintf(file, sizeof file, "%s.key", name);
    rig_write_key(directory, file, key, RIG_PKCS8, passphrase);
    snprintf(file, sizeof file, "%s.pub", name);
    if (passphrase)
        rig_write_public(directory, file, key);
    EVP_PKEY_free(key);
}

static P11dArguments with(uint64_t object, CK_MECHANISM_TYPE type, const void *data, size_t size)
{
    return (P11dArguments){.objects = {object},
                           .mechanism.parameters.mechanism.mechanism = type,
                           .bytes = {{data, size}}};
}

Test(keyacts, what_is_encrypted_for_a_key_it_decrypts, .init = open_directory, .fini = tear_down)
{
    P11dBuffer ciphertext, plaintext;
    write_rsa("one", NULL);
    open_token();
    list_all();
    P11dArguments arguments = with(id_of("public-key", "one"), CKM_RSA_PKCS, "plain", 5);
    cr_assert_eq(act_as(view, "Encrypt", &arguments, &ciphertext), CKR_OK);
    arguments = with(id_of("private-key", "one"), CKM_RSA_PKCS, ciphertext.data, ciphertext.size);
    cr_assert_eq(act_as(view, "Decrypt", &arguments, &plaintext), CKR_OK);
    cr_assert_eq(plaintext.size, 5);
    cr_assert_arr_eq(plaintext.data, "plain", 5);
    p11d_buffer_clear(&plaintext);
    p11d_buffer_clear(&ciphertext);
}

Test(keyacts, what_a_key_signs_its_public_half_verifies, .init = open_directory, .fini = tear_down)
{
    static const uint8_t digest[32] = {1};
    P11dBuffer signature, none;
    write_key("one.key", NULL);
    open_token();
    list_all();
    P11dArguments arguments = with(id_of("private-key", "one"), CKM_ECDSA, digest, 32);
    cr_assert_eq(act_as(view, "Sign", &arguments, &signature), CKR_OK);
    arguments = with(id_of("public-key", "one"), CKM_ECDSA, digest, 32);
    arguments.bytes[1] = (P11dBytes){signature.data, signature.size};
    cr_assert_eq(act_as(view, "Verify", &arguments, &none), CKR_OK);
    cr_assert_eq(none.size, 0);
    signature.data[0] ^= 1;
    cr_assert_eq(act_as(view, "Verify", &arguments, &none), CKR_SIGNATURE_INVALID);
    p11d_buffer_clear(&signature);
}

Test(keyacts, each_half_does_its_own_part_alone, .init = open_directory, .fini = tear_down)
{
    static const uint8_t data[256] = {1};
    static const struct {
        const char *method, *half;
    } rows[] = {{"Sign", "public-key"},
                {"Decrypt", "public-key"},
                {"Verify", "private-key"},
                {"Encrypt", "private-key"}};
    write_rsa("one", NULL);
    open_token();
    list_all();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        P11dBuffer output;
        P11dArguments arguments = with(id_of(rows[i].half, "one"), CKM_RSA_PKCS, data, 200);
        cr_expect_eq(act_as(view, rows[i].method, &arguments, &output),
                     CKR_KEY_FUNCTION_NOT_PERMITTED, "%s", rows[i].method);
        arguments.objects[0] = 77;
        cr_expect_eq(act_as(view, rows[i].method, &arguments, &output), CKR_KEY_HANDLE_INVALID);
    }
}

Test(keyacts, a_locked_key_decrypts_for_who_is_logged_in, .init = open_directory, .fini = tear_down)
{
    P11dBuffer ciphertext, plaintext;
    write_rsa("one", "secret");
    open_token();
    list_all();
    P11dArguments arguments = with(id_of("public-key", "one"), CKM_RSA_PKCS, "plain", 5);
    cr_assert_eq(act_as(view, "Encrypt", &arguments, &ciphertext), CKR_OK, "its half is known");
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    arguments = with(id_of("private-key", "one"), CKM_RSA_PKCS, ciphertext.data, ciphertext.size);
    cr_assert_eq(act_as(view, "Decrypt", &arguments, &plaintext), CKR_OK);
    p11d_buffer_clear(&plaintext);
    P11dView *other = another_client();
    cr_assert_eq(act_as(other, "Decrypt", &arguments, &plaintext), CKR_KEY_HANDLE_INVALID);
    token->operations->close(other);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(act_as(view, "Decrypt", &arguments, &plaintext), CKR_KEY_HANDLE_INVALID);
    p11d_buffer_clear(&ciphertext);
}

/* Performs an act with object in the place of one of its objects, of which the others are right. */
static CK_RV use(P11dView *who, const P11dAct *act, size_t place, uint64_t object)
{
    static const uint8_t data[256] = {1};
    P11dBuffer output;
    P11dArguments arguments = with(id_of("public-key", "open"), CKM_RSA_PKCS, data, 200);
    arguments.objects[1] = arguments.objects[0];
    arguments.objects[place] = object;
    arguments.purpose = P11D_PURPOSE_SIGN;
    CK_RV rv = act_as(who, act->method, &arguments, &output);
    p11d_buffer_clear(&output);
    return rv;
}

static size_t count_objects(const P11dAct *act)
{
    const P11dMethod *method = p11d_interface_method(&p11d_interface_token, act->method);
    size_t count = 0;
    for (size_t i = 0; i < method->arguments.count; i++)
        count += method->arguments.rows[i].kind == P11D_ARGUMENT_OBJECT &&
                 !method->arguments.rows[i].option;
    return count;
}

/* In every method that has an object: who is not logged in gets the answer that there is none. */
Test(keyacts, trap_private_objects_need_login, .init = open_directory, .fini = tear_down)
{
    const uint64_t nothing = UINT64_C(1) << 40;
    unsigned uses = 0;
    write_rsa("locked", "secret");
    write_rsa("open", NULL);
    writable = true;
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    const uint64_t private = id_of("private-key", "locked");
    cr_assert_neq(private, 0);
    P11dView *other = another_client();
    for (const P11dAct *act = p11d_keyacts; act->method; act++) {
        for (size_t i = 0; i < count_objects(act); i++, uses++) {
            const CK_RV rv = use(other, act, i, private);
            cr_expect(rv == CKR_KEY_HANDLE_INVALID || rv == CKR_OBJECT_HANDLE_INVALID ||
                          rv == CKR_WRAPPING_KEY_HANDLE_INVALID ||
                          rv == CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                      "%s: 0x%lx", act->method, rv);
            cr_expect_eq(use(other, act, i, nothing), rv, "%s", act->method);
        }
    }
    cr_expect_geq(uses, 12);
    list_all();
    cr_expect_eq(id_of("private-key", "locked"), private, "and it is there still");
    token->operations->close(other);
}

Test(keyacts, random_bytes_are_as_many_as_asked_for, .init = set_up, .fini = tear_down)
{
    P11dArguments arguments = {.length = 0};
    P11dBuffer some, others;
    cr_assert_eq(act_as(view, "GenerateRandom", &arguments, &some), CKR_OK);
    cr_assert_eq(some.size, 0);
    p11d_buffer_clear(&some);
    arguments.length = 1000;
    cr_assert_eq(act_as(view, "GenerateRandom", &arguments, &some), CKR_OK);
    cr_assert_eq(act_as(view, "GenerateRandom", &arguments, &others), CKR_OK);
    cr_assert_eq(some.size, 1000);
    cr_assert_neq(memcmp(some.data, others.data, 1000), 0);
    p11d_buffer_clear(&some);
    p11d_buffer_clear(&others);
    arguments.length = P11D_INTERFACE_DATA_MAX;
    cr_assert_eq(act_as(view, "GenerateRandom", &arguments, &some), CKR_OK);
    p11d_buffer_clear(&some);
}
