// SPDX-License-Identifier: MIT
#include "pubfile.h"

#include <string.h>

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "evpkey.h"
#include "failure.h"
#include "input.h"

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

/* The next string of an SSH public key blob (RFC 4251, section 5). */
static bool next_string(const guint8 **p, gsize *left, const guint8 **string, gsize *size)
{
    if (*left < 4)
        return false;
    gsize length = (gsize)(*p)[0] << 24 | (gsize)(*p)[1] << 16 | (gsize)(*p)[2] << 8 | (*p)[3];
    if (length > *left - 4)
        return false;
    *string = *p + 4;
    *size = length;
    *p += 4 + length;
    *left -= 4 + length;
    return true;
}

static EVP_PKEY *ssh_rsa(const guint8 *p, gsize left)
{
    const guint8 *exponent, *modulus;
    gsize exponent_size, modulus_size;
    return next_string(&p, &left, &exponent, &exponent_size) &&
                   next_string(&p, &left, &modulus, &modulus_size)
               ? p11d_evpkey_rsa(modulus, modulus_size, exponent, exponent_size)
               : NULL;
}

static EVP_PKEY *ssh_ecdsa(const guint8 *p, gsize left)
{
    const guint8 *name, *point;
    gsize name_size, point_size;
    char nist[] = "P-000"; /* SSH calls it nistp256 */
    if (!next_string(&p, &left, &name, &name_size) ||
        !next_string(&p, &left, &point, &point_size) || name_size != strlen("nistp000") ||
        memcmp(name, "nistp", strlen("nistp")) != 0)
        return NULL;
    memcpy(nist + strlen("P-"), name + strlen("nistp"), 3);
    int nid = EC_curve_nist2nid(nist);
    return nid == NID_undef ? NULL : p11d_evpkey_ec(nid, point, point_size);
}

static EVP_PKEY *ssh_ed25519(const guint8 *p, gsize left)
{
    const guint8 *point;
    gsize size;
    return next_string(&p, &left, &point, &size) ? p11d_evpkey_edwards(NID_ED25519, point, size)
                                                 : NULL;
}

static const struct {
    const char *prefix;
    EVP_PKEY *(*read)(const guint8 *p, gsize left);
} ssh_types[] = {
    {"ssh-rsa", ssh_rsa},
    {"ecdsa-sha2-nistp", ssh_ecdsa},
    {"ssh-ed25519", ssh_ed25519},
};

/* "TYPE BASE64 COMMENT", as in id_ed25519.pub; the first line counts. */
static EVP_PKEY *read_ssh(GBytes *content)
{
    gsize size;
    const char *data = g_bytes_get_data(content, &size);
    g_autofree char *text = g_strndup(data ? data : "", size);
    g_auto(GStrv) words = g_strsplit_set(g_strstrip(text), " \t\r\n", 3);
    if (!words[0] || !words[1])
        return NULL;
    for (size_t i = 0; i < G_N_ELEMENTS(ssh_types); i++) {
        if (!g_str_has_prefix(words[0], ssh_types[i].prefix))
            continue;
        gsize left;
        g_autofree guint8 *blob = g_base64_decode(words[1], &left);
        const guint8 *p = blob;
        const guint8 *type;
        gsize type_size;
        return next_string(&p, &left, &type, &type_size) && type_size == strlen(words[0]) &&
                       memcmp(type, words[0], type_size) == 0
                   ? ssh_types[i].read(p, left)
                   : NULL;
    }
    return NULL;
}

EVP_PKEY *p11d_pubfile_read(const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    if (!content)
        return NULL;
    EVP_PKEY *key = read_pem(content);
    if (!key)
        key = read_der(content);
    if (!key)
        key = read_ssh(content);
    ERR_clear_error();
    if (!key)
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "PEM, DER and OpenSSH public keys and X.509 certificates are read",
                         "%s holds no public key", path);
    return key;
}
