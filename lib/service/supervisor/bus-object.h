// SPDX-License-Identifier: MIT
/*
 * The bus objects are what the service exports on the message bus: the root with ObjectManager and
 * Manager1, and one object for each token. They answer what the supervisor knows itself, open
 * channels, and pass the rest on to the workers.
 */
#ifndef P11D_BUS_OBJECT_H
#define P11D_BUS_OBJECT_H

#include "registry.h"

typedef struct P11dBusObjects P11dBusObjects;

/* Exports everything on bus and keeps it in step with registry; both outlive the result. Returns
 * NULL with error set if something of ours is exported there already. */
P11dBusObjects *p11d_bus_objects_new(GDBusConnection *bus, P11dRegistry *registry, GError **error);

/* Ends all manager channels and all calls under way. The registry has been stopped before. */
void p11d_bus_objects_free(P11dBusObjects *objects);

#endif
