// SPDX-License-Identifier: MIT
#include "keytoken.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "activity.h"
#include "brake.h"
#include "keyhistory.h"
#include "keyproperties.h"
#include "keyview.h"
#include "log.h"
#include "residue.h"
#include "watch.h"

typedef struct KeyToken {
    P11dWorkerToken base;
    char *path; /* of the directory, absolute */
    P11dKeyProperties properties;
    P11dWatch watch;
    uint64_t next_id;     /* the scanning thread's */
    pthread_mutex_t lock; /* of what follows, and of all views */
    P11dKeySet *set;
    P11dKeyView *views;  /* all there are */
    uint64_t clock;      /* the last generation given to anybody */
    uint64_t generation; /* of set */
    P11dKeyHistory history;
    P11dBrake brake;
} KeyToken;

static KeyToken *token_of(P11dView *view)
{
    return (KeyToken *)(void *)view->token;
}

static P11dKeyView *view_of(P11dView *view)
{
    return (P11dKeyView *)(void *)view;
}

/* --- the directory --- */

/* Remembers what is in old and not in fresh. With the lock held. Returns whether there was any. */
static bool remember_gone(KeyToken *token, const P11dKeySet *old, const P11dKeySet *fresh,
                          uint64_t generation)
{
    bool any = false;
    for (size_t i = 0; i < old->row_count; i++) {
        if (p11d_keyset_find(fresh, old->rows[i].id))
            continue;
        p11d_keyhistory_add(&token->history, old->rows[i].id, generation);
        any = true;
    }
    return any;
}

/* Tells of the keys, and of the certificates beside or without them, that are in some and not in
 * others (NULL: none). The public half of a key goes without saying. */
static void tell_difference(KeyToken *token, const char *what, const P11dKeySet *some,
                            const P11dKeySet *others)
{
    static const CK_OBJECT_CLASS classes[P11D_KEY_OBJECT_KINDS] = {
        [P11D_KEY_OBJECT_PRIVATE] = CKO_PRIVATE_KEY,
        [P11D_KEY_OBJECT_PUBLIC] = CKO_PUBLIC_KEY,
        [P11D_KEY_OBJECT_CERTIFICATE] = CKO_CERTIFICATE,
    }; /* 0: of which nothing is told */
    if (!p11d_log_is_verbose())
        return;
    for (size_t i = 0; i < some->row_count; i++) {
        const P11dKeySetRow *row = &some->rows[i];
        bool said =
            row->kind == P11D_KEY_OBJECT_PUBLIC && row->entry->objects[P11D_KEY_OBJECT_PRIVATE].id;
        if (classes[row->kind] != 0 && !said && !(others && p11d_keyset_find(others, row->id)))
            p11d_activity_object(&token->base, what, classes[row->kind], row->entry->name);
    }
}

/* Scans again and puts the new set in place. Only one thread does this, so the old set stays while
 * it looks at it. Returns P11dWorkerTokenChange bits. */
static unsigned rescan(KeyToken *token)
{
    P11dKeySet *old = token->set;
    P11dKeySet *fresh = p11d_keyset_scan(old, token->path, &token->next_id);
    if (!fresh && errno != ENOMEM) {
        p11d_log("%s: %s; its keys are gone until it is back", token->path, strerror(errno));
        fresh = p11d_keyset_empty();
    }
    if (!fresh) {
        p11d_log("%s: no memory to read it again; the keys stay as they were", token->path);
        return 0;
    }

    unsigned change = fresh->has_locked != old->has_locked ? P11D_WORKER_TOKEN_PROPERTIES : 0;
    pthread_mutex_lock(&token->lock);
    uint64_t generation = token->clock + 1;
    bool any_fresh = p11d_keyset_publish(fresh, generation);
    bool any_gone = remember_gone(token, old, fresh, generation);
    if (any_fresh || any_gone) {
        token->generation = token->clock = generation;
        change |= P11D_WORKER_TOKEN_OBJECTS;
    }
    token->set = fresh;
    for (P11dKeyView *view = token->views; view && any_gone; view = view->next)
        p11d_keyview_forget_gone(view, fresh);
    pthread_mutex_unlock(&token->lock);
    tell_difference(token, "removed", old, fresh);
    tell_difference(token, "added", fresh, old);
    p11d_keyset_free(old);
    p11d_residue_wipe_stack();
    return change;
}

static void write_properties(P11dWorkerToken *base, P11dWriter *writer)
{
    KeyToken *token = (KeyToken *)(void *)base;
    pthread_mutex_lock(&token->lock);
    bool has_locked = token->set->has_locked;
    pthread_mutex_unlock(&token->lock);
    p11d_keyproperties_write(&token->properties, has_locked, writer);
}

static unsigned dispatch(P11dWorkerToken *base)
{
    KeyToken *token = (KeyToken *)(void *)base;
    return p11d_watch_read(&token->watch) ? rescan(token) : 0;
}

/* --- views --- */

static P11dView *open_view(P11dWorkerToken *base, const P11dCredentials *credentials)
{
    KeyToken *token = (KeyToken *)(void *)base;
    P11dKeyView *view = calloc(1, sizeof *view);
    if (!view)
        return NULL;
    /* Whoever the supervisor lets in may use every key. */
    view->base.token = base;
    view->uid = credentials->uid;
    pthread_mutex_lock(&token->lock);
    view->since = ++token->clock;
    view->next = token->views;
    if (view->next)
        view->next->previous = view;
    token->views = view;
    pthread_mutex_unlock(&token->lock);
    return &view->base;
}

static void close_view(P11dView *base)
{
    KeyToken *token = token_of(base);
    P11dKeyView *view = view_of(base);
    pthread_mutex_lock(&token->lock);
    if (view->previous)
        view->previous->next = view->next;
    else
        token->views = view->next;
    if (view->next)
        view->next->previous = view->previous;
    pthread_mutex_unlock(&token->lock);
    p11d_openedkey_free(view->opened, view->opened_count);
    free(view);
}

/* With the lock held. */
static uint64_t current(const KeyToken *token, const P11dKeyView *view)
{
    return token->generation > view->since ? token->generation : view->since;
}

static uint64_t view_generation(P11dView *base)
{
    KeyToken *token = token_of(base);
    pthread_mutex_lock(&token->lock);
    uint64_t generation = current(token, view_of(base));
    pthread_mutex_unlock(&token->lock);
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
static void write_objects(const KeyToken *token, const P11dKeyView *view, uint64_t known,
                          P11dWriter *writer)
{
    P11dArray objects = p11d_writer_array_begin(writer, 8);
    for (size_t i = 0; i < token->set->count; i++) {
        P11dKeyEntry *entry = token->set->entries[i];
        for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++) {
            const P11dKeySetRow row = {entry->objects[kind].id, entry, kind};
            const P11dKeyObject *object = row.id ? p11d_keyview_object(view, &row) : NULL;
            if (object && object->since > known)
                write_object(writer, object);
        }
    }
    p11d_writer_array_end(writer, objects);
}

static void list(P11dView *base, uint64_t known, P11dWriter *writer)
{
    KeyToken *token = token_of(base);
    const P11dKeyView *view = view_of(base);

    pthread_mutex_lock(&token->lock);
    uint64_t generation = current(token, view);
    bool complete = known < view->since || !p11d_keyhistory_reaches(&token->history, known) ||
                    known > generation;
    p11d_writer_uint64(writer, generation);
    p11d_writer_boolean(writer, complete);
    write_objects(token, view, complete ? 0 : known, writer);
    P11dArray removed = p11d_writer_array_begin(writer, 8);
    if (!complete)
        p11d_keyhistory_write(&token->history, known, writer);
    p11d_writer_array_end(writer, removed);
    pthread_mutex_unlock(&token->lock);
}

/* --- login --- */

/* References to all entries with a locked key, for work without the lock. *count is 0 and the
 * result may be NULL if there are none; NULL with *count 1 if memory ran out. */
static P11dKeyEntry **locked_entries(KeyToken *token, size_t *count)
{
    pthread_mutex_lock(&token->lock);
    P11dKeyEntry **entries = calloc(token->set->count + 1, sizeof(P11dKeyEntry *));
    *count = 0;
    for (size_t i = 0; i < token->set->count && entries; i++) {
        if (token->set->entries[i]->locked.type)
            entries[(*count)++] = p11d_keyentry_ref(token->set->entries[i]);
    }
    pthread_mutex_unlock(&token->lock);
    if (!entries)
        *count = 1;
    return entries;
}

/* Tries pin on each entry. *opened takes those that it opens, *opened_count how many. */
static CK_RV unlock(const KeyToken *token, P11dKeyEntry **entries, size_t count, const uint8_t *pin,
                    size_t size, P11dOpenedKey **opened, size_t *opened_count)
{
    CK_RV rv = CKR_OK;
    *opened_count = 0;
    *opened = calloc(count, sizeof **opened);
    if (!*opened)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        rv = p11d_keyentry_unlock(entries[i], token->path, pin, size, &(*opened)[*opened_count]);
        if (rv == CKR_OK)
            (*opened_count)++;
        else if (rv == CKR_PIN_INCORRECT)
            rv = CKR_OK; /* perhaps it is that of another key */
    }
    return rv != CKR_OK ? rv : *opened_count == 0 ? CKR_PIN_INCORRECT : CKR_OK;
}

/* A login that opened nothing lasts as long as no key needs a passphrase: with one that came since
 * the client may log in. With the lock held. */
static bool is_logged_in(const KeyToken *token, const P11dKeyView *view)
{
    return view->logged_in && (view->opened_count > 0 || !token->set->has_locked);
}

/* Gives the view the opened keys, or leaves them to the caller. */
static CK_RV enter(KeyToken *token, P11dKeyView *view, P11dOpenedKey *opened, size_t count)
{
    CK_RV rv = CKR_OK;
    pthread_mutex_lock(&token->lock);
    if (is_logged_in(token, view)) {
        rv = CKR_USER_ALREADY_LOGGED_IN; /* by another call, meanwhile */
    } else {
        view->logged_in = true;
        view->since = ++token->clock;
        view->opened = opened;
        view->opened_count = count;
        for (size_t i = 0; i < count; i++) {
            for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++)
                opened[i].objects[kind].since = view->since;
        }
    }
    pthread_mutex_unlock(&token->lock);
    return rv;
}

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void count_failure(KeyToken *token, uid_t uid)
{
    pthread_mutex_lock(&token->lock);
    p11d_brake_failed(&token->brake, uid, monotonic_now());
    pthread_mutex_unlock(&token->lock);
}

/* The login where some key, of count entries, needs a passphrase. */
static CK_RV open_keys(KeyToken *token, P11dKeyView *view, P11dKeyEntry **entries, size_t count,
                       const uint8_t *pin, size_t size)
{
    size_t opened_count = 0;
    P11dOpenedKey *opened = NULL;

    pthread_mutex_lock(&token->lock);
    bool logged_in = is_logged_in(token, view);
    bool allowed = p11d_brake_allows(&token->brake, view->uid, monotonic_now());
    pthread_mutex_unlock(&token->lock);
    if (logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (!pin) /* no key asks by itself */
        return CKR_ARGUMENTS_BAD;
    if (!allowed)
        return CKR_FUNCTION_REJECTED;
    CK_RV rv = unlock(token, entries, count, pin, size, &opened, &opened_count);
    if (rv == CKR_OK)
        rv = enter(token, view, opened, opened_count);
    if (rv == CKR_PIN_INCORRECT)
        count_failure(token, view->uid);
    if (rv != CKR_OK)
        p11d_openedkey_free(opened, opened_count);
    return rv;
}

/* Where no key needs a passphrase there is nothing to open, and any PIN is right: programs log in
 * whether they must or not. */
static CK_RV login(P11dView *base, CK_USER_TYPE user, const uint8_t *pin, size_t size)
{
    KeyToken *token = token_of(base);
    P11dKeyView *view = view_of(base);
    size_t count;

    if (user == CKU_CONTEXT_SPECIFIC) /* no key here asks for it */
        return CKR_OPERATION_NOT_INITIALIZED;
    if (user != CKU_USER)
        return CKR_USER_TYPE_INVALID;
    P11dKeyEntry **entries = locked_entries(token, &count);
    CK_RV rv = CKR_HOST_MEMORY;
    if (entries)
        rv = count > 0 ? open_keys(token, view, entries, count, pin, size)
                       : enter(token, view, NULL, 0);
    for (size_t i = 0; i < count && entries; i++)
        p11d_keyentry_unref(entries[i]);
    free(entries);
    p11d_residue_wipe_stack();
    return rv;
}

static CK_RV logout(P11dView *base)
{
    KeyToken *token = token_of(base);
    P11dKeyView *view = view_of(base);

    pthread_mutex_lock(&token->lock);
    bool logged_in = view->logged_in;
    P11dOpenedKey *opened = view->opened;
    size_t count = view->opened_count;
    view->logged_in = false;
    view->opened = NULL;
    view->opened_count = 0;
    if (logged_in)
        view->since = ++token->clock;
    pthread_mutex_unlock(&token->lock);
    /* A signature that is being made keeps its key a moment longer. */
    p11d_openedkey_free(opened, count);
    return logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

/* --- keys --- */

/* The signer behind id, with a reference of the caller's. */
static CK_RV find_signer(KeyToken *token, const P11dKeyView *view, uint64_t id, P11dSigner **signer)
{
    CK_RV rv = CKR_KEY_HANDLE_INVALID;
    pthread_mutex_lock(&token->lock);
    const P11dKeySetRow *row = p11d_keyset_find(token->set, id);
    P11dSigner *found = row ? p11d_keyview_signer(view, row) : NULL;
    if (found) {
        *signer = p11d_signer_ref(found);
        rv = CKR_OK;
    } else if (row && row->kind == P11D_KEY_OBJECT_PUBLIC && p11d_keyview_object(view, row)) {
        rv = CKR_KEY_FUNCTION_NOT_PERMITTED;
    }
    pthread_mutex_unlock(&token->lock);
    return rv;
}

static bool label(P11dView *base, uint64_t id, char label[P11D_WORKER_TOKEN_LABEL_SIZE])
{
    KeyToken *token = token_of(base);
    pthread_mutex_lock(&token->lock);
    const P11dKeySetRow *row = p11d_keyset_find(token->set, id);
    if (row)
        snprintf(label, P11D_WORKER_TOKEN_LABEL_SIZE, "%s", row->entry->name);
    pthread_mutex_unlock(&token->lock);
    return row;
}

static CK_RV sign(P11dView *base, uint64_t key, const P11dParameters *parameters,
                  const uint8_t *data, size_t size, P11dBuffer *output)
{
    P11dSigner *signer;
    CK_RV rv = find_signer(token_of(base), view_of(base), key, &signer);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_signer_sign(signer, parameters, data, size, output);
    p11d_signer_unref(signer);
    p11d_residue_wipe_stack();
    return rv;
}

/* --- life --- */

static void free_token(P11dWorkerToken *base)
{
    KeyToken *token = (KeyToken *)(void *)base;
    p11d_watch_clear(&token->watch);
    p11d_keyset_free(token->set);
    pthread_mutex_destroy(&token->lock);
    p11d_keyproperties_clear(&token->properties);
    free(token->path);
    free(token);
}

static const P11dWorkerTokenOperations operations = {
    .free = free_token,
    .dispatch = dispatch,
    .write_properties = write_properties,
    .open = open_view,
    .close = close_view,
    .generation = view_generation,
    .label = label,
    .list = list,
    .login = login,
    .logout = logout,
    .sign = sign,
};

static bool set_up(KeyToken *token, const char *directory)
{
    struct timespec now;

    token->path = realpath(directory, NULL);
    if (!token->path)
        return false;
    if (!p11d_keyproperties_init(&token->properties, token->path))
        return false;
    token->base.name = token->properties.label;
    clock_gettime(CLOCK_REALTIME, &now);
    token->clock = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    token->next_id = 1;
    /* Watched before it is read, so that nothing is missed in between. */
    if (!p11d_watch_init(&token->watch, token->path))
        return false;
    token->base.descriptor = token->watch.fd;
    token->generation = ++token->clock;
    token->set = p11d_keyset_scan(NULL, token->path, &token->next_id);
    p11d_residue_wipe_stack();
    if (!token->set)
        return false;
    tell_difference(token, "added", token->set, NULL);
    p11d_keyset_publish(token->set, token->generation);
    return true;
}

P11dWorkerToken *p11d_keytoken_open(const char *directory)
{
    KeyToken *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    token->base.operations = &operations;
    token->watch.fd = -1;
    pthread_mutex_init(&token->lock, NULL);
    if (set_up(token, directory))
        return &token->base;
    int error = errno;
    p11d_log("%s: %s", directory, strerror(error));
    free_token(&token->base);
    errno = error;
    return NULL;
}
