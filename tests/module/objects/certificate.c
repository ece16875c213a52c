// SPDX-License-Identifier: MIT
#include "certificate.h"

#include <criterion/criterion.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"
#include "publickey.h"

static void check(P11dBytes part, unsigned char *expected, int size)
{
    cr_assert(size > 0);
    cr_assert(p11d_der_equal(part, p11d_der(expected, (size_t)size)));
    OPENSSL_free(expected);
}

static void check_against_openssl(Bytes der)
{
    P11dCertificate parsed;
    cr_assert(p11d_certificate_parse(&parsed, der.data, der.size));
    const unsigned char *at = der.data;
    X509 *oracle = d2i_X509(NULL, &at, (long)der.size);
    cr_assert(oracle != NULL);
    unsigned char *out = NULL;
    int size = i2d_X509_NAME(X509_get_subject_name(oracle), &out);
    check(parsed.subject, out, size);
    out = NULL;
    size = i2d_X509_NAME(X509_get_issuer_name(oracle), &out);
    check(parsed.issuer, out, size);
    out = NULL;
    size = i2d_ASN1_INTEGER(X509_get_serialNumber(oracle), &out);
    check(parsed.serial_number, out, size);
    out = NULL;
    size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(oracle), &out);
    check(parsed.public_key_info, out, size);
    X509_free(oracle);
}

Test(certificate, parts_are_those_that_openssl_gives)
{
    static const char *const names[] = {"RSA-2048", "P-256", "P-521", "ED25519", "ED448"};
    static const long serials[] = {0, 1, 127, 128, 0x7fffffff};
    for (size_t i = 0; i < 5; i++) {
        EVP_PKEY *key = keys_generate(names[i]);
        Bytes der = keys_certificate(key, "Schlüssel der Prüfung", serials[i]);
        check_against_openssl(der);
        free(der.data);
        EVP_PKEY_free(key);
    }
}

Test(certificate, version_1_has_no_version_element)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes der = keys_certificate(key, "one", 7);
    const unsigned char *at = der.data;
    X509 *certificate = d2i_X509(NULL, &at, (long)der.size);
    X509_set_version(certificate, X509_VERSION_1);
    X509_sign(certificate, key, EVP_sha256());
    unsigned char *out = NULL;
    int size = i2d_X509(certificate, &out);
    check_against_openssl((Bytes){out, (size_t)size});
    OPENSSL_free(out);
    X509_free(certificate);
    free(der.data);
    EVP_PKEY_free(key);
}

static bool parses_copy(const unsigned char *bytes, size_t size)
{
    unsigned char *copy = malloc(size > 0 ? size : 1);
    P11dCertificate parsed;
    P11dPublicKey key;
    memcpy(copy, bytes, size);
    bool good = p11d_certificate_parse(&parsed, copy, size);
    if (good)
        p11d_publickey_parse(&key, parsed.public_key_info.data, parsed.public_key_info.size);
    free(copy);
    return good;
}

Test(certificate, truncated_or_flipped_bytes_never_read_outside)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes der = keys_certificate(key, "x", 1);
    for (size_t size = 0; size < der.size; size++)
        cr_assert_not(parses_copy(der.data, size));
    for (size_t i = 0; i < der.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            der.data[i] ^= (unsigned char)(1 << bit);
            parses_copy(der.data, der.size);
            der.data[i] ^= (unsigned char)(1 << bit);
        }
    }
    free(der.data);
    EVP_PKEY_free(key);
}

Test(certificate, bytes_behind_the_end_are_allowed)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes der = keys_certificate(key, "padded", 1);
    der.data = realloc(der.data, der.size + 100);
    memset(der.data + der.size, 0, 100);
    P11dCertificate parsed;
    cr_assert(p11d_certificate_parse(&parsed, der.data, der.size + 100));
    free(der.data);
    EVP_PKEY_free(key);
}
