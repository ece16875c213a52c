// SPDX-License-Identifier: MIT
/* A running operation is what a session keeps of one that takes many calls, between these. */
#ifndef P11D_RUNNING_H
#define P11D_RUNNING_H

#include "flow.h"

typedef struct P11dRunning {
    P11dOperation operation;
    P11dPlan plan;
    bool parts;           /* C_…Update was called: the whole may not come any more */
    P11dDigest digest;    /* of the parts, where this process hashes */
    P11dFlow flow;        /* of the data, where it does not; all output until it is fetched */
    bool finished;        /* nothing is left to be asked for */
    P11dBuffer kept_for;  /* the whole, or its digest, that a finished output is kept for */
    P11dBuffer signature; /* that was given when it began */
} P11dRunning;

/* As of P11dOperation. */
void p11d_running_free(P11dOperation *freed);

/* Takes the operation of that row out of its session. Errors: as p11d_session_take. */
CK_RV p11d_running_take(P11dInstance *instance, const P11dOperationRow *row,
                        CK_SESSION_HANDLE session, P11dRunning **operation);

/* Whether that could be done now. Errors: the same. */
CK_RV p11d_running_check(P11dInstance *instance, const P11dOperationRow *row,
                         CK_SESSION_HANDLE session);

/* Puts it back, or ends it; returns rv. */
CK_RV p11d_running_put(P11dInstance *instance, CK_SESSION_HANDLE session, P11dRunning *operation,
                       bool goes_on, CK_RV rv);

#endif
