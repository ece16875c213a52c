// SPDX-License-Identifier: MIT
/*
 * Key parts are what the files of one name hold, put together: the key that they agree on, its own
 * certificate, and the further ones; or a secret key. Where they do not agree the name is
 * ambiguous, and there are no parts: whoever asks for it might get another key than he means.
 */
#ifndef P11D_KEYPARTS_H
#define P11D_KEYPARTS_H

#include "keyfile.h"

/* The files of one name, by what follows it. */
#define P11D_KEYPARTS_FILES 6
extern const char *const p11d_keyparts_suffixes[P11D_KEYPARTS_FILES];
/* The type of the secret key that such a file is; CK_UNAVAILABLE_INFORMATION: it is of PEM. */
CK_KEY_TYPE p11d_keyparts_secret(size_t suffix);

typedef struct P11dKeyParts {
    const char *conflict;  /* why the name is ambiguous, text for people; NULL: it is not */
    P11dKeyClaim claim;    /* owned */
    P11dServedKey *secret; /* borrowed from the files; NULL: none, else there is nothing else */
    P11dPem *held;         /* the same of the block of a secret key or data */
    EVP_PKEY *public_key;  /* borrowed from the claim or the files; NULL: not known */
    X509 *certificates[P11D_KEYFILE_CERTIFICATES]; /* borrowed from the files; its own first */
    size_t certificate_count;
} P11dKeyParts;

/*
 * Puts together what files hold, whose claims are empty then. path, name: of the directory and of
 * the files without what follows, for messages. False, with *parts empty but for the conflict,
 * which is in the log too, if name is ambiguous. The caller clears *parts, before the files.
 */
bool p11d_keyparts_join(P11dKeyParts *parts, P11dKeyFile files[P11D_KEYPARTS_FILES],
                        const char *path, const char *name);

/* Safe on ones that are all zero. */
void p11d_keyparts_clear(P11dKeyParts *parts);

#endif
