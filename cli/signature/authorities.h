// SPDX-License-Identifier: MIT
/*
 * Authorities are the certificates that the user trusts to say who others are (--CAfile). Each of
 * them counts, also one that was issued by another that is not among them.
 */
#ifndef P11D_AUTHORITIES_H
#define P11D_AUTHORITIES_H

#include "certfile.h"
#include "purpose.h"

typedef struct P11dAuthoritiesQuestion {
    X509 *certificate;        /* of who signed */
    P11dCertificates *others; /* what may stand between it and an authority */
    const P11dPurpose *purpose;
} P11dAuthoritiesQuestion;

/*
 * Why the certificate that is asked about cannot be trusted for signatures now; NULL if it can.
 * Signatures on certificates must be as strong as SHA-256 and RSA of 2048 bits; it, and all that
 * lead from it to an authority, must serve the purpose. Nothing is asked for over the net:
 * revocation is not looked at. The caller frees the text.
 */
char *p11d_authorities_object(P11dCertificates *authorities,
                              const P11dAuthoritiesQuestion *question);

#endif
