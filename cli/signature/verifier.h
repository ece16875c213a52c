// SPDX-License-Identifier: MIT
/*
 * A verifier is a public key together with the algorithm to check signatures with; OpenSSL does the
 * work, no token is asked.
 */
#ifndef P11D_VERIFIER_H
#define P11D_VERIFIER_H

#include "algorithm.h"
#include "ecdsa.h"
#include "finding.h"
#include "input.h"

typedef struct P11dVerifier {
    EVP_PKEY *key; /* borrowed */
    P11dAlgorithmKey kind;
    P11dAlgorithm algorithm;
    const char *mgf; /* RSA-PSS: OpenSSL's name of the hash in MGF1; NULL: the key's, or the same */
    gboolean prehashed; /* the input is the digest */
    P11dEcdsaForm form; /* _UNKNOWN: recognised, and then set; _DER for other keys */
} P11dVerifier;

/* Whether signature has a form that one by the key can have; sets that. White space behind it, as
 * editors put there, does not matter. */
bool p11d_verifier_recognise(P11dVerifier *verifier, GBytes *signature);

/* Checks signature over all of input. Returns FALSE with error set if that could not be found out;
 * a bad signature is no error. */
gboolean p11d_verifier_check(P11dVerifier *verifier, P11dInput *input, GBytes *signature,
                             P11dVerdict *verdict, GError **error);

#endif
