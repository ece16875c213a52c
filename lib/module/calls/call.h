// SPDX-License-Identifier: MIT
/*
 * A call is one C_ function at work: what comes before and after all of them. It holds a reference
 * on the instance, so that C_Finalize in another thread frees nothing under it, and keeps the
 * thread from being cancelled half-way.
 */
#ifndef P11D_CALL_H
#define P11D_CALL_H

#include "instance.h"

typedef struct P11dCall {
    const char *function;   /* its name */
    P11dInstance *instance; /* referenced; NULL where the module is not initialised */
    int cancel_state;
} P11dCall;

/* Begins a call of a function that works without C_Initialize. Takes no lock. */
void p11d_call_begin_bare(P11dCall *call, const char *function);

/* Begins any other call. function: its name, static. On CKR_OK the lock is held. Errors:
 * CKR_CRYPTOKI_NOT_INITIALIZED; p11d_call_end must follow all the same. */
CK_RV p11d_call_begin(P11dCall *call, const char *function);

/* Ends the call: gives the lock up if begin took it, and returns what the host gets for rv. */
CK_RV p11d_call_end(P11dCall *call, CK_RV rv);

/* A whole call of a function that needs a session and has no other answer than rv. */
CK_RV p11d_call_refuse(const char *function, CK_SESSION_HANDLE session, CK_RV rv);

#endif
