// SPDX-License-Identifier: MIT
#include "sessionobject.h"

#include "keyring.h"

bool p11d_sessionobject_is(uint64_t id)
{
    return id >= P11D_SESSIONSTORE_FIRST_ID;
}

CK_RV p11d_sessionobject_add(P11dKeyView *view, P11dTemplate *templ, P11dServedKey *key,
                             uint64_t *id)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = p11d_template_set_boolean(templ, CKA_TOKEN, false);

    pthread_mutex_lock(&ring->lock);
    bool hidden = p11d_keyring_needs_login(ring) && !(view->logged_in && view->proved);
    if (rv == CKR_OK && hidden && p11d_template_boolean(templ, CKA_PRIVATE, false))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = p11d_sessionstore_add(&view->session, templ, key,
                                   P11D_SESSIONSTORE_FIRST_ID + ring->session_count,
                                   ring->clock + 1);
    if (rv == CKR_OK) {
        ring->clock++;
        *id = P11D_SESSIONSTORE_FIRST_ID + ring->session_count++;
    }
    pthread_mutex_unlock(&ring->lock);
    if (rv != CKR_OK)
        p11d_servedkey_unref(key);
    p11d_template_clear(templ);
    return rv;
}

CK_RV p11d_sessionobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ,
                             P11dServedKey **key)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_OK;
    *key = NULL;
    pthread_mutex_lock(&ring->lock);
    const P11dSessionObject *object = p11d_sessionstore_find(&view->session, id);
    for (CK_ULONG i = 0; object && i < object->templ.count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = &object->templ.items[i];
        rv = p11d_template_set(templ, item->type, item->pValue, item->ulValueLen);
    }
    if (object && object->key && rv == CKR_OK)
        *key = p11d_servedkey_ref(object->key);
    pthread_mutex_unlock(&ring->lock);
    return object ? rv : CKR_OBJECT_HANDLE_INVALID;
}

CK_RV p11d_sessionobject_set(P11dKeyView *view, uint64_t id, P11dTemplate *templ)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_OBJECT_HANDLE_INVALID;
    pthread_mutex_lock(&ring->lock);
    P11dSessionObject *object = p11d_sessionstore_find(&view->session, id);
    if (object)
        rv = p11d_sessionstore_change(&view->session, object, templ, ring->clock + 1);
    ring->clock += rv == CKR_OK;
    pthread_mutex_unlock(&ring->lock);
    p11d_template_clear(templ);
    return rv;
}

void p11d_sessionobject_destroy_all(P11dKeyView *view)
{
    pthread_mutex_lock(&view->ring->lock);
    p11d_sessionstore_clear(&view->session);
    view->since = ++view->ring->clock;
    pthread_mutex_unlock(&view->ring->lock);
}

CK_RV p11d_sessionobject_destroy(P11dKeyView *view, uint64_t id)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_OBJECT_HANDLE_INVALID;
    pthread_mutex_lock(&ring->lock);
    P11dSessionObject *object = p11d_sessionstore_find(&view->session, id);
    if (object)
        rv = p11d_template_boolean(&object->templ, CKA_DESTROYABLE, true) ? CKR_OK
                                                                          : CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        p11d_sessionstore_remove(&view->session, object, ++ring->clock);
    pthread_mutex_unlock(&ring->lock);
    return rv;
}
