// SPDX-License-Identifier: MIT
#include "spki.h"

#include <openssl/objects.h>
#include <openssl/x509.h>

#include "curve.h"
#include "oid.h"
#include "sslcurve.h"

/* The bits of the modulus in an RSAPublicKey, which is all of a BIT STRING. 0 if it is none. */
static unsigned rsa_bits(P11dBytes *info)
{
    P11dBytes key, sequence, modulus;
    if (!p11d_der_take_bits(info, &key) ||
        !p11d_der_take(&key, P11D_DER_SEQUENCE, &sequence, NULL) ||
        !p11d_der_take_unsigned(&sequence, &modulus) || modulus.size == 0)
        return 0;
    return (unsigned)(8 * (modulus.size - 1)) + g_bit_storage(modulus.data[0]);
}

P11dAlgorithmKey p11d_spki_describe(const void *der, size_t size)
{
    P11dAlgorithmKey key = {.type = CK_UNAVAILABLE_INFORMATION};
    P11dBytes left = p11d_der(der, size);
    P11dBytes info, algorithm, oid;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, &info, NULL) ||
        !p11d_der_take(&info, P11D_DER_SEQUENCE, &algorithm, NULL) ||
        !p11d_der_take(&algorithm, P11D_DER_OID, &oid, NULL))
        return key;
    const P11dCurve *curve = p11d_curve_of_algorithm(oid);
    if (p11d_oid_is(oid, NID_rsaEncryption) || p11d_oid_is(oid, NID_rsassaPss)) {
        key.type = CKK_RSA;
        key.bits = rsa_bits(&info);
        if (!p11d_pss_read(&key.pss, der, size))
            key.problem = p11d_pss_unknown;
    } else if (p11d_oid_is(oid, NID_X9_62_id_ecPublicKey)) {
        key.type = CKK_EC;
        p11d_sslcurve_describe_params(algorithm.data, algorithm.size, &key);
    } else if (curve) {
        key.type = curve->type;
        key.bits = curve->bits;
        key.curve = curve->name;
    }
    return key;
}

GBytes *p11d_spki_of_key(const EVP_PKEY *key)
{
    unsigned char *der = NULL;
    int size = i2d_PUBKEY(key, &der);
    GBytes *bytes = size > 0 ? g_bytes_new(der, (gsize)size) : NULL;
    OPENSSL_free(der);
    return bytes;
}

char *p11d_spki_sha256(const EVP_PKEY *key)
{
    g_autoptr(GBytes) spki = p11d_spki_of_key(key);
    return spki ? g_compute_checksum_for_bytes(G_CHECKSUM_SHA256, spki) : NULL;
}
