// SPDX-License-Identifier: MIT
#include "update.h"

#include <stdlib.h>

void p11d_update_init(P11dUpdate *update, const P11dTerms *terms)
{
    *update = (P11dUpdate){.terms = terms};
}

void p11d_update_clear(P11dUpdate *update)
{
    for (size_t i = 0; i < update->fresh.count; i++)
        p11d_object_free(update->fresh.sorted[P11D_INDEX_BY_ID][i]);
    for (size_t i = 0; i < update->leaving_count; i++)
        p11d_object_free(update->leaving[i]);
    p11d_index_clear(&update->fresh);
    free(update->leaving);
    free(update->places);
    free(update->gone);
    p11d_update_init(update, update->terms);
}

static bool is_hidden(const P11dTerms *terms, const P11dObject *object)
{
    for (size_t i = 0; i < terms->hidden_count; i++)
        if (terms->hidden[i] == object->derived.key_type)
            return object->derived.key_type != CK_UNAVAILABLE_INFORMATION;
    return false;
}

static CK_RV add_gone(P11dUpdate *update, uint64_t id)
{
    if (update->gone_count == update->gone_capacity) {
        const size_t wanted = update->gone_capacity > 0 ? 2 * update->gone_capacity : 16;
        uint64_t *gone = reallocarray(update->gone, wanted, sizeof *gone);
        if (!gone)
            return CKR_HOST_MEMORY;
        update->gone = gone;
        update->gone_capacity = wanted;
    }
    update->gone[update->gone_count++] = id;
    return CKR_OK;
}

static CK_RV read_object(P11dUpdate *update, P11dReader *objects)
{
    uint64_t id;
    if (!p11d_reader_struct(objects) || !p11d_reader_uint64(objects, &id) || id == 0)
        return CKR_DEVICE_ERROR;
    if (update->fresh.count + update->skipped >= P11D_UPDATE_MAX)
        return CKR_DEVICE_MEMORY;
    CK_RV rv = p11d_index_reserve(&update->fresh, update->fresh.count + 1);
    if (rv != CKR_OK)
        return rv;
    P11dObject *object;
    rv = p11d_object_make(id, objects, &object);
    if (rv == CKR_OK && is_hidden(update->terms, object)) {
        p11d_object_free(object);
        return add_gone(update, id);
    }
    if (rv == CKR_OK) {
        object->token = update->terms->token;
        p11d_index_append(&update->fresh, object);
        return CKR_OK;
    }
    if (rv == CKR_HOST_MEMORY || !p11d_reader_ok(objects))
        return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
    update->skipped++;
    return add_gone(update, id);
}

static int compare_ids(const void *a, const void *b)
{
    const uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Sorts what was read, and makes the room that p11d_snapshot_apply needs. */
static CK_RV finish(P11dUpdate *update)
{
    if (update->gone_count > 1)
        qsort(update->gone, update->gone_count, sizeof *update->gone, compare_ids);
    if (!p11d_index_sort(&update->fresh))
        return CKR_DEVICE_ERROR;
    const size_t most = update->complete ? 0 : update->gone_count + update->fresh.count;
    update->leaving = calloc(most > 0 ? most : 1, sizeof(P11dObject *));
    update->places = calloc(most > 0 ? most : 1, sizeof *update->places);
    return update->leaving && update->places ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV p11d_update_read(P11dUpdate *update, P11dReader *body)
{
    P11dReader objects, removed;
    uint64_t id;
    CK_RV rv = CKR_OK;
    if (!p11d_reader_uint64(body, &update->generation) ||
        !p11d_reader_boolean(body, &update->complete) || !p11d_reader_array(body, 8, &objects) ||
        !p11d_reader_array(body, 8, &removed) || update->generation == 0)
        return CKR_DEVICE_ERROR;
    while (rv == CKR_OK && !p11d_reader_at_end(&objects))
        rv = read_object(update, &objects);
    while (rv == CKR_OK && !p11d_reader_at_end(&removed))
        rv = p11d_reader_uint64(&removed, &id) ? add_gone(update, id) : CKR_DEVICE_ERROR;
    return rv == CKR_OK ? finish(update) : rv;
}
