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

/* The object with that handle, or NULL. Asks nobody. */
P11dObject *p11d_listing_find(P11dToken *token, CK_OBJECT_HANDLE handle);

/*
 * As p11d_callchannel_call, for a request about objects: in request->arguments what the service
 * calls those with these handles is filled in before each sending, in their order; 0: none.
 * Errors: as there; CKR_OBJECT_HANDLE_INVALID (one is gone).
 */
CK_RV p11d_listing_call(P11dToken *token, const CK_OBJECT_HANDLE handles[P11D_ARGUMENTS_EACH],
                        P11dRequest *request);

#endif
