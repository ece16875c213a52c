// SPDX-License-Identifier: MIT
/*
 * A listing brings the snapshot of a token's objects up to date: with no message where nothing
 * changed, else with one ListObjects, asked by one thread for all that wait. It also makes the
 * calls that are about an object, whose id at the service must be one of its present run.
 */
#ifndef P11D_LISTING_H
#define P11D_LISTING_H

#include "callchannel.h"

/*
 * Makes sure that the snapshot is what the service has now, for a search. Waits.
 * Errors: as p11d_callchannel_call, p11d_update_read, p11d_snapshot_apply.
 */
CK_RV p11d_listing_look(P11dToken *token);

/* The object with that handle, or NULL. Asks nobody, so it may be a draft. */
P11dObject *p11d_listing_find(P11dToken *token, CK_OBJECT_HANDLE handle);

/* The same for who needs all that is known of it: a list turns a draft into the whole object, as
 * far as the service has it. Waits then. */
P11dObject *p11d_listing_know(P11dToken *token, CK_OBJECT_HANDLE handle);

/* When a call was sent, for what it did to objects. */
typedef struct P11dMoment {
    uint64_t snapshot; /* snapshot.moment */
    uint64_t epoch;    /* of the connection */
} P11dMoment;

/*
 * As p11d_callchannel_call, for a request about objects: in request->arguments what the service
 * calls those with these handles is filled in before each sending, in their order; 0: none.
 * *moment, unless it is NULL, says when the request was sent.
 * Errors: as there; CKR_OBJECT_HANDLE_INVALID (one is gone).
 */
CK_RV p11d_listing_call(P11dToken *token, const CK_OBJECT_HANDLE handles[P11D_ARGUMENTS_EACH],
                        P11dRequest *request, P11dMoment *moment);

/* As p11d_snapshot_enter, for a call of that moment; *entered is false too where the connection is
 * not that of the call any more. */
CK_RV p11d_listing_enter(P11dToken *token, P11dMoment moment, P11dUpdate *update, bool *entered);

#endif
