// SPDX-License-Identifier: MIT
/*
 * An algorithm is a way to sign that has a name on the command line: a family ("rsa", "rsa-pss",
 * "ecdsa", "ed25519", "ed448") and, but for the last two, a hash. Which PKCS#11 mechanisms that
 * takes is looked up in the core's tables.
 */
#ifndef P11D_ALGORITHM_H
#define P11D_ALGORITHM_H

#include <stdbool.h>

#include <glib.h>
#include <openssl/evp.h>

#include "pss.h"

typedef struct P11dFamily {
    const char *name;
    CK_KEY_TYPE key_type;
    CK_MECHANISM_TYPE raw; /* on a digest; where there is no hash: on the data */
    const char *curve;     /* the one curve that it works on, or NULL */
    bool pss;
} P11dFamily;

/* What decides which algorithms a key can be used with. Whoever wants to know that asks the
 * functions named …_describe, and p11d_algorithm_find what follows from it. */
typedef struct P11dAlgorithmKey {
    CK_KEY_TYPE type;
    unsigned bits;
    const char *curve;   /* or NULL */
    P11dPss pss;         /* what an RSA key is for alone, and bound to */
    size_t coordinate;   /* ECDSA: bytes of r and of s each; 0: not known, or another kind of key */
    const char *problem; /* why nothing can be done with it ("its …"); NULL: nothing is known */
} P11dAlgorithmKey;

typedef struct P11dAlgorithm {
    const P11dFamily *family;
    const P11dHash *hash;        /* NULL: the data itself is signed (EdDSA) */
    CK_MECHANISM_TYPE mechanism; /* does it all; P11D_MECHANISM_NONE: there is no such mechanism */
    char name[32];
} P11dAlgorithm;

/* Returns FALSE with error set (unsupported) if key has a problem. */
gboolean p11d_algorithm_check_key(const P11dAlgorithmKey *key, GError **error);

/*
 * Finds the algorithm for key. name: "rsa-pss-sha256", "ecdsa-sha384", "ed25519" …, only a hash
 * ("sha256": with the key's usual family), only a family ("rsa-pss": with its usual hash), or NULL
 * for what such a key uses unless told otherwise.
 * Returns FALSE with error set: a name that nobody knows (usage), one that does not fit the key, or
 * no name, and the key does not tell its curve, by which the hash is chosen.
 */
gboolean p11d_algorithm_find(P11dAlgorithm *algorithm, const char *name,
                             const P11dAlgorithmKey *key, GError **error);

/* The parameters for an algorithm of RSA-PSS: those that key is bound to; else the algorithm's hash
 * throughout, and a salt of its size. */
CK_RSA_PKCS_PSS_PARAMS p11d_algorithm_pss(const P11dAlgorithm *algorithm,
                                          const P11dAlgorithmKey *key);

/* How many bytes a signature of key has as PKCS#11 gives it; 0 if the key does not tell. */
size_t p11d_algorithm_signature_size(const P11dAlgorithmKey *key);

/* True if some key could be used with that name: for a check before any key is looked for. */
gboolean p11d_algorithm_check_name(const char *name, GError **error);

/* The names of all of them in full, NULL-terminated. The caller frees it with g_strfreev. */
char **p11d_algorithm_names(void);

/* OpenSSL's hash function, which the caller frees with EVP_MD_free. NULL with error set. */
EVP_MD *p11d_algorithm_fetch_hash(const P11dAlgorithm *algorithm, GError **error);

#endif
