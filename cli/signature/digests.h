// SPDX-License-Identifier: MIT
/*
 * Digests are the hashes of one content by several functions, made while it is read once.
 */
#ifndef P11D_DIGESTS_H
#define P11D_DIGESTS_H

#include <stdbool.h>

#include <glib.h>
#include <openssl/evp.h>

#include "hash.h"
#include "input.h"

typedef struct P11dDigests {
    GHashTable *contexts; /* P11dHash → EVP_MD_CTX, owned */
} P11dDigests;

void p11d_digests_init(P11dDigests *digests);
void p11d_digests_clear(P11dDigests *digests);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dDigests, p11d_digests_clear)

/* Asks for the digest by hash; once more does nothing. False if OpenSSL has no such function. */
bool p11d_digests_want(P11dDigests *digests, const P11dHash *hash);

/* The next size bytes of the content. */
bool p11d_digests_add(P11dDigests *digests, const void *bytes, gsize size);

/* All that is left of input. FALSE with error set. */
gboolean p11d_digests_add_input(P11dDigests *digests, P11dInput *input, GError **error);

/* The digest by hash of what was added so far; NULL if it was not asked for. */
GBytes *p11d_digests_get(const P11dDigests *digests, const P11dHash *hash);

#endif
