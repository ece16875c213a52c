// SPDX-License-Identifier: MIT
/* A secret that a worker derives, over a channel: whose it is, and when it is gone. */
#include <criterion/criterion.h>
#include <string.h>

#include "rig.h"

static char *directory;
static Rig rig;
static P11dChannel control, channel;
static EVP_PKEY *own, *peer;

static void set_up(void)
{
    directory = rig_make_directory();
    own = rig_generate("X25519");
    peer = rig_generate("X25519");
    rig_write_key(directory, "one.key", own, RIG_PKCS8, NULL);
    rig_start(&rig, directory);
    rig_client(&rig, &control);
    cr_assert_null(rig_open(&rig, &control, &channel));
}

static void tear_down(void)
{
    p11d_channel_clear(&channel);
    p11d_channel_clear(&control);
    cr_expect_eq(rig_stop(&rig), 0);
    EVP_PKEY_free(own);
    EVP_PKEY_free(peer);
    rig_remove_directory(directory);
}

TestSuite(derived, .init = set_up, .fini = tear_down);

Test(derived, is_what_the_other_side_has_and_its_clients_own)
{
    uint8_t expected[32];
    size_t size = sizeof expected;
    uint64_t id = 0;
    RigList list;
    cr_assert_null(rig_list(&rig, &channel, 0, &list));
    const uint64_t before = list.generation;
    const RigObject *key = rig_find(&list, "private-key", "one");
    rig_signals();
    cr_assert_null(rig_derive(&rig, &channel, key->id, peer, true, &id));

    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
    cr_assert_eq(EVP_PKEY_derive_init(context), 1);
    cr_assert_eq(EVP_PKEY_derive_set_peer(context, own), 1);
    cr_assert_eq(EVP_PKEY_derive(context, expected, &size), 1);
    EVP_PKEY_CTX_free(context);
    cr_assert_null(rig_list(&rig, &channel, before, &list));
    cr_assert_not(list.complete);
    cr_assert_eq(list.count, 1);
    cr_assert_eq(list.objects[0].id, id);
    cr_assert_str_eq(list.objects[0].label, "derived");
    cr_assert_eq(list.objects[0].value_size, size);
    cr_assert_arr_eq(list.objects[0].value, expected, size);

    P11dChannel other_control, other;
    rig_client(&rig, &other_control);
    cr_assert_null(rig_open(&rig, &other_control, &other));
    cr_assert_null(rig_list(&rig, &other, 0, &list));
    cr_assert_null(rig_find(&list, "secret-key", "derived"));
    p11d_channel_clear(&other);
    p11d_channel_clear(&other_control);
}
