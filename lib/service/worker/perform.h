// SPDX-License-Identifier: MIT
/*
 * To perform is what every call of a token's method is, whatever the method: its arguments are read
 * and held against the limits, the client must have the right for it, the token acts, the results
 * are written, and the trail has a line.
 */
#ifndef P11D_PERFORM_H
#define P11D_PERFORM_H

#include "act.h"
#include "reply.h"

/* Performs act for the call in message, whose signature is the method's. reply was initialised, and
 * is copied. */
P11dEndpointOutcome p11d_perform(const P11dReply *reply, const P11dMessage *message,
                                 const P11dAct *act);

/* Goes on with the pending call of endpoint, which is complete. */
P11dEndpointOutcome p11d_perform_resume(P11dEndpoint *endpoint);

/* Nobody waits any more for the pending call of endpoint, which may be complete. */
void p11d_perform_cancel(P11dEndpoint *endpoint);

#endif
