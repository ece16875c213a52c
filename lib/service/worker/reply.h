// SPDX-License-Identifier: MIT
/*
 * A reply is the answer to one call on an endpoint: what a method returns, or an error. Where the
 * caller wants none, it is made all the same and thrown away.
 */
#ifndef P11D_REPLY_H
#define P11D_REPLY_H

#include "endpoint.h"
#include "error-name.h"
#include "interface.h"

typedef struct P11dReply {
    P11dEndpoint *endpoint;
    const P11dMethod *method; /* NULL: unknown, so that there is only an error to reply */
    uint32_t serial;          /* of the call */
    bool wanted;
    int fd; /* to be sent with it and closed; or -1 */
    bool begun;
    P11dWriter writer;  /* of the body, once it is begun */
    P11dBuffer unasked; /* takes the body if it is not wanted */
    char scratch[P11D_ERROR_SIZE];
} P11dReply;

/* A reply to the call that arrived in message. */
void p11d_reply_init(P11dReply *reply, P11dEndpoint *endpoint, const P11dMessage *message);

/* Begins what the method returns. On a control channel the lock is held from here to the end, so
 * what takes long is to be done before. */
P11dWriter *p11d_reply_begin(P11dReply *reply);

/* Ends it: sends what was written, or the error of that name where error is not NULL. Returns false
 * if the channel is of no further use. */
bool p11d_reply_end(P11dReply *reply, const char *error);

/* The error that the result of an act is; NULL for CKR_OK. Valid as long as reply. */
const char *p11d_reply_error(P11dReply *reply, CK_RV rv);

#endif
