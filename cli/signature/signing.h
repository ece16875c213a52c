// SPDX-License-Identifier: MIT
/*
 * A signing is a private key on a token together with the algorithm to use it with. It signs input
 * of any size: hashed by the module, or, where the token lacks the hashed mechanism, hashed here
 * with the token signing the digest.
 */
#ifndef P11D_SIGNING_H
#define P11D_SIGNING_H

#include "algorithm.h"
#include "input.h"
#include "target.h"

typedef struct P11dSigning {
    const P11dItem *key;
    const P11dTarget *target;   /* for a login that turns out to be needed */
    const P11dOptions *options; /* for the same */
    P11dAlgorithmKey kind;      /* of key; the algorithm goes by it */
    P11dAlgorithm algorithm;
    gboolean prehashed;      /* the input is the digest */
    EVP_PKEY *public_key;    /* the public half of key, or NULL; owned */
    gboolean verify_after;   /* check with public_key what the token gives */
    const char *namespace;   /* what an SSH signature is for */
    const char *certificate; /* the signer's, as certname.h has it; NULL: from the token */
    gboolean attached;       /* the signature holds what is signed */
    gpointer prepared;       /* what the format has got for itself, once, owned; NULL: nothing */
    GDestroyNotify prepared_free;
} P11dSigning;

/* Frees what is owned. All else is borrowed. */
void p11d_signing_clear(P11dSigning *signing);

/* Signs all of input. Returns what PKCS#11 gives: for ECDSA r and s one after the other. */
GBytes *p11d_signing_sign(const P11dSigning *signing, P11dInput *input, GError **error);

/* The same for bytes at hand. name: what to call them in messages. */
GBytes *p11d_signing_sign_bytes(const P11dSigning *signing, GBytes *bytes, const char *name,
                                GError **error);

/* What p11d_signing_sign returned as X.509 and OpenSSL have it: r and s of ECDSA in DER, all else
 * as it is. NULL with error set if it is no signature. */
GBytes *p11d_signing_der(const P11dSigning *signing, GBytes *raw, GError **error);

#endif
