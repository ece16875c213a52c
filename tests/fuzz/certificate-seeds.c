// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: certificates of versions 1 and 3,
 * without extensions and with them. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static X509 *make(EVP_PKEY *key, long version)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"seed", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_version(certificate, version);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 4711);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

static X509 *extend(X509 *certificate, EVP_PKEY *key)
{
    static const struct {
        int nid;
        const char *value;
    } extensions[] = {{NID_basic_constraints, "critical,CA:TRUE,pathlen:1"},
                      {NID_key_usage, "keyCertSign"},
                      {NID_subject_alt_name, "DNS:seed,URI:urn:seed"}};
    for (size_t i = 0; i < sizeof extensions / sizeof extensions[0]; i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_conf_nid(NULL, NULL, extensions[i].nid, extensions[i].value);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
    }
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

static void write_seed(const char *directory, const char *name, X509 *certificate)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || !i2d_X509_fp(file, certificate) || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    X509_free(certificate);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    mkdir(argv[1], 0777);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    write_seed(argv[1], "version-1", make(key, X509_VERSION_1));
    write_seed(argv[1], "version-3", make(key, X509_VERSION_3));
    write_seed(argv[1], "extended", extend(make(key, X509_VERSION_3), key));
    EVP_PKEY_free(key);
    return 0;
}
