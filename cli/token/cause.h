// SPDX-License-Identifier: MIT
/*
 * A cause is why our own module shows no token. To a host that is an empty list, whatever is in the
 * way; who types a command has to know what. So the way that the module went is gone once more in
 * this process: its settings, the bus, the name of the service, the list of its tokens.
 */
#ifndef P11D_CAUSE_H
#define P11D_CAUSE_H

#include <glib.h>

/*
 * Sets error (P11D_FAILURE_DEVICE) to the cause, with the next step as its hint. reserved: what the
 * module was told in pReserved, or NULL; consequence: what follows, behind the cause, or NULL.
 * Waits up to half a minute for a bus or a service that does not answer.
 */
void p11d_cause_set(GError **error, const char *reserved, const char *consequence);

/* Looks whether the settings of our own module are right; FALSE with error set (P11D_FAILURE_USAGE)
 * names the mistake, with which the module would ask no service. */
gboolean p11d_cause_check_settings(const char *reserved, GError **error);

#endif
