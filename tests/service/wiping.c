// SPDX-License-Identifier: MIT
/* No secret stays in the worker's memory: of every type of key, in every container. */
#include "worker.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "search.h"

static const char pin[] = "a PIN that stands nowhere else 7361";
static const char wrong_pin[] = "another PIN 9177 of no use at all";

/* Every type of key, and the mechanism it signs by. */
static const struct {
    const char *kind;
    const char *mechanism;
} kinds[] = {
    {"rsa-2048.key", "sha256-rsa-pkcs"},
    {"EC:P-256", "ecdsa"},
    {"EC:P-384", "ecdsa"},
    {"EC:P-521", "ecdsa"},
    {"EC:secp256k1", "ecdsa"},
    {"ED25519", "eddsa"},
    {"ED448", "eddsa"},
};
#define KINDS (sizeof kinds / sizeof kinds[0])

static char *directory;
static Rig rig;
static P11dChannel control, channel;
static Search search;
static RigList list;

/* Waits until the worker lets us look into it, as its sandbox does not. */
static void wait_for_permission(void)
{
    char log[4096] = "";
    size_t size = 0;
    cr_assert_eq(kill(rig.pid, SIGUSR1), 0);
    while (!strstr(log, "may be searched")) {
        struct pollfd event = {.fd = rig.log, .events = POLLIN};
        cr_assert_eq(poll(&event, 1, 60000), 1);
        ssize_t count = read(rig.log, log + size, sizeof log - size - 1);
        cr_assert_gt(count, 0, "the worker ended");
        size += (size_t)count;
    }
}

static void look(void)
{
    if (!search_run(&search, rig.pid))
        cr_skip_test("not allowed to look into the worker");
}

/* Makes a key of every type, in both containers where it has two, and tells the search. */
static void make_keys(const char *passphrase)
{
    char name[64];
    directory = rig_make_directory();
    for (size_t i = 0; i < KINDS; i++) {
        EVP_PKEY *key = strstr(kinds[i].kind, ".key") ? rig_read_key(kinds[i].kind)
                                                      : rig_generate(kinds[i].kind);
        bool traditional = kinds[i].kind[0] != 'E' || kinds[i].kind[1] != 'D';
        snprintf(name, sizeof name, "%s-pkcs8.key", kinds[i].kind);
        rig_write_key(directory, name, key, RIG_PKCS8, passphrase);
        snprintf(name, sizeof name, "%s-traditional.key", kinds[i].kind);
        if (traditional)
            rig_write_key(directory, name, key, RIG_TRADITIONAL, passphrase);
        search_add_key(&search, kinds[i].kind, key);
        EVP_PKEY_free(key);
    }
    search_add(&search, "the PIN", pin, sizeof pin - 1);
    search_add(&search, "the wrong PIN", wrong_pin, sizeof wrong_pin - 1);
}

static void start(void)
{
    rig_start(&rig, directory);
    wait_for_permission();
    rig_client(&rig, &control);
    cr_assert_null(rig_open(&rig, &control, &channel));
}

static void stop(void)
{
    p11d_channel_clear(&channel);
    p11d_channel_clear(&control);
    cr_assert_eq(rig_stop(&rig), P11D_WORKER_DONE);
    rig_remove_directory(directory);
}

/* Signs with every key over both channels, so by several threads. */
static void sign_with_all(void)
{
    static RigSignature signature;
    uint8_t digest[32] = {1};
    size_t count = 0;
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    for (size_t i = 0; i < list.count; i++) {
        const RigObject *object = &list.objects[i];
        for (size_t j = 0; j < KINDS && strcmp(object->class, "private-key") == 0; j++) {
            if (strncmp(object->label, kinds[j].kind, strlen(kinds[j].kind)) != 0)
                continue;
            const char *mechanism = kinds[j].mechanism;
            cr_assert_null(rig_sign(&rig, &control, object->id, mechanism, NULL, NULL, digest,
                                    sizeof digest, &signature));
            cr_assert_null(rig_sign(&rig, &channel, object->id, mechanism, NULL, NULL, digest,
                                    sizeof digest, &signature));
            count++;
        }
    }
    cr_assert_eq(count, 2 * KINDS - 2);
    look();
    for (size_t j = 0; j < KINDS; j++)
        cr_assert_not_null(search_found(&search, kinds[j].kind), "%s is there while it is used",
                           kinds[j].kind);
}

static void expect_nothing(const char *when)
{
    look();
    for (size_t j = 0; j < KINDS; j++)
        cr_expect_null(search_found(&search, kinds[j].kind), "%s %s", kinds[j].kind, when);
    cr_expect_null(search_found(&search, NULL), "%s %s", search_found(&search, NULL), when);
}

static void remove_keys(void)
{
    char path[1024];
    for (size_t i = 0; i < KINDS; i++) {
        snprintf(path, sizeof path, "%s/%s-pkcs8.key", directory, kinds[i].kind);
        unlink(path);
        snprintf(path, sizeof path, "%s/%s-traditional.key", directory, kinds[i].kind);
        unlink(path);
    }
}

/* Lists until there is nothing more. */
static void wait_until_gone(void)
{
    for (;;) {
        cr_assert_null(rig_list(&rig, &control, 0, &list));
        if (list.count == 0)
            return;
        if (rig_signals() == 0)
            rig_wait_signal(&control);
    }
}

Test(wiping, after_logout)
{
    make_keys(pin);
    start();
    cr_assert_str_eq(rig_login(&rig, &channel, "user", wrong_pin), "PinIncorrect");
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign_with_all();
    cr_expect_null(search_found(&search, "the PIN"));
    cr_expect_null(search_found(&search, "the wrong PIN"));
    cr_assert_null(rig_logout(&rig, &channel));
    expect_nothing("is there after logout");
    stop();
}

Test(wiping, after_the_client_is_gone)
{
    make_keys(pin);
    start();
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign_with_all();
    p11d_channel_clear(&control);
    /* The worker hangs up the call channel when it has logged the client out. */
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(&channel, p11d_deadline_in(60000), &message), P11D_CLOSED);
    expect_nothing("is there after the client is gone");
    stop();
}

Test(wiping, after_a_key_file_is_gone)
{
    make_keys(NULL);
    start();
    sign_with_all();
    remove_keys();
    wait_until_gone();
    expect_nothing("is there after its file is gone");
    stop();
}

Test(wiping, after_the_file_of_an_opened_key_is_gone)
{
    make_keys(pin);
    start();
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign_with_all();
    remove_keys();
    wait_until_gone();
    expect_nothing("is there after its file is gone");
    stop();
}
