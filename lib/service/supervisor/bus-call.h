// SPDX-License-Identifier: MIT
/*
 * A bus call is a method of a token that was called on the message bus itself, by a script or by
 * busctl. It is passed on over a control channel that is kept for that caller until it leaves the
 * bus; the calls of one caller to one token are made one after the other.
 */
#ifndef P11D_BUS_CALL_H
#define P11D_BUS_CALL_H

#include "interface.h"
#include "registry.h"

typedef struct P11dBusCalls P11dBusCalls;

/* bus and registry outlive the result. */
P11dBusCalls *p11d_bus_calls_new(GDBusConnection *bus, P11dRegistry *registry);

/*
 * Passes the call in invocation (owned from then on) on to the worker of its token, and the reply
 * back. method: its row in the table of Token1, not one that is for channels only. The caller gets
 * org.freedesktop.DBus.Error.LimitsExceeded for requests and replies that are too large and for too
 * many calls at once, and NoReply if the worker ended before it answered.
 */
void p11d_bus_calls_pass_on(P11dBusCalls *calls, const P11dMethod *method,
                            GDBusMethodInvocation *invocation);

/* Ends everything; calls under way are not answered. */
void p11d_bus_calls_free(P11dBusCalls *calls);

#endif
