// SPDX-License-Identifier: MIT
/*
 * An activity is something that was done with a token, as a line of the log: who (uid and pid, as
 * the bus vouched for them), what, and how it ended, before the names, so that a line that is cut
 * has lost only those. A verbose log has them all, another one those that were refused.
 */
#ifndef P11D_ACTIVITY_H
#define P11D_ACTIVITY_H

#include "client.h"

/* rv: how it ended. Refused logins are always told; where too many wrong PINs came before them,
 * once a second. */
void p11d_activity_login(const P11dClient *client, CK_RV rv);

void p11d_activity_logout(const P11dClient *client, CK_RV rv);

/* key: its object's id; mechanism: its name as the client wrote it. */
void p11d_activity_sign(const P11dClient *client, uint64_t key, const char *mechanism, CK_RV rv);

/* An object with that label and class came ("added") or went ("removed"). */
void p11d_activity_object(const P11dWorkerToken *token, const char *what, CK_OBJECT_CLASS class,
                          const char *label);

#endif
