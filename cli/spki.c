// SPDX-License-Identifier: MIT
#include "spki.h"

#include <openssl/asn1.h>
#include <openssl/objects.h>
#include <openssl/x509.h>

#include "curve.h"
#include "derreader.h"

/* The algorithm's number at OpenSSL, NID_undef for one that it does not know. */
static int algorithm_nid(P11dDerReader *algorithm)
{
    P11dDerReader whole;
    if (!p11d_derreader_is_at(algorithm, P11D_DER_OBJECT) ||
        !p11d_derreader_next(algorithm, NULL, &whole))
        return NID_undef;
    ASN1_OBJECT *object = d2i_ASN1_OBJECT(NULL, &whole.p, (long)whole.left);
    int nid = object ? OBJ_obj2nid(object) : NID_undef;
    ASN1_OBJECT_free(object);
    return nid;
}

/* The bits of the modulus in an RSAPublicKey, which is all of a BIT STRING. 0 if it is none. */
static unsigned rsa_bits(P11dDerReader *info)
{
    P11dDerReader string, sequence, modulus;
    if (!p11d_derreader_enter(info, P11D_DER_BIT_STRING, &string) || string.left < 1)
        return 0;
    P11dDerReader key = p11d_derreader_new(string.p + 1, string.left - 1); /* no unused bits */
    if (!p11d_derreader_enter(&key, P11D_DER_SEQUENCE, &sequence) ||
        !p11d_derreader_enter(&sequence, P11D_DER_INTEGER, &modulus))
        return 0;
    while (modulus.left > 0 && *modulus.p == 0) {
        modulus.p++;
        modulus.left--;
    }
    return modulus.left > 0 ? (unsigned)(8 * (modulus.left - 1)) + g_bit_storage(*modulus.p) : 0;
}

static void take_curve(P11dAlgorithmKey *key, bool found, const P11dCurve *curve)
{
    if (!found)
        return;
    key->bits = curve->bits;
    key->curve = curve->name;
}

P11dAlgorithmKey p11d_spki_describe(const void *der, size_t size)
{
    P11dAlgorithmKey key = {.type = CK_UNAVAILABLE_INFORMATION};
    P11dDerReader reader = p11d_derreader_new(der, size);
    P11dDerReader info, algorithm;
    if (!p11d_derreader_enter(&reader, P11D_DER_SEQUENCE, &info) ||
        !p11d_derreader_enter(&info, P11D_DER_SEQUENCE, &algorithm))
        return key;
    int nid = algorithm_nid(&algorithm);
    P11dCurve curve;
    if (nid == NID_rsaEncryption || nid == NID_rsassaPss) {
        key.type = CKK_RSA;
        key.bits = rsa_bits(&info);
        key.pss_only = nid == NID_rsassaPss;
    } else if (nid == NID_X9_62_id_ecPublicKey) {
        key.type = CKK_EC;
        take_curve(&key, p11d_curve_parse(&curve, algorithm.p, algorithm.left), &curve);
    } else if (nid == NID_ED25519 || nid == NID_ED448) {
        key.type = CKK_EC_EDWARDS;
        take_curve(&key, p11d_curve_of_nid(&curve, nid), &curve);
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
