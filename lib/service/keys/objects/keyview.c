// SPDX-License-Identifier: MIT
#include "keyview.h"

#include <openssl/crypto.h>
#include <stdlib.h>

static const P11dOpenedKey *find_opened(const P11dKeyView *view, const P11dKeySetRow *row)
{
    for (size_t i = 0; i < view->opened_count; i++) {
        if (view->opened[i].objects[row->kind].id == row->id)
            return &view->opened[i];
    }
    return NULL;
}

const P11dKeyObject *p11d_keyview_object(const P11dKeyView *view, const P11dKeySetRow *row)
{
    const P11dKeyObject *object = &row->entry->objects[row->kind];
    if (object->attributes)
        return object;
    const P11dOpenedKey *opened = find_opened(view, row);
    object = opened ? &opened->objects[row->kind] : NULL;
    return object && object->attributes ? object : NULL;
}

P11dServedKey *p11d_keyview_key(const P11dKeyView *view, const P11dKeySetRow *row)
{
    if (row->kind >= P11D_KEY_OBJECT_DATA)
        return NULL;
    P11dServedKey *key = row->kind == P11D_KEY_OBJECT_PRIVATE  ? row->entry->private_key
                         : row->kind == P11D_KEY_OBJECT_PUBLIC ? row->entry->public_key
                                                               : row->entry->secret_key;
    const P11dOpenedKey *opened = key ? NULL : find_opened(view, row);
    return opened ? opened->key : key;
}

void p11d_keyview_forget_gone(P11dKeyView *view, const P11dKeySet *set)
{
    for (size_t i = 0; i < view->opened_count;) {
        if (p11d_keyset_find(set, view->opened[i].id)) {
            i++;
            continue;
        }
        p11d_openedkey_clear(&view->opened[i]);
        view->opened[i] = view->opened[--view->opened_count];
    }
}

bool p11d_keyview_lacks(const P11dKeyView *view, const P11dKeySet *set, uint64_t id,
                        const P11dServedKey *key)
{
    const P11dKeySetRow *row = p11d_keyset_find(set, id);
    const P11dServedKey *now = row ? p11d_keyview_key(view, row) : NULL;
    if (!row)
        return !p11d_sessionstore_find(&view->session, id);
    /* Of a pair the id says it all; a name may stand for other bytes now. */
    return !now ||
           (key->secret && (now->secret_size != key->secret_size ||
                            CRYPTO_memcmp(now->secret, key->secret, key->secret_size) != 0));
}

typedef struct Sight {
    const P11dKeyView *view;
    const P11dKeySet *set;
} Sight;

static bool is_lacking(const P11dHeldStream *held, void *data)
{
    const Sight *sight = data;
    return held->key != 0 &&
           p11d_keyview_lacks(sight->view, sight->set, held->key, p11d_keystream_key(held->stream));
}

void p11d_keyview_end_streams(P11dKeyView *view, const P11dKeySet *set, P11dHeldStream **ended)
{
    Sight sight = {view, set};
    p11d_keystreams_end_some(&view->streams, is_lacking, &sight, ended);
}

bool p11d_keyview_add_opened(P11dKeyView *view, P11dOpenedKey *opened, uint64_t generation)
{
    P11dOpenedKey *all = reallocarray(view->opened, view->opened_count + 1, sizeof *all);
    if (!all)
        return false;
    view->opened = all;
    for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++)
        opened->objects[kind].since = generation;
    view->session.changed = generation;
    all[view->opened_count++] = *opened;
    *opened = (P11dOpenedKey){0};
    return true;
}

void p11d_openedkey_free(P11dOpenedKey *opened, size_t count)
{
    for (size_t i = 0; i < count; i++)
        p11d_openedkey_clear(&opened[i]);
    free(opened);
}

bool p11d_keyview_end_login(P11dKeyView *view, uint64_t *clock, P11dKeyRemains *remains)
{
    const bool logged_in = view->logged_in || view->officer;
    *remains = (P11dKeyRemains){view->opened, view->opened_count, NULL};
    view->logged_in = view->proved = view->officer = false;
    view->opened = NULL;
    view->opened_count = 0;
    p11d_secret_clear(&view->passphrase);
    if (logged_in) {
        view->since = ++*clock;
        p11d_sessionstore_remove_private(&view->session, view->since);
        remains->streams = p11d_keystreams_end(&view->streams);
    }
    return logged_in;
}

void p11d_keyremains_clear(P11dKeyRemains *remains)
{
    p11d_keystreams_free(remains->streams);
    p11d_openedkey_free(remains->opened, remains->count);
}
