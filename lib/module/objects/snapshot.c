// SPDX-License-Identifier: MIT
#include "snapshot.h"

#include <stdlib.h>

#include "binding.h"

void p11d_snapshot_init(P11dSnapshot *snapshot, P11dTerms terms)
{
    *snapshot = (P11dSnapshot){.terms = terms};
}

void p11d_snapshot_clear(P11dSnapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->index.count; i++)
        p11d_object_free(snapshot->index.sorted[P11D_INDEX_BY_ID][i]);
    p11d_index_clear(&snapshot->index);
    p11d_ids_clear(&snapshot->unlisted);
    p11d_snapshot_init(snapshot, snapshot->terms);
}

uint64_t p11d_snapshot_ask(P11dSnapshot *snapshot)
{
    snapshot->asked = true;
    snapshot->moment++;
    return snapshot->generation;
}

/* What was asked and what is known of the service's generations means nothing any more. */
static void forget(P11dSnapshot *snapshot)
{
    snapshot->generation = 0;
    snapshot->asked = false;
    snapshot->moment++;
}

void p11d_snapshot_detach(P11dSnapshot *snapshot)
{
    snapshot->detached = true;
    forget(snapshot);
}

/* Between updates no object has a peer but those that are about to be dropped. */
static bool is_dropped(const P11dObject *object)
{
    return object->peer;
}

void p11d_snapshot_drop_private(P11dSnapshot *snapshot)
{
    P11dIndex *index = &snapshot->index;
    P11dObject *last = NULL; /* of a list by peer, in which the first has itself */
    for (size_t i = 0; i < index->count; i++) {
        P11dObject *object = index->sorted[P11D_INDEX_BY_ID][i];
        if (!p11d_object_boolean(object, CKA_PRIVATE))
            continue;
        object->peer = last ? last : object;
        last = object;
    }
    p11d_index_filter(index, is_dropped);
    while (last) {
        P11dObject *before = last->peer == last ? NULL : last->peer;
        p11d_object_free(last);
        last = before;
    }
    forget(snapshot);
}

static void give_handles(const P11dIndex *fresh, CK_OBJECT_HANDLE *last_handle)
{
    for (size_t i = 0; i < fresh->count; i++) {
        P11dObject *object = fresh->sorted[P11D_INDEX_BY_ID][i];
        object->handle = object->peer ? object->peer->handle : ++*last_handle;
    }
}

/* Ends what peers are for: after this the old ones may be freed. */
static void part(P11dObject *const *objects, size_t count)
{
    for (size_t i = 0; i < count; i++)
        objects[i]->peer = NULL;
}

/* Makes peers of objects that have the same id on both sides, and still are the same. */
static void pair_ids(const P11dIndex *old, const P11dIndex *fresh)
{
    P11dObject *const *ours = old->sorted[P11D_INDEX_BY_ID];
    P11dObject *const *theirs = fresh->sorted[P11D_INDEX_BY_ID];
    for (size_t i = 0, j = 0; i < old->count && j < fresh->count;) {
        if (ours[i]->id == theirs[j]->id && p11d_binding_is_same(ours[i], theirs[j]))
            p11d_object_pair(ours[i], theirs[j]);
        const bool both = ours[i]->id == theirs[j]->id;
        const bool first = ours[i]->id < theirs[j]->id;
        i += both || first;
        j += both || !first;
    }
}

/* Puts a complete list in the place of all objects, which go to the update. */
static CK_RV replace(P11dSnapshot *snapshot, P11dUpdate *update, CK_OBJECT_HANDLE *last_handle)
{
    P11dIndex *fresh = &update->fresh;
    const P11dIndex old = snapshot->index;
    CK_RV rv = CKR_OK;
    if (snapshot->detached)
        rv = p11d_binding_make(old.sorted[P11D_INDEX_BY_IDENTITY], old.count,
                               fresh->sorted[P11D_INDEX_BY_IDENTITY], fresh->count);
    else
        pair_ids(&old, fresh);
    if (rv != CKR_OK)
        return rv;
    give_handles(fresh, last_handle);
    p11d_index_sort_by_handle(fresh, &old);
    part(fresh->sorted[P11D_INDEX_BY_ID], fresh->count);
    snapshot->index = *fresh;
    *fresh = old;
    return CKR_OK;
}

/* Finds what a difference takes out of the snapshot: what is gone, and what comes again. */
static void find_leaving(const P11dSnapshot *snapshot, P11dUpdate *update)
{
    const P11dIndex *fresh = &update->fresh;
    for (size_t i = 0; i < update->gone.count; i++) {
        const uint64_t id = update->gone.items[i];
        P11dObject *known = p11d_index_find_id(&snapshot->index, id);
        const bool again = i > 0 && update->gone.items[i - 1] == id;
        if (known && !again && !p11d_index_find_id(fresh, id))
            update->leaving[update->leaving_count++] = known;
    }
    for (size_t i = 0; i < fresh->count; i++) {
        P11dObject *known =
            p11d_index_find_id(&snapshot->index, fresh->sorted[P11D_INDEX_BY_ID][i]->id);
        if (known)
            update->leaving[update->leaving_count++] = known;
    }
}

static CK_RV make_room(P11dSnapshot *snapshot, const P11dUpdate *update)
{
    const size_t count = snapshot->index.count - update->leaving_count + update->fresh.count;
    return count > P11D_UPDATE_MAX ? CKR_DEVICE_MEMORY
                                   : p11d_index_reserve(&snapshot->index, count);
}

/* Puts a difference in; what it takes out goes to the update. */
static CK_RV change(P11dSnapshot *snapshot, P11dUpdate *update, CK_OBJECT_HANDLE *last_handle)
{
    P11dIndex *fresh = &update->fresh;
    find_leaving(snapshot, update);
    CK_RV rv = make_room(snapshot, update);
    if (rv != CKR_OK) {
        update->leaving_count = 0;
        return rv;
    }
    for (size_t i = 0; i < update->leaving_count; i++) {
        P11dObject *known = update->leaving[i];
        P11dObject *again = p11d_index_find_id(fresh, known->id);
        if (again && p11d_binding_is_same(known, again))
            p11d_object_pair(known, again);
    }
    give_handles(fresh, last_handle);
    p11d_index_change(&snapshot->index, update->leaving, update->leaving_count, fresh,
                      update->places);
    part(fresh->sorted[P11D_INDEX_BY_ID], fresh->count);
    fresh->count = 0;
    return CKR_OK;
}

/* After a list: what own calls put in before it was asked for, and it did not name, is gone. */
static void drop_unlisted(P11dSnapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->unlisted.count; i++) {
        P11dObject *object = p11d_index_find_id(&snapshot->index, snapshot->unlisted.items[i]);
        if (!object || !object->unlisted)
            continue;
        p11d_index_remove(&snapshot->index, object);
        p11d_object_free(object);
    }
    snapshot->unlisted.count = 0;
}

CK_RV p11d_snapshot_apply(P11dSnapshot *snapshot, P11dUpdate *update, CK_OBJECT_HANDLE *last_handle)
{
    if (!update->complete && snapshot->generation == 0)
        return CKR_DEVICE_ERROR;
    const CK_RV rv = update->complete ? replace(snapshot, update, last_handle)
                                      : change(snapshot, update, last_handle);
    if (rv != CKR_OK)
        return rv;
    drop_unlisted(snapshot);
    snapshot->generation = update->generation;
    snapshot->detached = snapshot->asked = snapshot->ahead = false;
    snapshot->moment++;
    snapshot->skipped = update->skipped;
    return CKR_OK;
}

/* Whether what an own call did can be put in, that was sent at that moment. */
static bool is_open(const P11dSnapshot *snapshot, uint64_t moment)
{
    return moment == snapshot->moment && !snapshot->asked && !snapshot->detached;
}

CK_RV p11d_snapshot_enter(P11dSnapshot *snapshot, uint64_t moment, P11dUpdate *update,
                          CK_OBJECT_HANDLE *last_handle, bool *entered)
{
    P11dObject *const *fresh = update->fresh.sorted[P11D_INDEX_BY_ID];
    const size_t count = update->fresh.count;
    const bool is_next =
        update->since != 0 && update->since == snapshot->generation && !snapshot->ahead;
    *entered = is_open(snapshot, moment);
    if (!*entered)
        return CKR_OK;
    CK_RV rv = p11d_ids_reserve(&snapshot->unlisted, snapshot->unlisted.count + count);
    for (size_t i = 0; i < count; i++) {
        const P11dObject *known = p11d_index_find_id(&snapshot->index, fresh[i]->id);
        fresh[i]->unlisted = !is_next && (!known || known->unlisted);
    }
    if (rv == CKR_OK)
        rv = change(snapshot, update, last_handle);
    if (rv != CKR_OK)
        return rv;
    for (size_t i = 0; i < update->leaving_count; i++)
        p11d_ids_remove(&snapshot->unlisted, update->leaving[i]->id);
    for (size_t i = 0; i < count; i++)
        if (fresh[i]->unlisted)
            p11d_ids_append(&snapshot->unlisted, fresh[i]->id);
    if (is_next)
        snapshot->generation = update->generation;
    else
        snapshot->ahead = true;
    return CKR_OK;
}

CK_RV p11d_snapshot_modify(P11dSnapshot *snapshot, uint64_t moment, P11dUpdate *update,
                           CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           bool *entered)
{
    const P11dObject *object = p11d_snapshot_find(snapshot, handle);
    *entered = is_open(snapshot, moment);
    if (!*entered)
        return CKR_OK;
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    P11dObject *changed;
    CK_RV rv = p11d_object_change(object, templ, count, &changed);
    if (rv == CKR_OK && !p11d_binding_is_same(object, changed))
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    if (rv == CKR_OK)
        rv = p11d_index_reserve(&update->fresh, 1);
    if (rv != CKR_OK) {
        p11d_object_free(changed);
        return rv;
    }
    p11d_index_append(&update->fresh, changed);
    rv = p11d_update_finish(update);
    CK_OBJECT_HANDLE none = 0; /* it has one */
    return rv == CKR_OK ? p11d_snapshot_enter(snapshot, moment, update, &none, entered) : rv;
}

P11dObject *p11d_snapshot_find(const P11dSnapshot *snapshot, CK_OBJECT_HANDLE handle)
{
    return p11d_index_find_handle(&snapshot->index, handle);
}

P11dObject *p11d_snapshot_find_id(const P11dSnapshot *snapshot, uint64_t id)
{
    return p11d_index_find_id(&snapshot->index, id);
}

/* Whether an order of the index may go by one of these attributes. */
static bool moves(const CK_ATTRIBUTE_TYPE *types, CK_ULONG count)
{
    static const CK_ATTRIBUTE_TYPE places[] = {CKA_LABEL, CKA_ID, CKA_CLASS, CKA_PUBLIC_KEY_INFO,
                                               CKA_VALUE};
    for (CK_ULONG i = 0; i < count; i++)
        for (size_t n = 0; n < sizeof places / sizeof places[0]; n++)
            if (types[i] == places[n])
                return true;
    return false;
}

CK_RV p11d_snapshot_learn(P11dSnapshot *snapshot, CK_OBJECT_HANDLE handle,
                          const CK_ATTRIBUTE_TYPE *types, CK_ULONG count, P11dReader *body)
{
    P11dObject *object = p11d_snapshot_find(snapshot, handle);
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    if (!moves(types, count))
        return p11d_object_learn(object, types, count, body);
    p11d_index_remove(&snapshot->index, object);
    const CK_RV rv = p11d_object_learn(object, types, count, body);
    p11d_index_insert(&snapshot->index, object);
    return rv;
}

CK_RV p11d_snapshot_search(const P11dSnapshot *snapshot, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           P11dHandles *found)
{
    size_t before = found->count;
    const P11dRange range = p11d_index_narrow(&snapshot->index, templ, count);
    for (size_t i = range.begin; i < range.end; i++) {
        const P11dObject *object = snapshot->index.sorted[range.order][i];
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
    if (handles->count == handles->capacity) {
        const size_t wanted = handles->capacity > 0 ? 2 * handles->capacity : 16;
        CK_OBJECT_HANDLE *items = reallocarray(handles->items, wanted, sizeof *items);
        if (!items)
            return CKR_HOST_MEMORY;
        handles->items = items;
        handles->capacity = wanted;
    }
    handles->items[handles->count++] = handle;
    return CKR_OK;
}

void p11d_handles_clear(P11dHandles *handles)
{
    free(handles->items);
    p11d_handles_init(handles);
}
