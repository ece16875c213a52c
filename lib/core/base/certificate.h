// SPDX-License-Identifier: MIT
/*
 * A certificate is an X.509 certificate in DER (RFC 5280, section 4.1), taken apart only as far as
 * PKCS#11 gives names to its parts and people want to see them. It owns nothing: everything points
 * into the DER. No signature and no date is checked; that is the application's business.
 */
#ifndef P11D_CERTIFICATE_H
#define P11D_CERTIFICATE_H

#include "der.h"

/* Each with tag and length, as CKA_SERIAL_NUMBER, CKA_ISSUER … want it, but for validity: notBefore
 * and notAfter, one after the other. */
typedef struct P11dCertificate {
    P11dDer serial_number;
    P11dDer issuer;
    P11dDer validity;
    P11dDer subject;
    P11dDer public_key_info;
} P11dCertificate;

/* Parses size bytes of DER at data, which must outlive certificate. Returns false if it is none.
 * Bytes behind it are allowed: cards give certificates in files of fixed size. */
bool p11d_certificate_parse(P11dCertificate *certificate, const void *data, size_t size);

#endif
