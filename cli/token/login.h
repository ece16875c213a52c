// SPDX-License-Identifier: MIT
/*
 * A login is one attempt to open a token with its user PIN. There is never a second one: tokens
 * lock after a few wrong PINs, and the last try is left to whoever asks for it with --last-try.
 */
#ifndef P11D_LOGIN_H
#define P11D_LOGIN_H

#include "target.h"

/* Logs in to token, in its session, unless it needs no login or is logged in to already. target:
 * says in its pin-source where the PIN is, and is named when the PIN is asked for. */
gboolean p11d_login(P11dHostToken *token, const P11dTarget *target, const P11dOptions *options,
                    GError **error);

/* Authenticates for the one operation that was just begun in the token's session with a key that
 * has CKA_ALWAYS_AUTHENTICATE. The PIN is asked for once a run. */
gboolean p11d_login_for_operation(P11dHostToken *token, const P11dTarget *target,
                                  const P11dOptions *options, GError **error);

#endif
