// SPDX-License-Identifier: MIT
/*
 * A messages row is one kind of messages: which operation each of them is, and the way that it
 * goes. There are two ways, for messages that a cipher with a tag seals and for those that are
 * signed.
 */
#ifndef P11D_MESSAGES_ROW_H
#define P11D_MESSAGES_ROW_H

#include "gcm.h"
#include "operation.h"

typedef struct P11dMessagesRow P11dMessagesRow;

/* What a host brings to one message, or to a part of one. Borrowed for the call. */
typedef struct P11dMessageData {
    void *parameter; /* the mechanism's for this message; takes what is made for it */
    CK_ULONG parameter_size;
    P11dBytes associated; /* data that are not encrypted */
    P11dBytes input;
    CK_BYTE *output; /* NULL: how large is it? */
    CK_ULONG *output_size;
    P11dBytes signature; /* to be judged */
    bool last;           /* of the parts */
} P11dMessageData;

/* What a session has of them. */
typedef struct P11dMessages {
    P11dOperation operation;
    CK_OBJECT_HANDLE key;
    P11dBuffer wire;           /* the mechanism's parameters, which the host's need not outlive */
    P11dParameters parameters; /* what they say; those of sealed messages come with each */
    bool authenticates;        /* the key wants a login for each message, for which one is ready */
    bool begun;                /* a message in parts */
    bool whole;                /* all of its parts were taken; its output is left to be fetched */
    P11dGcmSource source;      /* of IVs */
    size_t tag_size;           /* of a sealed message in parts, in bytes */
    CK_ULONG taken;            /* bytes of its input */
    CK_ULONG given;            /* bytes of its output */
} P11dMessages;

/* A call that works on them. */
typedef struct P11dMessagesWork {
    P11dInstance *instance;
    const P11dMessagesRow *row;
    CK_SESSION_HANDLE session;
    const P11dMessageData *message;
    P11dMessages *messages;
} P11dMessagesWork;

/* The errors are those of the functions of messages.h that come to this. */
typedef struct P11dMessagesWay {
    /* Keeps of mechanism, which the host brings to Init, what is the same for all messages. *first:
     * the mechanism of one of them, valid as long as messages. Does not wait. */
    CK_RV (*keep)(P11dMessages *messages, const CK_MECHANISM *mechanism, CK_MECHANISM *first);
    /* Begins the operation of a message, unless that is active. NULL: not before it comes. Does not
     * wait. */
    CK_RV (*ready)(const P11dMessagesWork *work);
    /* One message, or the begin, a part and the last part of one. May wait. */
    CK_RV (*whole)(const P11dMessagesWork *work);
    CK_RV (*begin)(const P11dMessagesWork *work);
    CK_RV (*part)(const P11dMessagesWork *work);
    CK_RV (*last)(const P11dMessagesWork *work);
} P11dMessagesWay;

extern const P11dMessagesWay p11d_messages_sealed;
extern const P11dMessagesWay p11d_messages_signed;

struct P11dMessagesRow {
    P11dOperationKind kind;
    const P11dOperationRow *each; /* the operation that each message is */
    const P11dMessagesWay *way;
};

extern const P11dMessagesRow p11d_messages_encrypt;
extern const P11dMessagesRow p11d_messages_decrypt;
extern const P11dMessagesRow p11d_messages_sign;
extern const P11dMessagesRow p11d_messages_verify;

/* All of them. */
extern const P11dMessagesRow *const p11d_messages_rows[];
extern const size_t p11d_messages_row_count;

/* Whether the operation of one message is active. */
bool p11d_messages_is_active(const P11dMessagesWork *work);
/* Ends it, if it is. */
void p11d_messages_end(const P11dMessagesWork *work);

#endif
