// SPDX-License-Identifier: MIT
/*
 * A stream is one operation that the service keeps for us: it belongs to the call channel that
 * began it, which is held for as long as it lasts, and ends with that at the latest.
 */
#ifndef P11D_STREAM_H
#define P11D_STREAM_H

#include "request.h"
#include "token.h"

typedef struct P11dStream {
    P11dToken *token;
    P11dPeer *channel; /* NULL: there is none */
    uint64_t id;       /* what the service calls it */
} P11dStream;

/*
 * Begins the stream that arguments say, purpose and mechanism, with the key of that handle (0:
 * none). Waits. Errors: as p11d_listing_call; CKR_DEVICE_MEMORY (there are too many).
 */
CK_RV p11d_stream_begin(P11dStream *stream, CK_OBJECT_HANDLE key, P11dArguments *arguments);

/* Performs request, of which it fills in to whom it goes and about which stream, on the channel of
 * the stream. Waits. Returns the answer's rv, or CKR_DEVICE_ERROR: then the stream has ended. */
CK_RV p11d_stream_call(P11dStream *stream, P11dRequest *request);

/* Ends the stream, if there is one; finished: the service knows, so that its channel may be used
 * again. Does not wait. */
void p11d_stream_end(P11dStream *stream, bool finished);

#endif
