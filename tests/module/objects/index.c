// SPDX-License-Identifier: MIT
#include "index.h"

#include <criterion/criterion.h>
#include <string.h>

#include "snapshots.h"

#define OBJECTS 200

/* Objects of nothing but what an index looks at. */
static P11dObject objects[OBJECTS];
static const char *const labels[] = {"", "a", "b", "aa", "a label"};
static const CK_OBJECT_CLASS classes[] = {CKO_DATA, CKO_CERTIFICATE, CKO_PRIVATE_KEY};

static void make_objects(void)
{
    for (unsigned i = 0; i < OBJECTS; i++) {
        P11dObject *object = &objects[i];
        const char *label = labels[snapshots_random(5)];
        *object = (P11dObject){.id = 1 + (i * 37U) % OBJECTS, .handle = 1000 + i};
        object->keys[P11D_OBJECT_LABEL] = p11d_der(label, strlen(label));
        object->keys[P11D_OBJECT_CLASS] =
            p11d_der(&classes[snapshots_random(3)], sizeof classes[0]);
        object->keys[P11D_OBJECT_PUBLIC_KEY] = p11d_der("0123456789", snapshots_random(11));
    }
}

/* All orders hold the same objects; those with equal keys stand by id. */
static void check(const P11dIndex *index, const bool there[OBJECTS])
{
    size_t count = 0;
    for (unsigned i = 0; i < OBJECTS; i++) {
        count += there[i];
        P11dObject *expected = there[i] ? &objects[i] : NULL;
        cr_assert_eq(p11d_index_find_id(index, objects[i].id), expected);
        cr_assert_eq(p11d_index_find_handle(index, objects[i].handle), expected);
    }
    cr_assert_eq(index->count, count);
    for (unsigned label = 0; label < 5; label++) {
        const CK_ATTRIBUTE templ = {CKA_LABEL, (void *)labels[label], strlen(labels[label])};
        const P11dRange range = p11d_index_narrow(index, &templ, 1);
        size_t expected = 0;
        for (unsigned i = 0; i < OBJECTS; i++)
            expected += there[i] && objects[i].keys[P11D_OBJECT_LABEL].size == templ.ulValueLen &&
                        memcmp(objects[i].keys[P11D_OBJECT_LABEL].data, templ.pValue,
                               templ.ulValueLen) == 0;
        cr_assert_eq(range.end - range.begin, expected);
        for (size_t at = range.begin + 1; at < range.end; at++)
            cr_assert_lt(index->sorted[range.order][at - 1]->id,
                         index->sorted[range.order][at]->id);
    }
}

Test(index, objects_come_and_go_in_every_order)
{
    P11dIndex index;
    bool there[OBJECTS] = {false};
    make_objects();
    p11d_index_init(&index);
    check(&index, there);
    cr_assert_eq(p11d_index_reserve(&index, OBJECTS), CKR_OK);
    for (unsigned round = 0; round < 2000; round++) {
        const unsigned i = snapshots_random(OBJECTS);
        if (there[i])
            p11d_index_remove(&index, &objects[i]);
        else
            p11d_index_insert(&index, &objects[i]);
        there[i] = !there[i];
        if (round % 50 == 0)
            check(&index, there);
    }
    check(&index, there);
    p11d_index_clear(&index);
}

static bool is_of_class(const P11dObject *object)
{
    return memcmp(object->keys[P11D_OBJECT_CLASS].data, &classes[0], sizeof classes[0]) == 0;
}

Test(index, what_was_appended_is_sorted_once_and_may_be_filtered)
{
    P11dIndex index, none;
    bool there[OBJECTS];
    make_objects();
    p11d_index_init(&index);
    p11d_index_init(&none);
    cr_assert_eq(p11d_index_reserve(&index, OBJECTS), CKR_OK);
    for (unsigned i = 0; i < OBJECTS; i++) {
        p11d_index_append(&index, &objects[i]);
        there[i] = true;
    }
    cr_assert(p11d_index_sort(&index));
    p11d_index_sort_by_handle(&index, &none); /* by id, as handles are given */
    for (size_t i = 0; i < OBJECTS; i++)
        index.sorted[P11D_INDEX_BY_HANDLE][i]->handle = 5000 + i;
    check(&index, there);
    p11d_index_filter(&index, is_of_class);
    for (unsigned i = 0; i < OBJECTS; i++)
        there[i] = !is_of_class(&objects[i]);
    check(&index, there);
    index.count = 0;
    p11d_index_append(&index, &objects[0]);
    p11d_index_append(&index, &objects[0]);
    cr_assert_not(p11d_index_sort(&index), "an id comes twice");
    p11d_index_clear(&index);
}

Test(index, a_search_for_bytes_that_are_not_there_finds_nothing)
{
    P11dIndex index;
    make_objects();
    p11d_index_init(&index);
    cr_assert_eq(p11d_index_reserve(&index, 1), CKR_OK);
    p11d_index_insert(&index, &objects[0]);
    const CK_ATTRIBUTE templ = {CKA_SUBJECT, NULL, 5};
    P11dRange range = p11d_index_narrow(&index, &templ, 1);
    cr_assert_eq(range.begin, range.end);
    range = p11d_index_narrow(&index, NULL, 0);
    cr_assert_eq(range.end - range.begin, 1, "an empty template: all of them");
    cr_assert_eq(p11d_index_find_id(&index, objects[0].id), &objects[0]);
    p11d_index_clear(&index);
}
