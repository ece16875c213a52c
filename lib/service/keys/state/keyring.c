// SPDX-License-Identifier: MIT
#include "keyring.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "keystore.h"
#include "keyuse.h"
#include "log.h"
#include "residue.h"
#include "trail.h"

/* Remembers what is in old and not in fresh. With the lock held. Returns whether there was any. */
static bool remember_gone(P11dKeyRing *ring, const P11dKeySet *old, const P11dKeySet *fresh,
                          uint64_t generation)
{
    bool any = false;
    for (size_t i = 0; i < old->row_count; i++) {
        if (p11d_keyset_find(fresh, old->rows[i].id))
            continue;
        p11d_keyhistory_add(&ring->history, old->rows[i].id, generation);
        any = true;
    }
    return any;
}

/* Tells of the keys, and of the certificates beside or without them, that are in some and not in
 * others (NULL: none). The public half of a key goes without saying. */
static void tell_difference(P11dKeyRing *ring, const char *what, const P11dKeySet *some,
                            const P11dKeySet *others)
{
    if (!p11d_log_is_verbose())
        return;
    for (size_t i = 0; i < some->row_count; i++) {
        const P11dKeySetRow *row = &some->rows[i];
        bool said =
            row->kind == P11D_KEY_OBJECT_PUBLIC && row->entry->objects[P11D_KEY_OBJECT_PRIVATE].id;
        bool told = row->kind <= P11D_KEY_OBJECT_CERTIFICATE &&
                    p11d_keyentry_class(row->kind) != CKO_DATA && !said;
        if (told && !(others && p11d_keyset_find(others, row->id)))
            p11d_trail_object(ring->name, what, p11d_keyentry_class(row->kind), row->entry->name);
    }
}

/* Has the keys that views opened told anew where their files have changed. With the lock held.
 * Returns whether any client sees a difference. */
static bool retell_opened(P11dKeyRing *ring, const P11dKeySet *fresh, uint64_t generation)
{
    bool any = false;
    for (P11dKeyView *view = ring->views; view; view = view->next) {
        for (size_t i = 0; i < view->opened_count; i++) {
            P11dOpenedKey *opened = &view->opened[i];
            const P11dKeySetRow *now = p11d_keyset_find(fresh, opened->id);
            const P11dKeySetRow *before = p11d_keyset_find(ring->set, opened->id);
            if (now && (!before || before->entry != now->entry))
                any = p11d_keyentry_retell(now->entry, opened, generation) || any;
        }
    }
    return any;
}

/* Has all clients list anew: with a first PIN, or without any, other objects are there for them.
 * With the lock held. */
static void begin_anew(P11dKeyRing *ring)
{
    ring->generation = ++ring->clock;
    for (P11dKeyView *view = ring->views; view; view = view->next)
        view->since = ring->generation;
}

/* Logs out whoever is logged in. With the lock held. */
static void end_now(P11dKeyView *view)
{
    P11dKeyRemains remains;
    p11d_keyview_end_login(view, &view->ring->clock, &remains);
    p11d_keyremains_clear(&remains);
}

bool p11d_keyring_end_proved(P11dKeyRing *ring)
{
    bool any = false;
    ring->pin_changes++;
    for (P11dKeyView *view = ring->views; view; view = view->next) {
        if (!view->proved)
            continue;
        end_now(view);
        any = true;
    }
    return any;
}

/* Whether what the view opened as id is sealed otherwise in fresh. */
static bool is_resealed(const P11dKeyRing *ring, const P11dKeySet *fresh, uint64_t id)
{
    const P11dKeySetRow *before = p11d_keyset_find(ring->set, id);
    const P11dKeyEntry *now = before ? p11d_keyset_find_name(fresh, before->entry->name) : NULL;
    return now && now != before->entry && now->locked.type &&
           !p11d_pem_equal(&now->locked, &before->entry->locked);
}

/* Logs those out who may write, and opened something that is encrypted otherwise in fresh, the set
 * that comes after the ring's: nobody here did that, and what they make is not to be encrypted with
 * a passphrase that is none any more. Returns whether there was any. With the lock held. */
static bool end_resealed(P11dKeyRing *ring, const P11dKeySet *fresh)
{
    bool any = false;
    for (P11dKeyView *view = ring->views; view; view = view->next) {
        bool resealed = false;
        for (size_t i = 0; view->passphrase.data && i < view->opened_count && !resealed; i++)
            resealed = is_resealed(ring, fresh, view->opened[i].id);
        if (resealed)
            end_now(view);
        any = any || resealed;
    }
    return any;
}

/* Puts fresh in the place of the set. Returns P11dWorkerTokenChange bits. */
static unsigned take(P11dKeyRing *ring, P11dKeySet *fresh)
{
    const P11dKeySet *old = ring->set;
    P11dHeldStream *ended = NULL;
    unsigned change = fresh->has_locked != old->has_locked ? P11D_WORKER_TOKEN_PROPERTIES : 0;
    pthread_mutex_lock(&ring->lock);
    bool needed_login = p11d_keyring_needs_login(ring);
    if (!ring->alone && end_resealed(ring, fresh))
        change |= P11D_WORKER_TOKEN_OBJECTS;
    uint64_t generation = ring->clock + 1;
    bool any_fresh = p11d_keyset_publish(fresh, generation);
    bool any_gone = remember_gone(ring, old, fresh, generation);
    bool any_told = retell_opened(ring, fresh, generation);
    if (any_fresh || any_gone || any_told) {
        ring->generation = ring->clock = generation;
        change |= P11D_WORKER_TOKEN_OBJECTS;
    }
    ring->set = fresh;
    for (P11dKeyView *view = ring->views; view && any_gone; view = view->next)
        p11d_keyview_forget_gone(view, fresh);
    for (P11dKeyView *view = ring->views; view; view = view->next)
        p11d_keyview_end_streams(view, fresh, &ended);
    if (p11d_keyring_needs_login(ring) != needed_login) {
        begin_anew(ring);
        change |= P11D_WORKER_TOKEN_OBJECTS;
    }
    pthread_mutex_unlock(&ring->lock);
    p11d_keystreams_free(ended);
    return change;
}

/* Reads again what the directory keeps of its token, if that has changed. Returns
 * P11dWorkerTokenChange bits. */
static unsigned reread_state(P11dKeyRing *ring)
{
    P11dTokenState state = ring->state;
    if (!p11d_tokenstate_read(&state, ring->path))
        return 0;
    pthread_mutex_lock(&ring->lock);
    bool needed_login = p11d_keyring_needs_login(ring);
    bool ended = !ring->alone && !p11d_pinproof_equal(&state.user, &ring->state.user) &&
                 p11d_keyring_end_proved(ring);
    ring->state = state;
    bool other = p11d_keyring_needs_login(ring) != needed_login;
    if (other)
        begin_anew(ring);
    pthread_mutex_unlock(&ring->lock);
    return P11D_WORKER_TOKEN_PROPERTIES | (other || ended ? P11D_WORKER_TOKEN_OBJECTS : 0U);
}

/* Scans again and puts the new set in place. Only one thread does this, so the old set stays while
 * it looks at it. Returns P11dWorkerTokenChange bits. */
static unsigned rescan(P11dKeyRing *ring)
{
    P11dKeySet *old = ring->set;
    P11dKeySet *fresh = p11d_keyset_scan(old, ring->path, &ring->next_id, ring->writable);
    if (!fresh && errno != ENOMEM) {
        p11d_log("%s: %s; its keys are gone until it is back", ring->path, strerror(errno));
        fresh = p11d_keyset_empty();
    }
    if (!fresh) {
        p11d_log("%s: no memory to read it again; the keys stay as they were", ring->path);
        return 0;
    }
    unsigned change = take(ring, fresh) | reread_state(ring);
    change |= p11d_keyring_is_replaced(ring) ? P11D_WORKER_TOKEN_REPLACED : 0U;
    tell_difference(ring, "removed", old, fresh);
    tell_difference(ring, "added", fresh, old);
    p11d_keyset_free(old);
    p11d_residue_wipe_stack();
    return change;
}

unsigned p11d_keyring_refresh(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->reading);
    unsigned change = p11d_watch_read(&ring->watch) ? rescan(ring) : 0;
    change |= ring->untold;
    ring->untold = 0;
    pthread_mutex_unlock(&ring->reading);
    return change;
}

void p11d_keyring_reread(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->reading);
    ring->untold |= rescan(ring);
    pthread_mutex_unlock(&ring->reading);
}

void p11d_keyring_tell(P11dKeyRing *ring, unsigned change)
{
    pthread_mutex_lock(&ring->reading);
    ring->untold |= change;
    pthread_mutex_unlock(&ring->reading);
}

bool p11d_keyring_needs_login(const P11dKeyRing *ring)
{
    return ring->set->has_locked || ring->state.user.set;
}

bool p11d_keyring_sees_private(const P11dKeyView *view)
{
    return !p11d_keyring_needs_login(view->ring) || (view->logged_in && view->proved);
}

const P11dKeyObject *p11d_keyring_object(const P11dKeyView *view, const P11dKeySetRow *row)
{
    const P11dKeyObject *object = p11d_keyview_object(view, row);
    return object && object->private && !p11d_keyring_sees_private(view) ? NULL : object;
}

void p11d_keyring_stand(P11dKeyRing *ring, P11dKeyStanding *standing)
{
    pthread_mutex_lock(&ring->lock);
    *standing = (P11dKeyStanding){.needs_login = p11d_keyring_needs_login(ring),
                                  .writable = ring->writable};
    memcpy(standing->label, ring->state.label, sizeof standing->label);
    pthread_mutex_unlock(&ring->lock);
}

P11dKeyView *p11d_keyring_open_view(P11dKeyRing *ring, uid_t uid)
{
    P11dKeyView *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    view->ring = ring;
    view->uid = uid;
    pthread_mutex_lock(&ring->lock);
    view->since = ++ring->clock;
    view->next = ring->views;
    if (view->next)
        view->next->previous = view;
    ring->views = view;
    pthread_mutex_unlock(&ring->lock);
    return view;
}

void p11d_keyring_close_view(P11dKeyView *view)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    if (view->previous)
        view->previous->next = view->next;
    else
        ring->views = view->next;
    if (view->next)
        view->next->previous = view->previous;
    pthread_mutex_unlock(&ring->lock);
    p11d_openedkey_free(view->opened, view->opened_count);
    p11d_sessionstore_clear(&view->session);
    p11d_secret_clear(&view->passphrase);
    free(view);
}

/* With the lock held. */
static uint64_t current(const P11dKeyRing *ring, const P11dKeyView *view)
{
    uint64_t own = view->session.changed > view->since ? view->session.changed : view->since;
    return ring->generation > own ? ring->generation : own;
}

uint64_t p11d_keyring_generation(P11dKeyView *view)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    uint64_t generation = current(ring, view);
    pthread_mutex_unlock(&ring->lock);
    return generation;
}

static void write_object(P11dWriter *writer, const P11dKeyObject *object)
{
    p11d_writer_struct(writer);
    p11d_writer_uint64(writer, object->id);
    P11dArray attributes = p11d_writer_array_begin(writer, 8);
    p11d_writer_raw(writer, object->attributes, object->size);
    p11d_writer_array_end(writer, attributes);
}

/* Writes what this view sees of what came after known. In the order of names, which people see. */
static void write_objects(const P11dKeyRing *ring, const P11dKeyView *view, uint64_t known,
                          P11dWriter *writer)
{
    P11dArray objects = p11d_writer_array_begin(writer, 8);
    for (size_t i = 0; i < ring->set->count; i++) {
        P11dKeyEntry *entry = ring->set->entries[i];
        for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++) {
            const P11dKeySetRow row = {entry->objects[kind].id, entry, kind};
            const P11dKeyObject *object = row.id ? p11d_keyring_object(view, &row) : NULL;
            if (object && object->since > known)
                write_object(writer, object);
        }
    }
    for (size_t i = 0; i < view->session.count; i++) {
        if (view->session.objects[i].object.since > known)
            write_object(writer, &view->session.objects[i].object);
    }
    p11d_writer_array_end(writer, objects);
}

void p11d_keyring_list(P11dKeyView *view, uint64_t known, P11dWriter *writer)
{
    P11dKeyRing *ring = view->ring;

    pthread_mutex_lock(&ring->lock);
    uint64_t generation = current(ring, view);
    bool complete = known < view->since || !p11d_keyhistory_reaches(&ring->history, known) ||
                    !p11d_sessionstore_reaches(&view->session, known) || known > generation;
    p11d_writer_uint64(writer, generation);
    p11d_writer_boolean(writer, complete);
    write_objects(ring, view, complete ? 0 : known, writer);
    P11dArray removed = p11d_writer_array_begin(writer, 8);
    if (!complete)
        p11d_keyhistory_write(&ring->history, known, writer);
    if (!complete && view->session.history)
        p11d_keyhistory_write(view->session.history, known, writer);
    p11d_writer_array_end(writer, removed);
    pthread_mutex_unlock(&ring->lock);
}

bool p11d_keyring_label(P11dKeyView *view, uint64_t id, char label[P11D_WORKER_TOKEN_LABEL_SIZE])
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dSessionObject *own = p11d_sessionstore_find(&view->session, id);
    const CK_ATTRIBUTE *name = own ? p11d_template_find(&own->templ, CKA_LABEL) : NULL;
    if (row)
        snprintf(label, P11D_WORKER_TOKEN_LABEL_SIZE, "%s", row->entry->name);
    else
        snprintf(label, P11D_WORKER_TOKEN_LABEL_SIZE, "%.*s", name ? (int)name->ulValueLen : 0,
                 name && name->pValue ? (const char *)name->pValue : "");
    pthread_mutex_unlock(&ring->lock);
    return row || own;
}

/* The key behind row, and what is said of it. With the lock held. */
static P11dServedKey *find_key(const P11dKeyView *view, const P11dKeySetRow *row,
                               const P11dKeyObject **object, CK_OBJECT_CLASS *class)
{
    *object = p11d_keyring_object(view, row);
    *class = p11d_keyentry_class(row->kind);
    return *object ? p11d_keyview_key(view, row) : NULL;
}

CK_RV p11d_keyring_find(P11dKeyView *view, uint64_t id, CK_ATTRIBUTE_TYPE use, P11dServedKey **key,
                        CK_OBJECT_CLASS *class)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_KEY_HANDLE_INVALID;
    const P11dKeyObject *object = NULL;
    P11dServedKey *found = NULL;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dSessionObject *own = p11d_sessionstore_find(&view->session, id);
    if (row) {
        found = find_key(view, row, &object, class);
    } else if (own) {
        object = &own->object;
        found = own->key;
        *class = own->class;
    }
    if (found)
        rv = p11d_keyobject_permits(object, use) && p11d_keyuse_is(*class, found, use)
                 ? CKR_OK
                 : CKR_KEY_FUNCTION_NOT_PERMITTED;
    if (rv == CKR_OK)
        *key = p11d_servedkey_ref(found);
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

void p11d_keyring_init(P11dKeyRing *ring, P11dWorkerTokenWriters writers)
{
    *ring = (P11dKeyRing){.watch.fd = -1,
                          .store = -1,
                          .writers = writers,
                          .writable = writers != P11D_WORKER_TOKEN_NOBODY};
    pthread_mutex_init(&ring->writing, NULL);
    pthread_mutex_init(&ring->reading, NULL);
    pthread_mutex_init(&ring->lock, NULL);
}

/* Where the ids of objects begin: not where they did in another run, whose ids are therefore those
 * of no object here, whoever still has them. */
static bool begin_ids(P11dKeyRing *ring)
{
    uint32_t epoch;
    if (getrandom(&epoch, sizeof epoch, 0) != sizeof epoch)
        return false;
    const uint64_t first = (uint64_t)(epoch >> 1) << 32; /* below P11D_SESSIONSTORE_FIRST_ID */
    ring->next_id = first + 1;
    ring->next_session = first;
    return true;
}

/* Completes or removes what a writer that was killed left, unless another one is at it. */
static void tidy(const P11dKeyRing *ring)
{
    int lock;
    if (ring->writable && p11d_keystore_lock(ring->path, 0, &lock) == CKR_OK) {
        p11d_keychange_finish(ring->path);
        p11d_keystore_unlock(lock);
    } else if (p11d_keychange_is_pending(ring->path)) {
        p11d_log("%s: a change of its files was interrupted, a PIN's for one; who may write there "
                 "(serve --writable) completes it",
                 ring->path);
    }
}

bool p11d_keyring_open(P11dKeyRing *ring, char *path, const char *name)
{
    struct timespec now;

    ring->path = path;
    ring->name = name;
    clock_gettime(CLOCK_REALTIME, &now);
    ring->clock = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (!begin_ids(ring))
        return false;
    tidy(ring);
    p11d_tokenstate_read(&ring->state, ring->path);
    /* Watched before it is read, so that nothing is missed in between. */
    if (!p11d_watch_init(&ring->watch, ring->path))
        return false;
    p11d_keyring_is_replaced(ring);
    ring->generation = ++ring->clock;
    ring->set = p11d_keyset_scan(NULL, ring->path, &ring->next_id, ring->writable);
    p11d_residue_wipe_stack();
    if (!ring->set)
        return false;
    tell_difference(ring, "added", ring->set, NULL);
    p11d_keyset_publish(ring->set, ring->generation);
    return true;
}

void p11d_keyring_clear(P11dKeyRing *ring)
{
    p11d_watch_clear(&ring->watch);
    p11d_keyset_free(ring->set);
    pthread_mutex_destroy(&ring->writing);
    pthread_mutex_destroy(&ring->reading);
    pthread_mutex_destroy(&ring->lock);
    free(ring->path);
}
