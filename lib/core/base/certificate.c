// SPDX-License-Identifier: MIT
#include "certificate.h"

/* Tags of what stands behind the public key (RFC 5280, section 4.1): the unique ids, implicit BIT
 * STRINGs, and the extensions, explicit. */
#define CONTEXT_ISSUER_ID 0x81
#define CONTEXT_SUBJECT_ID 0x82
#define CONTEXT_EXTENSIONS 0xa3
#define BOOLEAN 0x01

/* TBSCertificate: version [0] (not there in version 1), serialNumber, signature, issuer, validity,
 * subject, subjectPublicKeyInfo, and more that has no name in PKCS#11. */
static bool parse_to_be_signed(P11dCertificate *certificate, P11dBytes tbs)
{
    certificate->version = p11d_der(NULL, 0);
    if (p11d_der_is(&tbs, P11D_DER_CONTEXT_0) &&
        !p11d_der_take(&tbs, P11D_DER_CONTEXT_0, &certificate->version, NULL))
        return false;
    bool ok = p11d_der_take(&tbs, P11D_DER_INTEGER, NULL, &certificate->serial_number) &&
              p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->signature_algorithm) &&
              p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->issuer) &&
              p11d_der_take(&tbs, P11D_DER_SEQUENCE, &certificate->validity, NULL) &&
              p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->subject) &&
              p11d_der_take(&tbs, P11D_DER_SEQUENCE, NULL, &certificate->public_key_info);
    certificate->more = tbs;
    return ok;
}

bool p11d_certificate_parse(P11dCertificate *certificate, const void *data, size_t size)
{
    P11dBytes left = p11d_der(data, size);
    P11dBytes body, tbs;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &body, NULL) ||
        !p11d_der_take(&body, P11D_DER_SEQUENCE, &tbs, NULL) ||
        !parse_to_be_signed(certificate, tbs))
        return false;
    certificate->signature = body;
    return true;
}

bool p11d_certificate_extensions(const P11dCertificate *certificate, P11dBytes *extensions)
{
    P11dBytes left = certificate->more;
    P11dBytes explicit;
    *extensions = p11d_der(NULL, 0);
    if (p11d_der_is(&left, CONTEXT_ISSUER_ID) &&
        !p11d_der_take(&left, CONTEXT_ISSUER_ID, NULL, NULL))
        return false;
    if (p11d_der_is(&left, CONTEXT_SUBJECT_ID) &&
        !p11d_der_take(&left, CONTEXT_SUBJECT_ID, NULL, NULL))
        return false;
    if (left.size == 0)
        return true;
    if (!p11d_der_take(&left, CONTEXT_EXTENSIONS, &explicit, NULL) || left.size > 0 ||
        !p11d_der_take(&explicit, P11D_DER_SEQUENCE, extensions, NULL) || explicit.size > 0)
        return false;
    P11dBytes each = *extensions;
    P11dExtension extension;
    while (p11d_certificate_take_extension(&each, &extension))
        continue;
    return each.size == 0;
}

bool p11d_certificate_take_extension(P11dBytes *extensions, P11dExtension *extension)
{
    P11dBytes left = *extensions;
    P11dBytes body;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &body, NULL) ||
        !p11d_der_take(&body, P11D_DER_OID, &extension->oid, NULL))
        return false;
    if (p11d_der_is(&body, BOOLEAN) && !p11d_der_take(&body, BOOLEAN, NULL, NULL))
        return false;
    if (!p11d_der_take(&body, P11D_DER_OCTET_STRING, &extension->value, NULL) || body.size > 0)
        return false;
    *extensions = left;
    return true;
}
