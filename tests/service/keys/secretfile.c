// SPDX-License-Identifier: MIT
/* Secret keys that are files of a key directory. */
#include <criterion/criterion.h>
#include <string.h>

#include "keytoken-fixture.h"

static const uint8_t secret[64] = {7, 7, 7};

TestSuite(secretfile, .init = open_directory, .fini = tear_down);

static CK_RV use(const char *method, const char *label, CK_MECHANISM_TYPE type, const void *data,
                 size_t size, P11dBuffer *output)
{
    const P11dArguments arguments = {.objects = {id_of("secret-key", label)},
                                     .mechanism.parameters.mechanism.mechanism = type,
                                     .bytes = {{data, size}}};
    return act_as(view, method, &arguments, output);
}

Test(secretfile, is_served_as_what_its_name_says_and_never_shown)
{
    P11dBuffer output;
    rig_write_file(directory, "disk.aes.secret", secret, 32, 0600);
    rig_write_file(directory, "token.secret", secret, 64, 0400);
    open_token();
    list_all();
    cr_assert_eq(list.count, 2);
    for (size_t i = 0; i < 2; i++)
        cr_assert_eq(list.objects[i].value_size, 0);
    cr_assert_eq(use("Encrypt", "disk", CKM_AES_ECB, secret, 16, &output), CKR_OK);
    cr_assert_eq(output.size, 16);
    p11d_buffer_clear(&output);
    cr_assert_eq(use("Sign", "token", CKM_SHA256_HMAC, secret, 16, &output), CKR_OK);
    cr_assert_eq(output.size, 32);
    p11d_buffer_clear(&output);
    cr_assert_eq(use("Sign", "disk", CKM_SHA256_HMAC, secret, 16, &output),
                 CKR_KEY_FUNCTION_NOT_PERMITTED);
    cr_assert_eq(use("Decrypt", "token", CKM_AES_ECB, secret, 16, &output),
                 CKR_KEY_FUNCTION_NOT_PERMITTED);
}

/* What is listed of "k", of whatever class. */
static const char *class_of_k(void)
{
    static char class[24];
    list_all();
    snprintf(class, sizeof class, "%s", list.count == 1 ? list.objects[0].class : "not one object");
    return class;
}

Test(secretfile, that_others_could_read_is_refused_and_why_is_told)
{
    rig_write_file(directory, "k.aes.secret", secret, 32, 0640);
    open_token();
    cr_assert_str_eq(class_of_k(), "data");
}

Test(secretfile, of_a_size_that_keys_do_not_have_is_refused)
{
    /* As "openssl rand -hex 32" writes it. */
    rig_write_file(directory, "k.aes.secret", secret, 64, 0600);
    open_token();
    cr_assert_str_eq(class_of_k(), "data");
}

Test(secretfile, that_is_empty_is_refused)
{
    rig_write_file(directory, "k.secret", secret, 0, 0600);
    open_token();
    cr_assert_str_eq(class_of_k(), "data");
}

Test(secretfile, trap_key_goes_by_its_exact_name__or_is_ambiguous)
{
    rig_write_file(directory, "k.secret", secret, 32, 0600);
    write_key("k.key", NULL);
    open_token();
    cr_assert_str_eq(class_of_k(), "data");
}

Test(secretfile, two_kinds_of_one_name_are_ambiguous)
{
    rig_write_file(directory, "k.secret", secret, 32, 0600);
    rig_write_file(directory, "k.aes.secret", secret, 32, 0600);
    open_token();
    cr_assert_str_eq(class_of_k(), "data");
}

static uint64_t before;

static bool has_another(void)
{
    uint64_t id = id_of("secret-key", "k");
    return id != 0 && id != before;
}

Test(secretfile, with_another_content_is_another_key)
{
    rig_write_file(directory, "k.aes.secret", secret, 32, 0600);
    open_token();
    list_all();
    before = id_of("secret-key", "k");
    cr_assert(before);
    rig_write_file(directory, "k.aes.secret", secret + 1, 32, 0600);
    cr_assert(wait_until(has_another) & P11D_WORKER_TOKEN_OBJECTS);
}
