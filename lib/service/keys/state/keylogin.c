// SPDX-License-Identifier: MIT
#include "keylogin.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <time.h>

#include "keyring.h"
#include "residue.h"

P11dKeyEntry **p11d_keylogin_locked(P11dKeyRing *ring, size_t *count)
{
    pthread_mutex_lock(&ring->lock);
    P11dKeyEntry **entries = calloc(ring->set->count + 1, sizeof(P11dKeyEntry *));
    *count = 0;
    for (size_t i = 0; i < ring->set->count && entries; i++) {
        if (ring->set->entries[i]->locked.type)
            entries[(*count)++] = p11d_keyentry_ref(ring->set->entries[i]);
    }
    pthread_mutex_unlock(&ring->lock);
    return entries;
}

/* Tries pin on each entry. *opened takes those that it opens, *opened_count how many. */
static CK_RV unlock(const P11dKeyRing *ring, P11dKeyEntry **entries, size_t count,
                    const uint8_t *pin, size_t size, P11dOpenedKey **opened, size_t *opened_count)
{
    CK_RV rv = CKR_OK;
    *opened_count = 0;
    *opened = calloc(count + 1, sizeof **opened);
    if (!*opened)
        return CKR_HOST_MEMORY;
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        rv = p11d_keyentry_unlock(entries[i], ring->path, pin, size, &(*opened)[*opened_count]);
        if (rv == CKR_OK)
            (*opened_count)++;
        else if (rv == CKR_PIN_INCORRECT)
            rv = CKR_OK; /* perhaps it is that of another key */
    }
    return rv != CKR_OK ? rv : *opened_count == 0 ? CKR_PIN_INCORRECT : CKR_OK;
}

/* A login without a PIN lasts as long as none is needed: with a key with a passphrase that came
 * since the client may log in. With the lock held. */
static bool is_logged_in(const P11dKeyRing *ring, const P11dKeyView *view)
{
    return view->logged_in && (view->proved || !p11d_keyring_needs_login(ring));
}

/* Gives the view the opened keys, or leaves them to the caller. pin: what opened them, or NULL;
 * changes: how often it had been changed when that began. */
static CK_RV enter(P11dKeyRing *ring, P11dKeyView *view, P11dOpenedKey *opened, size_t count,
                   P11dBytes pin, uint64_t changes)
{
    CK_RV rv = CKR_OK;
    pthread_mutex_lock(&ring->lock);
    if (pin.data && changes != ring->pin_changes) {
        rv = CKR_PIN_INCORRECT; /* it was right when it was looked at */
    } else if (view->officer) {
        rv = CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    } else if (is_logged_in(ring, view)) {
        rv = CKR_USER_ALREADY_LOGGED_IN; /* by another call, meanwhile */
    } else if (pin.data && ring->writable &&
               !p11d_secret_set(&view->passphrase, pin.data, pin.size)) {
        rv = CKR_HOST_MEMORY;
    } else {
        view->logged_in = true;
        view->proved = pin.data;
        view->since = ++ring->clock;
        view->opened = opened;
        view->opened_count = count;
        for (size_t i = 0; i < count; i++) {
            for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++)
                opened[i].objects[kind].since = view->since;
        }
    }
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

static int64_t monotonic_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

CK_RV p11d_keylogin_brake(P11dKeyView *view, CK_RV rv)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    if (rv == CKR_PIN_INCORRECT)
        p11d_brake_failed(&ring->brake, view->uid, monotonic_now());
    else if (rv == CKR_OK && !p11d_brake_allows(&ring->brake, view->uid, monotonic_now()))
        rv = CKR_FUNCTION_REJECTED;
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

P11dTokenState p11d_keylogin_state(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->lock);
    P11dTokenState state = ring->state;
    pthread_mutex_unlock(&ring->lock);
    return state;
}

/* How often the PIN has become another. Who opens entries with a PIN asks before taking them. */
static uint64_t pin_changes(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->lock);
    uint64_t changes = ring->pin_changes;
    pthread_mutex_unlock(&ring->lock);
    return changes;
}

/* The login where there is a PIN: some key, of count entries, needs a passphrase, or the officer
 * gave the user one. changes: of the PIN, when the entries were not taken yet. */
static CK_RV open_keys(P11dKeyView *view, P11dKeyEntry **entries, size_t count, P11dBytes pin,
                       uint64_t changes)
{
    P11dKeyRing *ring = view->ring;
    size_t opened_count = 0;
    P11dOpenedKey *opened = NULL;

    pthread_mutex_lock(&ring->lock);
    bool logged_in = is_logged_in(ring, view);
    pthread_mutex_unlock(&ring->lock);
    if (logged_in)
        return CKR_USER_ALREADY_LOGGED_IN;
    if (!pin.data) /* no key asks by itself */
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = p11d_keylogin_brake(view, CKR_OK);
    if (rv != CKR_OK)
        return rv;
    rv = unlock(ring, entries, count, pin.data, pin.size, &opened, &opened_count);
    P11dTokenState state = p11d_keylogin_state(ring);
    if (rv == CKR_PIN_INCORRECT && p11d_pinproof_fits(&state.user, pin))
        rv = CKR_OK;
    if (rv == CKR_OK)
        rv = enter(ring, view, opened, opened_count, pin, changes);
    rv = rv == CKR_OK ? rv : p11d_keylogin_brake(view, rv);
    if (rv != CKR_OK)
        p11d_openedkey_free(opened, opened_count);
    return rv;
}

/* A token that nobody initialised has no officer. */
static CK_RV enter_officer(P11dKeyView *view, P11dBytes pin)
{
    P11dKeyRing *ring = view->ring;
    P11dTokenState state = p11d_keylogin_state(ring);
    if (!state.officer.set || !ring->writable)
        return CKR_USER_TYPE_INVALID;
    if (!pin.data)
        return CKR_ARGUMENTS_BAD;
    CK_RV rv = p11d_keylogin_brake(view, CKR_OK);
    if (rv == CKR_OK && !p11d_pinproof_fits(&state.officer, pin))
        rv = p11d_keylogin_brake(view, CKR_PIN_INCORRECT);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&ring->lock);
    rv = view->officer     ? CKR_USER_ALREADY_LOGGED_IN
         : view->logged_in ? CKR_USER_ANOTHER_ALREADY_LOGGED_IN
                           : CKR_OK;
    view->officer = view->officer || rv == CKR_OK;
    if (rv == CKR_OK)
        view->since = ++ring->clock;
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

/* Where no key needs a passphrase there is nothing to open, and any PIN is right: programs log in
 * whether they must or not. */
CK_RV p11d_keylogin_enter(P11dKeyView *view, CK_USER_TYPE user, const uint8_t *pin, size_t size)
{
    P11dKeyRing *ring = view->ring;
    size_t count;

    if (user == CKU_CONTEXT_SPECIFIC) /* no key here asks for it */
        return CKR_OPERATION_NOT_INITIALIZED;
    if (user == CKU_SO)
        return enter_officer(view, (P11dBytes){pin, size});
    if (user != CKU_USER)
        return CKR_USER_TYPE_INVALID;
    const uint64_t changes = pin_changes(ring);
    P11dKeyEntry **entries = p11d_keylogin_locked(ring, &count);
    CK_RV rv = CKR_HOST_MEMORY;
    if (entries)
        rv = count > 0 || p11d_keylogin_state(ring).user.set
                 ? open_keys(view, entries, count, (P11dBytes){pin, size}, changes)
                 : enter(ring, view, NULL, 0, (P11dBytes){0}, 0);
    for (size_t i = 0; i < count; i++)
        p11d_keyentry_unref(entries[i]);
    free(entries);
    p11d_residue_wipe_stack();
    return rv;
}

CK_RV p11d_keylogin_leave(P11dKeyView *view)
{
    P11dKeyRemains remains;
    pthread_mutex_lock(&view->ring->lock);
    bool logged_in = p11d_keyview_end_login(view, &view->ring->clock, &remains);
    pthread_mutex_unlock(&view->ring->lock);
    p11d_keyremains_clear(
        &remains); /* a call that is being performed keeps its key a moment longer */
    return logged_in ? CKR_OK : CKR_USER_NOT_LOGGED_IN;
}

void p11d_keylogin_end_users(P11dKeyRing *ring)
{
    pthread_mutex_lock(&ring->lock);
    p11d_keyring_end_proved(ring);
    pthread_mutex_unlock(&ring->lock);
    p11d_keyring_tell(ring, P11D_WORKER_TOKEN_OBJECTS);
}

CK_RV p11d_keylogin_pass_on(P11dKeyRing *ring, P11dBytes old, const P11dSecret *fresh)
{
    bool ok = true;
    pthread_mutex_lock(&ring->lock);
    ring->pin_changes++;
    for (P11dKeyView *view = ring->views; view; view = view->next) {
        const P11dSecret *own = &view->passphrase;
        if (own->data && own->size == old.size && CRYPTO_memcmp(own->data, old.data, old.size) == 0)
            ok = p11d_secret_set(&view->passphrase, fresh->data, fresh->size) && ok;
    }
    pthread_mutex_unlock(&ring->lock);
    return ok ? CKR_OK : CKR_HOST_MEMORY;
}
