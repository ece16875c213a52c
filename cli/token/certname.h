// SPDX-License-Identifier: MIT
/*
 * A certname is what --cert says: the URI or the fingerprint of a certificate on a token, or else
 * the name of a file. A fingerprint, "sha256:" and 64 hex digits, tells certificates apart that
 * have one label and one id.
 */
#ifndef P11D_CERTNAME_H
#define P11D_CERTNAME_H

#include "item.h"

/* True if named is a URI or a fingerprint, be it a right one or not; else it is a file. */
bool p11d_certname_is_on_token(const char *named);

/* Checks a URI or a fingerprint before anything is loaded; a file is not looked at. FALSE with
 * error set to a usage error. */
gboolean p11d_certname_check(const char *named, GError **error);

/*
 * The one certificate on the tokens of host that has the URI or the fingerprint, as far as it can
 * be seen without a login. Copies of it count once. items keeps what was found. NULL with error
 * set: nothing, or more than one.
 */
P11dItem *p11d_certname_find(const char *named, const P11dHost *host, GPtrArray *items,
                             GError **error);

/* The fingerprint that names the certificate. The caller frees it. */
char *p11d_certname_fingerprint(const P11dItem *certificate);

#endif
