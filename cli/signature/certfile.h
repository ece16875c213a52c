// SPDX-License-Identifier: MIT
/*
 * A certfile is a file with X.509 certificates, or lists of revoked ones (CRLs), in it: any number
 * of both in PEM, or one in DER.
 */
#ifndef P11D_CERTFILE_H
#define P11D_CERTFILE_H

#include <glib.h>
#include <openssl/x509.h>

typedef STACK_OF(X509) P11dCertificates;
typedef STACK_OF(X509_CRL) P11dCrls;

/* All certificates in the file at path, in its order, at least one; other blocks of PEM are passed
 * over, but those with CRLs are added to crls unless that is NULL. NULL with error set, as for a
 * block that is damaged or holds no CRL though it says so; the caller frees it. */
P11dCertificates *p11d_certfile_read(const char *path, P11dCrls *crls, GError **error);

/* Adds all CRLs in the file at path, at least one, to crls; as above. */
gboolean p11d_certfile_read_crls(P11dCrls *crls, const char *path, GError **error);

/* An empty list, NULL where memory runs out: all that is done with a list takes that for an empty
 * one. Adding does not take the certificate over. */
P11dCertificates *p11d_certfile_new(void);
void p11d_certfile_add(P11dCertificates *certificates, X509 *certificate);

/* Frees the certificates too. */
void p11d_certfile_free(P11dCertificates *certificates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dCertificates, p11d_certfile_free)

/* An empty list of CRLs, as above; and its end. */
P11dCrls *p11d_certfile_new_crls(void);
void p11d_certfile_free_crls(P11dCrls *crls);

#endif
