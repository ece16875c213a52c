// SPDX-License-Identifier: MIT
/*
 * A key set is the content of a key directory at one moment: its entries, in the order of their
 * names, and an index of their objects by id. It does not change; a new scan makes a new one, which
 * shares the entries whose files are as before. Objects that are the same keep their ids.
 */
#ifndef P11D_KEYSET_H
#define P11D_KEYSET_H

#include "keyentry.h"

typedef struct P11dKeySetRow {
    uint64_t id;
    P11dKeyEntry *entry; /* borrowed from the set */
    int kind;            /* P11D_KEY_OBJECT_… */
} P11dKeySetRow;

typedef struct P11dKeySet {
    P11dKeyEntry **entries; /* owned references, by name */
    size_t count;
    P11dKeySetRow *rows; /* by id */
    size_t row_count;
    bool has_locked; /* some key needs a passphrase */
} P11dKeySet;

/*
 * Scans the directory at path. old: the set before, or NULL. *next_id: for objects that are new,
 * counted up. writable: clients may change and destroy objects.
 * Returns a set, freed by p11d_keyset_free, or NULL with errno set (of the directory, or ENOMEM).
 */
P11dKeySet *p11d_keyset_scan(const P11dKeySet *old, const char *path, uint64_t *next_id,
                             bool writable);

/*
 * Gives the objects that are new in set their generation, which only exists from the moment on in
 * which clients may see them: one from before the scan would be older than what some already know.
 * Returns whether there are any.
 */
bool p11d_keyset_publish(P11dKeySet *set, uint64_t generation);

/* A set without entries, for a directory that is gone. NULL if memory ran out. */
P11dKeySet *p11d_keyset_empty(void);

/* Safe on NULL. */
void p11d_keyset_free(P11dKeySet *set);

/* The entry of that name, or NULL. */
P11dKeyEntry *p11d_keyset_find_name(const P11dKeySet *set, const char *name);

/* The object with that id, or NULL. */
const P11dKeySetRow *p11d_keyset_find(const P11dKeySet *set, uint64_t id);

#endif
