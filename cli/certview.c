// SPDX-License-Identifier: MIT
#include "certview.h"

#include <time.h>

#include <glib.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "text.h"

#define MAX_SIZE (1UL << 20)

/* What was written to bio, which is freed, as valid UTF-8. */
static char *take_text(BIO *bio)
{
    char *data = NULL;
    long size = bio ? BIO_get_mem_data(bio, &data) : 0;
    char *text = g_utf8_make_valid(size > 0 ? data : "", size > 0 ? size : 0);
    BIO_free(bio);
    return text;
}

static char *name_text(const X509_NAME *name)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio)
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    return take_text(bio);
}

static char *time_text(const ASN1_TIME *time)
{
    struct tm tm;
    char text[sizeof "YYYY-MM-DDTHH:MM:SSZ" + 16];
    if (!ASN1_TIME_to_tm(time, &tm) || !strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm))
        return g_strdup("");
    return g_strdup(text);
}

static char *pem_text(X509 *certificate)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (bio)
        PEM_write_bio_X509(bio, certificate);
    return take_text(bio);
}

bool p11d_certview_parse(P11dCertview *view, const void *der, size_t size)
{
    *view = (P11dCertview){0};
    const unsigned char *p = der;
    X509 *certificate = size > 0 && size <= MAX_SIZE ? d2i_X509(NULL, &p, (long)size) : NULL;
    if (!certificate)
        return false;
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    EVP_Digest(der, size, digest, &digest_size, EVP_sha256(), NULL);
    view->subject = name_text(X509_get_subject_name(certificate));
    view->issuer = name_text(X509_get_issuer_name(certificate));
    view->not_after = time_text(X509_get0_notAfter(certificate));
    view->sha256 = p11d_text_hex(digest, digest_size);
    view->pem = pem_text(certificate);
    X509_free(certificate);
    return true;
}

void p11d_certview_clear(P11dCertview *view)
{
    g_free(view->subject);
    g_free(view->issuer);
    g_free(view->not_after);
    g_free(view->sha256);
    g_free(view->pem);
    *view = (P11dCertview){0};
}
