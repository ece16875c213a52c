// SPDX-License-Identifier: MIT
/*
 * A token is what a worker serves: objects, and acts on them. It is an interface, so that the
 * dispatcher knows nothing of where keys come from. What a token keeps for one client (its login,
 * and what the login opened) is a view; what one view may see never depends on another's login.
 * Operations on views may be called by any thread at any time, several at once.
 */
#ifndef P11D_WORKER_TOKEN_H
#define P11D_WORKER_TOKEN_H

#include "act.h"
#include "credentials.h"

/* The longest PIN, in bytes. */
#define P11D_WORKER_TOKEN_PIN_MAX 1024

typedef struct P11dWorkerToken P11dWorkerToken;

/* Who may change what a token keeps, beside its session objects. */
typedef enum P11dWorkerTokenWriters {
    P11D_WORKER_TOKEN_NOBODY,
    P11D_WORKER_TOKEN_ALL,   /* its clients */
    P11D_WORKER_TOKEN_OWNER, /* those of the user that this process runs as, and root */
} P11dWorkerTokenWriters;

/* What a token found when it looked at its descriptor. */
typedef enum P11dWorkerTokenChange {
    P11D_WORKER_TOKEN_OBJECTS = 1 << 0,    /* the list of some client has changed */
    P11D_WORKER_TOKEN_PROPERTIES = 1 << 1, /* the token's properties have */
    P11D_WORKER_TOKEN_REPLACED = 1 << 2,   /* only another process can serve what is there now */
} P11dWorkerTokenChange;

/* Room for a label with its NUL, in bytes. */
#define P11D_WORKER_TOKEN_LABEL_SIZE 256

typedef struct P11dWorkerTokenOperations {
    /* All views are closed before. */
    void (*free)(P11dWorkerToken *token);
    /* The token's descriptor is readable. Called by one thread only. Returns P11dWorkerTokenChange
     * bits.
     */
    unsigned (*dispatch)(P11dWorkerToken *token);
    /* Writes the elements of the a{sv} of the properties of Token1, from an offset that is a
     * multiple of 8. */
    void (*write_properties)(P11dWorkerToken *token, P11dWriter *writer);

    /* A new client; credentials are borrowed for the call. NULL if memory ran out. */
    P11dView *(*open)(P11dWorkerToken *token, const P11dCredentials *credentials);
    /* The client is gone and no operation runs on the view. */
    void (*close)(P11dView *view);
    /* The generation that list would return. */
    uint64_t (*generation)(P11dView *view);
    /* What the object with that id is called, whether the view sees it or not: for the log. False:
     * there is none. */
    bool (*label)(P11dView *view, uint64_t id, char label[P11D_WORKER_TOKEN_LABEL_SIZE]);
    /* Writes the reply of ListObjects. */
    void (*list)(P11dView *view, uint64_t known, P11dWriter *writer);
    /* Forgets the view's login and session objects: its control channel has closed, while other
     * calls still run. False: there was no login. */
    bool (*forget)(P11dView *view);
    /* A channel of the view is closed (its number is that of P11dActCall), and no call runs on it:
     * what belongs to it ends. NULL: nothing does. */
    void (*hang_up)(P11dView *view, uint64_t channel);
} P11dWorkerTokenOperations;

/* What every token begins with. */
struct P11dWorkerToken {
    const P11dWorkerTokenOperations *operations;
    const P11dAct *acts; /* a row for each method that it has; the last has no method */
    const char *name;    /* its path on D-Bus is made of it; owned by the token */
    int descriptor;      /* to poll for reading, or -1 */
};

/* What every view begins with. */
struct P11dView {
    P11dWorkerToken *token;
};

#endif
