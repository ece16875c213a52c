// SPDX-License-Identifier: MIT
/*
 * A cipher is one row for each mechanism that works on data of any length: how its output is
 * related to its input, and how much of it there is already before the end. To add one is to add a
 * row; what has none gives all of its output at the end.
 */
#ifndef P11D_CIPHER_H
#define P11D_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pkcs11.h"

typedef struct P11dCipher {
    CK_MECHANISM_TYPE type;
    size_t block; /* bytes that come out together */
    bool padding; /* to whole blocks, one more where they are whole already */
    bool tagged;  /* the ciphertext ends with a tag, without which there is no plaintext */
} P11dCipher;

/* The row, or NULL. */
const P11dCipher *p11d_cipher_find(CK_MECHANISM_TYPE type);

/* How much there is of the output once so many bytes of input are there and more may come: no
 * plaintext before its tag was looked at. Bytes. */
uint64_t p11d_cipher_flown(const P11dCipher *cipher, bool encrypts, uint64_t input);

/* How much output there is at the end, in bytes; *exact: neither more nor less. tag: of the tag,
 * bytes. */
uint64_t p11d_cipher_size(const P11dCipher *cipher, bool encrypts, uint64_t input, size_t tag,
                          bool *exact);

#endif
