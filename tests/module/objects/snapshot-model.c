// SPDX-License-Identifier: MIT
/* A snapshot against a naive model of it, which scans everything; and one that is large. */
#include "snapshot.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "snapshots.h"

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

static void list_model_object(Wire *wire, const Model *model, unsigned i)
{
    wire_begin_object(wire, i + 1);
    wire_text(wire, "class", classes[model->kind[i]].name);
    if (model->label[i] > 0 || snapshots_random(2) == 0)
        wire_text(wire, "label", labels[model->label[i]]);
    if (classes[model->kind[i]].has_key_id && (model->key_id[i] > 0 || snapshots_random(2) == 0))
        wire_bytes(wire, "id", "\x01\x02\x03", model->key_id[i]);
    if (model->private[i] || snapshots_random(2) == 0)
        wire_boolean(wire, "private", model->private[i]);
    wire_end_object(wire);
}

static void change_object(Model *model, unsigned i)
{
    model->there[i] = true;
    model->label[i] = snapshots_random(5);
    model->key_id[i] = snapshots_random(4);
    model->private[i] = snapshots_random(3) == 0;
}

/* One reply: some objects removed, some new or changed; or the complete list. */
static void step_model(Model *model, P11dSnapshot *snapshot, uint64_t generation)
{
    Wire wire;
    uint64_t removed[MODEL_IDS];
    size_t removed_count = 0;
    bool changed[MODEL_IDS] = {false};
    bool complete = snapshot->generation == 0 || snapshots_random(8) == 0;
    for (unsigned n = snapshots_random(12); n > 0; n--) {
        unsigned i = snapshots_random(MODEL_IDS);
        if (changed[i])
            continue;
        changed[i] = true;
        if (snapshots_random(3) > 0) {
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
    cr_assert_eq(snapshots_apply(snapshot, &wire), CKR_OK);
}

/* Handles stay while the object is there, and are new when it comes again. */
static void check_handles(Model *model, const P11dSnapshot *snapshot, CK_OBJECT_HANDLE newest)
{
    size_t count = 0;
    for (unsigned i = 0; i < MODEL_IDS; i++) {
        CK_OBJECT_HANDLE handle = snapshots_handle(snapshot, i + 1);
        cr_assert_eq(handle != 0, model->there[i]);
        if (handle != 0 && model->handle[i] != 0)
            cr_assert_eq(handle, model->handle[i]);
        else if (handle != 0)
            cr_assert_gt(handle, newest);
        model->handle[i] = handle;
        count += handle != 0;
    }
    cr_assert_eq(snapshot->index.count, count);
}

/* A random template, and the same question to the model. */
static void check_search(const Model *model, const P11dSnapshot *snapshot)
{
    unsigned kind = snapshots_random(4), label = snapshots_random(5), key_id = snapshots_random(4);
    CK_BBOOL private = snapshots_random(2) == 0;
    CK_ATTRIBUTE choices[] = {{CKA_CLASS, (void *)&classes[kind].number, sizeof(CK_OBJECT_CLASS)},
                              {CKA_LABEL, (void *)labels[label], strlen(labels[label])},
                              {CKA_ID, (void *)"\x01\x02\x03", key_id},
                              {CKA_PRIVATE, &private, sizeof(private)}};
    CK_ATTRIBUTE templ[4];
    CK_ULONG count = 0;
    unsigned used = snapshots_random(16);
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
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
    for (unsigned i = 0; i < MODEL_IDS; i++)
        model.kind[i] = snapshots_random(4);
    for (uint64_t generation = 1; generation <= 600; generation++) {
        CK_OBJECT_HANDLE newest = snapshots_last;
        step_model(&model, &snapshot, generation);
        check_handles(&model, &snapshot, newest);
        for (unsigned n = 0; n < 12; n++)
            check_search(&model, &snapshot);
        if (snapshots_random(20) != 0)
            continue;
        p11d_snapshot_drop_private(&snapshot);
        for (unsigned i = 0; i < MODEL_IDS; i++)
            model.there[i] = model.there[i] && !model.private[i];
        check_handles(&model, &snapshot, snapshots_last);
    }
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot, ten_thousand_objects_are_found_by_label_and_by_id)
{
    P11dSnapshot snapshot;
    Wire wire;
    char label[32];
    p11d_snapshot_init(&snapshot, (P11dTerms){0});
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
    cr_assert_eq(snapshots_apply(&snapshot, &wire), CKR_OK);
    for (uint64_t id = 1; id <= 10000; id++) {
        CK_ATTRIBUTE wanted = {CKA_ID, &id, sizeof(id)};
        P11dHandles found;
        p11d_handles_init(&found);
        cr_assert_eq(p11d_snapshot_search(&snapshot, &wanted, 1, &found), CKR_OK);
        cr_assert_eq(found.count, 1);
        cr_assert_eq(found.items[0], snapshots_handle(&snapshot, id));
        p11d_handles_clear(&found);
    }
    cr_assert_eq(snapshots_count(&snapshot, "key 17"), 2);
    cr_assert_eq(snapshots_count(&snapshot, "key"), 0);
    p11d_snapshot_clear(&snapshot);
}
