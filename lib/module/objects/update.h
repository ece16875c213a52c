// SPDX-License-Identifier: MIT
/*
 * An update is what changes in a snapshot, as a reply of ListObjects says it, or as whoever made an
 * own call that made, changed or destroyed objects knows it: read and sorted by itself, without any
 * lock, and then put in by p11d_snapshot_apply or p11d_snapshot_enter with the lock. What that
 * takes out of the snapshot goes to the update, so that it is freed without the lock too.
 */
#ifndef P11D_UPDATE_H
#define P11D_UPDATE_H

#include "ids.h"
#include "index.h"

/* The most objects that one token may have here. */
#define P11D_UPDATE_MAX 100000

/* What holds for all objects of a token, and never changes. */
typedef struct P11dTerms {
    const P11dProperties *token; /* for the objects; borrowed, outlives them */
    const CK_KEY_TYPE *hidden;   /* of objects that are left out; borrowed */
    size_t hidden_count;
} P11dTerms;

typedef struct P11dUpdate {
    const P11dTerms *terms; /* borrowed */
    uint64_t since;         /* of an own call: the generation that it changed; 0: not known */
    uint64_t generation;    /* with the change; of an own call 0 if it is not known */
    bool complete;          /* fresh is everything */
    P11dIndex fresh;        /* its objects are owned: they come in, or came out of the snapshot */
    P11dIds gone;           /* of what is no more, or makes no sense any more */
    size_t skipped;         /* entries that were left out because they made no sense */
    P11dObject **leaving;   /* owned, with the objects; room for whatever can leave the snapshot */
    size_t leaving_count;
    size_t *places; /* owned; scratch of as many */
} P11dUpdate;

/* terms must outlive the update. */
void p11d_update_init(P11dUpdate *update, const P11dTerms *terms);

/*
 * Reads a reply of ListObjects; body stands at its beginning and was validated. Objects that make
 * no sense are left out and counted in skipped; those of a hidden key type are left out too.
 * Errors: CKR_HOST_MEMORY; CKR_DEVICE_MEMORY (more than P11D_UPDATE_MAX); CKR_DEVICE_ERROR
 * (generation 0, an id of 0 or twice). The update can only be cleared then.
 */
CK_RV p11d_update_read(P11dUpdate *update, P11dReader *body);

/*
 * For an own call: takes one object as ListObjects has it, whose id is not 0. attributes stands at
 * an a{sv} that was validated and is moved behind it. What a template asked for is not enough: the
 * service adds to it, and has other defaults. Errors: as p11d_update_read.
 */
CK_RV p11d_update_add(P11dUpdate *update, uint64_t id, P11dReader *attributes);

/* For an own call that made an object of which no more is known. The object is a draft until a list
 * names it. Errors: as p11d_update_read. */
CK_RV p11d_update_draft(P11dUpdate *update, const P11dDraft *draft);

/* For an own call: says that it destroyed the object with that id. Errors: CKR_HOST_MEMORY. */
CK_RV p11d_update_remove(P11dUpdate *update, uint64_t id);

/* Sorts what was added and removed: after the last of them. Errors: as p11d_update_read. */
CK_RV p11d_update_finish(P11dUpdate *update);

/* Wipes and frees. Safe on one that was only initialised. */
void p11d_update_clear(P11dUpdate *update);

#endif
