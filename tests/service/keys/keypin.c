// SPDX-License-Identifier: MIT
/* The PINs of a key directory that applications may write to. */
#include "keypin.h"

#include <criterion/criterion.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keytoken-fixture.h"
#include "keytoken.h"

static void open_writable(void)
{
    writable = true;
    open_directory();
}

static P11dBytes bytes(const char *text)
{
    return (P11dBytes){(const uint8_t *)text, strlen(text)};
}

static CK_RV act(P11dView *who, const char *method, P11dArguments arguments)
{
    P11dBuffer output;
    CK_RV rv = act_as(who, method, &arguments, &output);
    p11d_buffer_clear(&output);
    list_as(who, 0);
    return rv;
}

static CK_RV set_pin(P11dView *who, const char *old, const char *fresh)
{
    return act(who, "SetPin", (P11dArguments){.pins = {bytes(old), bytes(fresh)}});
}

static CK_RV init_pin(P11dView *who, const char *pin)
{
    return act(who, "InitPin", (P11dArguments){.pins = {bytes(pin)}});
}

static CK_RV init_token(const char *pin, const char *label)
{
    return act(view, "InitToken", (P11dArguments){.pins = {bytes(pin)}, .text = label});
}

/* Whether the passphrase opens the file for OpenSSL. */
static bool opens(const char *name, const char *passphrase)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "re");
    cr_assert_not_null(file);
    EVP_PKEY *key = PEM_read_PrivateKey(file, NULL, NULL, (void *)(uintptr_t)passphrase);
    fclose(file);
    EVP_PKEY_free(key);
    return key;
}

static void open_again(void)
{
    token->operations->close(view);
    token->operations->free(token);
    open_token();
    list_all();
}

/* What the token's property Label says. */
static void expect_label(const char *label)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    token->operations->write_properties(token, &writer);
    cr_assert(memmem(buffer.data, buffer.size, label, strlen(label)), "%s", label);
    p11d_buffer_clear(&buffer);
}

Test(keypin, is_the_passphrase_of_the_files, .init = open_writable, .fini = tear_down)
{
    write_key("one.key", "old");
    write_key("two.key", "old");
    write_key("other.key", "another");
    open_token();
    cr_assert_eq(set_pin(view, "wrong", "new"), CKR_PIN_INCORRECT);
    cr_assert_eq(set_pin(view, "old", ""), CKR_PIN_LEN_RANGE);
    cr_assert_eq(login_as(view, "old"), CKR_OK);
    list_all();
    uint64_t id = id_of("private-key", "one");
    cr_assert_eq(set_pin(view, "old", "new"), CKR_OK);
    cr_assert(opens("one.key", "new") && opens("two.key", "new") && !opens("one.key", "old"));
    cr_assert(opens("other.key", "another"), "that was not asked for");
    cr_assert_eq(sign_as(view, id), CKR_OK, "it is the key that it was");
    open_again();
    cr_assert_eq(login_as(view, "old"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "new"), CKR_OK);
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
}

Test(keypin, others_stay_logged_in_when_it_changes, .init = open_writable, .fini = tear_down)
{
    write_key("one.key", "old");
    open_token();
    P11dView *other = another_client();
    cr_assert_eq(login_as(other, "old"), CKR_OK);
    list_as(other, 0);
    uint64_t id = id_of("private-key", "one");
    cr_assert_eq(set_pin(view, "old", "new"), CKR_OK);
    cr_assert_eq(sign_as(other, id), CKR_OK);
    static const CK_BBOOL yes = CK_TRUE;
    static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t) "later", 5},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    const P11dArguments pair = {
        .mechanism.parameters.mechanism.mechanism = CKM_EC_KEY_PAIR_GEN,
        .templates = {{.items = items, .count = 3}, {.items = items, .count = 2}}};
    cr_assert_eq(act(other, "GenerateKeyPair", pair), CKR_OK);
    cr_assert(opens("later.key", "new") && !opens("later.key", "old"));
    token->operations->close(other);
}

static CK_RV generate(P11dView *who, const char *label)
{
    static const CK_BBOOL yes = CK_TRUE;
    static const uint8_t p256[] = {6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7};
    const CK_ATTRIBUTE items[] = {{CKA_TOKEN, (void *)(uintptr_t)&yes, 1},
                                  {CKA_LABEL, (void *)(uintptr_t)label, strlen(label)},
                                  {CKA_EC_PARAMS, (void *)(uintptr_t)p256, sizeof p256}};
    return act(
        who, "GenerateKeyPair",
        (P11dArguments){.mechanism.parameters.mechanism.mechanism = CKM_EC_KEY_PAIR_GEN,
                        .templates = {{.items = items, .count = 3}, {.items = items, .count = 2}}});
}

Test(keypin, others_make_keys_for_the_one_that_it_is_now, .init = open_writable, .fini = tear_down)
{
    write_key("one.key", "old");
    write_key("two.key", "another");
    open_token();
    P11dView *other = another_client(), *third = another_client();
    cr_assert_eq(login_as(view, "old"), CKR_OK);
    cr_assert_eq(login_as(other, "old"), CKR_OK);
    cr_assert_eq(login_as(third, "another"), CKR_OK);
    cr_assert_eq(set_pin(view, "old", "new"), CKR_OK);
    cr_assert_eq(generate(view, "mine"), CKR_OK);
    cr_assert_eq(generate(other, "late"), CKR_OK);
    cr_assert_eq(generate(third, "third"), CKR_OK);
    cr_expect(opens("mine.key", "new") && opens("late.key", "new"));
    cr_expect(opens("third.key", "another"), "that is the PIN that it has");
    token->operations->close(other);
    token->operations->close(third);
}

Test(keypin, of_a_token_that_is_initialised_again_ends, .init = open_writable, .fini = tear_down)
{
    open_token();
    P11dView *other = another_client();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_OK);
    cr_assert_eq(init_pin(view, "first"), CKR_OK);
    cr_assert_eq(login_as(other, "first"), CKR_OK);
    cr_assert_eq(generate(other, "one"), CKR_OK);
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    cr_assert_eq(init_pin(view, "second"), CKR_OK);
    cr_expect_eq(generate(other, "two"), CKR_USER_NOT_LOGGED_IN);
    cr_expect_eq(login_as(other, "first"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(other, "second"), CKR_OK);
    cr_assert_eq(generate(other, "two"), CKR_OK);
    cr_assert(opens("two.key", "second"));
    token->operations->close(other);
}

Test(keypin, that_the_officer_gives_anew_ends_the_old_one, .init = open_writable, .fini = tear_down)
{
    open_token();
    P11dView *other = another_client();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_OK);
    cr_assert_eq(init_pin(view, "first"), CKR_OK);
    cr_assert_eq(login_as(other, "first"), CKR_OK);
    cr_assert_eq(init_pin(view, "second"), CKR_OK, "no key is behind the first one");
    cr_expect_eq(generate(other, "one"), CKR_USER_NOT_LOGGED_IN);
    token->operations->close(other);
}

/* A client of another service of the same directory. */
static P11dView *client_of_another(void)
{
    static const P11dCredentials nobody;
    P11dWorkerToken *another = p11d_keytoken_open(directory, writable);
    cr_assert_not_null(another);
    return another->operations->open(another, &nobody);
}

static void close_another(P11dView *who)
{
    P11dWorkerToken *another = who->token;
    another->operations->close(who);
    another->operations->free(another);
}

Test(keypin, that_another_service_changes_ends_logins, .init = open_writable, .fini = tear_down)
{
    write_key("one.key", "old");
    write_key("two.key", "another");
    open_token();
    P11dView *elsewhere = client_of_another(), *third = another_client();
    cr_assert_eq(login_as(view, "old"), CKR_OK);
    cr_assert_eq(login_as(third, "another"), CKR_OK);
    cr_assert_eq(login_as(elsewhere, "old"), CKR_OK);
    cr_assert_eq(generate(elsewhere, "first"), CKR_OK);
    cr_assert_eq(generate(view, "mine"), CKR_OK, "no PIN is another");
    cr_assert_eq(set_pin(elsewhere, "old", "new"), CKR_OK);
    cr_assert_eq(generate(view, "late"), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(generate(third, "third"), CKR_OK, "that is another PIN");
    cr_assert_eq(login_as(view, "old"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "new"), CKR_OK);
    cr_assert_eq(generate(view, "late"), CKR_OK);
    cr_assert(opens("late.key", "new") && opens("mine.key", "new"));
    cr_assert_eq(generate(elsewhere, "then"), CKR_OK);
    token->operations->close(third);
    close_another(elsewhere);
}

Test(keypin, of_no_key_that_another_service_changes_ends_logins, .init = open_writable,
     .fini = tear_down)
{
    open_token();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_OK);
    cr_assert_eq(init_pin(view, "old"), CKR_OK);
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(login_as(view, "old"), CKR_OK);
    P11dView *elsewhere = client_of_another();
    cr_assert_eq(set_pin(elsewhere, "old", "new"), CKR_OK);
    cr_assert_eq(generate(view, "late"), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(login_as(view, "new"), CKR_OK);
    cr_assert_eq(generate(view, "late"), CKR_OK);
    cr_assert(opens("late.key", "new"));
    close_another(elsewhere);
}

Test(keypin, there_is_none_to_change_where_there_is_none, .init = open_writable, .fini = tear_down)
{
    write_key("one.key", NULL);
    open_token();
    cr_assert_eq(set_pin(view, "old", "new"), CKR_USER_PIN_NOT_INITIALIZED);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_USER_TYPE_INVALID);
    cr_assert_eq(init_pin(view, "new"), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(init_token("officer", "label"), CKR_ACTION_PROHIBITED, "it has a key");
    list_all();
    cr_assert(id_of("private-key", "one"));
}

Test(keypin, only_of_a_directory_that_may_be_written_to, .init = open_directory, .fini = tear_down)
{
    write_key("one.key", "old");
    open_token();
    cr_assert_eq(set_pin(view, "old", "new"), CKR_TOKEN_WRITE_PROTECTED);
    cr_assert_eq(init_token("officer", "label"), CKR_TOKEN_WRITE_PROTECTED);
    cr_assert(opens("one.key", "old"));
}

Test(keypin, a_token_is_initialised_and_given_to_its_user, .init = open_writable, .fini = tear_down)
{
    open_token();
    cr_assert_eq(init_token("officer", "My token   "), CKR_OK);
    expect_label("My token");
    cr_assert_eq(login_with(view, CKU_SO, "wrong"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_OK);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_USER_ALREADY_LOGGED_IN);
    cr_assert_eq(login_as(view, "user"), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    cr_assert_eq(init_pin(view, "user"), CKR_OK);
    cr_assert_eq(set_pin(view, "officer", "general"), CKR_OK);
    cr_assert_eq(logout_as(view), CKR_OK);
    expect_label("login-required");
    open_again();
    expect_label("My token");
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "wrong"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "user"), CKR_OK);
    cr_assert_eq(set_pin(view, "user", "again"), CKR_OK);
    open_again();
    cr_assert_eq(login_as(view, "user"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_as(view, "again"), CKR_OK);
}

Test(keypin, a_first_one_encrypts_what_was_open, .init = open_writable, .fini = tear_down)
{
    open_token();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    write_key("one.key", NULL);
    wait_until(has_one);
    cr_assert_eq(login_with(view, CKU_SO, "officer"), CKR_OK);
    cr_assert_eq(init_pin(view, "user"), CKR_OK);
    cr_assert(opens("one.key", "user") && !opens("one.key", "wrong"));
    cr_assert_eq(init_pin(view, "other"), CKR_ACTION_PROHIBITED, "nobody can without the old one");
    cr_assert_eq(logout_as(view), CKR_OK);
    cr_assert_eq(login_as(view, "user"), CKR_OK);
    list_all();
    cr_assert_eq(sign_as(view, id_of("private-key", "one")), CKR_OK);
}

Test(keypin, initialising_again_removes_everything, .init = open_writable, .fini = tear_down)
{
    open_token();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    write_key("one.key", NULL);
    wait_until(has_one);
    cr_assert_eq(init_token("wrong", "other"), CKR_PIN_INCORRECT);
    list_all();
    cr_assert(has_one());
    cr_assert_eq(init_token("officer", "a label that is longer than 32 bytes"), CKR_ARGUMENTS_BAD);
    list_all();
    cr_assert(has_one());
    cr_assert_eq(init_token("officer", "other"), CKR_OK);
    cr_assert_eq(list.count, 0);
    expect_label("other");
}

Test(keypin, is_told_of_in_the_properties, .init = open_writable, .fini = tear_down)
{
    open_token();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    cr_assert(token->operations->dispatch(token) & P11D_WORKER_TOKEN_PROPERTIES);
}

Test(keypin, a_state_that_is_damaged_lets_nobody_in, .init = open_writable, .fini = tear_down)
{
    rig_write_file(directory, ".p11dbus-token", "user-pin: x\n", 12, 0600);
    open_token();
    cr_assert_eq(login_as(view, "x"), CKR_PIN_INCORRECT);
    cr_assert_eq(login_with(view, CKU_SO, ""), CKR_PIN_INCORRECT);
}

Test(keypin, a_state_that_others_can_write_lets_nobody_in, .init = open_writable, .fini = tear_down)
{
    char path[512];
    open_token();
    cr_assert_eq(init_token("officer", "label"), CKR_OK);
    snprintf(path, sizeof path, "%s/.p11dbus-token", directory);
    for (mode_t mode = 0600; mode <= 0666; mode += 0066) {
        cr_assert_eq(chmod(path, mode), 0);
        open_again();
        cr_expect_eq(login_with(view, CKU_SO, "officer"),
                     mode == 0600 ? CKR_OK : CKR_PIN_INCORRECT);
    }
}

Test(keypin, where_the_owner_writes_others_do_not, .init = open_writable, .fini = tear_down)
{
    static const CK_BBOOL yes = CK_TRUE;
    static const CK_OBJECT_CLASS data = CKO_DATA;
    const P11dCredentials all[] = {{.uid = geteuid() + 1}, {.uid = geteuid()}, {.uid = 0}};
    const CK_ATTRIBUTE items[] = {{CKA_CLASS, (void *)(uintptr_t)&data, sizeof data},
                                  {CKA_LABEL, (void *)(uintptr_t) "x", 1},
                                  {CKA_TOKEN, (void *)(uintptr_t)&yes, 1}};
    const P11dTemplateArgument own = {.items = items, .count = 2},
                               kept = {.items = items, .count = 3};
    const P11dTemplateArgument label = {.items = items + 1, .count = 1};
    write_key("one.key", "old");
    token = p11d_keytoken_open(directory, P11D_WORKER_TOKEN_OWNER);
    for (int i = 0; i < 3; i++) {
        const CK_RV rv = i == 0 ? CKR_FUNCTION_REJECTED : CKR_OK;
        view = token->operations->open(token, &all[i]);
        cr_assert_eq(login_as(view, i < 2 ? "old" : "new"), CKR_OK);
        list_all();
        const uint64_t id = id_of("private-key", i < 2 ? "one" : "x");
        cr_assert_eq(act(view, "CreateObject", (P11dArguments){.templates = {own}}), CKR_OK);
        cr_assert_eq(act(view, "CreateObject", (P11dArguments){.templates = {kept}}), rv);
        cr_assert_eq(
            act(view, "SetAttributes", (P11dArguments){.objects = {id}, .templates = {label}}), rv);
        if (i != 1)
            cr_assert_eq(act(view, "DestroyObject", (P11dArguments){.objects = {id}}), rv);
        cr_assert_eq(set_pin(view, i < 2 ? "old" : "new", "new"),
                     i == 2 ? CKR_USER_PIN_NOT_INITIALIZED : rv);
        cr_assert_eq(init_token("officer", "label"), i == 0 ? rv : CKR_ACTION_PROHIBITED);
        if (i < 2)
            token->operations->close(view);
    }
}
