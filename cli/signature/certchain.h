// SPDX-License-Identifier: MIT
/*
 * A certchain is the certificate of a private key on a token, and the certificates of those who
 * issued it, as far as they are known: what a signature carries so that others can check it.
 */
#ifndef P11D_CERTCHAIN_H
#define P11D_CERTCHAIN_H

#include "certfile.h"
#include "item.h"

typedef struct P11dCertchain {
    X509 *certificate;
    P11dCertificates *issuers; /* who issued it first; without one that issued itself */
} P11dCertchain;

/*
 * Finds the chain of key. named: the file of the certificate, or its URI or fingerprint
 * on the same module (certname.h); NULL: the one on the token with the key's CKA_ID. Issuers are
 * looked for on the tokens and in the file. FALSE with error set: nothing, or more than one; a
 * certificate of another key, as far as the token tells the public half of this one. chain is empty
 * before, and to be cleared in any case.
 */
gboolean p11d_certchain_find(P11dCertchain *chain, const P11dItem *key, const char *named,
                             const P11dHost *host, GError **error);

void p11d_certchain_clear(P11dCertchain *chain);

#endif
