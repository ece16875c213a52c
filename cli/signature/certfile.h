// SPDX-License-Identifier: MIT
/*
 * A certfile is a file with X.509 certificates in it: any number in PEM, or one in DER.
 */
#ifndef P11D_CERTFILE_H
#define P11D_CERTFILE_H

#include <glib.h>
#include <openssl/x509.h>

typedef STACK_OF(X509) P11dCertificates;

/* All certificates in the file at path, in its order, at least one; other blocks of PEM are passed
 * over. NULL with error set; the caller frees it. */
P11dCertificates *p11d_certfile_read(const char *path, GError **error);

/* An empty list, NULL where memory runs out: all that is done with a list takes that for an empty
 * one. Adding does not take the certificate over. */
P11dCertificates *p11d_certfile_new(void);
void p11d_certfile_add(P11dCertificates *certificates, X509 *certificate);

/* Frees the certificates too. */
void p11d_certfile_free(P11dCertificates *certificates);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(P11dCertificates, p11d_certfile_free)

#endif
