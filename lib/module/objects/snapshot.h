// SPDX-License-Identifier: MIT
/*
 * A snapshot is the objects of one token as this client last saw them, with an index by handle, by
 * the service's id, and by label, CKA_ID and class for searches. A reply of ListObjects brings it
 * up to date; objects that stay keep their handles, also over a restart of the service.
 *
 * No I/O and no lock here: the owner locks around these. Objects that are handed out belong to the
 * snapshot and live until the next apply, drop or clear.
 */
#ifndef P11D_SNAPSHOT_H
#define P11D_SNAPSHOT_H

#include "object.h"

/* The most objects that one token may have here. */
#define P11D_SNAPSHOT_MAX 100000

/* The orders in which the objects are kept; within one, equals are ordered by the service's id. */
enum {
    P11D_SNAPSHOT_BY_ID, /* the service's */
    P11D_SNAPSHOT_BY_HANDLE,
    P11D_SNAPSHOT_BY_LABEL,
    P11D_SNAPSHOT_BY_KEY_ID, /* CKA_ID */
    P11D_SNAPSHOT_BY_CLASS,
    P11D_SNAPSHOT_ORDERS,
};

typedef struct P11dSnapshot {
    uint64_t generation; /* for the next ListObjects; 0: nothing known */
    bool detached;       /* the objects are of a run of the service that has ended */
    size_t count;
    P11dObject **sorted[P11D_SNAPSHOT_ORDERS]; /* the same count objects, owned, in each order */
    const P11dProperties *token; /* for the objects: set by the owner after init, lives as long */
    const CK_KEY_TYPE *hidden;   /* of objects that are left out: set by the owner after init, lives
                                  * as long as the snapshot */
    size_t hidden_count;
    size_t skipped; /* entries of the last reply that were left out because they made no sense */
} P11dSnapshot;

/* A list of handles: what a search found. */
typedef struct P11dHandles {
    CK_OBJECT_HANDLE *items; /* owned */
    size_t count;
    size_t capacity;
} P11dHandles;

/* Gives the next handle: never 0, never one that was given before. */
typedef CK_OBJECT_HANDLE (*P11dSnapshotHandle)(void *data);

void p11d_snapshot_init(P11dSnapshot *snapshot);

/* Wipes and frees all objects. The snapshot is as after init. */
void p11d_snapshot_clear(P11dSnapshot *snapshot);

/*
 * Applies the reply to ListObjects(snapshot->generation); body stands at its beginning and was
 * validated. A complete list replaces everything, a difference changes what it names. An object
 * whose id comes again keeps its handle (unless it suddenly is of another class or key: a handle
 * never comes to mean another object). After p11d_snapshot_detach objects are bound by class,
 * CKA_ID and public key (certificates: value) instead; those that have no public key, or are not
 * found, are gone. next_handle is called with data for every object that is new. Errors, and the
 * snapshot is as before: CKR_HOST_MEMORY, CKR_DEVICE_MEMORY (more than P11D_SNAPSHOT_MAX),
 * CKR_DEVICE_ERROR (generation 0, an id of 0 or twice, a difference where nothing was known).
 * Objects that make no sense are left out and counted in skipped; those of a hidden key type are
 * left out too.
 */
CK_RV p11d_snapshot_apply(P11dSnapshot *snapshot, P11dReader *body, P11dSnapshotHandle next_handle,
                          void *data);

/*
 * Says that the service's run has ended: ids and generation mean nothing any more. The objects stay
 * (their handles are known, attributes can be read) until the next apply binds them to those of the
 * new run. Their ids must not be sent to the service meanwhile.
 */
void p11d_snapshot_detach(P11dSnapshot *snapshot);

/* Drops private objects at once: after a logout. generation is 0 then: a difference could leave out
 * what was dropped here if somebody logs in again first. */
void p11d_snapshot_drop_private(P11dSnapshot *snapshot);

/* The object with that handle, or with that id of the service; NULL if there is none. */
P11dObject *p11d_snapshot_find(const P11dSnapshot *snapshot, CK_OBJECT_HANDLE handle);
P11dObject *p11d_snapshot_find_id(const P11dSnapshot *snapshot, uint64_t id);

/*
 * Appends the handles of all objects that match templ (p11d_object_matches) to found, in the order
 * of the service's ids. A search with label, CKA_ID or class looks only at the objects that have
 * it. Errors: CKR_HOST_MEMORY; found is as before then.
 */
CK_RV p11d_snapshot_search(const P11dSnapshot *snapshot, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           P11dHandles *found);

void p11d_handles_init(P11dHandles *handles);
/* Errors: CKR_HOST_MEMORY. */
CK_RV p11d_handles_append(P11dHandles *handles, CK_OBJECT_HANDLE handle);
/* Frees; handles is as after init. */
void p11d_handles_clear(P11dHandles *handles);

#endif
