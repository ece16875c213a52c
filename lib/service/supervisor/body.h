// SPDX-License-Identifier: MIT
/*
 * A body is the arguments of one message, on its way between the bus, where GDBus wants a GVariant,
 * and a channel, where it is bytes in D-Bus marshalling. Only what no secret is in comes here: a
 * GVariant cannot be wiped.
 */
#ifndef P11D_BODY_H
#define P11D_BODY_H

#include <gio/gio.h>

#include "channel.h"

/*
 * Marshals arguments (a tuple; a floating one is consumed; NULL for none) into the body of a
 * message. overhead: the most bytes outside of byte arrays, 0 for no limit.
 * Returns NULL with error set (org.freedesktop.DBus.Error.LimitsExceeded) if it is more.
 */
GBytes *p11d_body_marshal(GVariant *arguments, size_t overhead, GError **error);

/* Appends a marshalled body to a message that was begun with the signature of its arguments. */
void p11d_body_write(P11dWriter *writer, GBytes *body);

/* The arguments of the message that channel received last and has not done with: an owned tuple,
 * empty for a message without any. Returns NULL with error set if GDBus does not take it. */
GVariant *p11d_body_received(const P11dChannel *channel, GError **error);

#endif
