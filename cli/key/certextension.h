// SPDX-License-Identifier: MIT
/*
 * A certextension is what a certificate says in an extension (RFC 5280, section 4.2). It is found
 * by the core's reader and read by itself: OpenSSL takes a certificate apart only whole, and makes
 * a key of its public key, which takes many times as long as all that is asked for here.
 */
#ifndef P11D_CERTEXTENSION_H
#define P11D_CERTEXTENSION_H

#include <openssl/x509v3.h>

#include "certificate.h"

/* The value of the extension with that number of OpenSSL's (NID_…) among extensions; without data
 * if there is none, or more than one, which says nothing. */
P11dBytes p11d_certextension_find(P11dBytes extensions, int nid);

/* The same as OpenSSL's structure for it, of type item; NULL for what it cannot read. The caller
 * frees it. */
void *p11d_certextension_read(P11dBytes extensions, int nid, const ASN1_ITEM *item);

/* The bits of KeyUsage, numbered as OpenSSL does (KU_…). False if it does not say. */
bool p11d_certextension_key_usage(P11dBytes extensions, uint32_t *bits);

/* Whether the certificate, with its extensions, may be that of an authority: what X509_check_ca
 * says, but that whether its public key and its other extensions are any good is not looked at. */
bool p11d_certextension_is_authority(const P11dCertificate *certificate, P11dBytes extensions);

#endif
