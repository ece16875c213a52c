// SPDX-License-Identifier: MIT
/*
 * Access is the question whether a client may do what a method needs the right for. It is asked for
 * every method of a token, before the act.
 */
#ifndef P11D_ACCESS_H
#define P11D_ACCESS_H

#include "client.h"
#include "interface.h"

/* Whether client may use right (never P11D_RIGHT_PURPOSE) on the object with that id, 0: on the
 * token. CKR_OK, or why not: whoever the supervisor lets in may do everything. Whether
 * a client may change what the token keeps is the token's to say (P11dWorkerTokenWriters): by the
 * same methods everybody makes session objects. */
CK_RV p11d_access_check(const P11dClient *client, P11dRight right, uint64_t object);

#endif
