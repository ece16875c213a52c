// SPDX-License-Identifier: MIT
/*
 * A key claim is what files say of the one key that a name stands for: its private key, open or
 * behind a passphrase, and its public key. What several blocks and files claim is joined. Where it
 * does not agree, or cannot be seen to agree, nobody can say which key the name stands for.
 */
#ifndef P11D_KEYCLAIM_H
#define P11D_KEYCLAIM_H

#include "pem.h"

/* Owns what it points to, but for texts. All zero: nothing is claimed. */
typedef struct P11dKeyClaim {
    EVP_PKEY *key;  /* the private key; NULL: none, or it is locked */
    P11dPem locked; /* the private key's block while it needs a passphrase */
    bool unusable;  /* the private key is never to be served; it is here to be compared */
    char why[P11D_PEM_OBSTACLE_MAX]; /* why it cannot be, for its users; "": not for them */
    EVP_PKEY *public_key;            /* as told by itself, not by the private key */
    bool torn;                       /* different public keys were told */
    const char *other; /* why there is, or may be, another private key; NULL: there is none */
} P11dKeyClaim;

/* Joins what from claims to claim; from is empty then. */
void p11d_keyclaim_join(P11dKeyClaim *claim, P11dKeyClaim *from);

/* There is, or may be, a private key that nobody could look at. */
void p11d_keyclaim_doubt(P11dKeyClaim *claim);

/* True if anything is claimed. */
bool p11d_keyclaim_is_any(const P11dKeyClaim *claim);

/* Why it cannot be said which key is meant (text for people), or NULL. A private key that is not to
 * be served raises no question of its own. */
const char *p11d_keyclaim_conflict(const P11dKeyClaim *claim);

/* Wipes and frees. Safe on one that is all zero. */
void p11d_keyclaim_clear(P11dKeyClaim *claim);

#endif
