// SPDX-License-Identifier: MIT
#include "certfile.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "failure.h"
#include "input.h"

/* Room for every authority that a distribution trusts, many times over. */
#define MAX_FILE (1UL << 24)

P11dCertificates *p11d_certfile_new(void)
{
    return sk_X509_new_null();
}

void p11d_certfile_add(P11dCertificates *certificates, X509 *certificate)
{
    if (X509_up_ref(certificate) && !sk_X509_push(certificates, certificate))
        X509_free(certificate);
}

void p11d_certfile_free(P11dCertificates *certificates)
{
    sk_X509_pop_free(certificates, X509_free);
}

/* What a PEM block of that name holds; NULL for what is no certificate. */
static X509 *parse_block(const char *name, const unsigned char *der, long size)
{
    if (strcmp(name, PEM_STRING_X509_TRUSTED) == 0)
        return d2i_X509_AUX(NULL, &der, size);
    return strcmp(name, PEM_STRING_X509) == 0 || strcmp(name, PEM_STRING_X509_OLD) == 0
               ? d2i_X509(NULL, &der, size)
               : NULL;
}

static void read_pem(P11dCertificates *certificates, const void *data, gsize size)
{
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    while (bio && PEM_read_bio(bio, &name, &header, &der, &length)) {
        X509 *certificate = parse_block(name, der, length);
        if (certificate)
            p11d_certfile_add(certificates, certificate);
        X509_free(certificate);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length); /* it may have been a private key */
    }
    BIO_free(bio);
}

static void read_der(P11dCertificates *certificates, const void *data, gsize size)
{
    const unsigned char *p = data;
    X509 *certificate = d2i_X509(NULL, &p, (long)size);
    if (certificate)
        p11d_certfile_add(certificates, certificate);
    X509_free(certificate);
}

P11dCertificates *p11d_certfile_read(const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    if (!content)
        return NULL;
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    g_autoptr(P11dCertificates) certificates = p11d_certfile_new();
    if (size > 0) {
        read_pem(certificates, data, size);
        if (sk_X509_num(certificates) == 0)
            read_der(certificates, data, size);
    }
    ERR_clear_error();
    if (sk_X509_num(certificates) > 0)
        return g_steal_pointer(&certificates);
    p11d_failure_set(error, P11D_FAILURE_FILE, "PEM and DER are read",
                     "%s holds no X.509 certificate", path);
    return NULL;
}
