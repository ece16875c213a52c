// SPDX-License-Identifier: MIT
/*
 * An export is what a listing holds that anybody may have, in a form that other programs read:
 * certificates as they are, and public keys, also those of private keys whose public half the token
 * tells. A key that stands on a token more than once (private, public, in a certificate) is
 * exported once.
 */
#ifndef P11D_EXPORT_H
#define P11D_EXPORT_H

#include <glib.h>

#include "hosts.h"

typedef struct P11dExportForm P11dExportForm;

/* The forms as a help text shows them. */
#define P11D_EXPORT_NAMES "pem|der|ssh"

/* "pem": certificates and keys one after the other; "der": the one that there is; "ssh": a line of
 * authorized_keys for each key. NULL with error set to a usage error for another name, or for der
 * where the real stdout is a terminal. */
const P11dExportForm *p11d_export_find_form(const char *name, GError **error);

/* Writes what listing holds to the real stdout. What cannot be exported is told and left out.
 * FALSE with error set, and nothing written, if nothing matched target (no match), if there is
 * nothing in it that can be exported (unsupported), or if there is more than the form takes. */
gboolean p11d_export_print(const P11dExportForm *form, const GPtrArray *listing,
                           const P11dTarget *target, const P11dHosts *hosts, GError **error);

#endif
