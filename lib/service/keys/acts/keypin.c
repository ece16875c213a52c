// SPDX-License-Identifier: MIT
#include "keypin.h"

#include <stdlib.h>
#include <string.h>

#include "keyedit.h"
#include "keylogin.h"
#include "keyring.h"
#include "residue.h"
#include "tokenobject.h"

/* No PIN is entered here but those that come with the call, and none is empty. */
static CK_RV check(P11dKeyView *view, const P11dArguments *arguments, size_t pins)
{
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv == CKR_OK && arguments->no_pin)
        rv = CKR_ARGUMENTS_BAD;
    for (size_t i = 0; i < pins && rv == CKR_OK; i++)
        rv = arguments->pins[i].size > 0 ? CKR_OK : CKR_PIN_LEN_RANGE;
    return rv;
}

static bool is_officer(P11dKeyView *view)
{
    pthread_mutex_lock(&view->ring->lock);
    bool is = view->officer;
    pthread_mutex_unlock(&view->ring->lock);
    return is;
}

static void free_entries(P11dKeyEntry **entries, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p11d_keyentry_unref(entries[i]);
    free(entries);
}

/* The keys in entries that old opens get fresh. *opened: how many. */
static CK_RV rekey(P11dKeyChange *change, P11dKeyEntry **entries, size_t count, P11dBytes old,
                   const P11dSecret *fresh, size_t *opened)
{
    CK_RV rv = CKR_OK;
    *opened = 0;
    for (size_t i = 0; i < count && rv == CKR_OK; i++) {
        bool done = false;
        rv = p11d_keyedit_rekey(change, entries[i], old, fresh, &done);
        *opened += done;
    }
    return rv;
}

/* Has state know the PIN by proof, one of its own, together with what else is in change. */
static CK_RV prove(P11dKeyChange *change, P11dTokenState *state, P11dPinProof *proof, P11dBytes pin)
{
    return p11d_pinproof_set(proof, pin) ? p11d_tokenstate_put(state, change) : CKR_FUNCTION_FAILED;
}

static CK_RV change_user(P11dKeyRing *ring, P11dBytes old, P11dBytes fresh)
{
    P11dKeyChange change = {.path = ring->path};
    P11dSecret secret = P11D_SECRET_INIT;
    P11dTokenState state = p11d_keylogin_state(ring);
    bool fits = p11d_pinproof_fits(&state.user, old);
    size_t count, opened = 0;
    P11dKeyEntry **entries = p11d_keylogin_locked(ring, &count);
    CK_RV rv =
        entries && p11d_secret_set(&secret, fresh.data, fresh.size) ? CKR_OK : CKR_HOST_MEMORY;
    if (rv == CKR_OK && count == 0 && !state.user.set)
        rv = CKR_USER_PIN_NOT_INITIALIZED;
    if (rv == CKR_OK)
        rv = rekey(&change, entries, count, old, &secret, &opened);
    if (rv == CKR_OK && opened == 0 && !fits)
        rv = CKR_PIN_INCORRECT;
    if (rv == CKR_OK && fits)
        rv = prove(&change, &state, &state.user, fresh);
    rv = p11d_keyring_change(ring, &change, rv);
    if (rv == CKR_OK)
        rv = p11d_keylogin_pass_on(ring, old, &secret);
    free_entries(entries, count);
    p11d_secret_clear(&secret);
    return rv;
}

static CK_RV change_officer(P11dKeyRing *ring, P11dBytes old, P11dBytes fresh)
{
    P11dKeyChange change = {.path = ring->path};
    P11dTokenState state = p11d_keylogin_state(ring);
    CK_RV rv = p11d_pinproof_fits(&state.officer, old)
                   ? prove(&change, &state, &state.officer, fresh)
                   : CKR_PIN_INCORRECT;
    return p11d_keyring_change(ring, &change, rv);
}

CK_RV p11d_keypin_set(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dBytes *pins = call->arguments->pins;
    CK_RV rv = check(view, call->arguments, 2);
    if (rv == CKR_OK)
        rv = p11d_keylogin_brake(view, CKR_OK);
    if (rv == CKR_OK)
        rv = p11d_keyring_begin_writing(view->ring);
    if (rv != CKR_OK)
        return rv;
    rv = is_officer(view) ? change_officer(view->ring, pins[0], pins[1])
                          : change_user(view->ring, pins[0], pins[1]);
    p11d_keyring_end_writing(view->ring);
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv == CKR_OK ? rv : p11d_keylogin_brake(view, rv);
}

/* Whether whoever made what is in entry wants it to be seen before a login. */
static bool is_public(const P11dKeyEntry *entry)
{
    int place = entry->private_key  ? P11D_KEYTEXT_PRIVATE
                : entry->secret_key ? P11D_KEYTEXT_SECRET
                                    : P11D_KEYTEXT_DATA;
    return !p11d_template_boolean(&entry->text.kept[place], CKA_PRIVATE,
                                  place != P11D_KEYTEXT_DATA);
}

/* All entries with a key or data without a passphrase, which are to have one; *locked: whether some
 * have one. NULL if memory ran out. */
static P11dKeyEntry **open_entries(P11dKeyRing *ring, size_t *count, bool *locked)
{
    pthread_mutex_lock(&ring->lock);
    P11dKeyEntry **entries = calloc(ring->set->count + 1, sizeof(P11dKeyEntry *));
    *count = 0;
    for (size_t i = 0; i < ring->set->count && entries; i++) {
        P11dKeyEntry *entry = ring->set->entries[i];
        bool any = entry->private_key || entry->secret_key ||
                   entry->objects[P11D_KEY_OBJECT_DATA].attributes;
        if (any && !is_public(entry))
            entries[(*count)++] = p11d_keyentry_ref(entry);
    }
    *locked = ring->set->has_locked;
    pthread_mutex_unlock(&ring->lock);
    return entries;
}

static CK_RV give_first(P11dKeyRing *ring, P11dBytes pin)
{
    P11dKeyChange change = {.path = ring->path};
    P11dSecret secret = P11D_SECRET_INIT;
    P11dTokenState state = p11d_keylogin_state(ring);
    size_t count, done;
    bool locked;
    P11dKeyEntry **entries = open_entries(ring, &count, &locked);
    CK_RV rv = entries && p11d_secret_set(&secret, pin.data, pin.size) ? CKR_OK : CKR_HOST_MEMORY;
    if (rv == CKR_OK && locked)
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = rekey(&change, entries, count, (P11dBytes){0}, &secret, &done);
    if (rv == CKR_OK)
        rv = prove(&change, &state, &state.user, pin);
    rv = p11d_keyring_change(ring, &change, rv);
    if (rv == CKR_OK)
        p11d_keylogin_end_users(ring);
    free_entries(entries, count);
    p11d_secret_clear(&secret);
    return rv;
}

CK_RV p11d_keypin_init(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    CK_RV rv = check(view, call->arguments, 1);
    if (rv == CKR_OK && !is_officer(view))
        rv = CKR_USER_NOT_LOGGED_IN;
    if (rv == CKR_OK)
        rv = p11d_keyring_begin_writing(view->ring);
    if (rv != CKR_OK)
        return rv;
    rv = give_first(view->ring, call->arguments->pins[0]);
    p11d_keyring_end_writing(view->ring);
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv;
}

/* While the reading lock is held the set stays. */
static CK_RV remove_all(P11dKeyRing *ring, P11dKeyChange *change)
{
    CK_RV rv = CKR_OK;
    pthread_mutex_lock(&ring->reading);
    for (size_t i = 0; i < ring->set->count && rv == CKR_OK; i++)
        rv = p11d_keyedit_remove(change, ring->set->entries[i]);
    pthread_mutex_unlock(&ring->reading);
    return rv;
}

/* What is shown of a label: its bytes without the blanks at the end. */
static CK_RV take_label(P11dTokenState *state, const char *label)
{
    size_t size = strlen(label);
    while (size > 0 && label[size - 1] == ' ')
        size--;
    if (size >= sizeof state->label || memchr(label, '\n', size) || memchr(label, '\r', size))
        return CKR_ARGUMENTS_BAD;
    memcpy(state->label, label, size);
    state->label[size] = '\0';
    return CKR_OK;
}

static CK_RV initialise(P11dKeyView *view, P11dBytes pin, const char *label)
{
    P11dKeyRing *ring = view->ring;
    P11dKeyChange change = {.path = ring->path};
    P11dTokenState state = p11d_keylogin_state(ring);
    pthread_mutex_lock(&ring->lock);
    bool empty = ring->set->row_count == 0;
    pthread_mutex_unlock(&ring->lock);
    if (state.officer.set && !p11d_pinproof_fits(&state.officer, pin))
        return p11d_keylogin_brake(view, CKR_PIN_INCORRECT);
    if (!state.officer.set && !empty)
        return CKR_ACTION_PROHIBITED;
    CK_RV rv = take_label(&state, label);
    state.user.set = false;
    if (rv == CKR_OK)
        rv = remove_all(ring, &change);
    if (rv == CKR_OK)
        rv = prove(&change, &state, &state.officer, pin);
    rv = p11d_keyring_change(ring, &change, rv);
    if (rv == CKR_OK)
        p11d_keylogin_end_users(ring);
    return rv;
}

CK_RV p11d_keypin_init_token(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dArguments *arguments = call->arguments;
    CK_RV rv = check(view, arguments, 1);
    if (rv == CKR_OK)
        rv = p11d_keylogin_brake(view, CKR_OK);
    if (rv == CKR_OK)
        rv = p11d_keyring_begin_writing(view->ring);
    if (rv != CKR_OK)
        return rv;
    rv = initialise(view, arguments->pins[0], arguments->text ? arguments->text : "");
    p11d_keyring_end_writing(view->ring);
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv;
}
