// SPDX-License-Identifier: MIT
/*
 * A snapshot is the objects of one token as this client last saw them, with an index by handle, by
 * the service's id, and by label, CKA_ID and class for searches. A reply of ListObjects, read into
 * an update, brings it up to date; objects that stay keep their handles, also over a restart of the
 * service.
 *
 * No I/O and no lock here: the owner locks around these, and reads updates before he does. Objects
 * that are handed out belong to the snapshot and live until the next apply, drop or clear.
 */
#ifndef P11D_SNAPSHOT_H
#define P11D_SNAPSHOT_H

#include "update.h"

typedef struct P11dSnapshot {
    P11dTerms terms;
    uint64_t generation; /* for the next ListObjects; 0: nothing known */
    bool asked;          /* a list is on its way that may be applied */
    uint64_t moment;     /* another one after each list that was asked for or came, each logout */
    bool detached;       /* the objects are of a run of the service that has ended */
    bool ahead;          /* own calls put in what generation does not stand for */
    P11dIndex index;     /* its objects are owned */
    P11dIds unlisted;    /* of objects that own calls put in and no list has named since */
    size_t skipped; /* entries of the last reply that were left out because they made no sense */
} P11dSnapshot;

/* A list of handles: what a search found. */
typedef struct P11dHandles {
    CK_OBJECT_HANDLE *items; /* owned */
    size_t count;
    size_t capacity;
} P11dHandles;

void p11d_snapshot_init(P11dSnapshot *snapshot, P11dTerms terms);

/* Wipes and frees all objects. The snapshot is as after init. */
void p11d_snapshot_clear(P11dSnapshot *snapshot);

/*
 * Says that a list is asked for now, one at a time: returns the generation to send. The reply may
 * be applied as long as snapshot->asked is true: a logout or a restart of the service makes
 * whatever was asked before meaningless.
 */
uint64_t p11d_snapshot_ask(P11dSnapshot *snapshot);

/*
 * Puts in what update, the reply to what was asked, says. A complete list replaces everything, a
 * difference changes what it names, at the price of p11d_index_change. An object whose id comes
 * again keeps its handle (unless it suddenly is of another class or key: a handle never comes to
 * mean another object). After p11d_snapshot_detach objects are bound by class, CKA_ID and public
 * key (certificates: value) instead; those that have no public key, or are not found, are gone.
 * Objects that are new get the handles after *last_handle, the last one that was given to any
 * object, and *last_handle is the last one then. Nothing is sorted here. What was in the snapshot
 * and is not any more is the update's afterwards: p11d_update_clear frees it. Errors, and the
 * snapshot is as before: CKR_HOST_MEMORY, CKR_DEVICE_MEMORY (more than P11D_UPDATE_MAX),
 * CKR_DEVICE_ERROR (a difference where nothing was known).
 */
CK_RV p11d_snapshot_apply(P11dSnapshot *snapshot, P11dUpdate *update,
                          CK_OBJECT_HANDLE *last_handle);

/*
 * What own calls did can be put in without a list. Who is about to send a call that makes, changes
 * or destroys objects keeps snapshot->moment, and hands it in with what came of the call. It counts
 * only if no list was asked for or came in between, and none is on its way: that might have seen
 * the object before the call or after it, and generations, which are compared for equality alone,
 * do not tell which. *entered is false then, nothing is changed, and the caller brings the snapshot
 * up to date with a list. (So it is after a logout and while the snapshot is detached.)
 *
 * p11d_snapshot_enter puts in an update of p11d_update_add and p11d_update_remove: as
 * p11d_snapshot_apply puts in a difference, and with the same errors. If update->since is the
 * snapshot's generation, that is update->generation afterwards: nothing is missing, and the service
 * need not have said to this client that something changed. Else, also where own calls were
 * answered in another order than they were made, the generation stays, and the caller takes the
 * snapshot for stale: the next list tells of the change again, and what was put in here and is not
 * in it is gone.
 *
 * p11d_snapshot_modify does to one object what C_SetAttributeValue with templ did. update was only
 * initialised, with the two generations if they are known; it is cleared by the caller afterwards.
 * Errors: as p11d_object_change; CKR_OBJECT_HANDLE_INVALID; CKR_ATTRIBUTE_VALUE_INVALID (another
 * class or key: that would be another object).
 */
CK_RV p11d_snapshot_enter(P11dSnapshot *snapshot, uint64_t moment, P11dUpdate *update,
                          CK_OBJECT_HANDLE *last_handle, bool *entered);
CK_RV p11d_snapshot_modify(P11dSnapshot *snapshot, uint64_t moment, P11dUpdate *update,
                           CK_OBJECT_HANDLE handle, const CK_ATTRIBUTE *templ, CK_ULONG count,
                           bool *entered);

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

/* As p11d_object_learn, for the object with that handle. Errors: as there;
 * CKR_OBJECT_HANDLE_INVALID. */
CK_RV p11d_snapshot_learn(P11dSnapshot *snapshot, CK_OBJECT_HANDLE handle,
                          const CK_ATTRIBUTE_TYPE *types, CK_ULONG count, P11dReader *body);

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
