// SPDX-License-Identifier: MIT
/*
 * A keyuse is a private key on a token with one way to sign with it, in any session, and what is
 * needed to verify: by OpenSSL with the public key, and by the module itself where it can.
 */
#ifndef P11D_KEYUSE_H
#define P11D_KEYUSE_H

#include "check.h"

typedef struct P11dKeyuse {
    const P11dItem *key;
    char *name; /* for messages */
    EVP_PKEY *public_key;
    P11dAlgorithmKey kind;
    P11dAlgorithm algorithm;
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;     /* what the mechanism's parameter points at, if anything */
    bool hashed;                    /* the module hashes; else it gets the digest */
    CK_OBJECT_HANDLE public_handle; /* of the public key on the token, or 0 */
} P11dKeyuse;

/* Finds a way that the token offers; without a login it tries whether it gets that far. Returns
 * NULL, or why there is none: text for people. */
const char *p11d_keyuse_init(P11dKeyuse *use, const P11dItem *key);
void p11d_keyuse_clear(P11dKeyuse *use);
/* Makes use sign by that mechanism of the core's tables, with the parameters it needs. Returns
 * false if the key does not allow that, or nobody here can verify what comes out of it. */
bool p11d_keyuse_set_mechanism(P11dKeyuse *use, CK_MECHANISM_TYPE type);

/* Calls function for every key of run that can be used so; tells of those that cannot, and that
 * they are missing if none is left. */
void p11d_keyuse_each(P11dCheckRun *run, void (*function)(P11dCheckRun *run, P11dKeyuse *use));

/* C_SignInit, with the login that an always-authenticate key wants behind it. */
CK_RV p11d_keyuse_begin(const P11dKeyuse *use, CK_SESSION_HANDLE session);
/* What C_Sign is to get to sign data. */
GBytes *p11d_keyuse_input(const P11dKeyuse *use, GBytes *data);
/* Signs data in one part. NULL with *rv set. */
GBytes *p11d_keyuse_sign(const P11dKeyuse *use, CK_SESSION_HANDLE session, GBytes *data, CK_RV *rv);
/* C_Verify; CKR_FUNCTION_NOT_SUPPORTED where there is no public key or C_VerifyInit fails. */
CK_RV p11d_keyuse_verify(const P11dKeyuse *use, CK_SESSION_HANDLE session, GBytes *data,
                         GBytes *signature);
/* bytes with one bit in their middle flipped. */
GBytes *p11d_keyuse_flip(GBytes *bytes);
/* Whether OpenSSL accepts the signature. */
bool p11d_keyuse_is_good(const P11dKeyuse *use, GBytes *data, GBytes *signature);

/* Signs data and has OpenSSL check it, in the token's session; tells if that fails, when being
 * words for the situation. */
bool p11d_keyuse_try(const P11dKeyuse *use, P11dCheckRun *run, GBytes *data, const char *when);

#endif
