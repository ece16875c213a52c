// SPDX-License-Identifier: MIT
#include "certview.h"

#include <time.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "derreader.h"
#include "spki.h"
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

static char *name_text(P11dDerReader der)
{
    X509_NAME *name = d2i_X509_NAME(NULL, &der.p, (long)der.left);
    BIO *bio = name ? BIO_new(BIO_s_mem()) : NULL;
    if (bio)
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)ASN1_STRFLGS_ESC_MSB);
    X509_NAME_free(name);
    return take_text(bio);
}

/* The next time in validity. */
static gint64 next_time(P11dDerReader *validity)
{
    P11dDerReader whole;
    struct tm tm;
    if (!p11d_derreader_next(validity, NULL, &whole))
        return P11D_CERTVIEW_NEVER;
    ASN1_TIME *time = d2i_ASN1_TIME(NULL, &whole.p, (long)whole.left);
    bool known = time && ASN1_TIME_to_tm(time, &tm);
    ASN1_TIME_free(time);
    return known ? (gint64)timegm(&tm) : P11D_CERTVIEW_NEVER;
}

/* The elements of a certificate that are shown. */
typedef struct Fields {
    P11dDerReader issuer;   /* whole */
    P11dDerReader validity; /* its content */
    P11dDerReader subject;  /* whole */
    P11dDerReader spki;     /* whole */
} Fields;

static bool find_fields(Fields *fields, const void *der, size_t size)
{
    P11dDerReader reader = p11d_derreader_new(der, size);
    P11dDerReader certificate, body;
    if (size > MAX_SIZE || !p11d_derreader_enter(&reader, P11D_DER_SEQUENCE, &certificate) ||
        !p11d_derreader_enter(&certificate, P11D_DER_SEQUENCE, &body))
        return false;
    if (p11d_derreader_is_at(&body, P11D_DER_CONTEXT_0)) /* the version, but for the first */
        p11d_derreader_next(&body, NULL, NULL);
    return p11d_derreader_enter(&body, P11D_DER_INTEGER, NULL) &&  /* the serial number */
           p11d_derreader_enter(&body, P11D_DER_SEQUENCE, NULL) && /* how it is signed */
           p11d_derreader_next(&body, NULL, &fields->issuer) &&
           p11d_derreader_enter(&body, P11D_DER_SEQUENCE, &fields->validity) &&
           p11d_derreader_next(&body, NULL, &fields->subject) &&
           p11d_derreader_is_at(&body, P11D_DER_SEQUENCE) &&
           p11d_derreader_next(&body, NULL, &fields->spki);
}

bool p11d_certview_parse(P11dCertview *view, const void *der, size_t size)
{
    Fields fields;
    *view = (P11dCertview){.not_before = P11D_CERTVIEW_NEVER, .not_after = P11D_CERTVIEW_NEVER};
    if (!find_fields(&fields, der, size))
        return false;
    view->issuer = name_text(fields.issuer);
    view->subject = name_text(fields.subject);
    view->not_before = next_time(&fields.validity);
    view->not_after = next_time(&fields.validity);
    return true;
}

P11dAlgorithmKey p11d_certview_describe_key(const void *der, size_t size)
{
    Fields fields;
    if (find_fields(&fields, der, size))
        return p11d_spki_describe(fields.spki.p, fields.spki.left);
    return (P11dAlgorithmKey){.type = CK_UNAVAILABLE_INFORMATION};
}

void p11d_certview_clear(P11dCertview *view)
{
    g_free(view->subject);
    g_free(view->issuer);
    *view = (P11dCertview){0};
}

char *p11d_certview_time(gint64 time)
{
    g_autoptr(GDateTime) date =
        time == P11D_CERTVIEW_NEVER ? NULL : g_date_time_new_from_unix_utc(time);
    return date ? g_date_time_format(date, "%Y-%m-%dT%H:%M:%SZ") : g_strdup("");
}

char *p11d_certview_sha256(const void *der, size_t size)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned digest_size = 0;
    EVP_Digest(der, size, digest, &digest_size, EVP_sha256(), NULL);
    return p11d_text_hex(digest, digest_size);
}

char *p11d_certview_pem(const void *der, size_t size)
{
    BIO *bio = size <= MAX_SIZE ? BIO_new(BIO_s_mem()) : NULL;
    if (bio)
        PEM_write_bio(bio, PEM_STRING_X509, "", der, (long)size);
    return take_text(bio);
}
