// SPDX-License-Identifier: MIT
/*
 * A caller is a connection to the message bus that called a method of ours. Who is behind it, the
 * bus knows from the kernel, and only as long as the caller stays connected: nothing that the
 * caller itself sends is believed.
 */
#ifndef P11D_CALLER_H
#define P11D_CALLER_H

#include <gio/gio.h>

#include "credentials.h"

/* Asks the bus who is behind the unique name; callback then gets the result from _finish. */
void p11d_caller_look_up(GDBusConnection *bus, const char *unique_name, GCancellable *cancellable,
                         GAsyncReadyCallback callback, void *data);

/* Fills credentials, which the caller clears. Fails if the bus does not know the uid, or if the
 * caller has left. A process or groups that the bus does not know are 0 and empty. */
gboolean p11d_caller_finish(GDBusConnection *bus, GAsyncResult *result,
                            P11dCredentials *credentials, GError **error);

#endif
