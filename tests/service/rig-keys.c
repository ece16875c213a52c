// SPDX-License-Identifier: MIT
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *rig_make_directory(void)
{
    const char *base = getenv("TMPDIR");
    char template[512];
    snprintf(template, sizeof template, "%s/p11dbus-keys-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(template))
        rig_fail("%s: %s", template, strerror(errno));
    return strdup(template);
}

void rig_remove_directory(char *directory)
{
    DIR *stream = opendir(directory);
    struct dirent *item;
    while (stream && (item = readdir(stream)))
        unlinkat(dirfd(stream), item->d_name, 0);
    if (stream)
        closedir(stream);
    rmdir(directory);
    free(directory);
}

void rig_write_file(const char *directory, const char *name, const void *data, size_t size,
                    mode_t mode)
{
    char path[1024], hidden[1024];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    snprintf(hidden, sizeof hidden, "%s/.%s.tmp", directory, name);
    int fd = open(hidden, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, mode) != 0 ||
        close(fd) != 0 || rename(hidden, path) != 0)
        rig_fail("%s: %s", path, strerror(errno));
}

/* An RSA-PSS key, which words bind to "hash:mgf:salt", unless they are "". */
static EVP_PKEY *generate_pss(const char *words)
{
    char hash[16], mgf[16];
    int salt;
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    bool ok = context && EVP_PKEY_keygen_init(context) == 1;
    if (sscanf(words, ":%15[^:]:%15[^:]:%d", hash, mgf, &salt) == 3)
        ok = ok && EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(context, hash, NULL) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(context, mgf) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(context, salt) == 1;
    if (ok)
        EVP_PKEY_generate(context, &key);
    EVP_PKEY_CTX_free(context);
    return key;
}

EVP_PKEY *rig_generate(const char *kind)
{
    EVP_PKEY *key;
    if (strncmp(kind, "RSA:", 4) == 0)
        key = EVP_RSA_gen((unsigned)atoi(kind + 4));
    else if (strncmp(kind, "EC:", 3) == 0)
        key = EVP_EC_gen(kind + 3);
    else if (strncmp(kind, "RSA-PSS", 7) == 0)
        key = generate_pss(kind + 7);
    else
        key = EVP_PKEY_Q_keygen(NULL, NULL, kind);
    if (!key)
        rig_fail("cannot make a key of kind %s", kind);
    return key;
}

EVP_PKEY *rig_read_key(const char *name)
{
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", getenv("P11D_TEST_DATA"), name);
    BIO *bio = BIO_new_file(path, "r");
    EVP_PKEY *key = bio ? PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL) : NULL;
    if (!key)
        rig_fail("%s: no key", path);
    BIO_free(bio);
    return key;
}

static void write_bio(const char *directory, const char *name, BIO *bio)
{
    char *data;
    long size = BIO_get_mem_data(bio, &data);
    rig_write_file(directory, name, data, (size_t)size, 0600);
    BIO_free(bio);
}

void rig_write_key(const char *directory, const char *name, EVP_PKEY *key, RigContainer container,
                   const char *passphrase)
{
    BIO *bio = BIO_new(BIO_s_mem());
    const EVP_CIPHER *cipher = passphrase ? EVP_aes_128_cbc() : NULL;
    int size = passphrase ? (int)strlen(passphrase) : 0;
    const unsigned char *bytes = (const unsigned char *)passphrase;
    int ok = container == RIG_PKCS8
                 ? PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, passphrase, size, NULL, NULL)
                 : PEM_write_bio_PrivateKey_traditional(bio, key, cipher, bytes, size, NULL, NULL);
    if (ok != 1)
        rig_fail("cannot write %s", name);
    write_bio(directory, name, bio);
}

void rig_write_public(const char *directory, const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    if (PEM_write_bio_PUBKEY(bio, key) != 1)
        rig_fail("cannot write %s", name);
    write_bio(directory, name, bio);
}

void rig_write_certificate(const char *directory, const char *name, EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_mem());
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_get_subject_name(certificate);
    bool hashes = EVP_PKEY_is_a(key, "RSA") || EVP_PKEY_is_a(key, "EC");

    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    X509_set_pubkey(certificate, key);
    if (X509_sign(certificate, key, hashes ? EVP_sha256() : NULL) <= 0 ||
        PEM_write_bio_X509(bio, certificate) != 1)
        rig_fail("cannot write %s", name);
    X509_free(certificate);
    write_bio(directory, name, bio);
}
