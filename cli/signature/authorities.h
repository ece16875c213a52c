// SPDX-License-Identifier: MIT
/*
 * Authorities are the certificates that the user trusts to say who others are (--CAfile). Each of
 * them counts, also one that was issued by another that is not among them.
 */
#ifndef P11D_AUTHORITIES_H
#define P11D_AUTHORITIES_H

#include "certfile.h"
#include "certpurpose.h"

typedef struct P11dAuthorities {
    P11dCertificates *certificates;
    P11dCrls *crls; /* of them, and of those whom they vouch for */
} P11dAuthorities;

/* Reads the certificates, and CRLs, in the file at path, and the CRLs in those that crls, which is
 * NULL-terminated or NULL, names. FALSE with error set; authorities is empty before, and to be
 * cleared in any case. */
gboolean p11d_authorities_read(P11dAuthorities *authorities, const char *path,
                               const char *const *crls, GError **error);
void p11d_authorities_clear(P11dAuthorities *authorities);

typedef struct P11dAuthoritiesQuestion {
    X509 *certificate;        /* of who signed */
    P11dCertificates *others; /* what may stand between it and an authority */
    const P11dCertPurpose *purpose;
    gint64 time; /* at which certificates and CRLs must be valid; a moment */
} P11dAuthoritiesQuestion;

/*
 * Why the certificate that is asked about cannot be trusted for signatures then; NULL if it can.
 * The caller frees the text. Signatures on certificates must be as strong as SHA-256 and RSA of
 * 2048 bits; it, and all that lead from it to an authority, must serve the purpose. Nothing is
 * asked for over the net. With any CRL (RFC 5280, section 6.3) there must be one that is in date of
 * each issuer, and none of those certificates in it; with none, revocation is not looked at.
 */
char *p11d_authorities_object(const P11dAuthorities *authorities,
                              const P11dAuthoritiesQuestion *question);

#endif
