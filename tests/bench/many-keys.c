// SPDX-License-Identifier: MIT
/*
 * Makes a key directory of many P-256 keys, each with a certificate: a key becomes three objects.
 * usage: many-keys DIRECTORY COUNT
 */
#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <sys/stat.h>

static X509 *make_certificate(EVP_PKEY *key, const char *name, long serial)
{
    X509 *certificate = X509_new();
    X509_NAME *subject = X509_NAME_new();
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_set_subject_name(certificate, subject);
    X509_set_issuer_name(certificate, subject);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3650L * 24 * 60 * 60);
    X509_set_pubkey(certificate, key);
    X509_NAME_free(subject);
    if (X509_sign(certificate, key, EVP_sha256()) > 0)
        return certificate;
    X509_free(certificate);
    return NULL;
}

static FILE *create(const char *directory, const char *name, const char *suffix)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.%s", directory, name, suffix);
    return fopen(path, "w");
}

static int make_key(const char *directory, long number)
{
    char name[32];
    snprintf(name, sizeof name, "key-%05ld", number);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = key ? make_certificate(key, name, number) : NULL;
    FILE *key_file = create(directory, name, "key");
    FILE *certificate_file = create(directory, name, "crt");
    int ok = certificate && key_file && certificate_file &&
             PEM_write_PrivateKey(key_file, key, NULL, NULL, 0, NULL, NULL) &&
             PEM_write_X509(certificate_file, certificate);
    ok = key_file && fclose(key_file) == 0 && ok;
    ok = certificate_file && fclose(certificate_file) == 0 && ok;
    X509_free(certificate);
    EVP_PKEY_free(key);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fprintf(stderr, "usage: many-keys DIRECTORY COUNT\n");
        return 2;
    }
    umask(077);
    if (mkdir(argv[1], 0700) != 0) {
        perror(argv[1]);
        return 1;
    }
    long count = atol(argv[2]);
    for (long i = 1; i <= count; i++)
        if (!make_key(argv[1], i)) {
            fprintf(stderr, "cannot make key %ld\n", i);
            return 1;
        }
    return 0;
}
