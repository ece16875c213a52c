// SPDX-License-Identifier: MIT
#include "certview.h"

#include <criterion/criterion.h>
#include <openssl/x509.h>
#include <string.h>

#define DAY (24 * 60 * 60)

/* A certificate of that X.509 version (0 is the first) that is valid for a day from day on. */
static guint8 *make_certificate(long version, gint64 day, int *size)
{
    EVP_PKEY *key = EVP_EC_gen("P-384");
    X509 *certificate = X509_new();
    X509_NAME *name = X509_NAME_new();
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)"w\303\251b", -1,
                               -1, 0);
    X509_set_version(certificate, version);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 0x9e87); /* 02 03 00 9e 87 */
    X509_set_subject_name(certificate, name);
    X509_set_issuer_name(certificate, name);
    ASN1_TIME_adj(X509_getm_notBefore(certificate), 0, (int)day, 0);
    ASN1_TIME_adj(X509_getm_notAfter(certificate), 0, (int)day + 1, 0);
    X509_set_pubkey(certificate, key);
    cr_assert(X509_sign(certificate, key, EVP_sha256()) > 0);
    unsigned char *der = NULL;
    *size = i2d_X509(certificate, &der);
    cr_assert_gt(*size, 0);
    guint8 *copy = g_memdup2(der, (gsize)*size);
    OPENSSL_free(der);
    X509_NAME_free(name);
    X509_free(certificate);
    EVP_PKEY_free(key);
    return copy;
}

Test(certview, certificates_are_read)
{
    static const gint64 days[] = {1, 18000, 29219 /* 2049-12-31 */, 29220, 100000};
    for (long version = 0; version <= 2; version++)
        for (size_t i = 0; i < G_N_ELEMENTS(days); i++) {
            int size;
            g_autofree guint8 *der = make_certificate(version, days[i], &size);
            P11dCertview view;
            cr_assert(p11d_certview_parse(&view, der, (size_t)size));
            cr_assert_str_eq(view.subject, "CN=w\303\251b");
            cr_assert_str_eq(view.issuer, view.subject);
            cr_assert_str_eq(view.serial, "9e87");
            cr_assert_eq(view.not_before, days[i] * DAY, "day %ld", (long)days[i]);
            cr_assert_eq(view.not_after, (days[i] + 1) * DAY);
            P11dAlgorithmKey kind = p11d_certview_describe_key(der, (size_t)size);
            cr_assert_eq(kind.type, CKK_EC);
            cr_assert_str_eq(kind.curve, "P-384");
            p11d_certview_clear(&view);
        }
}

Test(certview, a_leaf_is_of_no_authority)
{
    int size;
    g_autofree guint8 *leaf = make_certificate(2, 1, &size);
    cr_assert(p11d_certview_is_leaf(leaf, (size_t)size));
    cr_assert_not(p11d_certview_is_leaf(leaf, (size_t)size - 1));
    cr_assert_not(p11d_certview_is_leaf("", 0));
    /* One of the first version that signed itself may sign others. */
    g_autofree guint8 *root = make_certificate(0, 1, &size);
    cr_assert_not(p11d_certview_is_leaf(root, (size_t)size));
}

/* Cut off anywhere up to its key, it is no certificate; spoilt anywhere, it does no harm. */
Test(certview, what_is_no_certificate_has_no_view)
{
    int size;
    g_autofree guint8 *der = make_certificate(2, 18000, &size);
    P11dCertview view;
    for (size_t cut = 0; cut < (size_t)size; cut++) {
        g_autofree guint8 *copy = g_memdup2(der, cut);
        cr_assert_not(p11d_certview_parse(&view, copy, cut), "%zu bytes", cut);
        cr_assert_null(view.subject);
    }
    for (size_t i = 0; i < (size_t)size; i++)
        for (int change = 1; change < 256; change += 5) {
            g_autofree guint8 *copy = g_memdup2(der, (gsize)size);
            copy[i] ^= (guint8)change;
            if (p11d_certview_parse(&view, copy, (size_t)size))
                cr_assert(g_utf8_validate(view.subject, -1, NULL));
            p11d_certview_clear(&view);
        }
}
