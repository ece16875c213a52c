// SPDX-License-Identifier: MIT
#include "certdetail.h"

#include <criterion/criterion.h>
#include <openssl/x509v3.h>

static void extend(X509 *certificate, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    cr_assert_not_null(extension);
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
}

/* A certificate with these extensions, signed with md, as DER. */
static GBytes *make(const EVP_MD *md, const char *names, const char *usage, const char *constraints)
{
    EVP_PKEY *key = EVP_RSA_gen(1024);
    X509 *certificate = X509_new();
    X509_set_version(certificate, 2);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 60);
    X509_set_pubkey(certificate, key);
    if (names)
        extend(certificate, NID_subject_alt_name, names);
    if (usage)
        extend(certificate, NID_key_usage, usage);
    if (constraints)
        extend(certificate, NID_basic_constraints, constraints);
    cr_assert(X509_sign(certificate, key, md) > 0);
    unsigned char *der = NULL;
    int size = i2d_X509(certificate, &der);
    GBytes *bytes = g_bytes_new(der, (gsize)size);
    OPENSSL_free(der);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return bytes;
}

static bool parse(P11dCertdetail *detail, GBytes *der)
{
    gsize size;
    const void *data = g_bytes_get_data(der, &size);
    return p11d_certdetail_parse(detail, data, size);
}

Test(certdetail, what_is_there_is_told)
{
    g_autoptr(GBytes) der =
        make(EVP_sha384(), "DNS:a,RID:1.2.3", "digitalSignature,cRLSign,decipherOnly", "CA:FALSE");
    g_auto(P11dCertdetail) detail;
    cr_assert(parse(&detail, der));
    cr_assert_str_eq(detail.signature_algorithm, "sha384WithRSAEncryption");
    cr_assert_str_eq(detail.signature_hash, "SHA384");
    cr_assert_not(detail.signature_is_weak);
    cr_assert_not(detail.is_authority);
    g_autofree char *names = g_strjoinv(" ", detail.names);
    cr_assert_str_eq(names, "DNS:a Registered ID:1.2.3");
    g_autofree char *usage = g_strjoinv(" ", (char **)detail.key_usage);
    cr_assert_str_eq(usage, "digitalSignature cRLSign decipherOnly");
    cr_assert_null(detail.extended_key_usage);
}

Test(certdetail, what_is_not_there_is_not_told)
{
    g_autoptr(GBytes) der = make(EVP_sha256(), NULL, NULL, NULL);
    g_auto(P11dCertdetail) detail;
    cr_assert(parse(&detail, der));
    cr_assert_null(*detail.names);
    cr_assert_null(detail.key_usage);
}

Test(certdetail, an_authority_and_a_broken_hash_are_told)
{
    const EVP_MD *broken[] = {EVP_md5(), EVP_sha1()};
    for (size_t i = 0; i < G_N_ELEMENTS(broken); i++) {
        g_autoptr(GBytes) der = make(broken[i], NULL, NULL, "CA:TRUE");
        g_auto(P11dCertdetail) detail;
        cr_assert(parse(&detail, der));
        cr_assert(detail.is_authority);
        cr_assert(detail.signature_is_weak);
    }
}

Test(certdetail, what_is_none_is_empty)
{
    g_autoptr(GBytes) none = g_bytes_new_static("\x30\x03\x02\x01\x01", 5);
    g_auto(P11dCertdetail) detail;
    cr_assert_not(parse(&detail, none));
    cr_assert_null(detail.names);
    cr_assert_null(detail.signature_algorithm);
}
