// SPDX-License-Identifier: MIT
#include "certificate.h"

/* TBSCertificate: version [0] (not there in version 1), serialNumber, signature, issuer, validity,
 * subject, subjectPublicKeyInfo, and more that has no name in PKCS#11. */
static bool parse_to_be_signed(P11dCertificate *certificate, P11dDer tbs)
{
    if (p11d_der_is(&tbs, P11D_DER_CONTEXT_0) &&
        !p11d_der_take(&tbs, P11D_DER_CONTEXT_0, NULL, NULL))
        return false;
    return p11d_der_take(&tbs, P11D_DER_INTEGER, NULL, &certificate->serial_number) &&
           p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, NULL) &&
           p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->issuer) &&
           p11d_der_take(&tbs, P11D_DER_SEQUENCE, &certificate->validity, NULL) &&
           p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->subject) &&
           p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->public_key_info);
}

bool p11d_certificate_parse(P11dCertificate *certificate, const void *data, size_t size)
{
    P11dDer left = p11d_der(data, size);
    P11dDer body, tbs;
    return p11d_der_take(&left, P11D_DER_SEQUENCE, &body, NULL) &&
           p11d_der_take(&body, P11D_DER_SEQUENCE, &tbs, NULL) &&
           parse_to_be_signed(certificate, tbs);
}
