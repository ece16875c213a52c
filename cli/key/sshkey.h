// SPDX-License-Identifier: MIT
/*
 * An sshkey is a public key as OpenSSH keeps it: a blob that says its type and its numbers (RFC
 * 4253, section 6.6; RFC 5656, section 3.1; RFC 8709, section 4). SSH has a form for RSA, P-256,
 * P-384, P-521 and Ed25519.
 */
#ifndef P11D_SSHKEY_H
#define P11D_SSHKEY_H

#include <stdbool.h>
#include <stddef.h>

#include <glib.h>
#include <openssl/evp.h>

/* What SSH calls such a key ("ssh-rsa", "ecdsa-sha2-nistp256"). NULL if it has no form for it. */
const char *p11d_sshkey_type(const EVP_PKEY *key);

/* key as a blob. NULL if SSH has no form for it. The caller owns it. */
GBytes *p11d_sshkey_blob(const EVP_PKEY *key);

/* The key in a blob of size bytes. NULL if it is malformed, also by bytes behind it, or of another
 * type. The caller frees it. */
EVP_PKEY *p11d_sshkey_parse(const void *blob, size_t size);

/* The type that a blob says it is of, "" if it says none. The caller frees it. */
char *p11d_sshkey_blob_type(GBytes *blob);

/* True for a type that SSH has and p11d_sshkey_parse does not read: certificates, keys on security
 * keys, DSA, Ed448, further curves (RFC 5656, section 6.1). */
bool p11d_sshkey_is_foreign(const char *type);

/* "SHA256:" and the hash in base64, as ssh-keygen -l shows it. The caller frees it. */
char *p11d_sshkey_fingerprint(GBytes *blob);

#endif
