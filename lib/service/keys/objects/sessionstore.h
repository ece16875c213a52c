// SPDX-License-Identifier: MIT
/*
 * A session store holds the session objects of one client (PKCS#11 3.1, section 4.4: those with
 * CKA_TOKEN false): nobody else sees them, and they are gone with the client. What a client may
 * have of them is bounded. Functions here are called with the lock of whose store it is held.
 */
#ifndef P11D_SESSIONSTORE_H
#define P11D_SESSIONSTORE_H

#include "keyhistory.h"
#include "keyobject.h"
#include "servedkey.h"

/* The most session objects of a client, and the most bytes of their attributes and keys; and of
 * those of all clients of a user. A virtual machine of Java keeps thousands until it collects
 * garbage. */
#define P11D_SESSIONSTORE_OBJECTS 8192
#define P11D_SESSIONSTORE_BYTES ((size_t)8 << 20)
#define P11D_SESSIONSTORE_USER_BYTES ((size_t)64 << 20)

/* Ids of session objects begin here; those of all others are less. */
#define P11D_SESSIONSTORE_FIRST_ID (UINT64_C(1) << 63)

typedef struct P11dSessionObject {
    P11dKeyObject object;  /* what the client is told of it */
    P11dTemplate templ;    /* all its attributes, those of a secret key that are not told too */
    CK_OBJECT_CLASS class; /* of templ */
    P11dServedKey *key;    /* what is computed with; NULL: nothing is */
    size_t size;           /* what it counts for, in bytes */
} P11dSessionObject;

/* Owns everything in it. All zero: nothing is. */
typedef struct P11dSessionStore {
    P11dSessionObject *objects; /* by id */
    size_t count;
    size_t capacity;
    size_t size;             /* bytes, of all */
    uint64_t changed;        /* the generation in which the client's own last changed; or 0 */
    P11dKeyHistory *history; /* NULL: nothing went, or none that can be told */
    uint64_t untold;         /* what went up to this generation cannot be told */
} P11dSessionStore;

/*
 * Adds an object with that id, the largest so far, in that generation. templ: its attributes,
 * empty then. key: NULL, or a reference that is the store's then. room: bytes that its user may
 * still have. Errors: P11D_ACT_LIMIT, CKR_HOST_MEMORY, those of p11d_keyobject_set; templ and key
 * are as before then.
 */
CK_RV p11d_sessionstore_add(P11dSessionStore *store, P11dTemplate *templ, P11dServedKey *key,
                            uint64_t id, uint64_t generation, size_t room);

/* Puts templ, which is empty then, in place of the attributes of object, in that generation.
 * Errors as above. */
CK_RV p11d_sessionstore_change(P11dSessionStore *store, P11dSessionObject *object,
                               P11dTemplate *templ, uint64_t generation, size_t room);

/* The object with that id, or NULL. */
P11dSessionObject *p11d_sessionstore_find(const P11dSessionStore *store, uint64_t id);

/* Wipes and frees object, which is gone in that generation. */
void p11d_sessionstore_remove(P11dSessionStore *store, P11dSessionObject *object,
                              uint64_t generation);

/* Removes those with CKA_PRIVATE true, which only a login may see. */
void p11d_sessionstore_remove_private(P11dSessionStore *store, uint64_t generation);

/* True if what went since that generation can be told. */
bool p11d_sessionstore_reaches(const P11dSessionStore *store, uint64_t generation);

/* Wipes and frees everything; the store is all zero then. */
void p11d_sessionstore_clear(P11dSessionStore *store);

#endif
