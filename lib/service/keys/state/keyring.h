// SPDX-License-Identifier: MIT
/*
 * A key ring is what a key token holds, and what its clients see of it: the key set of a directory,
 * which is read again when something changes there, and the views of the clients. Every change has
 * a generation, so that a client can ask for what is new since. Any thread may use it at any time.
 */
#ifndef P11D_KEYRING_H
#define P11D_KEYRING_H

#include <pthread.h>

#include "brake.h"
#include "keychange.h"
#include "keyhistory.h"
#include "keystanding.h"
#include "keyview.h"
#include "tokenstate.h"
#include "watch.h"

typedef struct P11dKeyRing {
    const char *name; /* of the token, for the log; borrowed */
    char *path;       /* of the directory, absolute */
    P11dWatch watch;
    P11dWorkerTokenWriters writers; /* who may change the directory; never changes */
    bool writable;                  /* whether anybody may */
    dev_t device;                   /* of the directory that may be written to */
    ino_t inode;
    pthread_mutex_t writing; /* held by who writes to the directory; taken before the others */
    int store;               /* the lock of the directory, of who writes; -1: nobody does */
    bool blocked;            /* another service does not let go of that; of writing, too */
    pthread_mutex_t reading; /* held by who reads it; also of next_id and untold */
    uint64_t next_id;
    bool alone;           /* what changes there is written here; of reading, too */
    bool replaced;        /* another directory is there; of reading, too */
    unsigned untold;      /* P11dWorkerTokenChange bits that clients were not told of */
    pthread_mutex_t lock; /* of what follows, and of all views */
    P11dKeySet *set;
    P11dKeyView *views;    /* all there are */
    uint64_t next_session; /* behind P11D_SESSIONSTORE_FIRST_ID, for session objects */
    uint64_t clock;        /* the last generation given to anybody */
    uint64_t generation;   /* of set */
    P11dKeyHistory history;
    P11dTokenState state;
    uint64_t pin_changes; /* how often the user's PIN has become another, or none */
    P11dBrake brake;
} P11dKeyRing;

/* Makes a ring of which p11d_keyring_clear may be called, and nothing else yet but _open. */
void p11d_keyring_init(P11dKeyRing *ring, P11dWorkerTokenWriters writers);
/* Reads the directory at path, which is owned from then on (absolute, from malloc). Returns false
 * with errno set. */
bool p11d_keyring_open(P11dKeyRing *ring, char *path, const char *name);
/* Frees. */
void p11d_keyring_clear(P11dKeyRing *ring);

/* The watch's descriptor is readable: reads the directory again if something may have changed.
 * Returns P11dWorkerTokenChange bits. */
unsigned p11d_keyring_refresh(P11dKeyRing *ring);
/* Reads the directory again, after a change that was made here. What is to be told to clients the
 * next p11d_keyring_refresh returns, which the change itself brings about. */
void p11d_keyring_reread(P11dKeyRing *ring);
/* Has the next p11d_keyring_refresh tell clients of that, P11dWorkerTokenChange bits. */
void p11d_keyring_tell(P11dKeyRing *ring, unsigned change);
/* What the ring has that the token's properties tell. */
void p11d_keyring_stand(P11dKeyRing *ring, P11dKeyStanding *standing);
/* Whether there is a PIN. With the lock held. */
bool p11d_keyring_needs_login(const P11dKeyRing *ring);
/* Whether objects with CKA_PRIVATE true are there for the view. With the lock held. */
bool p11d_keyring_sees_private(const P11dKeyView *view);
/* Logs all out who logged in as the user with a PIN, which is none any more, and who is just
 * logging in with it does not get in. Returns whether there was any; clients are not told. With the
 * lock held. */
bool p11d_keyring_end_proved(P11dKeyRing *ring);
/* The object in row as the view sees it, or NULL if it does not. With the lock held. */
const P11dKeyObject *p11d_keyring_object(const P11dKeyView *view, const P11dKeySetRow *row);
/* Whether the view's client may change the directory: CKR_OK, CKR_TOKEN_WRITE_PROTECTED (nobody
 * may) or CKR_FUNCTION_REJECTED. */
CK_RV p11d_keyring_permits_writing(const P11dKeyView *view);
/* Whether the directory that may be written to is not the one that is there now: this process may
 * not write to that (sandbox.h). With the reading lock held. */
bool p11d_keyring_is_replaced(P11dKeyRing *ring);
/* Begins to write to the directory: nobody else does until _end_writing, and what is known of it is
 * what is there. Errors, where nothing has begun: CKR_TOKEN_WRITE_PROTECTED (also one that is not
 * to be written to), those of p11d_keystore_lock and p11d_keychange_finish. */
CK_RV p11d_keyring_begin_writing(P11dKeyRing *ring);
void p11d_keyring_end_writing(P11dKeyRing *ring);
/* Makes change, or abandons it, if rv is an error, which is returned then. The directory was read
 * again afterwards. Errors: those of p11d_keychange_commit and _finish. */
CK_RV p11d_keyring_change(P11dKeyRing *ring, const P11dKeyChange *change, CK_RV rv);

/* Makes the view of a client of that user. NULL if memory ran out. */
P11dKeyView *p11d_keyring_open_view(P11dKeyRing *ring, uid_t uid);
void p11d_keyring_close_view(P11dKeyView *view);

/* The generation that list would tell. */
uint64_t p11d_keyring_generation(P11dKeyView *view);
/* Writes the reply of ListObjects. */
void p11d_keyring_list(P11dKeyView *view, uint64_t known, P11dWriter *writer);

/* What the object with that id is called, whether the view sees it or not. False: there is none. */
bool p11d_keyring_label(P11dKeyView *view, uint64_t id, char label[P11D_WORKER_TOKEN_LABEL_SIZE]);

/*
 * The key behind id as the view sees it, for what use is about (CKA_SIGN and its like): *key gets a
 * reference of the caller's, *class the class of the object. Errors: CKR_KEY_HANDLE_INVALID,
 * CKR_KEY_FUNCTION_NOT_PERMITTED (that attribute of it is false, or no such key is for that).
 */
CK_RV p11d_keyring_find(P11dKeyView *view, uint64_t id, CK_ATTRIBUTE_TYPE use, P11dServedKey **key,
                        CK_OBJECT_CLASS *class);

#endif
