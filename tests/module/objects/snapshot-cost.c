// SPDX-License-Identifier: MIT
/*
 * What is done to a large snapshot while its owner holds a lock: counted, not timed. The linker
 * puts the functions below in the place of the C library's sorts.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "snapshots.h"

#define OBJECTS 10000
#define HALVINGS 14 /* 2^14 is more than OBJECTS */

typedef int (*Compare)(const void *a, const void *b);
typedef int (*CompareWith)(const void *a, const void *b, void *data);

void __real_qsort(void *items, size_t count, size_t size, Compare compare);
void __real_qsort_r(void *items, size_t count, size_t size, CompareWith compare, void *data);
void __wrap_qsort(void *items, size_t count, size_t size, Compare compare);
void __wrap_qsort_r(void *items, size_t count, size_t size, CompareWith compare, void *data);

static size_t sorts;

void __wrap_qsort(void *items, size_t count, size_t size, Compare compare)
{
    sorts++;
    __real_qsort(items, count, size, compare);
}

void __wrap_qsort_r(void *items, size_t count, size_t size, CompareWith compare, void *data)
{
    sorts++;
    __real_qsort_r(items, count, size, compare, data);
}

/* A key whose place is another one in each order. */
static void add_key(Wire *wire, uint64_t id, const char *label)
{
    unsigned char info[] = {0x30, 0x0c, 0x30, 0x04, 0x06, 0x02, 0x2a, 0x03, 0x03, 0x04, 0, 0, 0, 0};
    const uint32_t mixed = (uint32_t)(id * 7919 % OBJECTS);
    memcpy(info + 11, &mixed, 3);
    wire_begin_object(wire, id);
    wire_text(wire, "class", id % 2 ? "private-key" : "public-key");
    wire_text(wire, "label", label);
    wire_bytes(wire, "public-key-info", info, sizeof(info));
    wire_end_object(wire);
}

static void list_all(Wire *wire, uint64_t generation, uint64_t first)
{
    char label[32];
    wire_begin(wire, generation, true);
    for (uint64_t i = 0; i < OBJECTS; i++) {
        snprintf(label, sizeof(label), "key %lu", (unsigned long)(i * 31 % OBJECTS));
        add_key(wire, first + i, label);
    }
    wire_end(wire, NULL, 0);
}

typedef struct Work {
    size_t sorts_before; /* in reading, without the lock */
    size_t sorts;        /* in applying, with it */
    size_t compared;     /* likewise */
} Work;

static Work apply(P11dSnapshot *snapshot, Wire *wire)
{
    Work work = {0};
    P11dReader reader = wire_reader(wire, "tba(ta{sv})at");
    P11dUpdate update;
    p11d_update_init(&update, &snapshot->terms);
    p11d_snapshot_ask(snapshot);
    sorts = 0;
    cr_assert_eq(p11d_update_read(&update, &reader), CKR_OK);
    work.sorts_before = sorts;
    snapshot->index.compared = sorts = 0;
    cr_assert_eq(p11d_snapshot_apply(snapshot, &update, &snapshots_last), CKR_OK);
    work.sorts = sorts;
    work.compared = snapshot->index.compared;
    p11d_update_clear(&update);
    wire_clear(wire);
    return work;
}

static void begin(P11dSnapshot *snapshot)
{
    Wire wire;
    p11d_snapshot_init(snapshot, (P11dTerms){0});
    list_all(&wire, 1, 1);
    const Work work = apply(snapshot, &wire);
    cr_assert_eq(snapshot->index.count, OBJECTS);
    cr_assert_gt(work.sorts_before, 0);
    cr_assert_leq(work.sorts_before, P11D_INDEX_ORDERS - 1, "each order once");
    cr_assert_eq(work.sorts, 0);
}

/* Every order is one, and holds all objects. */
static void check_orders(const P11dSnapshot *snapshot)
{
    const P11dIndex *index = &snapshot->index;
    for (size_t i = 0; i < index->count; i++) {
        const P11dObject *object = index->sorted[P11D_INDEX_BY_ID][i];
        cr_assert_eq(p11d_snapshot_find_id(snapshot, object->id), object);
        cr_assert_eq(p11d_snapshot_find(snapshot, object->handle), object);
        const CK_ATTRIBUTE templ[] = {*p11d_object_attribute(object, CKA_LABEL),
                                      *p11d_object_attribute(object, CKA_CLASS)};
        P11dHandles found;
        p11d_handles_init(&found);
        cr_assert_eq(p11d_snapshot_search(snapshot, templ, 2, &found), CKR_OK);
        cr_assert_eq(found.count, 1);
        cr_assert_eq(found.items[0], object->handle);
        p11d_handles_clear(&found);
    }
    for (int order = 0; order < P11D_INDEX_ORDERS; order++) {
        for (size_t i = 0; i < index->count; i++)
            cr_assert_null(index->sorted[order][i]->peer);
    }
}

Test(snapshot_cost, a_difference_of_one_object_sorts_nothing_and_looks_at_few)
{
    P11dSnapshot snapshot;
    Wire wire;
    static const uint64_t removed[] = {4321};
    begin(&snapshot);
    const size_t most = P11D_INDEX_ORDERS * (HALVINGS + 2);

    wire_begin(&wire, 2, false);
    add_key(&wire, OBJECTS + 1, "new");
    wire_end(&wire, NULL, 0);
    Work work = apply(&snapshot, &wire);
    cr_assert_eq(work.sorts_before + work.sorts, 0);
    cr_assert_leq(work.compared, most);

    wire_begin(&wire, 3, false);
    wire_end(&wire, removed, 1);
    work = apply(&snapshot, &wire);
    cr_assert_eq(work.sorts_before + work.sorts, 0);
    cr_assert_leq(work.compared, most);

    const CK_OBJECT_HANDLE handle = snapshots_handle(&snapshot, 77);
    wire_begin(&wire, 4, false);
    add_key(&wire, 77, "renamed");
    wire_end(&wire, NULL, 0);
    work = apply(&snapshot, &wire);
    cr_assert_eq(work.sorts_before + work.sorts, 0);
    cr_assert_leq(work.compared, 2 * most);
    cr_assert_eq(snapshots_handle(&snapshot, 77), handle);
    cr_assert_eq(snapshots_count(&snapshot, "renamed"), 1);
    cr_assert_eq(snapshot.index.count, OBJECTS);
    check_orders(&snapshot);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_cost, a_difference_of_many_sorts_nothing_under_the_lock)
{
    P11dSnapshot snapshot;
    Wire wire;
    uint64_t removed[50];
    char label[32];
    begin(&snapshot);
    wire_begin(&wire, 2, false);
    for (uint64_t i = 0; i < 100; i++) { /* half are new */
        snprintf(label, sizeof(label), "changed %lu", (unsigned long)(i * 37 % 100));
        add_key(&wire, OBJECTS - 49 + i, label);
    }
    for (uint64_t i = 0; i < 50; i++)
        removed[i] = 5000 - i * 10;
    wire_end(&wire, removed, 50);
    const Work work = apply(&snapshot, &wire);
    cr_assert_eq(work.sorts, 0);
    cr_assert_leq(work.compared, 150 * 2 * P11D_INDEX_ORDERS * (HALVINGS + 2));
    cr_assert_eq(snapshot.index.count, OBJECTS);
    check_orders(&snapshot);
    p11d_snapshot_clear(&snapshot);
}

Test(snapshot_cost, a_whole_list_and_one_of_another_run_sort_nothing_under_the_lock)
{
    P11dSnapshot snapshot;
    Wire wire;
    begin(&snapshot);
    const CK_OBJECT_HANDLE last = snapshots_last, first = snapshots_handle(&snapshot, 1);
    list_all(&wire, 2, 1);
    cr_assert_eq(apply(&snapshot, &wire).sorts, 0);
    p11d_snapshot_detach(&snapshot);
    list_all(&wire, 500, 10 * OBJECTS);
    cr_assert_eq(apply(&snapshot, &wire).sorts, 0);
    cr_assert_eq(snapshots_last, last, "all of them were known");
    cr_assert_eq(snapshots_handle(&snapshot, 10 * OBJECTS + 1), first);
    check_orders(&snapshot);
    p11d_snapshot_clear(&snapshot);
}
