// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: CMS signatures of one and two signers, with
 * and without content, attributes and certificates. */
#include <openssl/cms.h>
#include <openssl/ec.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static X509 *make_certificate(EVP_PKEY *key, long serial)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"seed", -1, -1, 0);
    X509_set_issuer_name(certificate, name);
    X509_set_version(certificate, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    X509_sign(certificate, key, EVP_sha256());
    return certificate;
}

static void write_seed(const char *directory, const char *name, unsigned flags, EVP_PKEY **keys,
                       int signers)
{
    static char content[] = "seed";
    int size = flags & CMS_DETACHED ? 0 : (int)strlen(content);
    BIO *data = BIO_new_mem_buf(content, size);
    CMS_ContentInfo *cms = CMS_sign(NULL, NULL, NULL, NULL, flags | CMS_PARTIAL | CMS_BINARY);
    for (int i = 0; i < signers; i++) {
        X509 *certificate = make_certificate(keys[i], 4711 + i);
        CMS_add1_signer(cms, certificate, keys[i], EVP_sha256(), flags | CMS_NOSMIMECAP);
        X509_free(certificate);
    }
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    BIO *out = file ? BIO_new_fp(file, BIO_CLOSE) : NULL;
    if (!out || !CMS_final(cms, data, NULL, flags | CMS_BINARY) || !i2d_CMS_bio(out, cms)) {
        perror(path);
        exit(1);
    }
    BIO_free(out);
    BIO_free(data);
    CMS_ContentInfo_free(cms);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    mkdir(argv[1], 0777);
    EVP_PKEY *keys[] = {EVP_EC_gen("P-256"), EVP_RSA_gen(2048)};
    write_seed(argv[1], "attached", 0, keys, 1);
    write_seed(argv[1], "attached-two", 0, keys, 2);
    write_seed(argv[1], "detached", CMS_DETACHED, keys, 1);
    write_seed(argv[1], "no-attributes", CMS_NOATTR, keys, 2);
    write_seed(argv[1], "no-certificates", CMS_NOCERTS, keys, 1);
    EVP_PKEY_free(keys[0]);
    EVP_PKEY_free(keys[1]);
    return 0;
}
