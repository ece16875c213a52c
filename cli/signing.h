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
    P11dAlgorithm algorithm;
    gboolean prehashed; /* the input is the digest */
} P11dSigning;

/* Signs all of input. Returns what PKCS#11 gives: for ECDSA r and s one after the other. */
GBytes *p11d_signing_sign(const P11dSigning *signing, P11dInput *input, GError **error);

#endif
