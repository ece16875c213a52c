// SPDX-License-Identifier: MIT
/*
 * A key file is what one file of a key directory holds: what it claims of a key, and some
 * certificates, with what it says between them (keytext.h); or a secret key or data. A private or
 * secret key is never served if others could read its file. What is wrong with a file is said in
 * the log; nothing of it stops the worker.
 */
#ifndef P11D_KEYFILE_H
#define P11D_KEYFILE_H

#include "keyclaim.h"
#include "keytext.h"
#include "servedkey.h"

/* The largest file that is looked at, in bytes, and the most certificates taken from one. */
#define P11D_KEYFILE_MAX ((size_t)1 << 20)
#define P11D_KEYFILE_CERTIFICATES 8

typedef struct P11dKeyFile {
    P11dKeyClaim claim;
    X509 *certificates[P11D_KEYFILE_CERTIFICATES];
    size_t certificate_count;
    P11dServedKey *secret; /* of a file that is its bytes; NULL: none */
    P11dPem held;          /* the block of a secret key or of data, which can be used; or none */
    size_t held_count;     /* blocks of secret keys and data in the file */
    P11dKeyText text;
} P11dKeyFile;

/*
 * Loads name in the directory with descriptor directory. path: of the directory, for messages.
 * kinds: the P11dPemKind bits that are wanted; blocks of other kinds are passed over, but for a
 * private key, which is claimed as unusable then. A file that could hold a private key, and cannot
 * be read to its end, claims that there may be one.
 * Returns false, with nothing but that in *file, if it vanished, is no regular file, or could not
 * be read; a file that is damaged gives what could be read of it.
 */
bool p11d_keyfile_load(P11dKeyFile *file, int directory, const char *path, const char *name,
                       unsigned kinds);

/* The same for a file that holds the bytes of a secret key of that type and nothing else. */
bool p11d_keyfile_load_secret(P11dKeyFile *file, int directory, const char *path, const char *name,
                              CK_KEY_TYPE type);

/* Appends the bytes in a block of kind SECRET or DATA, as p11d_pem_read_bytes does. Returns what is
 * wrong with them (text for people), or NULL. */
const char *p11d_keyfile_read(const P11dPem *pem, P11dBytes passphrase, CK_KEY_TYPE *type,
                              P11dBuffer *bytes);

/* Wipes and frees. Safe on one that is all zero. */
void p11d_keyfile_clear(P11dKeyFile *file);

/* As p11d_servedkey_unsupported, for a private key, of which more can be wrong; NULL is one that
 * could not be decoded. */
const char *p11d_keyfile_problem(EVP_PKEY *key);

#endif
