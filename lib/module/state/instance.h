// SPDX-License-Identifier: MIT
/*
 * An instance is the module between C_Initialize and C_Finalize: configuration, service, tokens,
 * sessions. Calls in flight hold references to it. C_Finalize only takes it away from new calls and
 * wakes those in flight, and the last of them frees it; so C_Finalize never waits and nothing is
 * ever freed under a call. The next C_Initialize makes another instance.
 */
#ifndef P11D_INSTANCE_H
#define P11D_INSTANCE_H

#include "configuration.h"
#include "peer.h"
#include "pkcs11.h"
#include "service.h"

typedef struct P11dToken P11dToken;
typedef struct P11dSession P11dSession;
typedef struct P11dWaiter P11dWaiter;

typedef struct P11dInstance {
    unsigned references; /* one while it is the current one, one for every call in flight */
    bool finalized;
    P11dConfiguration configuration;
    P11dPeer *peers; /* all that exist, so that C_Finalize can wake who waits for them */
    P11dService service;
    P11dToken **tokens; /* in the order of their slots; none is freed before the instance is */
    size_t token_count;
    P11dSession **sessions; /* in the order of their handles */
    size_t session_count;
    /* A pipe that ends waits in C_WaitForSlotEvent; NULL until one waits. */
    P11dWaiter *waiters; /* calls of C_WaitForSlotEvent, each on its stack */
} P11dInstance;

/*
 * C_Initialize (PKCS#11 3.1, section 5.4.1). arguments: of the host, see initargs.h. Called without
 * the lock. Errors: CKR_ARGUMENTS_BAD, CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED,
 * CKR_HOST_MEMORY.
 */
CK_RV p11d_instance_initialize(const void *arguments);

/* C_Finalize: instance is the current one and referenced by the caller. Errors:
 * CKR_CRYPTOKI_NOT_INITIALIZED (another thread was faster). */
CK_RV p11d_instance_finalize(P11dInstance *instance);

/* A new reference to the current instance, or NULL. */
P11dInstance *p11d_instance_enter(void);

/* Gives a reference up; the last one frees the instance. */
void p11d_instance_leave(P11dInstance *instance);

/* In a child after fork: there is no current instance any more. What the parent had is not freed,
 * only kept reachable. Called without the lock. */
void p11d_instance_forget(void);

#endif
