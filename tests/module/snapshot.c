// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "wire.h"

static CK_OBJECT_HANDLE last_handle;

static CK_OBJECT_HANDLE next_handle(void *data)
{
    (void)data;
    return ++last_handle;
}

static CK_RV apply(P11dSnapshot *snapshot, Wire *wire)
{
    P11dReader reader = wire_reader(wire, "tba(ta{sv})at");
    CK_RV rv = p11d_snapshot_apply(snapshot, &reader, next_handle, NULL);
    wire_clear(wire);
    return rv;
}

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

static CK_OBJECT_HANDLE handle_of(const P11dSnapshot *snapshot, uint64_t id)
{
    const P11dObject *object = p11d_snapshot_find_id(snapshot, id);
    if (object == NULL)
        return 0;
    cr_assert_eq(p11d_snapshot_find(snapshot, object->handle), object);
    return object->handle;
}

static size_t count_label(const P11dSnapshot *snapshot, const char *label)
{
    CK_ATTRIBUTE wanted = {CKA_LABEL, (void *)label, strlen(label)};
    P11dHandles found;
    p11d_handles_init(&found);
    cr_assert_eq(p11d_snapshot_search(snapshot, &wanted, 1, &found), CKR_OK);
    size_t count = found.count;
    p11d_handles_clear(&found);
    return count;
}

/* Two keys and one data object: ids 1, 2, 3. */
static void begin_with_three(P11dSnapshot *snapshot)
{
    Wire wire;
    p11d_snapshot_init(snapshot);
    wire_begin(&wire, 100, true);
    add_key(&wire, 1, "a", 1);
    add_key(&wire, 2, "b", 2);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot->count, 3);
    cr_assert_eq(snapshot->generation, 100);
}

/* --- Lists and differences ---------------------------------------------------------------------
 */

Test(snapshot, an_empty_one_finds_nothing)
{
    P11dSnapshot snapshot;
    p11d_snapshot_init(&snapshot);
    cr_assert_null(p11d_snapshot_find(&snapshot, 1));
    cr_assert_null(p11d_snapshot_find_id(&snapshot, 1));
    cr_assert_eq(count_label(&snapshot, "a"), 0);
    p11d_snapshot_drop_private(&snapshot);
    p11d_snapshot_detach(&snapshot);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, objects_keep_their_handles_when_their_ids_come_again)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = handle_of(&snapshot, 1), third = handle_of(&snapshot, 3);
    static const uint64_t removed[] = {2, 77};
    wire_begin(&wire, 101, false);
    add_key(&wire, 1, "renamed", 1);
    add_data(&wire, 4, "new", false);
    wire_end(&wire, removed, 2);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.count, 3);
    cr_assert_eq(snapshot.generation, 101);
    cr_assert_eq(handle_of(&snapshot, 1), first);
    cr_assert_eq(handle_of(&snapshot, 3), third);
    cr_assert_eq(handle_of(&snapshot, 2), 0);
    cr_assert_neq(handle_of(&snapshot, 4), 0);
    cr_assert_eq(count_label(&snapshot, "a"), 0);
    cr_assert_eq(count_label(&snapshot, "renamed"), 1);

    wire_begin(&wire, 102, true);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.count, 1);
    cr_assert_eq(handle_of(&snapshot, 3), third);
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
    p11d_snapshot_init(&snapshot);
    snapshot.hidden = hidden;
    snapshot.hidden_count = 3;
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
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.count, 9);
    cr_assert_eq(snapshot.skipped, 0);
    cr_assert_eq(count_label(&snapshot, "RSA-2048"), 3);
    cr_assert_eq(count_label(&snapshot, "P-256"), 3);
    cr_assert_eq(count_label(&snapshot, "ED25519") + count_label(&snapshot, "ED448"), 0);
    cr_assert_eq(handle_of(&snapshot, 20), 0);

    wire_begin(&wire, 2, false);
    add_trio(&wire, 4, "ED25519");
    add_trio(&wire, 1, "ED448"); /* in place of what could be seen */
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.count, 6);
    cr_assert_eq(count_label(&snapshot, "RSA-2048"), 0);
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
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.generation, 105);
    cr_assert_eq(p11d_snapshot_find_id(&snapshot, 1), object);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, an_id_that_is_suddenly_another_key_gets_another_handle)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = handle_of(&snapshot, 1), third = handle_of(&snapshot, 3);
    wire_begin(&wire, 101, false);
    add_key(&wire, 1, "a", 9);
    add_key(&wire, 3, "c", 3);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_neq(handle_of(&snapshot, 1), first);
    cr_assert_neq(handle_of(&snapshot, 3), third);
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
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(snapshot.skipped, 1);
    cr_assert_eq(snapshot.count, 3);
    cr_assert_eq(handle_of(&snapshot, 1), 0);
    cr_assert_neq(handle_of(&snapshot, 5), 0);
    p11d_snapshot_clear(&snapshot);
}

static void check_refused(P11dSnapshot *snapshot, Wire *wire)
{
    uint64_t generation = snapshot->generation;
    size_t count = snapshot->count;
    cr_assert_eq(apply(snapshot, wire), CKR_DEVICE_ERROR);
    cr_assert_eq(snapshot->generation, generation);
    cr_assert_eq(snapshot->count, count);
}

Test(snapshot, a_reply_that_breaks_the_rules_changes_nothing)
{
    P11dSnapshot snapshot, empty;
    Wire wire;
    begin_with_three(&snapshot);
    p11d_snapshot_init(&empty);

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
    p11d_snapshot_init(&snapshot);
    wire_begin(&wire, 1, true);
    for (uint64_t id = 1; id <= P11D_SNAPSHOT_MAX + 1; id++) {
        wire_begin_object(&wire, id);
        wire_text(&wire, "class", "data");
        wire_end_object(&wire);
    }
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_DEVICE_MEMORY);
    cr_assert_eq(snapshot.count, 0);
    p11d_snapshot_clear(&snapshot);
}

/* --- Logout ------------------------------------------------------------------------------------
 */

Test(snapshot, private_objects_are_gone_at_once_after_a_logout)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = handle_of(&snapshot, 1), third = handle_of(&snapshot, 3);
    p11d_snapshot_drop_private(&snapshot);
    cr_assert_eq(snapshot.count, 2);
    cr_assert_eq(snapshot.generation, 0, "a difference could leave out what was dropped");
    cr_assert_null(p11d_snapshot_find(&snapshot, third));
    cr_assert_eq(count_label(&snapshot, "c"), 0);
    cr_assert_eq(count_label(&snapshot, "a"), 1);
    cr_assert_eq(handle_of(&snapshot, 1), first);

    wire_begin(&wire, 102, true);
    add_key(&wire, 1, "a", 1);
    add_data(&wire, 3, "c", true);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(handle_of(&snapshot, 1), first);
    cr_assert_neq(handle_of(&snapshot, 3), third, "handles are never used again");
    p11d_snapshot_clear(&snapshot);
}

/* --- Another run of the service ----------------------------------------------------------------
 */

Test(snapshot, after_a_restart_objects_are_bound_again_by_class_id_and_public_key)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin_with_three(&snapshot);
    CK_OBJECT_HANDLE first = handle_of(&snapshot, 1), second = handle_of(&snapshot, 2);
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
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_not(snapshot.detached);
    cr_assert_eq(handle_of(&snapshot, 2), first);
    cr_assert_eq(handle_of(&snapshot, 4), second);
    cr_assert_gt(handle_of(&snapshot, 1), 3);
    cr_assert_gt(handle_of(&snapshot, 3), 3, "without a public key nobody knows what it is");
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, after_a_restart_labels_tell_equal_keys_apart_or_none_is_bound)
{
    P11dSnapshot snapshot;
    Wire wire;
    p11d_snapshot_init(&snapshot);
    wire_begin(&wire, 1, true);
    add_key(&wire, 1, "x", 1);
    add_key(&wire, 2, "y", 1);
    add_key(&wire, 3, "same", 2);
    add_key(&wire, 4, "same", 2);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    CK_OBJECT_HANDLE x = handle_of(&snapshot, 1), y = handle_of(&snapshot, 2);
    CK_OBJECT_HANDLE before = last_handle;
    p11d_snapshot_detach(&snapshot);
    wire_begin(&wire, 1, true);
    add_key(&wire, 11, "y", 1);
    add_key(&wire, 12, "x", 1);
    add_key(&wire, 13, "same", 2);
    add_key(&wire, 14, "same", 2);
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    cr_assert_eq(handle_of(&snapshot, 11), y);
    cr_assert_eq(handle_of(&snapshot, 12), x);
    cr_assert_gt(handle_of(&snapshot, 13), before);
    cr_assert_gt(handle_of(&snapshot, 14), before);
    p11d_snapshot_clear(&snapshot);
}

/* --- Against a naive model ---------------------------------------------------------------------
 */

#define MODEL_IDS 64

/* What the service has, and what a client that scans everything would know of it. */
typedef struct Model {
    bool there[MODEL_IDS];
    unsigned kind[MODEL_IDS]; /* index of classes[]; fixed for an id */
    unsigned label[MODEL_IDS];
    unsigned key_id[MODEL_IDS];
    bool private[MODEL_IDS];
    CK_OBJECT_HANDLE handle[MODEL_IDS]; /* that the client was given */
} Model;

static const struct {
    const char *name;
    CK_OBJECT_CLASS number;
    bool has_key_id;
} classes[] = {{"data", CKO_DATA, false},
               {"certificate", CKO_CERTIFICATE, true},
               {"secret-key", CKO_SECRET_KEY, true},
               {"private-key", CKO_PRIVATE_KEY, true}};
static const char *const labels[] = {"", "a", "b", "ab", "a longer label"};

static unsigned random_below(unsigned limit)
{
    static uint64_t state = 88172645463325252u;
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)(state % limit);
}

static void list_model_object(Wire *wire, const Model *model, unsigned i)
{
    wire_begin_object(wire, i + 1);
    wire_text(wire, "class", classes[model->kind[i]].name);
    if (model->label[i] > 0 || random_below(2) == 0)
        wire_text(wire, "label", labels[model->label[i]]);
    if (classes[model->kind[i]].has_key_id && (model->key_id[i] > 0 || random_below(2) == 0))
        wire_bytes(wire, "id", "\x01\x02\x03", model->key_id[i]);
    if (model->private[i] || random_below(2) == 0)
        wire_boolean(wire, "private", model->private[i]);
    wire_end_object(wire);
}

static void change_object(Model *model, unsigned i)
{
    model->there[i] = true;
    model->label[i] = random_below(5);
    model->key_id[i] = random_below(4);
    model->private[i] = random_below(3) == 0;
}

/* One reply: some objects removed, some new or changed; or the complete list. */
static void step_model(Model *model, P11dSnapshot *snapshot, uint64_t generation)
{
    Wire wire;
    uint64_t removed[MODEL_IDS];
    size_t removed_count = 0;
    bool changed[MODEL_IDS] = {false};
    bool complete = snapshot->generation == 0 || random_below(8) == 0;
    for (unsigned n = random_below(12); n > 0; n--) {
        unsigned i = random_below(MODEL_IDS);
        if (changed[i])
            continue;
        changed[i] = true;
        if (random_below(3) > 0) {
            change_object(model, i);
        } else {
            model->there[i] = false;
            removed[removed_count++] = i + 1;
        }
    }
    wire_begin(&wire, generation, complete);
    for (unsigned i = 0; i < MODEL_IDS; i++)
        if (model->there[i] && (complete || changed[i]))
            list_model_object(&wire, model, i);
    wire_end(&wire, removed, complete ? 0 : removed_count);
    cr_assert_eq(apply(snapshot, &wire), CKR_OK);
}

/* Handles stay while the object is there, and are new when it comes again. */
static void check_handles(Model *model, const P11dSnapshot *snapshot, CK_OBJECT_HANDLE newest)
{
    size_t count = 0;
    for (unsigned i = 0; i < MODEL_IDS; i++) {
        CK_OBJECT_HANDLE handle = handle_of(snapshot, i + 1);
        cr_assert_eq(handle != 0, model->there[i]);
        if (handle != 0 && model->handle[i] != 0)
            cr_assert_eq(handle, model->handle[i]);
        else if (handle != 0)
            cr_assert_gt(handle, newest);
        model->handle[i] = handle;
        count += handle != 0;
    }
    cr_assert_eq(snapshot->count, count);
}

/* A random template, and the same question to the model. */
static void check_search(const Model *model, const P11dSnapshot *snapshot)
{
    unsigned kind = random_below(4), label = random_below(5), key_id = random_below(4);
    CK_BBOOL private = random_below(2) == 0;
    CK_ATTRIBUTE choices[] = {{CKA_CLASS, (void *)&classes[kind].number, sizeof(CK_OBJECT_CLASS)},
                              {CKA_LABEL, (void *)labels[label], strlen(labels[label])},
                              {CKA_ID, (void *)"\x01\x02\x03", key_id},
                              {CKA_PRIVATE, &private, sizeof(private)}};
    CK_ATTRIBUTE templ[4];
    CK_ULONG count = 0;
    unsigned used = random_below(16);
    for (unsigned n = 0; n < 4; n++)
        if (used & (1u << n))
            templ[count++] = choices[n];
    P11dHandles found;
    p11d_handles_init(&found);
    cr_assert_eq(p11d_handles_append(&found, 4711), CKR_OK);
    cr_assert_eq(p11d_snapshot_search(snapshot, templ, count, &found), CKR_OK);
    size_t at = 1;
    for (unsigned i = 0; i < MODEL_IDS; i++) {
        if (!model->there[i] || ((used & 1) && model->kind[i] != kind) ||
            ((used & 2) && model->label[i] != label) ||
            ((used & 4) && (!classes[model->kind[i]].has_key_id || model->key_id[i] != key_id)) ||
            ((used & 8) && model->private[i] != private))
            continue;
        cr_assert_lt(at, found.count);
        cr_assert_eq(found.items[at++], model->handle[i]);
    }
    cr_assert_eq(at, found.count);
    cr_assert_eq(found.items[0], 4711, "what was found before stays");
    p11d_handles_clear(&found);
}

Test(snapshot, any_sequence_of_lists_finds_what_a_linear_scan_finds)
{
    P11dSnapshot snapshot;
    Model model = {0};
    p11d_snapshot_init(&snapshot);
    for (unsigned i = 0; i < MODEL_IDS; i++)
        model.kind[i] = random_below(4);
    for (uint64_t generation = 1; generation <= 600; generation++) {
        CK_OBJECT_HANDLE newest = last_handle;
        step_model(&model, &snapshot, generation);
        check_handles(&model, &snapshot, newest);
        for (unsigned n = 0; n < 12; n++)
            check_search(&model, &snapshot);
        if (random_below(20) != 0)
            continue;
        p11d_snapshot_drop_private(&snapshot);
        for (unsigned i = 0; i < MODEL_IDS; i++)
            model.there[i] = model.there[i] && !model.private[i];
        check_handles(&model, &snapshot, last_handle);
    }
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, ten_thousand_objects_are_found_by_label_and_by_id)
{
    P11dSnapshot snapshot;
    Wire wire;
    char label[32];
    p11d_snapshot_init(&snapshot);
    wire_begin(&wire, 1, true);
    for (uint64_t id = 1; id <= 10000; id++) {
        wire_begin_object(&wire, id);
        wire_text(&wire, "class", "secret-key");
        snprintf(label, sizeof(label), "key %lu", (unsigned long)(id / 2));
        wire_text(&wire, "label", label);
        wire_bytes(&wire, "id", &id, sizeof(id));
        wire_end_object(&wire);
    }
    wire_end(&wire, NULL, 0);
    cr_assert_eq(apply(&snapshot, &wire), CKR_OK);
    for (uint64_t id = 1; id <= 10000; id++) {
        CK_ATTRIBUTE wanted = {CKA_ID, &id, sizeof(id)};
        P11dHandles found;
        p11d_handles_init(&found);
        cr_assert_eq(p11d_snapshot_search(&snapshot, &wanted, 1, &found), CKR_OK);
        cr_assert_eq(found.count, 1);
        cr_assert_eq(found.items[0], handle_of(&snapshot, id));
        p11d_handles_clear(&found);
    }
    cr_assert_eq(count_label(&snapshot, "key 17"), 2);
    cr_assert_eq(count_label(&snapshot, "key"), 0);
    p11d_snapshot_clear(&snapshot);
}
