// SPDX-License-Identifier: MIT
#include "running.h"

#include <stdlib.h>

void p11d_running_free(P11dOperation *freed)
{
    P11dRunning *operation = (P11dRunning *)freed;
    p11d_flow_clear(&operation->flow);
    p11d_digest_wipe(&operation->digest);
    p11d_plan_clear(&operation->plan);
    p11d_buffer_clear(&operation->kept_for);
    p11d_buffer_clear(&operation->signature);
    free(operation);
}

CK_RV p11d_running_take(P11dInstance *instance, const P11dOperationRow *row,
                        CK_SESSION_HANDLE session, P11dRunning **operation)
{
    P11dOperation *taken = NULL;
    const CK_RV rv = p11d_session_take(instance, session, row->kind, &taken);
    *operation = (P11dRunning *)taken;
    if (rv != CKR_OK || (*operation)->plan.row == row)
        return rv;
    p11d_session_put(instance, session, row->kind, taken); /* begun by another function */
    return CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV p11d_running_check(P11dInstance *instance, const P11dOperationRow *row,
                         CK_SESSION_HANDLE session)
{
    P11dRunning *operation;
    const CK_RV rv = p11d_running_take(instance, row, session, &operation);
    return rv == CKR_OK ? p11d_running_put(instance, session, operation, true, rv) : rv;
}

CK_RV p11d_running_put(P11dInstance *instance, CK_SESSION_HANDLE session, P11dRunning *operation,
                       bool goes_on, CK_RV rv)
{
    operation->operation.streams = operation->flow.stream.channel;
    p11d_session_put(instance, session, operation->plan.row->kind,
                     goes_on ? &operation->operation : NULL);
    if (!goes_on)
        p11d_running_free(&operation->operation);
    return rv;
}
