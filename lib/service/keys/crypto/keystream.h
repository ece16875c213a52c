// SPDX-License-Identifier: MIT
/*
 * A key stream is an operation that is done in parts, because all of the data is more than one call
 * may bring: AES, HMAC, signatures by mechanisms that hash, and digests; or because there is no
 * other way: signatures that hold their data. It belongs to the channel that began it. One thread
 * uses it at a time.
 */
#ifndef P11D_KEYSTREAM_H
#define P11D_KEYSTREAM_H

#include "buffer.h"
#include "bytes.h"
#include "purpose.h"
#include "servedkey.h"

/* The most streams of one view. */
#define P11D_KEYSTREAMS_MAX 64

typedef struct P11dKeyStream P11dKeyStream;

/* The streams of a view; all zero: none. Functions on it are called with the token's lock held. */
typedef struct P11dKeyStreams {
    P11dKeyStream *first;
    size_t count;
    uint64_t last_id;
    uint64_t ended; /* how often all of them were ended: the client logged out */
} P11dKeyStreams;

/*
 * Begins. key: a reference, taken over, whatever comes; NULL to digest. Errors:
 * CKR_MECHANISM_INVALID (there is no such mechanism for that, or it is none that works in parts),
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keystream_begin(P11dKeyStream **stream, P11dServedKey *key, P11dPurpose purpose,
                           const P11dParameters *parameters);
/* Whether it makes a digest. */
bool p11d_keystream_digests(const P11dKeyStream *stream);
/* Takes a part, and appends what comes of it already. Errors: as p11d_keyaes_update. */
CK_RV p11d_keystream_update(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output);
/* Appends what comes of all. signature: what is to be verified. Errors: as for the whole in one
 * call. */
CK_RV p11d_keystream_finish(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output);
/* Wipes and frees stream, and the others of what p11d_keystreams_end gave. Safe on NULL. */
void p11d_keystream_free(P11dKeyStream *stream);

/* Adds stream, which the view owns from then on, of that channel and with the key of that id (0:
 * none); *id is its number. False: there are too many. */
bool p11d_keystreams_add(P11dKeyStreams *streams, P11dKeyStream *stream, uint64_t channel,
                         uint64_t key, uint64_t *id);
/* The stream of that number, if it is that channel's, in use until it is released; or NULL. */
P11dKeyStream *p11d_keystreams_find(const P11dKeyStreams *streams, uint64_t id, uint64_t channel);
/* Stream is in use no more. False: it does not go on, or was ended meanwhile; it is taken out, and
 * the caller's again. */
bool p11d_keystreams_release(P11dKeyStreams *streams, P11dKeyStream *stream, bool goes_on);
/* Whether a stream with that key ends. */
typedef bool P11dKeyStreamEnds(uint64_t id, const P11dServedKey *key, void *data);
/* Ends those, and puts them before the others of *ended, which the caller is to free; a stream that
 * is in use is ended when it is released. */
void p11d_keystreams_end_some(P11dKeyStreams *streams, P11dKeyStreamEnds *ends, void *data,
                              P11dKeyStream **ended);
/* Ends all. What is returned (or NULL) is the caller's to free; a stream that is in use is ended
 * when it is released. */
P11dKeyStream *p11d_keystreams_end(P11dKeyStreams *streams);
/* Takes out one stream of that channel, if there is any; or NULL. */
P11dKeyStream *p11d_keystreams_take(P11dKeyStreams *streams, uint64_t channel);

#endif
