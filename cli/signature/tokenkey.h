// SPDX-License-Identifier: MIT
/*
 * A tokenkey is a private key on a token as an EVP_PKEY, by libp11: for what only OpenSSL can do
 * with a key. libp11 works in the module that the host has loaded and logged in to.
 */
#ifndef P11D_TOKENKEY_H
#define P11D_TOKENKEY_H

#include "signing.h"

/*
 * The key of signing, whose public half public_key is, for its algorithm. NULL where libp11 cannot
 * have it or use it in that way; why is told with --verbose. The caller frees it.
 */
EVP_PKEY *p11d_tokenkey_get(const P11dSigning *signing, const P11dHost *host,
                            const EVP_PKEY *public_key);

/* Sets error for a signature that OpenSSL could not make with such a key: what the module answered
 * to libp11, as far as it is known. */
void p11d_tokenkey_fail(const P11dSigning *signing, GError **error);

#endif
