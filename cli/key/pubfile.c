// SPDX-License-Identifier: MIT
#include "pubfile.h"

#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "evpkey.h"
#include "failure.h"
#include "input.h"
#include "sshkey.h"

#define MAX_FILE (1UL << 20)

static EVP_PKEY *pkcs1(const void *der, size_t size)
{
    const unsigned char *p = der;
    return d2i_PublicKey(EVP_PKEY_RSA, NULL, &p, (long)size);
}

/* What a PEM block of that name holds. Private keys are not looked into. */
static const struct {
    const char *name;
    EVP_PKEY *(*read)(const void *der, size_t size);
} formats[] = {
    {PEM_STRING_PUBLIC, p11d_evpkey_spki},
    {PEM_STRING_X509, p11d_evpkey_certificate},
    {PEM_STRING_X509_OLD, p11d_evpkey_certificate},
    {PEM_STRING_RSA_PUBLIC, pkcs1},
};

static EVP_PKEY *read_pem(GBytes *content)
{
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    EVP_PKEY *key = NULL;
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    while (!key && bio && PEM_read_bio(bio, &name, &header, &der, &length)) {
        for (size_t i = 0; !key && i < G_N_ELEMENTS(formats); i++)
            if (strcmp(name, formats[i].name) == 0)
                key = formats[i].read(der, (size_t)length);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length);
    }
    BIO_free(bio);
    return key;
}

static EVP_PKEY *read_der(GBytes *content)
{
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    EVP_PKEY *key = NULL;
    for (size_t i = 0; !key && i < G_N_ELEMENTS(formats); i++)
        key = formats[i].read(data, size);
    return key;
}

/* "TYPE BASE64 COMMENT", as in id_ed25519.pub; the first line counts. NULL, with error set if it is
 * a key of SSH, but of a type that is not read. */
static EVP_PKEY *read_ssh(GBytes *content, GError **error)
{
    gsize size;
    const char *data = g_bytes_get_data(content, &size);
    g_autofree char *text = g_strndup(data ? data : "", size);
    g_auto(GStrv) words = g_strsplit_set(g_strstrip(text), " \t\r\n", 3);
    if (!words[0] || !words[1])
        return NULL;
    guint8 *bytes = g_base64_decode(words[1], &size);
    g_autoptr(GBytes) blob = g_bytes_new_take(bytes, size);
    g_autofree char *type = p11d_sshkey_blob_type(blob);
    if (strcmp(words[0], type) != 0)
        return NULL;
    if (p11d_sshkey_is_foreign(type))
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                         "of SSH's, RSA, P-256, P-384, P-521 and Ed25519 are",
                         "SSH keys of type %s are not supported", type);
    return p11d_sshkey_parse(bytes, size);
}

EVP_PKEY *p11d_pubfile_read(const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    if (!content)
        return NULL;
    EVP_PKEY *key = read_pem(content);
    if (!key)
        key = read_der(content);
    GError *foreign = NULL;
    if (!key)
        key = read_ssh(content, &foreign);
    ERR_clear_error();
    if (foreign)
        g_propagate_error(error, foreign);
    else if (!key)
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "PEM, DER and OpenSSH public keys and X.509 certificates are read",
                         "%s holds no public key", path);
    return key;
}
