// SPDX-License-Identifier: MIT
#include "call.h"

#include <pthread.h>

#include "error-name.h"
#include "fork.h"
#include "life.h"
#include "lock.h"
#include "session.h"
#include "trace.h"

void p11d_call_begin_bare(P11dCall *call, const char *function)
{
    *call = (P11dCall){.function = function};
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &call->cancel_state);
    p11d_fork_look();
}

CK_RV p11d_call_begin(P11dCall *call, const char *function)
{
    p11d_call_begin_bare(call, function);
    p11d_lock_take();
    call->instance = p11d_life_enter();
    if (call->instance)
        return CKR_OK;
    p11d_lock_give();
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

CK_RV p11d_call_end(P11dCall *call, CK_RV rv)
{
    if (call->instance) {
        /* Whatever went wrong in a call that C_Finalize overtook, that is the reason. */
        if (rv != CKR_OK && call->instance->finalized)
            rv = CKR_CRYPTOKI_NOT_INITIALIZED;
        p11d_life_leave(call->instance);
        p11d_lock_give();
    }
    char scratch[P11D_NAME_SIZE];
    p11d_trace(P11D_TRACE_CALLS, "%s: %s", call->function, p11d_error_ckr(rv, scratch));
    pthread_setcancelstate(call->cancel_state, NULL);
    return rv;
}

CK_RV p11d_call_refuse(const char *function, CK_SESSION_HANDLE session, CK_RV rv)
{
    P11dCall call;
    CK_RV begun = p11d_call_begin(&call, function);
    if (begun == CKR_OK && !p11d_session_find(call.instance, session))
        begun = CKR_SESSION_HANDLE_INVALID;
    return p11d_call_end(&call, begun == CKR_OK ? rv : begun);
}
