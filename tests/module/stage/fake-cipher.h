// SPDX-License-Identifier: MIT
/* A made-up cipher that behaves as the one of its mechanism: each byte is changed, blocks come out
 * when they are whole, padding and tag are at the end. */
#ifndef P11D_FAKE_CIPHER_H
#define P11D_FAKE_CIPHER_H

#include "buffer.h"
#include "bytes.h"
#include "cipher.h"

#define FAKE_TAG 16

typedef struct FakeCipher {
    const P11dCipher *row; /* NULL: there is none */
    bool encrypts;
    uint64_t taken;
    uint8_t held[2 * FAKE_TAG];
    size_t held_size;
    uint8_t sum; /* of the plaintext: a tag is nothing else */
} FakeCipher;

/* Begins; false: it is no such mechanism. */
bool fake_cipher_begin(FakeCipher *cipher, const char *mechanism, bool encrypts);
/* Appends what comes of part, and of the end; false: that was no ciphertext. */
void fake_cipher_update(FakeCipher *cipher, P11dBytes part, P11dBuffer *output);
bool fake_cipher_finish(FakeCipher *cipher, P11dBuffer *output);

#endif
