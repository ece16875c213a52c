// SPDX-License-Identifier: MIT
/*
 * A token is what a service exports under one name, as this instance knows it: its properties, this
 * application's login and sessions, the snapshot of its objects. It is made when the name is first
 * seen and stays for as long as the instance, whether the service still has it or not.
 */
#ifndef P11D_TOKEN_H
#define P11D_TOKEN_H

#include "connection.h"
#include "properties.h"
#include "snapshot.h"
#include "token-path.h"

/* Nobody is logged in. */
#define P11D_NOBODY CK_UNAVAILABLE_INFORMATION

struct P11dToken {
    P11dInstance *instance;
    CK_SLOT_ID slot;
    char *path;
    const char *name;                       /* the last element of path */
    char title[P11D_TOKEN_PATH_TITLE_SIZE]; /* what name stands for */
    bool present;
    bool listed; /* mark while a list is applied */
    bool event;  /* came or went, and C_WaitForSlotEvent did not say so yet */
    P11dProperties properties;
    P11dConnection connection;
    CK_USER_TYPE login;     /* CKU_USER, CKU_SO or P11D_NOBODY; see p11d_token_user */
    bool login_idle;        /* the login was for nothing: the token needed none */
    CK_ULONG session_count; /* of this application */
    CK_ULONG writable_count;
    P11dSnapshot snapshot;
    bool stale;   /* ListObjects must be asked before the next search */
    bool listing; /* a thread is asking */
};

/* The token of that slot, or of that object path; NULL if there is none. */
P11dToken *p11d_token_find(P11dInstance *instance, CK_SLOT_ID slot);
P11dToken *p11d_token_find_path(P11dInstance *instance, const char *path);

/* The token of that name, made if it is new, not present then. NULL if memory or slots ran out. */
P11dToken *p11d_token_provide(P11dInstance *instance, const char *name);

/* The service has it: properties are all that it says. */
void p11d_token_appear(P11dToken *token, P11dReader properties);
/* The service has it no more. Safe on one that is not present. */
void p11d_token_vanish(P11dToken *token);
/* Some properties changed, others (an 'as') are no longer said. */
void p11d_token_change(P11dToken *token, P11dReader changed, P11dReader invalidated);

/* True if there is nothing to log in for: the token says neither that it needs a login nor that it
 * has a PIN. */
bool p11d_token_is_open(const P11dToken *token);
/* Who is logged in: CKU_USER, CKU_SO or P11D_NOBODY. A login for nothing lasts as long as none is
 * needed: then the host may log in with a PIN that counts. */
CK_USER_TYPE p11d_token_user(const P11dToken *token);

void p11d_token_free(P11dToken *token);

#endif
