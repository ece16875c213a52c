// SPDX-License-Identifier: MIT
#include "tokenobject.h"

#include <string.h>

#include "attribute.h"
#include "keyedit.h"
#include "keyring.h"
#include "keytemplate.h"
#include "residue.h"

CK_RV p11d_tokenobject_check(P11dKeyView *view, bool private)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = p11d_keyring_permits_writing(view);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&ring->lock);
    bool missing = private && p11d_keyring_needs_login(ring) && !view->passphrase.data;
    pthread_mutex_unlock(&ring->lock);
    return missing ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

bool p11d_tokenobject_passphrase(P11dKeyView *view, P11dSecret *passphrase)
{
    bool ok = true;
    pthread_mutex_lock(&view->ring->lock);
    if (view->passphrase.data && p11d_keyring_needs_login(view->ring))
        ok = p11d_secret_set(passphrase, view->passphrase.data, view->passphrase.size);
    pthread_mutex_unlock(&view->ring->lock);
    return ok;
}

/* Reads marshalled attributes. */
static CK_RV read_attributes(const P11dKeyObject *object, P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, object->size + 64);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_raw(&writer, object->attributes, object->size);
    p11d_writer_array_end(&writer, array);
    CK_RV rv = CKR_HOST_MEMORY;
    if (p11d_writer_ok(&writer)) {
        p11d_reader_init(&reader, buffer.data, buffer.size, false);
        rv = p11d_attribute_read_all(&reader, templ);
    }
    p11d_buffer_clear(&buffer);
    return rv;
}

CK_RV p11d_tokenobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ, P11dServedKey **key)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_OBJECT_HANDLE_INVALID;
    *key = NULL;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dKeyObject *object = row ? p11d_keyring_object(view, row) : NULL;
    P11dServedKey *found = object ? p11d_keyview_key(view, row) : NULL;
    if (object)
        rv = read_attributes(object, templ);
    if (rv == CKR_OK && found)
        *key = p11d_servedkey_ref(found);
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

/* The object that is changed: its entry is referenced. */
typedef struct Target {
    P11dKeyEntry *entry;
    int kind;
    uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE];
} Target;

static CK_RV find_target(P11dKeyView *view, uint64_t id, Target *target)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dKeyObject *object = row ? p11d_keyring_object(view, row) : NULL;
    if (object) {
        *target = (Target){p11d_keyentry_ref(row->entry), row->kind, {0}};
        memcpy(target->identity, object->identity, sizeof target->identity);
    }
    pthread_mutex_unlock(&ring->lock);
    return object ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

/* Whether the change may be made; anew: whatever it is. With the writing lock held, so that it
 * stays so. */
static CK_RV check_change(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items, CK_ULONG count,
                          bool anew)
{
    P11dServedKey *key;
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_tokenobject_get(view, id, &templ, &key);
    if (rv == CKR_OK && !p11d_template_boolean(&templ, CKA_MODIFIABLE, true))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK && !anew)
        rv = p11d_keytemplate_check_change(&templ, items, count, P11D_KEYTEMPLATE_CHANGE);
    p11d_servedkey_unref(key);
    p11d_template_clear(&templ);
    return rv;
}

static CK_RV set(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items, CK_ULONG count,
                 bool anew)
{
    Target target;
    P11dSecret passphrase = P11D_SECRET_INIT;
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_keyring_begin_writing(view->ring);
    if (rv != CKR_OK)
        return rv;
    rv = check_change(view, id, items, count, anew);
    if (rv == CKR_OK)
        rv = find_target(view, id, &target);
    if (rv == CKR_OK) {
        rv =
            p11d_tokenobject_passphrase(view, &passphrase)
                ? p11d_keyedit_set(view->ring, target.entry, target.kind, items, count, &passphrase)
                : CKR_HOST_MEMORY;
        p11d_keyentry_unref(target.entry);
    }
    p11d_keyring_end_writing(view->ring);
    p11d_secret_clear(&passphrase);
    p11d_residue_wipe_stack();
    return rv;
}

CK_RV p11d_tokenobject_say(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                           CK_ULONG count)
{
    return set(view, id, items, count, true);
}

CK_RV p11d_tokenobject_change(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                              CK_ULONG count)
{
    return set(view, id, items, count, false);
}

CK_RV p11d_tokenobject_destroy(P11dKeyView *view, uint64_t id)
{
    Target target;
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_keyring_begin_writing(view->ring);
    if (rv != CKR_OK)
        return rv;
    rv = find_target(view, id, &target);
    if (rv == CKR_OK) {
        rv = p11d_keyedit_destroy(view->ring, target.entry, target.kind, target.identity);
        p11d_keyentry_unref(target.entry);
    }
    p11d_keyring_end_writing(view->ring);
    p11d_residue_wipe_stack();
    return rv;
}
