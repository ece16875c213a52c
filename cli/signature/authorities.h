// SPDX-License-Identifier: MIT
/*
 * Authorities are the certificates that the user trusts to say who others are (--CAfile). Each of
 * them counts, also one that was issued by another that is not among them.
 */
#ifndef P11D_AUTHORITIES_H
#define P11D_AUTHORITIES_H

#include "certfile.h"

/*
 * Why certificate cannot be trusted for signatures now; NULL if it can. others: what may stand
 * between it and an authority. Signatures on certificates must be as strong as SHA-256 and RSA of
 * 2048 bits; any purpose will do (code signing, documents, mail), but where the certificate says
 * what its key is for (RFC 5280, section 4.2.1.3), signatures must be among it. Nothing is asked
 * for over the net: revocation is not looked at. The caller frees the text.
 */
char *p11d_authorities_object(P11dCertificates *authorities, X509 *certificate,
                              P11dCertificates *others);

#endif
