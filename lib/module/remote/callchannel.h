// SPDX-License-Identifier: MIT
/*
 * A call channel carries the calls of one thread at a time to one token. Those that are idle are
 * pooled in the token's connection; the bus takes their place for a service without channels.
 */
#ifndef P11D_CALLCHANNEL_H
#define P11D_CALLCHANNEL_H

#include "request.h"
#include "token.h"

/*
 * Takes a call channel, for this thread alone: an idle one, or, if fresh or there is none, a new
 * one. Waits, attaches if need be. Errors: as p11d_attachment_make, and CKR_SESSION_HANDLE_INVALID
 * where a login was lost on the way.
 */
CK_RV p11d_callchannel_take(P11dToken *token, bool fresh, P11dDeadline deadline,
                            P11dPeer **channel);

/* Gives it back; good: it may be used again. */
void p11d_callchannel_give(P11dToken *token, P11dPeer *channel, bool good);

/* Called with the lock before each sending of a request; what is not CKR_OK ends the call with that
 * value and nothing sent. */
typedef CK_RV (*P11dPrepare)(P11dToken *token, void *data);

/*
 * Performs request on a call channel. A request that did not leave completely is sent once more on
 * a new channel; one that did is never repeated: CKR_DEVICE_ERROR. request->path is filled in.
 * prepare: may be NULL; gets data. Waits. Returns the answer's rv, or as p11d_callchannel_take.
 */
CK_RV p11d_callchannel_call(P11dToken *token, P11dRequest *request, P11dPrepare prepare,
                            void *data);

#endif
