// SPDX-License-Identifier: MIT
#include "sessionobject.h"

#include "keyring.h"
#include "keytemplate.h"
#include "keyuse.h"

bool p11d_sessionobject_is(uint64_t id)
{
    return id >= P11D_SESSIONSTORE_FIRST_ID;
}

/* What was asked for of a key, but for what it cannot do. */
static CK_RV tell_uses(P11dTemplate *templ, const P11dServedKey *key)
{
    CK_OBJECT_CLASS class = p11d_template_number(templ, CKA_CLASS, CKO_DATA);
    return key ? p11d_keyuse_tell(templ, class, key, true) : CKR_OK;
}

/* The bytes that the user of view may still have, with all clients. With the lock held. */
static size_t room_of(const P11dKeyView *view)
{
    size_t held = 0;
    for (const P11dKeyView *other = view->ring->views; other; other = other->next)
        held += other->uid == view->uid ? other->session.size : 0;
    return held < P11D_SESSIONSTORE_USER_BYTES ? P11D_SESSIONSTORE_USER_BYTES - held : 0;
}

CK_RV p11d_sessionobject_add(P11dKeyView *view, P11dTemplate *templ, P11dServedKey *key,
                             uint64_t *id)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = p11d_template_set_boolean(templ, CKA_TOKEN, false);
    if (rv == CKR_OK)
        rv = tell_uses(templ, key);

    pthread_mutex_lock(&ring->lock);
    if (rv == CKR_OK && !p11d_keyring_sees_private(view) &&
        p11d_template_boolean(templ, CKA_PRIVATE, false))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = p11d_sessionstore_add(&view->session, templ, key,
                                   P11D_SESSIONSTORE_FIRST_ID + ring->next_session, ring->clock + 1,
                                   room_of(view));
    if (rv == CKR_OK) {
        ring->clock++;
        *id = P11D_SESSIONSTORE_FIRST_ID + ring->next_session++;
    }
    pthread_mutex_unlock(&ring->lock);
    if (rv != CKR_OK)
        p11d_servedkey_unref(key);
    p11d_template_clear(templ);
    return rv;
}

static CK_RV copy(P11dTemplate *templ, const CK_ATTRIBUTE *items, CK_ULONG count)
{
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++)
        rv = p11d_template_set(templ, items[i].type, items[i].pValue, items[i].ulValueLen);
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
    if (object)
        rv = copy(templ, object->templ.items, object->templ.count);
    if (object && object->key && rv == CKR_OK)
        *key = p11d_servedkey_ref(object->key);
    pthread_mutex_unlock(&ring->lock);
    return object ? rv : CKR_OBJECT_HANDLE_INVALID;
}

/* Under one lock: of two changes at once both are made, each held against the other. */
CK_RV p11d_sessionobject_change(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                                CK_ULONG count)
{
    P11dKeyRing *ring = view->ring;
    P11dTemplate templ;
    CK_RV rv = CKR_OBJECT_HANDLE_INVALID;
    p11d_template_init(&templ);
    pthread_mutex_lock(&ring->lock);
    P11dSessionObject *object = p11d_sessionstore_find(&view->session, id);
    if (object)
        rv = copy(&templ, object->templ.items, object->templ.count);
    if (rv == CKR_OK)
        rv = p11d_keytemplate_check_change(&templ, items, count, P11D_KEYTEMPLATE_CHANGE);
    if (rv == CKR_OK)
        rv = copy(&templ, items, count);
    if (rv == CKR_OK)
        rv = tell_uses(&templ, object->key);
    if (rv == CKR_OK)
        rv = p11d_sessionstore_change(&view->session, object, &templ, ring->clock + 1,
                                      room_of(view));
    ring->clock += rv == CKR_OK;
    pthread_mutex_unlock(&ring->lock);
    p11d_template_clear(&templ);
    return rv;
}

void p11d_sessionobject_destroy_all(P11dKeyView *view)
{
    P11dHeldStream *ended = NULL;
    pthread_mutex_lock(&view->ring->lock);
    p11d_sessionstore_clear(&view->session);
    p11d_keyview_end_streams(view, view->ring->set, &ended);
    view->since = ++view->ring->clock;
    pthread_mutex_unlock(&view->ring->lock);
    p11d_keystreams_free(ended);
}

CK_RV p11d_sessionobject_destroy(P11dKeyView *view, uint64_t id)
{
    P11dKeyRing *ring = view->ring;
    P11dHeldStream *ended = NULL;
    pthread_mutex_lock(&ring->lock);
    P11dSessionObject *object = p11d_sessionstore_find(&view->session, id);
    if (object) {
        p11d_sessionstore_remove(&view->session, object, ++ring->clock);
        p11d_keyview_end_streams(view, ring->set, &ended);
    }
    pthread_mutex_unlock(&ring->lock);
    p11d_keystreams_free(ended);
    return object ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}
