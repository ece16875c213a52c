// SPDX-License-Identifier: MIT
/*
 * A key view is what a key token keeps for one client: whether it is logged in, the keys that its
 * passphrase opened, and its session objects. Functions here are called with the token's lock held.
 */
#ifndef P11D_KEYVIEW_H
#define P11D_KEYVIEW_H

#include "keyset.h"
#include "keystreams.h"
#include "secret.h"
#include "sessionstore.h"
#include "worker-token.h"

typedef struct P11dKeyView {
    P11dView base;
    struct P11dKeyRing *ring; /* whose view it is */
    struct P11dKeyView *next; /* of the token's views */
    struct P11dKeyView *previous;
    uid_t uid;      /* of the client; never changes */
    bool logged_in; /* as the user */
    bool proved;    /* by a PIN; false: there was none then */
    bool officer;   /* logged in as the security officer */
    uint64_t since; /* the generation in which the client came, logged in or out last */
    P11dOpenedKey *opened;
    size_t opened_count;
    P11dSecret passphrase; /* that it logged in with, where it may be needed; or none */
    P11dSessionStore session;
    P11dKeyStreams streams;
} P11dKeyView;

/* What an act is given: all views of a key token are such. */
static inline P11dKeyView *p11d_keyview_of(P11dView *base)
{
    return (P11dKeyView *)(void *)base;
}

/* The object in row as this view knows it, or NULL if it does not; see p11d_keyring_object. */
const P11dKeyObject *p11d_keyview_object(const P11dKeyView *view, const P11dKeySetRow *row);

/* The key in row, private or public, or NULL if this view has none for it. Borrowed. */
P11dServedKey *p11d_keyview_key(const P11dKeyView *view, const P11dKeySetRow *row);

/* Wipes and frees the opened keys that are not in set: their files are gone. */
void p11d_keyview_forget_gone(P11dKeyView *view, const P11dKeySet *set);

/* Whether id is not that of key any more, be it of the set or of the session. */
bool p11d_keyview_lacks(const P11dKeyView *view, const P11dKeySet *set, uint64_t id,
                        const P11dServedKey *key);

/* Ends the streams with keys that the view lacks; as p11d_keystreams_end_some. */
void p11d_keyview_end_streams(P11dKeyView *view, const P11dKeySet *set, P11dHeldStream **ended);

/* Adds a key that the view opened, in that generation; opened is empty then. False, and it is as
 * before: memory ran out. */
bool p11d_keyview_add_opened(P11dKeyView *view, P11dOpenedKey *opened, uint64_t generation);

/* What a login had, to be freed without the lock. */
typedef struct P11dKeyRemains {
    P11dOpenedKey *opened;
    size_t count;
    P11dHeldStream *streams;
} P11dKeyRemains;

/* Ends the login of the view, whoever it was, in the generation after *clock, which is that then.
 * Returns whether there was any. */
bool p11d_keyview_end_login(P11dKeyView *view, uint64_t *clock, P11dKeyRemains *remains);
/* Wipes and frees. Needs no lock. */
void p11d_keyremains_clear(P11dKeyRemains *remains);

/* Wipes and frees count keys, and the array. Safe on NULL. Needs no lock. */
void p11d_openedkey_free(P11dOpenedKey *opened, size_t count);

#endif
