// SPDX-License-Identifier: MIT
/* Any bytes as a certificate. The parts of what is accepted lie within it, one behind the other,
 * and so do its extensions. */
#include "certificate.h"

#include "fuzz.h"
#include "publickey.h"

/* at: where the extensions may begin; end: where they must have ended. */
static void check_extensions(const P11dCertificate *certificate, const uint8_t *at,
                             const uint8_t *end)
{
    P11dBytes extensions;
    P11dExtension extension;
    if (!p11d_certificate_extensions(certificate, &extensions))
        return;
    while (extensions.size > 0) {
        FUZZ_EXPECT(p11d_certificate_take_extension(&extensions, &extension));
        FUZZ_EXPECT(extension.oid.data >= at);
        FUZZ_EXPECT(extension.value.data >= extension.oid.data + extension.oid.size);
        at = extension.value.data + extension.value.size;
        FUZZ_EXPECT(at <= end);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    P11dCertificate certificate;
    if (!p11d_certificate_parse(&certificate, data, size))
        return 0;
    const P11dBytes parts[] = {certificate.serial_number, certificate.signature_algorithm,
                               certificate.issuer, certificate.subject,
                               certificate.public_key_info};
    const uint8_t *at = data;
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        FUZZ_EXPECT(parts[i].data >= at && parts[i].size >= 2);
        at = parts[i].data + parts[i].size;
        FUZZ_EXPECT(at <= data + size);
    }
    check_extensions(&certificate, at, data + size);
    P11dPublicKey key;
    p11d_publickey_parse(&key, certificate.public_key_info.data, certificate.public_key_info.size);
    return 0;
}
