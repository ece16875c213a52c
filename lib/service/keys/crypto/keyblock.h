// SPDX-License-Identifier: MIT
/*
 * Key block is what served keys of block ciphers do with data, those of AES and of triple
 * DES: encrypt and decrypt it, whole or in parts (aes-ecb, aes-cbc, aes-cbc-pad, aes-ctr, aes-gcm;
 * des3-ecb, des3-cbc, des3-cbc-pad).
 */
#ifndef P11D_KEYBLOCK_H
#define P11D_KEYBLOCK_H

#include "buffer.h"
#include "bytes.h"
#include "cipher.h"
#include "servedkey.h"

typedef struct P11dBlockMode P11dBlockMode;

/* Data on their way through a key. All zero: none. */
typedef struct P11dKeyBlock {
    EVP_CIPHER_CTX *context;
    const P11dBlockMode *mode;
    const P11dCipher *cipher;
    bool encrypts;
    size_t tag_size; /* bytes of the tag behind the ciphertext */
    size_t tag_held; /* bytes of a ciphertext that may be its tag */
    uint8_t tag[16];
    uint64_t taken; /* bytes so far */
    uint64_t limit; /* the most that there may be */
} P11dKeyBlock;

/* True if it is computed here. smallest and largest: key sizes as in CK_MECHANISM_INFO. */
bool p11d_keyblock_offers(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest);

/*
 * Begins. p11d_keyblock_clear must follow in any case. Errors: CKR_MECHANISM_INVALID,
 * CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED.
 */
CK_RV p11d_keyblock_begin(P11dKeyBlock *self, const P11dServedKey *key,
                          const P11dParameters *parameters, bool encrypts);
/* Appends what part comes to so far; of a ciphertext with a tag that is what nobody is to use
 * before p11d_keyblock_finish has found the tag right. Errors: CKR_DATA_LEN_RANGE or
 * CKR_ENCRYPTED_DATA_LEN_RANGE (it is too much for the mechanism, or for output), CKR_HOST_MEMORY,
 * CKR_FUNCTION_FAILED. */
CK_RV p11d_keyblock_update(P11dKeyBlock *self, P11dBytes part, P11dBuffer *output);
/* Appends the rest. Errors too: CKR_ENCRYPTED_DATA_INVALID. */
CK_RV p11d_keyblock_finish(P11dKeyBlock *self, P11dBuffer *output);
void p11d_keyblock_clear(P11dKeyBlock *self);

/* All of that for bytes[0]. */
CK_RV p11d_keyblock_encrypt(P11dServedKey *key, const P11dParameters *parameters,
                            const P11dBytes *bytes, P11dBuffer *output);
CK_RV p11d_keyblock_decrypt(P11dServedKey *key, const P11dParameters *parameters,
                            const P11dBytes *bytes, P11dBuffer *output);

#endif
