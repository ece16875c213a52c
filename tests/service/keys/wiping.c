// SPDX-License-Identifier: MIT
/* No secret stays in the worker's memory: of every type of key, in every container. */
#include "worker.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "keystreams.h"
#include "rig.h"
#include "search.h"

static const char pin[] = "a PIN that stands nowhere else 7361";
static const char wrong_pin[] = "another PIN 9177 of no use at all";

/* Every type of key in every container, and the mechanism it signs by. One at a time: what one
 * leaves behind would be overwritten by the next. */
typedef struct Kind {
    char name[16];
    char mechanism[16];
    RigContainer container;
} Kind;

static const Kind kinds[] = {
    {"rsa-2048.key", "sha256-rsa-pkcs", RIG_PKCS8},
    {"rsa-2048.key", "sha256-rsa-pkcs", RIG_TRADITIONAL},
    {"EC:P-256", "ecdsa", RIG_PKCS8},
    {"EC:P-256", "ecdsa", RIG_TRADITIONAL},
    {"EC:P-384", "ecdsa", RIG_PKCS8},
    {"EC:P-384", "ecdsa", RIG_TRADITIONAL},
    {"EC:P-521", "ecdsa", RIG_PKCS8},
    {"EC:P-521", "ecdsa", RIG_TRADITIONAL},
    {"EC:secp256k1", "ecdsa", RIG_PKCS8},
    {"EC:secp256k1", "ecdsa", RIG_TRADITIONAL},
    {"ED25519", "eddsa", RIG_PKCS8},
    {"ED448", "eddsa", RIG_PKCS8},
};

static char *directory;
static Rig rig;
static P11dChannel control, channel;
static Search search;
static RigList list;

/* Starts a worker with one key. */
static void start(const Kind *kind, const char *passphrase)
{
    EVP_PKEY *key =
        strstr(kind->name, ".key") ? rig_read_key(kind->name) : rig_generate(kind->name);
    directory = rig_make_directory();
    rig_write_key(directory, "k.key", key, kind->container, passphrase);
    search_add_key(&search, "the key", key);
    search_add(&search, "the PIN", pin, sizeof pin - 1);
    search_add(&search, "the wrong PIN", wrong_pin, sizeof wrong_pin - 1);
    EVP_PKEY_free(key);

    unsetenv("MALLOC_PERTURB_"); /* it would wipe some of what is freed */
    rig_start(&rig, directory);
    rig_permit_search(&rig);
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

static void look(void)
{
    if (!search_run(&search, rig.pid))
        cr_skip_test("not allowed to look into the worker");
}

/* Signs over both channels, so by several threads; the key is in memory then, as is nothing else
 * that is secret. */
static void sign(const Kind *kind)
{
    static RigSignature signature;
    uint8_t digest[32] = {1};
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    const RigObject *key = rig_find(&list, "private-key", "k");
    cr_assert_not_null(key);
    for (P11dChannel *by = &control; by; by = by == &control ? &channel : NULL)
        cr_assert_null(rig_sign(&rig, by, key->id, kind->mechanism, NULL, NULL, digest,
                                sizeof digest, &signature));
    look();
    cr_assert_not_null(search_found(&search, "the key"), "it is not there while it is used");
    cr_expect_null(search_found(&search, "the PIN"));
    cr_expect_null(search_found(&search, "the wrong PIN"));
}

static void expect_nothing(const Kind *kind, const char *when)
{
    look();
    const char *found = search_found(&search, NULL);
    cr_expect_null(found, "%s, %s: %s is there %s", kind->name,
                   kind->container == RIG_PKCS8 ? "PKCS #8" : "traditional", found, when);
}

/* Removes the file, and lists until there is nothing more. */
static void remove_key(void)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/k.key", directory);
    cr_assert_eq(unlink(path), 0);
    for (;;) {
        cr_assert_null(rig_list(&rig, &control, 0, &list));
        if (list.count == 0)
            return;
        if (rig_signals() == 0)
            rig_wait_signal(&control);
    }
}

static struct criterion_test_params every_kind(void)
{
    return cr_make_param_array(Kind, (void *)kinds, sizeof kinds / sizeof kinds[0]);
}

ParameterizedTestParameters(wiping, trap_key_is_gone_after_logout)
{
    return every_kind();
}

ParameterizedTest(Kind *kind, wiping, trap_key_is_gone_after_logout)
{
    start(kind, pin);
    cr_assert_str_eq(rig_login(&rig, &channel, "user", wrong_pin), "PinIncorrect");
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign(kind);
    cr_assert_null(rig_logout(&rig, &channel));
    expect_nothing(kind, "after logout");
    stop();
}

/* A stream of a locked key that is never finished. */
static void begin_stream(void)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &channel, &writer, p11d_interface_token.name, "BeginStream", "stsa{sv}");
    p11d_writer_string(&writer, "sign");
    p11d_writer_uint64(&writer, rig_find(&list, "private-key", "k")->id);
    p11d_writer_string(&writer, "ecdsa-sha256");
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    cr_assert_null(rig_call(&channel, &writer, &reply));
}

Test(wiping, trap_key_is_gone_after_logout__while_a_stream_is_open)
{
    const Kind *kind = &kinds[2];
    start(kind, pin);
    /* None of those that ended with a login counts for the next. */
    for (int i = 0; i < 3; i++) {
        cr_assert_null(rig_login(&rig, &channel, "user", pin));
        sign(kind);
        for (size_t j = 0; j < P11D_KEYSTREAMS_MAX; j++)
            begin_stream();
        cr_assert_null(rig_logout(&rig, &control));
        expect_nothing(kind, "after logout while a stream is open");
    }
    stop();
}

ParameterizedTestParameters(wiping, trap_key_is_gone_after_logout__and_with_its_client)
{
    return every_kind();
}

ParameterizedTest(Kind *kind, wiping, trap_key_is_gone_after_logout__and_with_its_client)
{
    start(kind, pin);
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign(kind);
    p11d_channel_clear(&control);
    /* The worker hangs up the call channel when it has logged the client out. */
    P11dMessage message;
    cr_assert_eq(p11d_channel_receive(&channel, p11d_deadline_in(60000), &message), P11D_CLOSED);
    expect_nothing(kind, "after the client is gone");
    stop();
}

ParameterizedTestParameters(wiping, trap_key_is_gone_after_logout__and_with_its_file)
{
    return every_kind();
}

ParameterizedTest(Kind *kind, wiping, trap_key_is_gone_after_logout__and_with_its_file)
{
    start(kind, NULL);
    sign(kind);
    remove_key();
    expect_nothing(kind, "after its file is gone");
    stop();
}

ParameterizedTestParameters(wiping, after_the_file_of_an_opened_key_is_gone)
{
    return every_kind();
}

ParameterizedTest(Kind *kind, wiping, after_the_file_of_an_opened_key_is_gone)
{
    start(kind, pin);
    cr_assert_null(rig_login(&rig, &channel, "user", pin));
    sign(kind);
    remove_key();
    expect_nothing(kind, "after the file of an opened key is gone");
    stop();
}
