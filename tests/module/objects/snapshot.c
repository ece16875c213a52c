// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <criterion/criterion.h>
#include <stdlib.h>

#include "keys.h"
#include "snapshots.h"

/* A SubjectPublicKeyInfo of an algorithm that nobody knows: as good as any to tell keys apart. */
static void add_public_key(Wire *wire, unsigned char number)
{
    unsigned char info[] = {0x30, 0x0a, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03, 0x03, 0x02, 0x00, 0};
    info[sizeof(info) - 1] = number;
    wire_bytes(wire, "public-key-info", info, sizeof(info));
}

static void add_key(Wire *wire, uint64_t id, const char *label, unsigned char number)
{
    wire_begin_object(wire, id);
    wire_text(wire, "class", "private-key");
    wire_text(wire, "label", label);
    add_public_key(wire, number);
    wire_end_object(wire);
}

static void add_data(Wire *wire, uint64_t id, const char *label, bool private)
{
    wire_begin_object(wire, id);
    wire_text(wire, "class", "data");
    wire_text(wire, "label", label);
    wire_boolean(wire, "private", private);
    wire_end_object(wire);
}

/* Two keys and one data object: ids 1, 2, 3. */
static void begin_with_three(P11dSnapshot *snapshot)
{
    Wire wire;
    p11d_snapshot_init(snapshot, (P11dTerms){0});
    wire_begin(&wire, 100, true);
    add_key(&wire, 1, "a", 1);
    add_key(&wire, 2, "b", 2);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot->index.count, 3);
    cr_assert_eq(snapshot->generation, 100);
}

/* --- Lists and differences ---------------------------------------------------------------------
 */

Test(snapshot, an_empty_one_finds_nothing)
{
    P11dSnapshot snapshot;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    cr_assert_null(p11d_snapshot_find(&snapshot, 1));
    cr_assert_null(p11d_snapshot_find_id(&snapshot, 1));
    cr_assert_eq(snapshots_count(&snapshot, "a"), 0);
    p11d_snapshot_drop_private(&snapshot);
    p11d_snapshot_detach(&snapshot);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, objects_keep_their_handles_when_their_ids_come_again)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = snapshots_handle(&snapshot, 1), third = snapshots_handle(&snapshot, 3);
    static const uint64_t removed[] = {2, 77};
    wire_begin(&wire, 101, false);
    add_key(&wire, 1, "renamed", 1);
    add_data(&wire, 4, "new", false);
    wire_end(&wire, removed, 2);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 3);
    cr_assert_eq(snapshot.generation, 101);
    cr_assert_eq(snapshots_handle(&snapshot, 1), first);
    cr_assert_eq(snapshots_handle(&snapshot, 3), third);
    cr_assert_eq(snapshots_handle(&snapshot, 2), 0);
    cr_assert_neq(snapshots_handle(&snapshot, 4), 0);
    cr_assert_eq(snapshots_count(&snapshot, "a"), 0);
    cr_assert_eq(snapshots_count(&snapshot, "renamed"), 1);

    wire_begin(&wire, 102, true);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 1);
    cr_assert_eq(snapshots_handle(&snapshot, 3), third);
    p11d_snapshot_clear(&snapshot);
}

/* Adds the three objects of a key, with ids from first on. kind: as for keys_generate. */
static void add_trio(Wire *wire, uint64_t first, const char *kind)
{
    static const char *const classes[] = {"private-key", "public-key", "certificate"};
    EVP_PKEY *key = keys_generate(kind);
    Bytes info = keys_info(key);
    Bytes certificate = keys_certificate(key, kind, 1);
    for (uint64_t i = 0; i < 3; i++) {
        wire_begin_object(wire, first + i);
        wire_text(wire, "class", classes[i]);
        wire_text(wire, "label", kind);
        if (i < 2)
            wire_bytes(wire, "public-key-info", info.data, info.size);
        else
            wire_bytes(wire, "value", certificate.data, certificate.size);
        wire_end_object(wire);
    }
    free(info.data);
    free(certificate.data);
    EVP_PKEY_free(key);
}

static void add_secret_key(Wire *wire, uint64_t id, const char *type)
{
    wire_begin_object(wire, id);
    wire_text(wire, "class", "secret-key");
    wire_text(wire, "key-type", type);
    wire_text(wire, "label", type);
    wire_end_object(wire);
}

Test(snapshot, keys_and_certificates_of_hidden_types_are_left_out)
{
    static const CK_KEY_TYPE hidden[] = {CKK_EC_EDWARDS, CKK_AES, CK_UNAVAILABLE_INFORMATION};
    P11dSnapshot snapshot;
    Wire wire;
    p11d_snapshot_init(&snapshot, (P11dTerms){.hidden = hidden, .hidden_count = 3});
    wire_begin(&wire, 1, true);
    add_trio(&wire, 1, "RSA-2048");
    add_trio(&wire, 4, "ED25519");
    add_trio(&wire, 7, "ED448");
    add_trio(&wire, 10, "P-256");
    add_secret_key(&wire, 20, "aes");
    add_secret_key(&wire, 21, "generic-secret");
    add_data(&wire, 22, "data", false);
    add_key(&wire, 23, "of a type that nobody knows", 1);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 9);
    cr_assert_eq(snapshot.skipped, 0);
    cr_assert_eq(snapshots_count(&snapshot, "RSA-2048"), 3);
    cr_assert_eq(snapshots_count(&snapshot, "P-256"), 3);
    cr_assert_eq(snapshots_count(&snapshot, "ED25519") + snapshots_count(&snapshot, "ED448"), 0);
    cr_assert_eq(snapshots_handle(&snapshot, 20), 0);

    wire_begin(&wire, 2, false);
    add_trio(&wire, 4, "ED25519");
    add_trio(&wire, 1, "ED448"); /* in place of what could be seen */
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.index.count, 6);
    cr_assert_eq(snapshots_count(&snapshot, "RSA-2048"), 0);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, nothing_changed_changes_the_generation_alone)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    const P11dObject *object = p11d_snapshot_find_id(&snapshot, 1);
    wire_begin(&wire, 105, false);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.generation, 105);
    cr_assert_eq(p11d_snapshot_find_id(&snapshot, 1), object);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, trap_handles_never_come_again__for_another_key)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = snapshots_handle(&snapshot, 1), third = snapshots_handle(&snapshot, 3);
    wire_begin(&wire, 101, false);
    add_key(&wire, 1, "a", 9);
    add_key(&wire, 3, "c", 3);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_neq(snapshots_handle(&snapshot, 1), first);
    cr_assert_neq(snapshots_handle(&snapshot, 3), third);
    cr_assert_null(p11d_snapshot_find(&snapshot, first));
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, objects_that_make_no_sense_are_left_out_and_end_what_they_were)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    wire_begin(&wire, 101, false);
    wire_begin_object(&wire, 1);
    wire_text(&wire, "label", "no class any more");
    wire_end_object(&wire);
    add_key(&wire, 5, "good", 5);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.skipped, 1);
    cr_assert_eq(snapshot.index.count, 3);
    cr_assert_eq(snapshots_handle(&snapshot, 1), 0);
    cr_assert_neq(snapshots_handle(&snapshot, 5), 0);
    p11d_snapshot_clear(&snapshot);
}

static void check_refused(P11dSnapshot *snapshot, Wire *wire)
{
    uint64_t generation = snapshot->generation;
    size_t count = snapshot->index.count;
    cr_assert_eq(snapshots_apply(snapshot, wire), CKR_DEVICE_ERROR);
    cr_assert_eq(snapshot->generation, generation);
    cr_assert_eq(snapshot->index.count, count);
}

Test(snapshot, a_reply_that_breaks_the_rules_changes_nothing)
{
    P11dSnapshot snapshot, empty;
    Wire wire;
    begin_with_three(&snapshot);
    p11d_snapshot_init(&empty, (P11dTerms){0});

    wire_begin(&wire, 0, true);
    wire_end(&wire, NULL, 0);
    check_refused(&snapshot, &wire);

    wire_begin(&wire, 101, true);
    add_key(&wire, 0, "id 0", 1);
    wire_end(&wire, NULL, 0);
    check_refused(&snapshot, &wire);

    wire_begin(&wire, 101, true);
    add_key(&wire, 8, "twice", 1);
    add_key(&wire, 8, "twice", 1);
    wire_end(&wire, NULL, 0);
    check_refused(&snapshot, &wire);

    wire_begin(&wire, 101, false);
    wire_end(&wire, NULL, 0);
    check_refused(&empty, &wire);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, more_objects_than_the_limit_are_refused)
{
    P11dSnapshot snapshot;
    Wire wire;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    wire_begin(&wire, 1, true);
    for (uint64_t id = 1; id <= P11D_UPDATE_MAX + 1; id++) {
        wire_begin_object(&wire, id);
        wire_text(&wire, "class", "data");
        wire_end_object(&wire);
    }
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_DEVICE_MEMORY);
    cr_assert_eq(snapshot.index.count, 0);
    p11d_snapshot_clear(&snapshot);
}

/* --- Logout ------------------------------------------------------------------------------------
 */

Test(snapshot, private_objects_are_gone_at_once_after_a_logout)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = snapshots_handle(&snapshot, 1), third = snapshots_handle(&snapshot, 3);
    p11d_snapshot_drop_private(&snapshot);
    cr_assert_eq(snapshot.index.count, 2);
    cr_assert_eq(snapshot.generation, 0, "a difference could leave out what was dropped");
    cr_assert_null(p11d_snapshot_find(&snapshot, third));
    cr_assert_eq(snapshots_count(&snapshot, "c"), 0);
    cr_assert_eq(snapshots_count(&snapshot, "a"), 1);
    cr_assert_eq(snapshots_handle(&snapshot, 1), first);

    wire_begin(&wire, 102, true);
    add_key(&wire, 1, "a", 1);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 1), first);
    cr_assert_neq(snapshots_handle(&snapshot, 3), third, "handles are never used again");
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, what_was_asked_before_a_logout_is_not_applied_after_it)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    cr_assert_eq(p11d_snapshot_ask(&snapshot), 100);
    cr_assert(snapshot.asked);
    p11d_snapshot_drop_private(&snapshot);
    cr_assert_not(snapshot.asked, "what is on its way may list private objects");
    cr_assert_eq(p11d_snapshot_ask(&snapshot), 0);
    p11d_snapshot_drop_private(&snapshot);
    cr_assert_not(snapshot.asked, "although the generation that was sent is the same");
    p11d_snapshot_ask(&snapshot);
    p11d_snapshot_detach(&snapshot);
    cr_assert_not(snapshot.asked);
    wire_begin(&wire, 1, true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_not(snapshot.asked, "it has come");
    p11d_snapshot_clear(&snapshot);
}

/* --- Another run of the service ----------------------------------------------------------------
 */

Test(snapshot, after_a_restart_objects_are_bound_again_by_class_id_and_public_key)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = snapshots_handle(&snapshot, 1),
                     second = snapshots_handle(&snapshot, 2);
    p11d_snapshot_detach(&snapshot);
    cr_assert_eq(snapshot.generation, 0);
    cr_assert_not_null(p11d_snapshot_find(&snapshot, first), "attributes can still be read");

    /* What was 1 is 2 now, and 1 is a stranger. */
    wire_begin(&wire, 500, true);
    add_key(&wire, 1, "a", 8);
    add_key(&wire, 2, "a", 1);
    add_data(&wire, 3, "c", true);
    add_key(&wire, 4, "relabelled", 2);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_not(snapshot.detached);
    cr_assert_eq(snapshots_handle(&snapshot, 2), first);
    cr_assert_eq(snapshots_handle(&snapshot, 4), second);
    cr_assert_gt(snapshots_handle(&snapshot, 1), 3);
    cr_assert_gt(snapshots_handle(&snapshot, 3), 3, "without a public key nobody knows what it is");
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, after_a_restart_labels_tell_equal_keys_apart_or_none_is_bound)
{
    P11dSnapshot snapshot;
    Wire wire;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    wire_begin(&wire, 1, true);
    add_key(&wire, 1, "x", 1);
    add_key(&wire, 2, "y", 1);
    add_key(&wire, 3, "same", 2);
    add_key(&wire, 4, "same", 2);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    CK_OBJECT_HANDLE x = snapshots_handle(&snapshot, 1), y = snapshots_handle(&snapshot, 2);
    CK_OBJECT_HANDLE before = snapshots_last;
    p11d_snapshot_detach(&snapshot);
    wire_begin(&wire, 1, true);
    add_key(&wire, 11, "y", 1);
    add_key(&wire, 12, "x", 1);
    add_key(&wire, 13, "same", 2);
    add_key(&wire, 14, "same", 2);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshots_handle(&snapshot, 11), y);
    cr_assert_eq(snapshots_handle(&snapshot, 12), x);
    cr_assert_gt(snapshots_handle(&snapshot, 13), before);
    cr_assert_gt(snapshots_handle(&snapshot, 14), before);
    p11d_snapshot_clear(&snapshot);
}

/* --- What is learned ---------------------------------------------------------------------------
 */

Test(snapshot, an_object_is_found_by_an_id_that_only_getattributes_told)
{
    static const CK_ATTRIBUTE_TYPE asked[] = {CKA_ID};
    P11dSnapshot snapshot;
    Wire wire;
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    wire_begin(&wire, 1, true);
    for (uint64_t id = 1; id <= 5; id++) { /* of a class of which nobody knows what it has */
        wire_begin_object(&wire, id);
        wire_text(&wire, "class", "0x80000001");
        wire_end_object(&wire);
    }
    wire_end(&wire, NULL, 0);
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    wire_begin_attributes(&wire);
    wire_bytes(&wire, "id", "x", 1);
    wire_end_attributes(&wire);
    p11d_writer_array_end(&wire.writer, p11d_writer_array_begin(&wire.writer, 8));
    P11dReader body = wire_reader(&wire, "a{sv}a{ss}");
    CK_OBJECT_HANDLE second = snapshots_handle(&snapshot, 2);
    cr_assert_eq(p11d_snapshot_learn(&snapshot, second, asked, 1, &body), CKR_OK);
    wire_clear(&wire);
    cr_assert_eq(snapshot.index.count, 5);

    CK_ATTRIBUTE wanted = {CKA_ID, (void *)"x", 1};
    P11dHandles found;
    p11d_handles_init(&found);
    cr_assert_eq(p11d_snapshot_search(&snapshot, &wanted, 1, &found), CKR_OK);
    cr_assert_eq(found.count, 1);
    cr_assert_eq(found.items[0], second);
    p11d_handles_clear(&found);
    cr_assert_eq(p11d_snapshot_learn(&snapshot, 4711, asked, 1, &body), CKR_OBJECT_HANDLE_INVALID);
    p11d_snapshot_clear(&snapshot);
}
