// SPDX-License-Identifier: MIT
/*
 * An operation row says how one kind of operation of many calls (Init, the whole or Update and
 * Final) differs from the others. To add a kind is to add its row, and what hosts call.
 */
#ifndef P11D_OPERATION_ROW_H
#define P11D_OPERATION_ROW_H

#include "purpose.h"
#include "session.h"

/* What comes of the operation, and so how much a host has to make room for. */
typedef enum P11dOutput {
    P11D_OUTPUT_DIGEST,     /* as long as the hash function says */
    P11D_OUTPUT_SIGNATURE,  /* as long as the key says */
    P11D_OUTPUT_CIPHERTEXT, /* as long as the key says, if it is one of RSA */
    P11D_OUTPUT_PLAINTEXT,  /* at most as long as the modulus, or what is decrypted */
    P11D_OUTPUT_VERDICT,    /* nothing: the host brings the signature at the end */
    P11D_OUTPUT_GIVEN,      /* the same, which the host brought when it began */
} P11dOutput;

typedef struct P11dOperationRow {
    P11dOperationKind kind;
    const char *method; /* that does it in one message; NULL: this process does it, without a key */
    P11dPurpose purpose;          /* of a stream that does it */
    CK_FLAGS flag;                /* of mechanisms that can */
    CK_ATTRIBUTE_TYPE permission; /* of keys that may */
    unsigned classes;             /* set of P11D_CLASS_: of keys that it takes */
    bool hashes;                  /* hashed mechanisms hash in this process */
    bool streamed;                /* nothing but a stream does it, which method ends */
    P11dOutput output;
} P11dOperationRow;

extern const P11dOperationRow p11d_operation_digest;
extern const P11dOperationRow p11d_operation_sign;
extern const P11dOperationRow p11d_operation_verify;
extern const P11dOperationRow p11d_operation_verify_signature;
extern const P11dOperationRow p11d_operation_encrypt;
extern const P11dOperationRow p11d_operation_decrypt;
extern const P11dOperationRow p11d_operation_message_sign;
extern const P11dOperationRow p11d_operation_message_verify;
extern const P11dOperationRow p11d_operation_message_encrypt;
extern const P11dOperationRow p11d_operation_message_decrypt;
extern const P11dOperationRow p11d_operation_sign_recover;
extern const P11dOperationRow p11d_operation_verify_recover;

/* All of them. */
extern const P11dOperationRow *const p11d_operations[];
extern const size_t p11d_operation_count;

/* The flags of mechanisms that there are rows for; hashed: only those that hash here. */
CK_FLAGS p11d_operation_flags(bool hashed);

#endif
