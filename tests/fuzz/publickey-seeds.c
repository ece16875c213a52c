// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: a SubjectPublicKeyInfo of every kind of key
 * that OpenSSL makes. */
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static void write_seed(const char *directory, const char *name, EVP_PKEY *key)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    if (key == NULL || file == NULL || !i2d_PUBKEY_fp(file, key) || fclose(file) != 0) {
        perror(path);
        exit(1);
    }
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    static const char *const curves[] = {"P-256", "P-521", "secp256k1", "brainpoolP256r1"};
    static const char *const others[] = {"ED25519", "ED448", "X25519", "X448"};
    if (argc != 2)
        return 2;
    mkdir(argv[1], 0777);
    write_seed(argv[1], "RSA-1024", EVP_RSA_gen(1024));
    for (size_t i = 0; i < 4; i++) {
        write_seed(argv[1], curves[i], EVP_EC_gen(curves[i]));
        write_seed(argv[1], others[i], EVP_PKEY_Q_keygen(NULL, NULL, others[i]));
    }
    return 0;
}
