// SPDX-License-Identifier: MIT
#include "act.h"

void p11d_act_pend(P11dActCall *call, void (*cancel)(void *data), void *data)
{
    call->cancel = cancel;
    call->cancel_data = data;
}

void p11d_act_complete(P11dActCall *call, CK_RV rv)
{
    call->rv = rv;
    call->completed(call);
}
