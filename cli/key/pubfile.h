// SPDX-License-Identifier: MIT
/*
 * A pubfile is a file with a public key in it: PEM or DER (SubjectPublicKeyInfo or PKCS #1), an
 * OpenSSH public key line, or an X.509 certificate.
 */
#ifndef P11D_PUBFILE_H
#define P11D_PUBFILE_H

#include <glib.h>
#include <openssl/evp.h>

/* The public key in the file at path; of certificates that of the first, whose issuers may stand
 * behind it. Of several keys none is meant: that is ambiguous. NULL with error set; the caller
 * frees it. */
EVP_PKEY *p11d_pubfile_read(const char *path, GError **error);

#endif
