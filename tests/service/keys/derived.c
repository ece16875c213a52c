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

static void write_flag(P11dWriter *writer, const char *name, bool value)
{
    p11d_writer_entry(writer, name, "b");
    p11d_writer_boolean(writer, value);
}

/* Derives for whoever may have the value; *id is the secret's. */
static const char *derive(uint64_t key, uint64_t *id)
{
    uint8_t point[32];
    size_t size = sizeof point;
    P11dWriter writer;
    P11dMessage reply;
    cr_assert_eq(EVP_PKEY_get_raw_public_key(peer, point, &size), 1);
    rig_begin(&rig, &channel, &writer, p11d_interface_token.name, "Derive", "tsa{sv}a{sv}");
    p11d_writer_uint64(&writer, key);
    p11d_writer_string(&writer, "ecdh1-derive");
    P11dArray parameters = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "kdf", "s");
    p11d_writer_string(&writer, "null");
    p11d_writer_entry(&writer, "public-data", "ay");
    p11d_writer_bytes(&writer, point, size);
    p11d_writer_array_end(&writer, parameters);
    P11dArray templ = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "key-type", "s");
    p11d_writer_string(&writer, "generic-secret");
    p11d_writer_entry(&writer, "label", "s");
    p11d_writer_string(&writer, "derived");
    write_flag(&writer, "sensitive", false);
    write_flag(&writer, "extractable", true);
    p11d_writer_array_end(&writer, templ);
    const char *error = rig_call(&channel, &writer, &reply);
    if (!error)
        cr_assert(p11d_reader_uint64(&reply.body, id));
    return error;
}

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
    cr_assert_null(derive(key->id, &id));

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
