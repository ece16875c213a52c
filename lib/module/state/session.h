// SPDX-License-Identifier: MIT
/*
 * A session is what the application has opened with a token: its handle and the operations that are
 * active in it. An operation is taken out of the session while a call works on it, so a second
 * thread on the same session finds it active instead of racing, and the session may be closed
 * meanwhile.
 */
#ifndef P11D_SESSION_H
#define P11D_SESSION_H

#include "token.h"

/* The kinds of operation that a session has at most one of each. */
typedef enum P11dOperationKind {
    P11D_OPERATION_SEARCH,
    P11D_OPERATION_DIGEST,
    P11D_OPERATION_SIGN,
    P11D_OPERATION_VERIFY,
    P11D_OPERATION_ENCRYPT,
    P11D_OPERATION_DECRYPT,
    P11D_OPERATION_MESSAGES_ENCRYPT, /* one message after the other */
    P11D_OPERATION_MESSAGES_DECRYPT,
    P11D_OPERATION_MESSAGES_SIGN,
    P11D_OPERATION_MESSAGES_VERIFY,
    P11D_OPERATION_MESSAGE_ENCRYPT, /* the one that is worked on */
    P11D_OPERATION_MESSAGE_DECRYPT,
    P11D_OPERATION_MESSAGE_SIGN,
    P11D_OPERATION_MESSAGE_VERIFY,
    P11D_OPERATION_WRAP, /* what was wrapped, until it is fetched */
    P11D_OPERATION_SIGN_RECOVER,
    P11D_OPERATION_VERIFY_RECOVER,
    P11D_OPERATION_KINDS,
} P11dOperationKind;

/* What every operation begins with. */
typedef struct P11dOperation P11dOperation;
struct P11dOperation {
    void (*free)(P11dOperation *operation); /* wipes and frees; does not wait */
    bool streams;                           /* it holds a channel of the service */
};

struct P11dSession {
    CK_SESSION_HANDLE handle; /* never 0, never one that was given before in this process */
    P11dToken *token;
    bool writable;
    P11dOperation *operations[P11D_OPERATION_KINDS]; /* owned; NULL: none */
    bool taken[P11D_OPERATION_KINDS];                /* a call works on it */
    P11dHandles objects;                             /* session objects that it made */
};

/* The session with that handle, or NULL. Valid until the lock is given up. */
P11dSession *p11d_session_find(P11dInstance *instance, CK_SESSION_HANDLE handle);

/*
 * Begins an operation: none of that kind may be active. operation: owned from then on, freed on
 * error; NULL begins one that is taken, to be put later.
 * Errors: CKR_SESSION_HANDLE_INVALID, CKR_OPERATION_ACTIVE.
 */
CK_RV p11d_session_begin(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                         P11dOperation *operation);

/* Whether the operation of that kind could be taken now. Errors: CKR_SESSION_HANDLE_INVALID,
 * CKR_OPERATION_NOT_INITIALIZED, CKR_OPERATION_ACTIVE (another call works on it). */
CK_RV p11d_session_check(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind);

/* Takes an operation out of its session. Errors: those of p11d_session_check. */
CK_RV p11d_session_take(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                        P11dOperation **operation);

/* Puts it back; NULL: it has ended. If the session is gone, it is freed. */
void p11d_session_put(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                      P11dOperation *operation);

/* Ends the operation of that kind, if there is one. Errors: CKR_SESSION_HANDLE_INVALID,
 * CKR_OPERATION_ACTIVE (a call works on it). */
CK_RV p11d_session_cancel(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind);

/* Ends the operations with token that hold a channel: the client that they belonged to is logged
 * out. One that a call works on ends with that. */
void p11d_session_end_streams(P11dToken *token);

/* Notes that the session made the session object with that handle. Errors: CKR_HOST_MEMORY,
 * CKR_SESSION_HANDLE_INVALID (it was closed meanwhile): the object has to be destroyed then. */
CK_RV p11d_session_own(P11dInstance *instance, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object);

/* Notes that the object with that handle is no more, whichever session of token made it. */
void p11d_session_disown(P11dToken *token, CK_OBJECT_HANDLE object);

/* Makes a session with token. Errors: CKR_HOST_MEMORY. */
CK_RV p11d_session_make(P11dToken *token, bool writable, CK_SESSION_HANDLE *handle);

/* Drops one session, or all with token, without a word to the service. */
void p11d_session_drop(P11dInstance *instance, CK_SESSION_HANDLE handle);
void p11d_session_drop_all(P11dToken *token);

/* Forgets the login of token because the service did: the sessions with it are gone. A login for
 * nothing stays, and so do the sessions. */
void p11d_session_lose(P11dToken *token);

#endif
