// SPDX-License-Identifier: MIT
/*
 * An attachment makes this application a client of a token: it opens the control channel. If the
 * connection was lost it is made again, silently where that is safe: the same run of the service
 * and no login; with another run the objects are bound again; a login that is lost ends the
 * sessions.
 */
#ifndef P11D_ATTACHMENT_H
#define P11D_ATTACHMENT_H

#include "token.h"

/*
 * Makes sure that the token is attached. Waits.
 * Errors: CKR_TOKEN_NOT_PRESENT, CKR_DEVICE_REMOVED, CKR_DEVICE_ERROR, CKR_HOST_MEMORY,
 * CKR_CRYPTOKI_NOT_INITIALIZED, and what the service answered.
 */
CK_RV p11d_attachment_make(P11dToken *token, P11dDeadline deadline);

/* Reads what lies unread on the control channel, without waiting: ObjectsChanged makes
 * token->stale, the end of the channel detaches. No effect while another thread speaks on it. */
void p11d_attachment_look(P11dToken *token);

/* The connection to the token is gone. */
void p11d_attachment_lost(P11dToken *token);

/* For signals that arrive while a request is performed on the control channel; without the lock. */
void p11d_attachment_on_signal(const P11dMessage *message, void *token);

#endif
