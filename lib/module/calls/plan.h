// SPDX-License-Identifier: MIT
/*
 * A plan is how an operation will be done, made when it begins: with which key, what of it this
 * process does, and what the service will be asked for.
 */
#ifndef P11D_PLAN_H
#define P11D_PLAN_H

#include "cipher.h"
#include "digest.h"
#include "kept-mechanism.h"
#include "operation-row.h"

typedef struct P11dPlan {
    const P11dOperationRow *row;
    CK_OBJECT_HANDLE key;
    P11dKeptMechanism mechanism; /* what the service is asked for */
    CK_MECHANISM_TYPE hash;      /* that is applied here, or P11D_MECHANISM_NONE */
    bool elsewhere;              /* the token hashes after all */
    bool digest_info;            /* the service gets the digest in a DigestInfo */
    CK_ULONG key_size;           /* bytes of a signature, of an RSA modulus; 0: not known */
    bool is_rsa;                 /* the key */
    const P11dCipher *cipher;    /* where data of any length are encrypted or decrypted; or NULL */
    size_t tag_size;             /* bytes that end a ciphertext, where the cipher has a tag */
    bool authenticates;          /* the key wants a login for each operation */
} P11dPlan;

/*
 * Makes plan, which need not be initialised; p11d_plan_clear must follow in any case. Nothing of
 * what mechanism points to is kept. token: NULL where the row needs no key.
 * Errors: CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED,
 * CKR_MECHANISM_INVALID (the token cannot), CKR_MECHANISM_PARAM_INVALID, CKR_HOST_MEMORY.
 */
CK_RV p11d_plan_make(P11dPlan *plan, const P11dOperationRow *row, P11dToken *token,
                     const CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key);
/* Has the token do what this process would do alone, a digest. Errors: CKR_KEY_INDIGESTIBLE (it
 * cannot), CKR_HOST_MEMORY. */
CK_RV p11d_plan_delegate(P11dPlan *plan, const P11dToken *token);
/* Whether this process hashes. */
bool p11d_plan_hashes(const P11dPlan *plan);
/* Wipes and frees. */
void p11d_plan_clear(P11dPlan *plan);

/* Whether nothing comes of it but a verdict on a signature. */
bool p11d_plan_judges(const P11dPlan *plan);

/* How long the output is for so many bytes of input: *size, in bytes; *exact: neither more nor
 * less. False: nobody knows. */
bool p11d_plan_output_size(const P11dPlan *plan, uint64_t input, CK_ULONG *size, bool *exact);

#endif
