// SPDX-License-Identifier: MIT
/* No secret key stays in the worker's memory, whether it came from a file or was derived. */
#include <criterion/criterion.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig.h"
#include "search.h"

static char *directory;
static Rig rig;
static P11dChannel control, channel;
static Search search;
static RigList list;

static void start(void)
{
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
    cr_assert_eq(rig_stop(&rig), 0);
    rig_remove_directory(directory);
}

static const char *found(void)
{
    if (!search_run(&search, rig.pid))
        cr_skip_test("not allowed to look into the worker");
    return search_found(&search, NULL);
}

Test(wiping_secrets, trap_key_is_gone_after_logout__and_with_its_file)
{
    uint8_t secret[32];
    char path[1024];
    static RigSignature mac;
    cr_assert_eq(RAND_bytes(secret, sizeof secret), 1);
    directory = rig_make_directory();
    rig_write_file(directory, "k.secret", secret, sizeof secret, 0600);
    search_add(&search, "the secret key", secret, sizeof secret);
    start();
    cr_assert_null(rig_list(&rig, &control, 0, &list));
    const uint64_t key = rig_find(&list, "secret-key", "k")->id;
    for (P11dChannel *by = &control; by; by = by == &control ? &channel : NULL)
        cr_assert_null(rig_sign(&rig, by, key, "sha256-hmac", NULL, NULL, secret, 1, &mac));
    cr_assert_not_null(found(), "it is not there while it is used");
    snprintf(path, sizeof path, "%s/k.secret", directory);
    cr_assert_eq(unlink(path), 0);
    do {
        rig_wait_signal(&control);
        cr_assert_null(rig_list(&rig, &control, 0, &list));
    } while (list.count > 0);
    cr_expect_null(found(), "%s is there after its file is gone", found());
    stop();
}

/* What both sides agree on. */
static void add_agreed(EVP_PKEY *own, EVP_PKEY *peer)
{
    uint8_t agreed[32];
    size_t size = sizeof agreed;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    cr_assert_eq(EVP_PKEY_derive_init(context), 1);
    cr_assert_eq(EVP_PKEY_derive_set_peer(context, own), 1);
    cr_assert_eq(EVP_PKEY_derive(context, agreed, &size), 1);
    search_add(&search, "what was agreed on", agreed, size);
    EVP_PKEY_CTX_free(context);
}

static void destroy(uint64_t id)
{
    P11dWriter writer;
    P11dMessage reply;
    rig_begin(&rig, &channel, &writer, p11d_interface_token.name, "DestroyObject", "t");
    p11d_writer_uint64(&writer, id);
    cr_assert_null(rig_call(&channel, &writer, &reply));
}

Test(wiping_secrets, after_what_was_derived_is_destroyed)
{
    static const char *const kinds[] = {"EC:P-256", "X25519"};
    for (size_t i = 0; i < 2; i++) {
        EVP_PKEY *own = rig_generate(kinds[i]), *peer = rig_generate(kinds[i]);
        search = (Search){0};
        directory = rig_make_directory();
        rig_write_key(directory, "k.key", own, RIG_PKCS8, NULL);
        add_agreed(own, peer);
        start();
        cr_assert_null(rig_list(&rig, &control, 0, &list));
        uint64_t id = 0, key = rig_find(&list, "private-key", "k")->id;
        cr_assert_null(rig_derive(&rig, &channel, key, peer, false, &id));
        cr_assert_not_null(found(), "it is not there while it is kept");
        destroy(id);
        cr_expect_null(found(), "%s: %s is there after it is destroyed", kinds[i], found());
        stop();
        EVP_PKEY_free(own);
        EVP_PKEY_free(peer);
    }
}
