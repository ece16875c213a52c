// SPDX-License-Identifier: MIT
/*
 * The service is what the module talks to: found by its bus name, then reached over a manager
 * channel (or over the bus itself, if it has no channels). It says which tokens there are, first in
 * a list and then by signals, which are read when somebody asks. One thread connects, others wait
 * for it.
 */
#ifndef P11D_SERVICE_H
#define P11D_SERVICE_H

#include "peer.h"
#include "pkcs11.h"

typedef struct P11dService {
    P11dPeer *peer;    /* the manager channel, or the bus; NULL while not connected */
    bool connecting;   /* a thread is at it */
    unsigned attempts; /* how many came to their end */
    CK_RV outcome;     /* of the last attempt */
    bool known;        /* was there before: if it is not, it may be about to come back */
    unsigned changes;  /* counts arrivals and departures of tokens */
} P11dService;

/*
 * Brings what is known of the tokens up to date: connects if there is no connection, and reads the
 * signals that arrived. With a live connection it sends nothing (on the bus: one
 * GetManagedObjects). Errors: CKR_DEVICE_REMOVED and others (not reached: no token is present
 * then), CKR_HOST_MEMORY, CKR_CRYPTOKI_NOT_INITIALIZED.
 */
CK_RV p11d_service_look(P11dInstance *instance);

/* Hangs up, if peer still is the connection: it was found dead. */
void p11d_service_lost(P11dInstance *instance, P11dPeer *peer);

/* For signals that arrive while a request is performed on the connection; without the lock. */
void p11d_service_on_signal(const P11dMessage *message, void *instance);

#endif
