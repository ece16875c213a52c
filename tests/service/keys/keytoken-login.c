// SPDX-License-Identifier: MIT
/* Logins to a key token: which keys a passphrase opens, for whom, and for how long. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keytoken-fixture.h"

Test(keytoken, trap_login_is_the_clients_own, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "secret");
    open_token();
    P11dView *other = another_client();
    list_all();
    cr_assert_eq(list.count, 0, "nothing of it is known before login");
    uint64_t known = list.generation;

    cr_assert_eq(login_as(view, "wrong"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, ""), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_USER_ALREADY_LOGGED_IN);
    list_as(view, known);
    cr_assert(list.complete && list.generation != known);
    cr_assert_eq(list.count, 2);
    uint64_t key = id_of("private-key", "one");
    cr_assert(rig_find(&list, "private-key", "one")->private);
    cr_assert_eq(sign_as(view, key), CKR_OK);

    cr_assert_eq(sign_as(other, key), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(other, id_of("public-key", "one")), CKR_KEY_HANDLE_INVALID);
    list_as(other, 0);
    cr_assert_eq(list.count, 0);
    cr_assert_eq(logout_as(other), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(other, "wrong"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(other, "secret"), CKR_OK, "its own");
    cr_assert_eq(sign_as(other, key), CKR_OK);
    cr_assert_eq(logout_as(other), CKR_OK);
    cr_assert_eq(sign_as(other, key), CKR_KEY_HANDLE_INVALID);
    cr_assert_eq(sign_as(view, key), CKR_OK, "another's logout is not this one's");

    known = token->operations->generation(view);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    list_as(view, known);
    cr_assert(list.complete && list.count == 0);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(id_of("private-key", "one"), key, "the same object for every client");
    token->operations->close(other);
}

Test(keytoken, trap_slow_work_is_felt_by_no_other__of_who_guesses, .init = open_directory,
     .fini = tear_down)
{
    static const P11dCredentials somebody = {.uid = 12345};
    CK_RV rv = CKR_PIN_INCORRECT;
    write_key("one.key", "secret");
    open_token();
    P11dView *guesser = token->operations->open(token, &somebody);
    for (int i = 0; i < 10000 && rv == CKR_PIN_INCORRECT; i++)
        rv = login_as(guesser, "wrong");
    cr_assert_eq(rv, CKR_FUNCTION_REJECTED);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    token->operations->close(guesser);
}

Test(keytoken, the_pin_opens_every_key_that_it_decrypts, .init = open_directory, .fini = tear_down)
{
    write_key("a.key", "first");
    write_key("b.key", "first");
    write_key("c.key", "second");
    write_key("d.key", NULL);
    open_token();
    cr_assert_eq(login_as(view, "first"), CKR_OK);
    list_all();
    cr_assert(id_of("private-key", "a") && id_of("private-key", "b"));
    cr_assert_not(id_of("private-key", "c"));
    cr_assert(id_of("private-key", "d"));
}

Test(keytoken, the_public_half_is_known_from_files_beside_the_key, .init = open_directory,
     .fini = tear_down)
{
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "a.key", key, RIG_PKCS8, "secret");
    rig_write_certificate(directory, "a.crt", key);
    rig_write_key(directory, "b.key", key, RIG_TRADITIONAL, "secret");
    rig_write_public(directory, "b.pub", key);
    EVP_PKEY_free(key);
    open_token();
    list_all();
    cr_assert_eq(list.count, 3);
    cr_assert(id_of("public-key", "a") && id_of("certificate", "a") && id_of("public-key", "b"));
    uint64_t public = id_of("public-key", "a");
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert_eq(list.count, 5);
    cr_assert_eq(id_of("public-key", "a"), public);
    cr_assert_eq(sign_as(view, id_of("private-key", "a")), CKR_OK);
}

Test(keytoken, users_that_this_token_does_not_have, .init = open_directory, .fini = tear_down)
{
    const char *pin = "secret";
    write_key("one.key", "secret");
    open_token();
    cr_assert_eq(login_with(view, CKU_SO, pin), CKR_USER_TYPE_INVALID);
    cr_assert_eq(login_with(view, CKU_CONTEXT_SPECIFIC, pin), CKR_OPERATION_NOT_INITIALIZED);
    cr_assert_eq(login_with(view, 77, pin), CKR_USER_TYPE_INVALID);
}

static bool is_whatever(void)
{
    return true;
}

static bool properties_say(const char *flag)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    token->operations->write_properties(token, &writer);
    cr_assert(p11d_writer_ok(&writer));
    bool found = memmem(buffer.data, buffer.size, flag, strlen(flag) + 1);
    p11d_buffer_clear(&buffer);
    return found;
}

Test(keytoken, without_an_encrypted_key_there_is_no_login, .init = set_up, .fini = tear_down)
{
    write_key("one.key", NULL);
    cr_assert_not(wait_until(has_one) & P11D_WORKER_TOKEN_PROPERTIES);
    cr_assert_not(properties_say("login-required"));
    cr_assert(properties_say("write-protected") && properties_say("token-initialized"));

    write_key("two.key", "secret");
    unsigned change = 0;
    while (!(change & P11D_WORKER_TOKEN_PROPERTIES))
        change |= wait_until(is_whatever);
    cr_assert(properties_say("login-required") && properties_say("user-pin-initialized"));
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
}

Test(keytoken, trap_login_where_none_is_needed, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", NULL);
    open_token();
    static const char *const pins[] = {"secret", "", "0000"};
    for (size_t i = 0; i < sizeof pins / sizeof pins[0]; i++) {
        cr_assert_eq(login_as(view, pins[i]), CKR_OK);
        cr_assert_eq(login_as(view, "another"), CKR_USER_ALREADY_LOGGED_IN);
        list_all();
        cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
        cr_assert_eq(logout_as(view), CKR_OK);
        cr_assert_eq(logout_as(view), CKR_USER_NOT_LOGGED_IN);
        cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    }
    cr_assert_eq(login_with(view, CKU_USER, NULL), CKR_OK);
    cr_assert_eq(login_with(view, CKU_SO, NULL), CKR_USER_TYPE_INVALID);
}

static bool has_locked(void)
{
    return properties_say("login-required");
}

static bool has_no_locked(void)
{
    return !has_locked();
}

Test(keytoken, a_login_for_nothing_ends_when_a_pin_counts, .init = open_directory,
     .fini = tear_down)
{
    char path[1024];
    write_key("one.key", NULL);
    open_token();
    cr_assert_eq(login_as(view, "any"), CKR_OK);
    write_key("two.key", "secret");
    wait_until(has_locked);
    cr_assert(id_of("private-key", "one") && !id_of("private-key", "two"));
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    cr_assert_eq(login_with(view, CKU_USER, NULL), CKR_ARGUMENTS_BAD);
    cr_assert_eq(login_as(view, "any"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_USER_ALREADY_LOGGED_IN);
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "two")), CKR_OK);

    snprintf(path, sizeof path, "%s/two.key", directory);
    unlink(path);
    wait_until(has_no_locked);
    cr_assert_eq(login_as(view, "any"), CKR_USER_ALREADY_LOGGED_IN);
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(login_as(view, "any"), CKR_OK);
}

Test(keytoken, guesses_of_before_are_no_matter_where_no_pin_counts, .init = open_directory,
     .fini = tear_down)
{
    char path[1024];
    write_key("two.key", "secret");
    open_token();
    for (int i = 0; i < 20 && login_as(view, "wrong") != CKR_FUNCTION_REJECTED; i++)
        continue;
    cr_assert_eq(login_as(view, "secret"), CKR_FUNCTION_REJECTED);
    snprintf(path, sizeof path, "%s/two.key", directory);
    unlink(path);
    wait_until(has_no_locked);
    cr_assert_eq(login_as(view, "any"), CKR_OK);
}

Test(keytoken, an_opened_key_goes_with_its_file, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "secret");
    open_token();
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    uint64_t key = id_of("private-key", "one");
    cr_assert_eq(sign_as(view, key), CKR_OK);
    write_key("one.key", "secret");
    wait_until(is_empty);
    cr_assert_eq(sign_as(view, key), CKR_KEY_HANDLE_INVALID);
    /* Who logs in again gets the new one. */
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(login_as(view, "secret"), CKR_OK);
    list_all();
    cr_assert(has_one() && id_of("private-key", "one") != key);
}
