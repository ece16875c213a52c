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
 * Errors: as p11d_callchannel_call, p11d_snapshot_apply.
 */
CK_RV p11d_listing_look(P11dToken *token);

/* The object with that handle, or NULL. Asks nobody. */
P11dObject *p11d_listing_find(P11dToken *token, CK_OBJECT_HANDLE handle);

/*
 * As p11d_callchannel_call, for a request about the object with that handle: *id, which the
 * request's writer writes, is filled in before each sending. Errors: as there;
 * CKR_OBJECT_HANDLE_INVALID (it is gone).
 */
CK_RV p11d_listing_call(P11dToken *token, CK_OBJECT_HANDLE handle, uint64_t *id,
                        P11dRequest *request);

#endif
