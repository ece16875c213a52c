// SPDX-License-Identifier: MIT
/*
 * A bus connection is a channel to a message bus after authentication (SASL EXTERNAL), agreement on
 * passing descriptors, and Hello. The module holds one only as long as it needs to find the
 * service and get a channel from it.
 */
#ifndef P11D_BUS_H
#define P11D_BUS_H

#include "address.h"
#include "channel.h"

typedef struct P11dBus {
    P11dChannel channel;
    char unique_name[64]; /* that the bus gave to this connection */
    bool passes_descriptors;
} P11dBus;

/*
 * Connects to the first transport of address that answers, authenticates and says Hello. A
 * connection that ends meanwhile is made once more, with a pause for each answer.
 * Errors: P11D_TIMEOUT, P11D_CLOSED (nobody listens, or hung up), P11D_REFUSED (authentication, or
 * the limit of connections was reached), P11D_MALFORMED, P11D_NO_MEMORY, P11D_SYSTEM. bus is
 * cleared then.
 */
P11dStatus p11d_bus_connect(P11dBus *bus, const P11dAddress *address, P11dDeadline deadline);

/*
 * Begins a method call on the bus in bus->channel.out; destination, path, interface, member and
 * signature as in the D-Bus Specification, borrowed for this call. auto_start: whether the bus may
 * start the service.
 */
void p11d_bus_begin(P11dBus *bus, P11dWriter *writer, const char *destination, const char *path,
                    const char *interface, const char *member, const char *signature,
                    bool auto_start);

/* Sends it and waits for the reply; as p11d_channel_call, signals are dropped. The sender of a
 * reply is not checked further: the bus routes replies by serial. */
P11dStatus p11d_bus_call(P11dBus *bus, P11dWriter *writer, P11dDeadline deadline,
                         P11dMessage *reply, bool *complete);

/* Hangs up. Safe on one that is cleared. */
void p11d_bus_clear(P11dBus *bus);

#endif
