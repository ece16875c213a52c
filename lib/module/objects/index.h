// SPDX-License-Identifier: MIT
/*
 * An index is a set of objects, sorted in each order in which somebody looks for one. To sort is
 * dear and is done once, to objects that nobody else sees yet; an index that is in use is changed
 * in place: places are found by halving, and what lies between them is moved.
 *
 * The objects are not the index's own: it neither makes nor frees any.
 */
#ifndef P11D_INDEX_H
#define P11D_INDEX_H

#include "object.h"

/* The orders; within one, equals are ordered by the service's id. */
enum {
    P11D_INDEX_BY_ID, /* the service's */
    P11D_INDEX_BY_HANDLE,
    P11D_INDEX_BY_LABEL,
    P11D_INDEX_BY_KEY_ID, /* CKA_ID */
    P11D_INDEX_BY_CLASS,
    P11D_INDEX_BY_IDENTITY, /* see binding.h */
    P11D_INDEX_ORDERS,
};

typedef struct P11dIndex {
    size_t count;
    size_t capacity;
    P11dObject **sorted[P11D_INDEX_ORDERS]; /* owned; the same count objects in each order */
    size_t compared;                        /* how often p11d_index_change compared two objects */
} P11dIndex;

/* A run of objects in one order. */
typedef struct P11dRange {
    int order;
    size_t begin;
    size_t end;
} P11dRange;

void p11d_index_init(P11dIndex *index);

/* Frees what the index owns. The index is as after init. */
void p11d_index_clear(P11dIndex *index);

/* Makes room for that many objects. Errors: CKR_HOST_MEMORY; the index is as before then. */
CK_RV p11d_index_reserve(P11dIndex *index, size_t capacity);

/* Appends object, for which there must be room, to be sorted by p11d_index_sort. */
void p11d_index_append(P11dIndex *index, P11dObject *object);

/* Sorts what was appended, in all orders but P11D_INDEX_BY_HANDLE: handles come later. False: two
 * have the same id. */
bool p11d_index_sort(P11dIndex *index);

/* Makes the order by handle of an index that takes the place of old: objects with a peer there have
 * its handle, the others newer ones that rise with their ids. */
void p11d_index_sort_by_handle(P11dIndex *index, const P11dIndex *old);

/*
 * Takes the objects in leaving out and those in fresh, which is sorted as p11d_index_sort does it,
 * in; there must be room. Both have handles: one that leaves and has a peer in fresh has the same
 * as that, others in fresh have handles above all others that rise with their ids. places is
 * scratch for leaving_count numbers. With k objects leaving or fresh and n in the index it compares
 * some k log n times in each order, and moves n pointers at most twice.
 */
void p11d_index_change(P11dIndex *index, P11dObject *const *leaving, size_t leaving_count,
                       const P11dIndex *fresh, size_t *places);

/* The same for one object, which has no peer and a handle of its own. There must be room. */
void p11d_index_insert(P11dIndex *index, P11dObject *object);
void p11d_index_remove(P11dIndex *index, P11dObject *object);

/* Takes out the objects for which leaves returns true. */
void p11d_index_filter(P11dIndex *index, bool (*leaves)(const P11dObject *object));

/* The object with that id or that handle; NULL if there is none. */
P11dObject *p11d_index_find_id(const P11dIndex *index, uint64_t id);
P11dObject *p11d_index_find_handle(const P11dIndex *index, CK_OBJECT_HANDLE handle);

/* The shortest run that holds everything that can match templ. */
P11dRange p11d_index_narrow(const P11dIndex *index, const CK_ATTRIBUTE *templ, CK_ULONG count);

#endif
