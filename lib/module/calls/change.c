// SPDX-License-Identifier: MIT
#include "change.h"

#include "attachment.h"
#include "outcome.h"

static const P11dOrderRow set_attributes = {"SetAttributes", P11D_CALL_TIMEOUT};
static const P11dOrderRow destroy_object = {"DestroyObject", P11D_CALL_TIMEOUT};

/* Whether the object may be changed so from that session; permission: the attribute that says so.
 */
static CK_RV check(const P11dSession *session, CK_OBJECT_HANDLE handle,
                   CK_ATTRIBUTE_TYPE permission)
{
    const P11dObject *object = p11d_listing_find(session->token, handle);
    if (!object)
        return CKR_OBJECT_HANDLE_INVALID;
    const CK_RV rv = p11d_order_may_write(session, p11d_object_boolean(object, CKA_TOKEN));
    if (rv != CKR_OK || object->draft)
        return rv;
    return p11d_object_boolean(object, permission) ? CKR_OK : CKR_ACTION_PROHIBITED;
}

CK_RV p11d_change_set(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object,
                      const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    P11dToken *token = session->token;
    P11dOrder order = {.row = &set_attributes, .objects = {object}};
    CK_RV rv = p11d_order_template(templ, count, &order.arguments.templates[0]);
    if (rv == CKR_OK)
        rv = check(session, object, CKA_MODIFIABLE);
    if (rv == CKR_OK)
        rv = p11d_order_give(token, &order);
    if (rv == CKR_OK)
        p11d_outcome_changed(token, order.moment, object, &order.arguments.templates[0]);
    return rv;
}

static CK_RV destroy(P11dToken *token, CK_OBJECT_HANDLE object)
{
    P11dOrder order = {.row = &destroy_object, .objects = {object}};
    const CK_RV rv = p11d_order_give(token, &order);
    if (rv != CKR_OK)
        return rv;
    p11d_outcome_destroyed(token, order.moment, order.arguments.objects[0]);
    p11d_session_disown(token, object);
    return CKR_OK;
}

CK_RV p11d_change_destroy(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    const CK_RV rv = check(session, object, CKA_DESTROYABLE);
    return rv == CKR_OK ? destroy(session->token, object) : rv;
}

void p11d_change_discard(P11dToken *token, const CK_OBJECT_HANDLE *objects, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        p11d_attachment_look(token);
        if (!token->connection.control)
            return; /* then they are gone with the client */
        if (p11d_listing_find(token, objects[i]))
            destroy(token, objects[i]);
    }
}
