// SPDX-License-Identifier: MIT
/*
 * The dispatcher answers one call: it finds the method in the interface's table, checks path and
 * signature, reads the arguments, asks the token, and writes the reply or the error. One row says
 * which function handles which method; a method of the interface without a row is NotSupported.
 */
#ifndef P11D_DISPATCHER_H
#define P11D_DISPATCHER_H

#include "endpoint.h"

/*
 * Handles message, which arrived on endpoint; what is no call is ignored.
 * Returns false if the channel is of no further use.
 */
bool p11d_dispatch(P11dEndpoint *endpoint, const P11dMessage *message);

#endif
