// SPDX-License-Identifier: MIT
#include "trail.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "worker.h"

#define USER 1234

static char *directory, *token;
static Rig rig;
static P11dChannel control, channel;
static RigList list;
static char said[65536];

static void make_keys(void)
{
    directory = rig_make_directory();
    token = strrchr(directory, '/') + 1;
    EVP_PKEY *key = rig_generate("EC:P-256");
    rig_write_key(directory, "open \"key\"\n.key", key, RIG_PKCS8, NULL);
    rig_write_key(directory, "locked.key", key, RIG_PKCS8, "a good secret");
    EVP_PKEY_free(key);
}

static void start(bool verbose)
{
    make_keys();
    if (verbose)
        rig_start_verbose(&rig, directory);
    else
        rig_start(&rig, directory);
    rig_client_of(&rig, &control, USER);
    cr_assert_null(rig_open(&rig, &control, &channel));
}

static void start_quiet(void)
{
    start(false);
}

static void start_verbose(void)
{
    start(true);
}

static void tear_down(void)
{
    p11d_channel_clear(&channel);
    p11d_channel_clear(&control);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rig_remove_directory(directory);
}

/* Adds what was logged meanwhile to said. */
static void read_log(void)
{
    char *log = rig_log(&rig);
    strncat(said, log, sizeof said - strlen(said) - 1);
    free(log);
}

static int count(const char *text)
{
    int found = 0;
    read_log();
    for (const char *at = said; (at = strstr(at, text)); at++)
        found++;
    return found;
}

/* A line that begins with what and ends with how. */
static void expect_line(const char *what, const char *result, const char *more)
{
    char line[1024];
    snprintf(line, sizeof line, "p11dbus: %s uid=%d pid=%d result=%s%s token=\"%s\"%s", what, USER,
             getpid(), result, strcmp(what, "sign") == 0 ? " mechanism=\"ecdsa\"" : "", token,
             more);
    cr_expect_eq(count(line), 1, "no line %s in:\n%s", line, said);
}

static uint64_t key_of(const char *label)
{
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    const RigObject *object = rig_find(&list, "private-key", label);
    return object ? object->id : 0;
}

static const char *sign(uint64_t key)
{
    static RigSignature signature;
    uint8_t digest[32] = {1};
    return rig_sign(&rig, &channel, key, "ecdsa", NULL, NULL, digest, sizeof digest, &signature);
}

Test(trail, every_one_is_a_line, .init = start_verbose, .fini = tear_down)
{
    char line[1024];
    snprintf(line, sizeof line, "added class=private-key token=\"%s\" key=\"locked\"\n", token);
    cr_expect_eq(count(line), 1, "%s", said);
    snprintf(line, sizeof line,
             "added class=private-key token=\"%s\" key=\"open \\\"key\\\"\\x0a\"\n", token);
    cr_expect_eq(count(line), 1, "%s", said);

    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a bad secret"), "PinIncorrect");
    expect_line("login", "CKR_PIN_INCORRECT", "\n");
    cr_assert_null(rig_login(&rig, &channel, "user", "a good secret"));
    expect_line("login", "CKR_OK", "\n");
    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a good secret"), "UserAlreadyLoggedIn");
    expect_line("login", "CKR_USER_ALREADY_LOGGED_IN", "\n");

    uint64_t locked = key_of("locked");
    cr_assert_null(sign(locked));
    expect_line("sign", "CKR_OK", " key=\"locked\"\n");
    cr_assert_null(sign(key_of("open \"key\"\n")));
    expect_line("sign", "CKR_OK", " key=\"open \\\"key\\\"\\x0a\"\n");
    cr_assert_null(rig_logout(&rig, &channel));
    expect_line("logout", "CKR_OK", "\n");
    cr_assert_str_eq(sign(locked), "KeyHandleInvalid");
    expect_line("sign", "CKR_KEY_HANDLE_INVALID", " key=\"locked\"\n");
    cr_assert_str_eq(sign(77), "KeyHandleInvalid");
    expect_line("sign", "CKR_KEY_HANDLE_INVALID", " key=77\n");
}

Test(trail, trap_pin_is_wiped_and_in_no_log, .init = start_verbose, .fini = tear_down)
{
    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a bad secret"), "PinIncorrect");
    cr_assert_null(rig_login(&rig, &channel, "user", "a good secret"));
    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a good secret"), "UserAlreadyLoggedIn");
    cr_expect_eq(count("login"), 3, "%s", said);
    cr_expect_eq(count("secret"), 0, "%s", said);
}

Test(trail, keys_that_come_and_go, .init = start_verbose, .fini = tear_down)
{
    char line[1024];
    EVP_PKEY *key = rig_generate("ED25519");
    key_of("locked");
    rig_write_key(directory, "new.key", key, RIG_PKCS8, NULL);
    EVP_PKEY_free(key);
    while (!key_of("new")) {
        if (rig_signals() == 0)
            rig_wait_signal(&control);
    }
    snprintf(line, sizeof line, "added class=private-key token=\"%s\" key=\"new\"\n", token);
    cr_expect_eq(count(line), 1, "%s", said);
    cr_expect_eq(count("class=public-key"), 0, "the half of a key goes without saying");
    unlink(strcat(strcpy((char[1024]){0}, directory), "/new.key"));
    while (key_of("new")) {
        if (rig_signals() == 0)
            rig_wait_signal(&control);
    }
    snprintf(line, sizeof line, "removed class=private-key token=\"%s\" key=\"new\"\n", token);
    cr_expect_eq(count(line), 1, "%s", said);
}

Test(trail, who_hangs_up_is_logged_out, .init = start_verbose, .fini = tear_down)
{
    P11dMessage message;
    cr_assert_null(rig_login(&rig, &channel, "user", "a good secret"));
    p11d_channel_clear(&control);
    /* Its other channel ends after that. */
    P11dStatus status;
    do
        status = p11d_channel_receive(&channel, p11d_deadline_in(60000), &message);
    while (status == P11D_OK);
    cr_assert_eq(status, P11D_CLOSED);
    expect_line("logout", "CKR_OK", "\n");
}

Test(trail, without_v_only_what_is_refused, .init = start_quiet, .fini = tear_down)
{
    cr_assert_null(rig_login(&rig, &channel, "user", "a good secret"));
    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a good secret"), "UserAlreadyLoggedIn");
    cr_assert_null(sign(key_of("locked")));
    cr_assert_str_eq(sign(77), "KeyHandleInvalid");
    cr_assert_null(rig_logout(&rig, &channel));
    read_log();
    cr_expect_str_empty(said);
    cr_assert_str_eq(rig_login(&rig, &channel, "user", "a bad secret"), "PinIncorrect");
    expect_line("login", "CKR_PIN_INCORRECT", "\n");
}

Test(trail, who_guesses_does_not_fill_the_log, .init = start_quiet, .fini = tear_down)
{
    int refused = 0;
    while (refused < 1000) {
        const char *error = rig_login(&rig, &channel, "user", "a bad secret");
        cr_assert_not_null(error);
        refused += strcmp(error, "FunctionRejected") == 0;
        read_log();
    }
    int lines = count("result=CKR_FUNCTION_REJECTED");
    cr_expect_geq(lines, 1);
    cr_expect_lt(lines, refused / 2);
}
