// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "binding.h"
#include "der.h"

/* The attribute that an order goes by; the first two orders go by none. */
static const CK_ATTRIBUTE_TYPE order_attributes[P11D_SNAPSHOT_ORDERS] = {
    [P11D_SNAPSHOT_BY_LABEL] = CKA_LABEL,
    [P11D_SNAPSHOT_BY_KEY_ID] = CKA_ID,
    [P11D_SNAPSHOT_BY_CLASS] = CKA_CLASS,
};

/* An object with what it is sorted by, looked up once. */
typedef struct Entry {
    P11dDer key;
    P11dObject *object;
} Entry;

static P11dDer key_of(const P11dObject *object, int order)
{
    if (order == P11D_SNAPSHOT_BY_ID)
        return p11d_der(NULL, 0);
    if (order == P11D_SNAPSHOT_BY_HANDLE)
        return p11d_der(&object->handle, sizeof object->handle);
    const CK_ATTRIBUTE *attribute = p11d_object_attribute(object, order_attributes[order]);
    if (!attribute)
        return p11d_der(NULL, 0);
    return p11d_der(attribute->pValue, attribute->ulValueLen);
}

static int compare(P11dDer a, uint64_t a_id, P11dDer b, uint64_t b_id)
{
    if (a.size != b.size)
        return a.size < b.size ? -1 : 1;
    int order = a.size > 0 ? memcmp(a.data, b.data, a.size) : 0;
    return order != 0 ? order : (a_id > b_id) - (a_id < b_id);
}

static int compare_entries(const void *a, const void *b)
{
    const Entry *left = a, *right = b;
    return compare(left->key, left->object->id, right->key, right->object->id);
}

/* Makes sorted[order] of count objects. scratch has room for count entries. */
static void sort_objects(P11dObject **sorted, P11dObject *const *objects, size_t count, int order,
                         Entry *scratch)
{
    for (size_t i = 0; i < count; i++)
        scratch[i] = (Entry){key_of(objects[i], order), objects[i]};
    qsort(scratch, count, sizeof *scratch, compare_entries);
    for (size_t i = 0; i < count; i++)
        sorted[i] = scratch[i].object;
}

static void free_orders(P11dObject **sorted[P11D_SNAPSHOT_ORDERS])
{
    for (int order = 0; order < P11D_SNAPSHOT_ORDERS; order++) {
        free(sorted[order]);
        sorted[order] = NULL;
    }
}

static CK_RV make_orders(P11dObject **sorted[P11D_SNAPSHOT_ORDERS], P11dObject *const *objects,
                         size_t count)
{
    size_t room = count > 0 ? count : 1;
    Entry *scratch = calloc(room, sizeof *scratch);
    bool enough = scratch;
    for (int order = 0; order < P11D_SNAPSHOT_ORDERS; order++) {
        sorted[order] = calloc(room, sizeof *sorted[order]);
        enough = enough && sorted[order];
    }
    for (int order = 0; enough && order < P11D_SNAPSHOT_ORDERS; order++)
        sort_objects(sorted[order], objects, count, order, scratch);
    free(scratch);
    if (!enough)
        free_orders(sorted);
    return enough ? CKR_OK : CKR_HOST_MEMORY;
}

/* How many objects come before key and id in that order; with equals counts those too. */
static size_t position(const P11dSnapshot *snapshot, int order, P11dDer key, uint64_t id,
                       bool with_equals)
{
    size_t low = 0, high = snapshot->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const P11dObject *object = snapshot->sorted[order][middle];
        int result = compare(key_of(object, order), object->id, key, id);
        if (result < 0 || (result == 0 && with_equals))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void free_objects(P11dObject **objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p11d_object_free(objects[i]);
}

void p11d_snapshot_init(P11dSnapshot *snapshot)
{
    *snapshot = (P11dSnapshot){0};
}

void p11d_snapshot_clear(P11dSnapshot *snapshot)
{
    free_objects(snapshot->sorted[P11D_SNAPSHOT_BY_ID], snapshot->count);
    free_orders(snapshot->sorted);
    p11d_snapshot_init(snapshot);
}

void p11d_snapshot_detach(P11dSnapshot *snapshot)
{
    snapshot->detached = true;
    snapshot->generation = 0;
}

void p11d_snapshot_drop_private(P11dSnapshot *snapshot)
{
    size_t kept = 0;
    /* By id last: this order is the one that frees. */
    for (int order = P11D_SNAPSHOT_ORDERS - 1; order >= 0; order--) {
        kept = 0;
        for (size_t i = 0; i < snapshot->count; i++) {
            P11dObject *object = snapshot->sorted[order][i];
            if (!p11d_object_boolean(object, CKA_PRIVATE))
                snapshot->sorted[order][kept++] = object;
            else if (order == P11D_SNAPSHOT_BY_ID)
                p11d_object_free(object);
        }
    }
    snapshot->count = kept;
    snapshot->generation = 0;
}

/* A reply of ListObjects, read but not applied yet. */
typedef struct Reply {
    uint64_t generation;
    bool complete;
    P11dObject **fresh; /* owned, until they are in the snapshot */
    size_t fresh_count;
    size_t fresh_capacity;
    uint64_t *gone; /* owned; sorted ids that are no more, or make no sense any more */
    size_t gone_count;
    size_t gone_capacity;
    size_t skipped;
} Reply;

/* Makes room for one more of size bytes: returns items, moved perhaps, or NULL (items stays). */
static void *grow(void *items, size_t count, size_t *capacity, size_t size)
{
    if (count < *capacity)
        return items;
    size_t wanted = *capacity > 0 ? 2 * *capacity : 16;
    void *grown = reallocarray(items, wanted, size);
    if (grown)
        *capacity = wanted;
    return grown;
}

static void clear_reply(Reply *reply)
{
    free_objects(reply->fresh, reply->fresh_count);
    free(reply->fresh);
    free(reply->gone);
}

static CK_RV read_gone(Reply *reply, uint64_t id)
{
    uint64_t *gone = grow(reply->gone, reply->gone_count, &reply->gone_capacity, sizeof id);
    if (!gone)
        return CKR_HOST_MEMORY;
    reply->gone = gone;
    reply->gone[reply->gone_count++] = id;
    return CKR_OK;
}

static bool is_hidden(const P11dSnapshot *snapshot, const P11dObject *object)
{
    for (size_t i = 0; i < snapshot->hidden_count; i++)
        if (snapshot->hidden[i] == object->derived.key_type)
            return object->derived.key_type != CK_UNAVAILABLE_INFORMATION;
    return false;
}

static CK_RV read_object(const P11dSnapshot *snapshot, Reply *reply, P11dReader *objects)
{
    uint64_t id;
    if (!p11d_reader_struct(objects) || !p11d_reader_uint64(objects, &id) || id == 0)
        return CKR_DEVICE_ERROR;
    if (reply->fresh_count + reply->skipped >= P11D_SNAPSHOT_MAX)
        return CKR_DEVICE_MEMORY;
    P11dObject **fresh =
        grow(reply->fresh, reply->fresh_count, &reply->fresh_capacity, sizeof *fresh);
    if (!fresh)
        return CKR_HOST_MEMORY;
    reply->fresh = fresh;
    P11dObject *object;
    CK_RV rv = p11d_object_make(id, objects, &object);
    if (rv == CKR_OK && is_hidden(snapshot, object)) {
        p11d_object_free(object);
        return read_gone(reply, id);
    }
    if (rv == CKR_OK) {
        object->token = snapshot->token;
        reply->fresh[reply->fresh_count++] = object;
        return CKR_OK;
    }
    if (rv == CKR_HOST_MEMORY || !p11d_reader_ok(objects))
        return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
    reply->skipped++;
    return read_gone(reply, id);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

static int compare_object_ids(const void *a, const void *b)
{
    const P11dObject *left = *(P11dObject *const *)a, *right = *(P11dObject *const *)b;
    return (left->id > right->id) - (left->id < right->id);
}

static CK_RV read_reply(const P11dSnapshot *snapshot, Reply *reply, P11dReader *body)
{
    P11dReader objects, removed;
    uint64_t id;
    CK_RV rv = CKR_OK;
    if (!p11d_reader_uint64(body, &reply->generation) ||
        !p11d_reader_boolean(body, &reply->complete) || !p11d_reader_array(body, 8, &objects) ||
        !p11d_reader_array(body, 8, &removed) || reply->generation == 0)
        return CKR_DEVICE_ERROR;
    while (rv == CKR_OK && !p11d_reader_at_end(&objects))
        rv = read_object(snapshot, reply, &objects);
    while (rv == CKR_OK && !p11d_reader_at_end(&removed))
        rv = p11d_reader_uint64(&removed, &id) ? read_gone(reply, id) : CKR_DEVICE_ERROR;
    if (rv != CKR_OK)
        return rv;
    if (reply->gone_count > 0)
        qsort(reply->gone, reply->gone_count, sizeof *reply->gone, compare_ids);
    if (reply->fresh_count > 0)
        qsort(reply->fresh, reply->fresh_count, sizeof(P11dObject *), compare_object_ids);
    for (size_t i = 1; i < reply->fresh_count; i++)
        if (reply->fresh[i - 1]->id == reply->fresh[i]->id)
            return CKR_DEVICE_ERROR;
    return CKR_OK;
}

static CK_RV give_handles(P11dSnapshot *snapshot, const Reply *reply,
                          P11dSnapshotHandle next_handle, void *data)
{
    if (snapshot->detached) {
        CK_RV rv = p11d_binding_make(snapshot->sorted[P11D_SNAPSHOT_BY_ID], snapshot->count,
                                     reply->fresh, reply->fresh_count);
        if (rv != CKR_OK)
            return rv;
    }
    for (size_t i = 0; i < reply->fresh_count; i++) {
        P11dObject *fresh = reply->fresh[i];
        const P11dObject *known =
            snapshot->detached ? NULL : p11d_snapshot_find_id(snapshot, fresh->id);
        if (known && p11d_binding_is_same(known, fresh))
            fresh->handle = known->handle;
        if (fresh->handle == 0)
            fresh->handle = next_handle(data);
    }
    return CKR_OK;
}

/* Whether an object of the snapshot stays as it is. */
static bool stays(const P11dObject *object, const Reply *reply)
{
    if (reply->complete)
        return false;
    if (reply->gone_count > 0 &&
        bsearch(&object->id, reply->gone, reply->gone_count, sizeof *reply->gone, compare_ids))
        return false;
    return reply->fresh_count == 0 || !bsearch(&object, reply->fresh, reply->fresh_count,
                                               sizeof(P11dObject *), compare_object_ids);
}

/* Puts the objects of reply and those that stay into the snapshot, or changes nothing. */
static CK_RV merge(P11dSnapshot *snapshot, Reply *reply)
{
    P11dObject **old = snapshot->sorted[P11D_SNAPSHOT_BY_ID];
    size_t most = snapshot->count + reply->fresh_count;
    P11dObject **all = calloc(most > 0 ? most : 1, sizeof *all);
    if (!all)
        return CKR_HOST_MEMORY;
    size_t count = 0;
    for (size_t i = 0; i < snapshot->count; i++)
        if (stays(old[i], reply))
            all[count++] = old[i];
    for (size_t i = 0; i < reply->fresh_count; i++)
        all[count++] = reply->fresh[i];

    P11dObject **sorted[P11D_SNAPSHOT_ORDERS];
    CK_RV rv = count > P11D_SNAPSHOT_MAX ? CKR_DEVICE_MEMORY : make_orders(sorted, all, count);
    free(all);
    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < snapshot->count; i++)
        if (!stays(old[i], reply))
            p11d_object_free(old[i]);
    free_orders(snapshot->sorted);
    memcpy(snapshot->sorted, sorted, sizeof sorted);
    snapshot->count = count;
    reply->fresh_count = 0;
    return CKR_OK;
}

CK_RV p11d_snapshot_apply(P11dSnapshot *snapshot, P11dReader *body, P11dSnapshotHandle next_handle,
                          void *data)
{
    Reply reply = {0};
    CK_RV rv = read_reply(snapshot, &reply, body);
    if (rv == CKR_OK && !reply.complete && snapshot->generation == 0)
        rv = CKR_DEVICE_ERROR;
    if (rv == CKR_OK)
        rv = give_handles(snapshot, &reply, next_handle, data);
    bool nothing = !reply.complete && reply.fresh_count == 0 && reply.gone_count == 0;
    if (rv == CKR_OK && !nothing)
        rv = merge(snapshot, &reply);
    if (rv == CKR_OK) {
        snapshot->generation = reply.generation;
        snapshot->detached = false;
        snapshot->skipped = reply.skipped;
    }
    clear_reply(&reply);
    return rv;
}

P11dObject *p11d_snapshot_find(const P11dSnapshot *snapshot, CK_OBJECT_HANDLE handle)
{
    P11dDer key = p11d_der(&handle, sizeof handle);
    size_t at = position(snapshot, P11D_SNAPSHOT_BY_HANDLE, key, 0, false);
    if (at == snapshot->count)
        return NULL;
    P11dObject *object = snapshot->sorted[P11D_SNAPSHOT_BY_HANDLE][at];
    return object->handle == handle ? object : NULL;
}

P11dObject *p11d_snapshot_find_id(const P11dSnapshot *snapshot, uint64_t id)
{
    size_t at = position(snapshot, P11D_SNAPSHOT_BY_ID, p11d_der(NULL, 0), id, false);
    if (at == snapshot->count)
        return NULL;
    P11dObject *object = snapshot->sorted[P11D_SNAPSHOT_BY_ID][at];
    return object->id == id ? object : NULL;
}

/* A run of objects in one order. */
typedef struct Range {
    int order;
    size_t begin;
    size_t end;
} Range;

/* The shortest run that holds everything that can match templ. */
static Range narrow(const P11dSnapshot *snapshot, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    Range shortest = {P11D_SNAPSHOT_BY_ID, 0, snapshot->count};
    for (CK_ULONG i = 0; i < count; i++) {
        if (!templ[i].pValue && templ[i].ulValueLen > 0)
            return (Range){P11D_SNAPSHOT_BY_ID, 0, 0};
        P11dDer key = p11d_der(templ[i].pValue, templ[i].ulValueLen);
        for (int order = P11D_SNAPSHOT_BY_LABEL; order < P11D_SNAPSHOT_ORDERS; order++) {
            if (order_attributes[order] != templ[i].type)
                continue;
            Range range = {order, position(snapshot, order, key, 0, false),
                           position(snapshot, order, key, UINT64_MAX, true)};
            if (range.end - range.begin < shortest.end - shortest.begin)
                shortest = range;
        }
    }
    return shortest;
}

CK_RV p11d_snapshot_search(const P11dSnapshot *snapshot, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           P11dHandles *found)
{
    size_t before = found->count;
    Range range = narrow(snapshot, templ, count);
    for (size_t i = range.begin; i < range.end; i++) {
        const P11dObject *object = snapshot->sorted[range.order][i];
        if (!p11d_object_matches(object, templ, count))
            continue;
        if (p11d_handles_append(found, object->handle) != CKR_OK) {
            found->count = before;
            return CKR_HOST_MEMORY;
        }
    }
    return CKR_OK;
}

void p11d_handles_init(P11dHandles *handles)
{
    *handles = (P11dHandles){0};
}

CK_RV p11d_handles_append(P11dHandles *handles, CK_OBJECT_HANDLE handle)
{
    CK_OBJECT_HANDLE *items =
        grow(handles->items, handles->count, &handles->capacity, sizeof *items);
    if (!items)
        return CKR_HOST_MEMORY;
    handles->items = items;
    handles->items[handles->count++] = handle;
    return CKR_OK;
}

void p11d_handles_clear(P11dHandles *handles)
{
    free(handles->items);
    p11d_handles_init(handles);
}
