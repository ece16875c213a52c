// SPDX-License-Identifier: MIT
#include "certview.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "certextension.h"
#include "certificate.h"
#include "spki.h"
#include "text.h"

#define MAX_SIZE (1UL << 20)

char *p11d_certview_take_text(BIO *bio)
{
    char *data = NULL;
    long size = bio ? BIO_get_mem_data(bio, &data) : 0;
    char *text = g_utf8_make_valid(size > 0 ? data : "", size > 0 ? size : 0);
    BIO_free(bio);
    return text;
}

static char *print_name(const X509_NAME *name, unsigned long flags)
{
    BIO *bio = name ? BIO_new(BIO_s_mem()) : NULL;
    if (bio)
        X509_NAME_print_ex(bio, name, 0, flags);
    return p11d_certview_take_text(bio);
}

char *p11d_certview_name(const X509_NAME *name)
{
    return print_name(name, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
}

char *p11d_certview_escaped_name(const X509_NAME *name)
{
    return print_name(name, XN_FLAG_RFC2253);
}

static char *name_text(P11dBytes der)
{
    X509_NAME *name = d2i_X509_NAME(NULL, &der.data, (long)der.size);
    char *text = p11d_certview_name(name);
    X509_NAME_free(name);
    return text;
}

/* The next time in validity. */
static gint64 next_time(P11dBytes *validity)
{
    P11dBytes whole;
    if (!p11d_der_take_any(validity, &whole))
        return P11D_MOMENT_UNKNOWN;
    ASN1_TIME *time = d2i_ASN1_TIME(NULL, &whole.data, (long)whole.size);
    gint64 moment = p11d_moment_of_asn1(time);
    ASN1_TIME_free(time);
    return moment;
}

bool p11d_certview_parse(P11dCertview *view, const void *der, size_t size)
{
    P11dCertificate certificate;
    *view = (P11dCertview){.not_before = P11D_MOMENT_UNKNOWN, .not_after = P11D_MOMENT_UNKNOWN};
    if (size > MAX_SIZE || !p11d_certificate_parse(&certificate, der, size))
        return false;
    view->issuer = name_text(certificate.issuer);
    view->subject = name_text(certificate.subject);
    P11dBytes number;
    if (p11d_der_take(&certificate.serial_number, P11D_DER_INTEGER, &number, NULL)) {
        gsize sign = number.size > 1 && number.data[0] == 0 ? 1 : 0;
        view->serial = p11d_text_hex(number.data + sign, number.size - sign);
    }
    view->not_before = next_time(&certificate.validity);
    view->not_after = next_time(&certificate.validity);
    return true;
}

P11dAlgorithmKey p11d_certview_describe_key(const void *der, size_t size)
{
    P11dCertificate certificate;
    if (size <= MAX_SIZE && p11d_certificate_parse(&certificate, der, size))
        return p11d_spki_describe(certificate.public_key_info.data,
                                  certificate.public_key_info.size);
    return (P11dAlgorithmKey){.type = CK_UNAVAILABLE_INFORMATION};
}

void p11d_certview_clear(P11dCertview *view)
{
    g_free(view->subject);
    g_free(view->issuer);
    g_free(view->serial);
    *view = (P11dCertview){0};
}

bool p11d_certview_is_leaf(const void *der, size_t size)
{
    P11dCertificate certificate;
    P11dBytes extensions;
    return size <= MAX_SIZE && p11d_certificate_parse(&certificate, der, size) &&
           p11d_certificate_extensions(&certificate, &extensions) &&
           !p11d_certextension_is_authority(&certificate, extensions);
}

char *p11d_certview_sha256(const void *der, size_t size)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    P11dBytes left = p11d_der(der, size), whole;
    if (!p11d_der_take(&left, P11D_DER_SEQUENCE, NULL, &whole))
        whole = left;
    EVP_Digest(whole.data, whole.size, digest, &digest_size, EVP_sha256(), NULL);
    return p11d_text_hex(digest, digest_size);
}

char *p11d_certview_pem(const void *der, size_t size)
{
    BIO *bio = size <= MAX_SIZE ? BIO_new(BIO_s_mem()) : NULL;
    if (bio)
        PEM_write_bio(bio, PEM_STRING_X509, "", der, (long)size);
    return p11d_certview_take_text(bio);
}
