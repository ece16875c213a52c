// SPDX-License-Identifier: MIT
/*
 * A sessionpair is a key pair that a check makes on a token, and that is gone with the session.
 */
#ifndef P11D_SESSIONPAIR_H
#define P11D_SESSIONPAIR_H

#include "check.h"

typedef enum P11dSessionpairKind {
    P11D_SESSIONPAIR_P256,
    P11D_SESSIONPAIR_ED25519,
    P11D_SESSIONPAIR_RSA, /* of 2048 bits; the one that takes long */
    P11D_SESSIONPAIR_KINDS,
} P11dSessionpairKind;

typedef struct P11dSessionpair {
    P11dHostToken *token;
    CK_OBJECT_HANDLE public_key;
    CK_OBJECT_HANDLE private_key;
    GPtrArray *keys; /* of P11dItem, owned: the private key */
} P11dSessionpair;

/* The mechanism that makes such pairs. */
CK_MECHANISM_TYPE p11d_sessionpair_mechanism(P11dSessionpairKind kind);

/*
 * C_GenerateKeyPair on token, of keys for usage: CKA_SIGN (and CKA_VERIFY), or CKA_DERIVE. Returns
 * what that answers; after CKR_OK p11d_sessionpair_destroy ends the pair. If the key cannot be
 * found that is told, and keys is empty.
 */
CK_RV p11d_sessionpair_make(P11dCheckRun *run, P11dHostToken *token, P11dSessionpairKind kind,
                            CK_ATTRIBUTE_TYPE usage, P11dSessionpair *pair);

/* Tells if that is not possible. */
void p11d_sessionpair_destroy(P11dCheckRun *run, P11dSessionpair *pair);

#endif
