// SPDX-License-Identifier: MIT
#include "pubfile.h"

#include <stdbool.h>
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

/* The keys of a file of which one is meant. */
typedef struct Found {
    EVP_PKEY *key;
    bool certified; /* by a certificate; those of its issuers stand behind it */
    bool ambiguous;
    bool private; /* there is a private key, which is not looked into */
} Found;

static void take(Found *found, const char *name, const unsigned char *der, size_t size)
{
    found->private = found->private || g_str_has_suffix(name, "PRIVATE KEY");
    for (size_t i = 0; i < G_N_ELEMENTS(formats); i++) {
        if (strcmp(name, formats[i].name) != 0)
            continue;
        bool certified = formats[i].read == p11d_evpkey_certificate;
        EVP_PKEY *key = certified && found->certified ? NULL : formats[i].read(der, size);
        found->certified = found->certified || (key && certified);
        found->ambiguous =
            found->ambiguous || (key && found->key && EVP_PKEY_eq(key, found->key) != 1);
        if (found->key)
            EVP_PKEY_free(key);
        else
            found->key = key;
    }
}

static void read_pem(GBytes *content, Found *found)
{
    gsize size;
    const void *data = g_bytes_get_data(content, &size);
    BIO *bio = BIO_new_mem_buf(data, (int)size);
    char *name = NULL;
    char *header = NULL;
    unsigned char *der = NULL;
    long length = 0;
    while (bio && PEM_read_bio(bio, &name, &header, &der, &length)) {
        take(found, name, der, (size_t)length);
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)length);
    }
    BIO_free(bio);
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

/* "TYPE BASE64 COMMENT", as in id_ed25519.pub, in one line. NULL, with error set if it is a key of
 * SSH, but of a type that is not read. */
static EVP_PKEY *read_ssh(GBytes *content, bool *ambiguous, GError **error)
{
    gsize size;
    const char *data = g_bytes_get_data(content, &size);
    g_autofree char *text = g_strndup(data ? data : "", size);
    bool is_one = !strpbrk(g_strstrip(text), "\r\n");
    g_auto(GStrv) words = g_strsplit_set(text, " \t\r\n", 3);
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
    *ambiguous = !is_one;
    return p11d_sshkey_parse(bytes, size);
}

EVP_PKEY *p11d_pubfile_read(const char *path, GError **error)
{
    g_autoptr(GBytes) content = p11d_input_read_file(path, MAX_FILE, error);
    if (!content)
        return NULL;
    Found found = {0};
    GError *failure = NULL;
    read_pem(content, &found);
    if (!found.key)
        found.key = read_der(content);
    if (!found.key)
        found.key = read_ssh(content, &found.ambiguous, &failure);
    ERR_clear_error();
    if (found.key && !found.ambiguous)
        return found.key;
    EVP_PKEY_free(found.key);
    if (failure)
        g_propagate_error(error, failure);
    else if (found.ambiguous)
        p11d_failure_set(error, P11D_FAILURE_AMBIGUOUS, "give each a file of its own",
                         "%s holds more than one public key", path);
    else if (found.private)
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "openssl pkey -in FILE -pubout writes the public half",
                         "%s holds a private key and no public one", path);
    else
        p11d_failure_set(error, P11D_FAILURE_FILE,
                         "PEM, DER and OpenSSH public keys and X.509 certificates are read",
                         "%s holds no public key", path);
    return NULL;
}
