// SPDX-License-Identifier: MIT
/*
 * A certificate is an X.509 certificate in DER (RFC 5280, section 4.1), taken apart only as far as
 * PKCS#11 gives names to its parts and people want to see them. It owns nothing: everything points
 * into the DER. No signature and no date is checked; that is the application's business.
 */
#ifndef P11D_CERTIFICATE_H
#define P11D_CERTIFICATE_H

#include "der.h"

/* Each with tag and length, as CKA_SERIAL_NUMBER, CKA_ISSUER … want it, but for version, the
 * content of its element (empty: version 1), and for the last three: notBefore and notAfter, one
 * after the other; what follows the public key; and what follows all that is signed. */
typedef struct P11dCertificate {
    P11dBytes version;
    P11dBytes serial_number;
    P11dBytes signature_algorithm; /* as it is signed */
    P11dBytes issuer;
    P11dBytes subject;
    P11dBytes public_key_info;
    P11dBytes validity;
    P11dBytes more;
    P11dBytes signature;
} P11dCertificate;

/* An extension (RFC 5280, section 4.2). */
typedef struct P11dExtension {
    P11dBytes oid;   /* content of the OBJECT IDENTIFIER */
    P11dBytes value; /* what is in the OCTET STRING */
} P11dExtension;

/* Parses size bytes of DER at data, which must outlive certificate. Returns false if it is none.
 * Bytes behind it are allowed: cards give certificates in files of fixed size. What is in more and
 * signature is not looked at. */
bool p11d_certificate_parse(P11dCertificate *certificate, const void *data, size_t size);

/* Finds the extensions in more, all of which are well formed then; *extensions is empty if there
 * are none. Returns false if more is no such thing. */
bool p11d_certificate_extensions(const P11dCertificate *certificate, P11dBytes *extensions);

/* Takes the next off the front of extensions. Returns false, and extensions is not moved, if there
 * is none. */
bool p11d_certificate_take_extension(P11dBytes *extensions, P11dExtension *extension);

#endif
