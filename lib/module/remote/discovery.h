// SPDX-License-Identifier: MIT
/*
 * Discovery is how the module knows the service and its tokens: the service is found by its bus
 * name, then reached over a manager channel (or over the bus itself, if it has no channels). It
 * says which tokens there are, first in a list and then by signals, which are read when somebody
 * asks. One thread connects, others wait for it.
 */
#ifndef P11D_DISCOVERY_H
#define P11D_DISCOVERY_H

#include "peer.h"
#include "token.h"

/*
 * Brings what is known of the tokens up to date: connects if there is no connection, and reads the
 * signals that arrived. With a live connection it sends nothing (on the bus: one
 * GetManagedObjects). Errors: CKR_DEVICE_REMOVED and others (not reached: no token is present
 * then), CKR_HOST_MEMORY, CKR_CRYPTOKI_NOT_INITIALIZED. Waits.
 */
CK_RV p11d_discovery_look(P11dInstance *instance);

/* The token in that slot, after such a look. Errors: CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_PRESENT.
 * Waits. */
CK_RV p11d_discovery_token(P11dInstance *instance, CK_SLOT_ID slot, P11dToken **token);

/* Hangs up, if peer still is the connection: it was found dead. */
void p11d_discovery_lost(P11dInstance *instance, P11dPeer *peer);

/* For signals that arrive while a request is performed on the connection; without the lock. */
void p11d_discovery_on_signal(const P11dMessage *message, void *instance);

#endif
