// SPDX-License-Identifier: MIT
/*
 * A pubfile is a file with public keys in it: in PEM, OpenSSH public key lines, alone or as in
 * authorized_keys, and X.509 certificates, in any order and with other text around them; or one of
 * those in DER. Keys are SubjectPublicKeyInfo or PKCS #1.
 */
#ifndef P11D_PUBFILE_H
#define P11D_PUBFILE_H

#include "pubkey.h"

typedef struct P11dPubfile {
    GPtrArray *keys; /* P11dPubkey, in the order of the file; each key once */
    GError *trouble; /* with what could be a key too, but cannot be read; NULL: nothing */
} P11dPubfile;

/*
 * Reads all keys in the file at path, at least one. FALSE with error set. Left out are certificates
 * of those who issued another one in the file: they stand behind that; and SSH keys that make no
 * such signatures as are checked here: of authorities, certificates and on security keys. Options
 * of lines in authorized_keys are about logins and not looked at. file is empty before, and to be
 * cleared in any case.
 */
gboolean p11d_pubfile_read(P11dPubfile *file, const char *path, GError **error);

/* The same with content, which was read at path. */
gboolean p11d_pubfile_parse(P11dPubfile *file, GBytes *content, const char *path, GError **error);

void p11d_pubfile_clear(P11dPubfile *file);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(P11dPubfile, p11d_pubfile_clear)

#endif
