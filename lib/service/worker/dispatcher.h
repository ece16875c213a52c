// SPDX-License-Identifier: MIT
/*
 * The dispatcher answers calls: it finds the method in the interface's table, checks path and
 * signature, and has it performed if the token has an act for it. What is no act of a token (its
 * channels, objects and properties) is a row of the dispatcher's own. Any other method is
 * NotSupported. What is no call is ignored.
 */
#ifndef P11D_DISPATCHER_H
#define P11D_DISPATCHER_H

#include "endpoint.h"

extern const P11dEndpointHandler p11d_dispatcher;

#endif
