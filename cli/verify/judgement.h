// SPDX-License-Identifier: MIT
/*
 * A judgement is what verify says of a signature that was checked: a line to people, and members of
 * a JSON object to programs.
 */
#ifndef P11D_JUDGEMENT_H
#define P11D_JUDGEMENT_H

#include <json-glib/json-glib.h>

#include "finding.h"
#include "trust.h"

/* Says how it ended. file: what was signed; NULL: standard input. A bad signature is an error:
 * FALSE with error set, which counts as told. */
gboolean p11d_judgement_tell(const P11dFinding *finding, const P11dTrust *trust, const char *file,
                             GError **error);

/* Adds the members "valid" to "format" to the object that is open. error: why nothing was found
 * out, or that the signature is bad; or NULL. */
void p11d_judgement_add(const P11dFinding *finding, const P11dTrust *trust, const GError *error,
                        JsonBuilder *json);

#endif
