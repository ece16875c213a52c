// SPDX-License-Identifier: MIT
/*
 * A key stream is an operation that is done in parts, because all of the data is more than one call
 * may bring: AES, HMAC, signatures by mechanisms that hash, and digests; or because there is no
 * other way: signatures that hold their data. One thread uses it at a time.
 */
#ifndef P11D_KEYSTREAM_H
#define P11D_KEYSTREAM_H

#include "buffer.h"
#include "bytes.h"
#include "purpose.h"
#include "servedkey.h"

typedef struct P11dKeyStream P11dKeyStream;

/*
 * Begins. key: a reference, taken over, whatever comes; NULL to digest. Errors:
 * CKR_MECHANISM_INVALID (there is no such mechanism for that, or it is none that works in parts),
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keystream_begin(P11dKeyStream **stream, P11dServedKey *key, P11dPurpose purpose,
                           const P11dParameters *parameters);
/* Its key, borrowed; NULL: it makes a digest. */
const P11dServedKey *p11d_keystream_key(const P11dKeyStream *stream);
/* Takes a part, and appends what comes of it already. Errors: as p11d_keyblock_update. */
CK_RV p11d_keystream_update(P11dKeyStream *stream, P11dBytes part, P11dBuffer *output);
/* Appends what comes of all. signature: what is to be verified. Errors: as for the whole in one
 * call. */
CK_RV p11d_keystream_finish(P11dKeyStream *stream, P11dBytes signature, P11dBuffer *output);
/* Wipes and frees. Safe on NULL. */
void p11d_keystream_free(P11dKeyStream *stream);

#endif
