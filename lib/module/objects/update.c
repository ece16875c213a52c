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
    p11d_ids_clear(&update->gone);
    p11d_update_init(update, update->terms);
}

static bool is_hidden(const P11dTerms *terms, const P11dObject *object)
{
    for (size_t i = 0; i < terms->hidden_count; i++)
        if (terms->hidden[i] == object->derived.key_type)
            return object->derived.key_type != CK_UNAVAILABLE_INFORMATION;
    return false;
}

CK_RV p11d_update_remove(P11dUpdate *update, uint64_t id)
{
    return p11d_ids_append(&update->gone, id);
}

static CK_RV make_room(P11dUpdate *update)
{
    return update->fresh.count + update->skipped >= P11D_UPDATE_MAX
               ? CKR_DEVICE_MEMORY
               : p11d_index_reserve(&update->fresh, update->fresh.count + 1);
}

/* Takes the object, for which there is room, unless it is to be hidden. */
static CK_RV take(P11dUpdate *update, P11dObject *object)
{
    if (is_hidden(update->terms, object)) {
        const uint64_t id = object->id;
        p11d_object_free(object);
        return p11d_update_remove(update, id);
    }
    object->token = update->terms->token;
    p11d_index_append(&update->fresh, object);
    return CKR_OK;
}

CK_RV p11d_update_add(P11dUpdate *update, uint64_t id, P11dReader *attributes)
{
    P11dObject *object;
    CK_RV rv = make_room(update);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_object_make(id, attributes, &object);
    if (rv == CKR_OK)
        return take(update, object);
    if (rv == CKR_HOST_MEMORY || !p11d_reader_ok(attributes))
        return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
    update->skipped++;
    return p11d_update_remove(update, id);
}

CK_RV p11d_update_draft(P11dUpdate *update, const P11dDraft *draft)
{
    P11dObject *object;
    CK_RV rv = make_room(update);
    if (rv == CKR_OK)
        rv = p11d_object_outline(draft, &object);
    return rv == CKR_OK ? take(update, object) : rv;
}

static CK_RV read_object(P11dUpdate *update, P11dReader *objects)
{
    uint64_t id;
    if (!p11d_reader_struct(objects) || !p11d_reader_uint64(objects, &id) || id == 0)
        return CKR_DEVICE_ERROR;
    return p11d_update_add(update, id, objects);
}

CK_RV p11d_update_finish(P11dUpdate *update)
{
    p11d_ids_sort(&update->gone);
    if (!p11d_index_sort(&update->fresh))
        return CKR_DEVICE_ERROR;
    const size_t most = update->complete ? 0 : update->gone.count + update->fresh.count;
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
        rv = p11d_reader_uint64(&removed, &id) ? p11d_update_remove(update, id) : CKR_DEVICE_ERROR;
    return rv == CKR_OK ? p11d_update_finish(update) : rv;
}
