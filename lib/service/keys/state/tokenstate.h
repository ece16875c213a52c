// SPDX-License-Identifier: MIT
/*
 * A token state is what a key directory keeps of its token where applications have initialised it:
 * its label, and by what the PIN of the security officer, and that of the user where no key is
 * there that it opens, are known again. It is a hidden file of the directory.
 */
#ifndef P11D_TOKENSTATE_H
#define P11D_TOKENSTATE_H

#include <stdbool.h>

#include "bytes.h"
#include "keychange.h"
#include "pkcs11.h"
#include "stamp.h"

/* By what a PIN is known again: PBKDF2 (RFC 8018) with HMAC-SHA-256. */
typedef struct P11dPinProof {
    bool set;
    uint8_t salt[16];
    uint8_t hash[32];
} P11dPinProof;

/* All zero: nobody has initialised it. */
typedef struct P11dTokenState {
    char label[sizeof((CK_TOKEN_INFO *)NULL)->label + 1]; /* "": that of the directory */
    P11dPinProof officer;
    P11dPinProof user;
    P11dStamp stamp; /* of the file that it was read from */
} P11dTokenState;

/* Reads the state of the directory at path, if it is another than the one in state; what cannot be
 * read, or others can write to, is said in the log, and is a PIN that nobody knows. Returns whether
 * it was read. */
bool p11d_tokenstate_read(P11dTokenState *state, const char *path);

/* Puts it into change, by which it is written. Errors: those of p11d_keychange_put. */
CK_RV p11d_tokenstate_put(const P11dTokenState *state, P11dKeyChange *change);

/* Makes proof know pin. False: no random bytes. */
bool p11d_pinproof_set(P11dPinProof *proof, P11dBytes pin);
/* Whether it is the same one: another is, most likely, of another PIN. */
bool p11d_pinproof_equal(const P11dPinProof *proof, const P11dPinProof *other);
/* Whether it is that PIN. */
bool p11d_pinproof_fits(const P11dPinProof *proof, P11dBytes pin);

#endif
