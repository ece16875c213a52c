// SPDX-License-Identifier: MIT
/*
 * A flow is the data of one operation that this process does not hash, on their way to the service
 * and back. Parts for which the host is owed no output yet are gathered, up to a megabyte; where
 * output is owed with each part, as by most ciphers, each part is one message. As long as all parts
 * are here, one message does it all; else a stream does. Output that the host has no room for
 * is kept.
 */
#ifndef P11D_FLOW_H
#define P11D_FLOW_H

#include "plan.h"
#include "stream.h"

/* Where a host wants output. */
typedef struct P11dRoom {
    CK_BYTE *place; /* NULL: nowhere, it asks for the size */
    CK_ULONG size;  /* bytes */
} P11dRoom;

typedef struct P11dFlow {
    const P11dPlan *plan;
    P11dStream stream;   /* also one that was begun for a login */
    bool refused;        /* the service has no stream for this */
    P11dBuffer gathered; /* parts that were not sent */
    P11dBuffer output;   /* that came and that the host has not got */
    uint64_t taken;      /* bytes of input so far */
    uint64_t given;      /* bytes of output that the host has got */
    P11dRoom room;       /* while a message is sent: where its output goes first */
    bool last;           /* that message is the last one */
} P11dFlow;

/* Makes a flow of plan, which is borrowed and may still be made. */
void p11d_flow_init(P11dFlow *flow, const P11dPlan *plan, P11dToken *token);
/* Wipes and frees; a stream is given up. Does not wait. */
void p11d_flow_clear(P11dFlow *flow);
/* Forgets all data, for other data to come. */
void p11d_flow_restart(P11dFlow *flow);

/* How much output the host is owed once one more part of so many bytes was taken, at most; bytes.
 */
CK_ULONG p11d_flow_due(const P11dFlow *flow, CK_ULONG size);

/*
 * Takes one more part. What output there is then goes to room, as far as it fits; *written: so many
 * bytes. May wait. Errors: CKR_DATA_LEN_RANGE (more than can be gathered for one call),
 * CKR_HOST_MEMORY, CKR_USER_NOT_LOGGED_IN (the key wants a login first), CKR_DEVICE_MEMORY (too
 * many streams), CKR_DEVICE_ERROR, what the service answers. The operation has failed then.
 */
CK_RV p11d_flow_add(P11dFlow *flow, P11dBytes part, P11dRoom room, CK_ULONG *written);

/* The same for the value of a key, where the service has a stream for that. */
CK_RV p11d_flow_add_key(P11dFlow *flow, CK_OBJECT_HANDLE key);

/* Begins the stream, for a login that it will hold. Waits. Errors: CKR_KEY_HANDLE_INVALID, those of
 * p11d_stream_begin. */
CK_RV p11d_flow_begin(P11dFlow *flow);

/*
 * Ends it, by one message or by the end of the stream. whole: what the operation is about, in the
 * place of parts; NULL: the parts. signature: what is to be verified. Output goes to room, if there
 * is any, *written bytes, and what does not fit there is kept. Waits. Errors: those of
 * p11d_flow_add, and CKR_KEY_HANDLE_INVALID.
 */
CK_RV p11d_flow_finish(P11dFlow *flow, const P11dBytes *whole, P11dBytes signature, P11dRoom room,
                       CK_ULONG *written);

/* Copies what was kept, flow->output, to place; returns how many bytes. May give the lock up. */
CK_ULONG p11d_flow_fetch(P11dFlow *flow, CK_BYTE *place);

#endif
