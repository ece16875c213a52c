// SPDX-License-Identifier: MIT
/*
 * A holder is whom a certificate names: by its subject, and by its alternative names for mail
 * (rfc822Name), hosts (dNSName) and URIs (RFC 5280, sections 4.1.2.6 and 4.2.1.6).
 */
#ifndef P11D_HOLDER_H
#define P11D_HOLDER_H

#include <stdbool.h>

#include <glib.h>
#include <openssl/x509.h>

/* Whether identity is one of those alternative names, or all of the subject as RFC 4514 writes it:
 * which of them, it says by its looks, so that no name counts that is of one kind and looks like
 * another. Domains are the same in small and capital letters, '*' and '.' stand for nothing but
 * themselves.
 */
bool p11d_holder_is(X509 *certificate, const char *identity);

/* What to call the holder: the subject; where that is empty the first of those alternative names;
 * else the serial number and who issued it. The caller frees it. */
char *p11d_holder_name(X509 *certificate);

/* All that p11d_holder_is would take, in words. The caller frees it. */
char *p11d_holder_names(X509 *certificate);

/* Whether the holder of issuer has issued certificate: by their names, and by its signature. */
bool p11d_holder_issued(X509 *issuer, X509 *certificate);

#endif
