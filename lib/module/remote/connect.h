// SPDX-License-Identifier: MIT
/*
 * Connecting is the way from the name of a service to a manager channel: message bus, OpenChannel,
 * and the bus is left again. How long it tries depends on what it may hope for.
 */
#ifndef P11D_CONNECT_H
#define P11D_CONNECT_H

#include "peer.h"

/* Limits for the whole way, in milliseconds: a service that runs, and one that the bus starts. */
#define P11D_CONNECT_TIMEOUT ((int64_t)5 * 1000)
#define P11D_START_TIMEOUT ((int64_t)30 * 1000)

/* For GetManagedObjects, which waits up to 10 s for the first word of a token's worker. */
#define P11D_LIST_TIMEOUT ((int64_t)15 * 1000)

/* Waits a little, longer each time, in *pause milliseconds (0 before the first). Ends early if the
 * instance is finalised. Returns false once deadline has passed. */
bool p11d_connect_pause(P11dInstance *instance, int64_t *pause, P11dDeadline deadline);

/*
 * Reaches the service: *peer is a new manager channel, or the bus connection if the service has no
 * channels or the configuration wants none. patient: a service that is not there is waited for,
 * because it was there before. Gives up the lock meanwhile. Errors: CKR_DEVICE_REMOVED (no bus, no
 * service), CKR_CRYPTOKI_NOT_INITIALIZED, CKR_HOST_MEMORY, and what the service answered.
 */
CK_RV p11d_connect(P11dInstance *instance, bool patient, P11dPeer **peer);

#endif
