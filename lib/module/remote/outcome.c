// SPDX-License-Identifier: MIT
#include "outcome.h"

/* Puts drafts in. *entered: whether that was possible. */
static CK_RV enter(P11dToken *token, P11dMoment moment, const P11dDraft *drafts, size_t count,
                   bool *entered)
{
    P11dUpdate update;
    CK_RV rv = CKR_OK;
    *entered = false;
    for (size_t i = 0; i < count; i++) {
        if (drafts[i].object_class == CK_UNAVAILABLE_INFORMATION)
            return CKR_OK;
    }
    p11d_update_init(&update, &token->snapshot.terms);
    for (size_t i = 0; i < count && rv == CKR_OK; i++)
        rv = p11d_update_draft(&update, &drafts[i]);
    if (rv == CKR_OK)
        rv = p11d_update_finish(&update);
    if (rv == CKR_OK)
        rv = p11d_listing_enter(token, moment, &update, entered);
    p11d_update_clear(&update);
    return rv;
}

CK_RV p11d_outcome_made(P11dToken *token, P11dMoment moment, const P11dDraft *drafts, size_t count,
                        CK_OBJECT_HANDLE *handles)
{
    bool entered;
    CK_RV rv = enter(token, moment, drafts, count, &entered);
    token->stale = true;
    if (rv == CKR_OK && !entered)
        rv = p11d_listing_look(token);
    if (rv == CKR_OK && moment.epoch != token->connection.epoch)
        rv = CKR_DEVICE_ERROR; /* the same ids would be objects of another run */
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        const P11dObject *object = p11d_snapshot_find_id(&token->snapshot, drafts[i].id);
        rv = object ? CKR_OK : CKR_DEVICE_ERROR;
    }
    for (size_t i = 0; i < count && rv == CKR_OK; i++)
        handles[i] = p11d_snapshot_find_id(&token->snapshot, drafts[i].id)->handle;
    return rv;
}

void p11d_outcome_destroyed(P11dToken *token, P11dMoment moment, uint64_t id)
{
    P11dUpdate update;
    bool entered;
    p11d_update_init(&update, &token->snapshot.terms);
    if (p11d_update_remove(&update, id) == CKR_OK && p11d_update_finish(&update) == CKR_OK)
        p11d_listing_enter(token, moment, &update, &entered);
    p11d_update_clear(&update);
    token->stale = true;
}

void p11d_outcome_changed(P11dToken *token, P11dMoment moment, CK_OBJECT_HANDLE handle,
                          const P11dTemplateArgument *templ)
{
    const P11dObject *object = p11d_listing_find(token, handle);
    P11dUpdate update;
    bool entered = false;
    token->stale = true;
    if (!object || object->draft || moment.epoch != token->connection.epoch)
        return;
    p11d_update_init(&update, &token->snapshot.terms);
    const CK_RV rv = p11d_snapshot_modify(&token->snapshot, moment.snapshot, &update, handle,
                                          templ->items, templ->count, &entered);
    p11d_update_clear(&update);
    if (rv != CKR_OK || !entered)
        p11d_listing_look(token);
}
