// SPDX-License-Identifier: MIT
#include "index.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"

/* The orders that go by one attribute, and by which key of objects that is. */
static const struct {
    int order;
    CK_ATTRIBUTE_TYPE attribute;
    P11dObjectKey key;
} rows[] = {
    {P11D_INDEX_BY_LABEL, CKA_LABEL, P11D_OBJECT_LABEL},
    {P11D_INDEX_BY_KEY_ID, CKA_ID, P11D_OBJECT_KEY_ID},
    {P11D_INDEX_BY_CLASS, CKA_CLASS, P11D_OBJECT_CLASS},
};
#define ROWS (sizeof rows / sizeof rows[0])

static int compare_numbers(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

static int compare_ids(const P11dObject *a, const P11dObject *b)
{
    return compare_numbers(a->id, b->id);
}

static int compare_handles(const P11dObject *a, const P11dObject *b)
{
    return compare_numbers(a->handle, b->handle);
}

static int compare_keys(const P11dObject *a, const P11dObject *b, P11dObjectKey key)
{
    return p11d_der_compare(a->keys[key], b->keys[key]) ?: compare_ids(a, b);
}

static int compare_labels(const P11dObject *a, const P11dObject *b)
{
    return compare_keys(a, b, P11D_OBJECT_LABEL);
}

static int compare_key_ids(const P11dObject *a, const P11dObject *b)
{
    return compare_keys(a, b, P11D_OBJECT_KEY_ID);
}

static int compare_classes(const P11dObject *a, const P11dObject *b)
{
    return compare_keys(a, b, P11D_OBJECT_CLASS);
}

static int compare_identities(const P11dObject *a, const P11dObject *b)
{
    return p11d_binding_compare(a, b) ?: compare_ids(a, b);
}

typedef int (*Compare)(const P11dObject *a, const P11dObject *b);

static const Compare compare[P11D_INDEX_ORDERS] = {
    [P11D_INDEX_BY_ID] = compare_ids,        [P11D_INDEX_BY_HANDLE] = compare_handles,
    [P11D_INDEX_BY_LABEL] = compare_labels,  [P11D_INDEX_BY_KEY_ID] = compare_key_ids,
    [P11D_INDEX_BY_CLASS] = compare_classes, [P11D_INDEX_BY_IDENTITY] = compare_identities,
};

void p11d_index_init(P11dIndex *index)
{
    *index = (P11dIndex){0};
}

void p11d_index_clear(P11dIndex *index)
{
    for (int order = 0; order < P11D_INDEX_ORDERS; order++)
        free(index->sorted[order]);
    p11d_index_init(index);
}

CK_RV p11d_index_reserve(P11dIndex *index, size_t capacity)
{
    if (capacity <= index->capacity)
        return CKR_OK;
    const size_t doubled = 2 * index->capacity;
    const size_t wanted = capacity > doubled ? capacity : doubled;
    for (int order = 0; order < P11D_INDEX_ORDERS; order++) {
        P11dObject **more = reallocarray(index->sorted[order], wanted, sizeof(P11dObject *));
        if (!more)
            return CKR_HOST_MEMORY;
        index->sorted[order] = more;
    }
    index->capacity = wanted;
    return CKR_OK;
}

void p11d_index_append(P11dIndex *index, P11dObject *object)
{
    index->sorted[P11D_INDEX_BY_ID][index->count++] = object;
}

static int compare_for_sort(const void *a, const void *b, void *order)
{
    return compare[*(const int *)order](*(P11dObject *const *)a, *(P11dObject *const *)b);
}

static void sort(P11dObject **objects, size_t count, int order)
{
    size_t i = 1;
    while (i < count && compare[order](objects[i - 1], objects[i]) < 0)
        i++;
    if (i < count)
        qsort_r(objects, count, sizeof *objects, compare_for_sort, &order);
}

bool p11d_index_sort(P11dIndex *index)
{
    P11dObject **by_id = index->sorted[P11D_INDEX_BY_ID];
    sort(by_id, index->count, P11D_INDEX_BY_ID);
    for (size_t i = 1; i < index->count; i++) {
        if (by_id[i - 1]->id == by_id[i]->id)
            return false;
    }
    for (int order = P11D_INDEX_BY_HANDLE + 1; index->count > 0 && order < P11D_INDEX_ORDERS;
         order++) {
        memcpy(index->sorted[order], by_id, index->count * sizeof *by_id);
        sort(index->sorted[order], index->count, order);
    }
    return true;
}

void p11d_index_sort_by_handle(P11dIndex *index, const P11dIndex *old)
{
    P11dObject **by_handle = index->sorted[P11D_INDEX_BY_HANDLE];
    size_t count = 0;
    for (size_t i = 0; i < old->count; i++) {
        P11dObject *peer = old->sorted[P11D_INDEX_BY_HANDLE][i]->peer;
        if (peer)
            by_handle[count++] = peer;
    }
    for (size_t i = 0; i < index->count; i++) {
        P11dObject *object = index->sorted[P11D_INDEX_BY_ID][i];
        if (!object->peer)
            by_handle[count++] = object;
    }
}

/* How many of the count sorted objects come before probe; with equals counts those too. */
static size_t halve(P11dObject *const *sorted, size_t count, int order, const P11dObject *probe,
                    bool with_equals, size_t *compared)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const int result = compare[order](sorted[middle], probe);
        ++*compared;
        if (result < 0 || (result == 0 && with_equals))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* How many of the first count objects in that order come before object. */
static size_t place_of(P11dIndex *index, int order, const P11dObject *object, size_t count)
{
    return halve(index->sorted[order], count, order, object, false, &index->compared);
}

/* Whether an object comes where its peer was, in that order. */
static bool stands_in(P11dIndex *index, int order, const P11dObject *object)
{
    if (!object->peer)
        return false;
    index->compared++;
    return compare[order](object, object->peer) == 0;
}

/* Takes out what leaves, but for what a peer takes the place of. Returns how many are left. */
static size_t take_out(P11dIndex *index, int order, P11dObject *const *leaving,
                       size_t leaving_count, size_t *places)
{
    P11dObject **sorted = index->sorted[order];
    size_t holes = 0, first = index->count;
    for (size_t i = 0; i < leaving_count; i++) {
        const size_t place = place_of(index, order, leaving[i], index->count);
        if (stands_in(index, order, leaving[i]))
            sorted[place] = leaving[i]->peer;
        else
            places[holes++] = place;
    }
    for (size_t i = 0; i < holes; i++) {
        sorted[places[i]] = NULL;
        first = places[i] < first ? places[i] : first;
    }
    if (holes == 0)
        return index->count;
    size_t kept = first;
    for (size_t i = first; i < index->count; i++) {
        if (sorted[i])
            sorted[kept++] = sorted[i];
    }
    return kept;
}

/* Puts count of the objects in fresh, those that stand in for no peer, to the kept ones. */
static void put_in(P11dIndex *index, int order, size_t kept, const P11dIndex *fresh, size_t count)
{
    P11dObject **sorted = index->sorted[order];
    P11dObject **from = fresh->sorted[order == P11D_INDEX_BY_HANDLE ? P11D_INDEX_BY_ID : order];
    for (size_t i = fresh->count; count > 0 && i > 0; i--) {
        P11dObject *object = from[i - 1];
        if (stands_in(index, order, object))
            continue;
        const size_t place = place_of(index, order, object, kept);
        memmove(sorted + place + count, sorted + place, (kept - place) * sizeof *sorted);
        sorted[place + --count] = object;
        kept = place;
    }
}

void p11d_index_change(P11dIndex *index, P11dObject *const *leaving, size_t leaving_count,
                       const P11dIndex *fresh, size_t *places)
{
    const size_t count = index->count - leaving_count + fresh->count;
    for (int order = 0; order < P11D_INDEX_ORDERS; order++) {
        const size_t kept = take_out(index, order, leaving, leaving_count, places);
        put_in(index, order, kept, fresh, count - kept);
    }
    index->count = count;
}

void p11d_index_insert(P11dIndex *index, P11dObject *object)
{
    P11dObject *one[] = {object};
    const P11dIndex fresh = {.count = 1, .sorted = {one, one, one, one, one, one}};
    p11d_index_change(index, NULL, 0, &fresh, NULL);
}

void p11d_index_remove(P11dIndex *index, P11dObject *object)
{
    size_t place;
    p11d_index_change(index, &object, 1, &(P11dIndex){.count = 0}, &place);
}

void p11d_index_filter(P11dIndex *index, bool (*leaves)(const P11dObject *object))
{
    size_t kept = 0;
    for (int order = 0; order < P11D_INDEX_ORDERS; order++) {
        kept = 0;
        for (size_t i = 0; i < index->count; i++) {
            if (!leaves(index->sorted[order][i]))
                index->sorted[order][kept++] = index->sorted[order][i];
        }
    }
    index->count = kept;
}

/* The object that equals probe in an order in which no two are equal. */
static P11dObject *find(const P11dIndex *index, int order, const P11dObject *probe)
{
    size_t compared = 0;
    P11dObject *const *sorted = index->sorted[order];
    const size_t place = halve(sorted, index->count, order, probe, false, &compared);
    return place < index->count && compare[order](sorted[place], probe) == 0 ? sorted[place] : NULL;
}

P11dObject *p11d_index_find_id(const P11dIndex *index, uint64_t id)
{
    return find(index, P11D_INDEX_BY_ID, &(P11dObject){.id = id});
}

P11dObject *p11d_index_find_handle(const P11dIndex *index, CK_OBJECT_HANDLE handle)
{
    return find(index, P11D_INDEX_BY_HANDLE, &(P11dObject){.handle = handle});
}

/* The objects with that key, in its order. */
static P11dRange range_of(const P11dIndex *index, int order, P11dObjectKey key, P11dBytes value)
{
    size_t compared = 0;
    P11dObject *const *sorted = index->sorted[order];
    P11dObject lowest = {.id = 0}, highest = {.id = UINT64_MAX};
    lowest.keys[key] = highest.keys[key] = value;
    return (P11dRange){order, halve(sorted, index->count, order, &lowest, false, &compared),
                       halve(sorted, index->count, order, &highest, true, &compared)};
}

P11dRange p11d_index_narrow(const P11dIndex *index, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    P11dRange shortest = {P11D_INDEX_BY_ID, 0, index->count};
    for (CK_ULONG i = 0; i < count; i++) {
        if (!templ[i].pValue && templ[i].ulValueLen > 0)
            return (P11dRange){P11D_INDEX_BY_ID, 0, 0};
        const P11dBytes key = p11d_der(templ[i].pValue, templ[i].ulValueLen);
        for (size_t row = 0; row < ROWS; row++) {
            if (rows[row].attribute != templ[i].type)
                continue;
            const P11dRange range = range_of(index, rows[row].order, rows[row].key, key);
            if (range.end - range.begin < shortest.end - shortest.begin)
                shortest = range;
        }
    }
    return shortest;
}
