// SPDX-License-Identifier: MIT
/* Writes seeds into the directory that is its argument: an SSHSIG by each kind of key. */
#include <glib/gstdio.h>
#include <openssl/ec.h>
#include <openssl/rsa.h>

#include "sshkey.h"
#include "sshsig.h"

static void write_seed(const char *directory, EVP_PKEY *key)
{
    g_autoptr(GBytes) blob = p11d_sshkey_blob(key);
    P11dSshsig sshsig = {
        .key = p11d_sshsig_part_of_bytes(blob),
        .namespace = p11d_sshsig_part("file"),
        .hash = p11d_sshsig_part("sha512"),
        .algorithm = p11d_sshsig_part(p11d_sshkey_type(key)),
        .signature = p11d_sshsig_part("signature"),
    };
    g_autoptr(GBytes) bytes = p11d_sshsig_write(&sshsig);
    g_autofree char *path = g_build_filename(directory, p11d_sshkey_type(key), NULL);
    g_autoptr(GError) error = NULL;
    gsize size;
    const char *data = g_bytes_get_data(bytes, &size);
    if (!g_file_set_contents(path, data, (gssize)size, &error))
        g_error("%s", error->message);
    EVP_PKEY_free(key);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    g_mkdir(argv[1], 0777);
    write_seed(argv[1], EVP_RSA_gen(1024));
    write_seed(argv[1], EVP_EC_gen("P-256"));
    write_seed(argv[1], EVP_EC_gen("P-384"));
    write_seed(argv[1], EVP_EC_gen("P-521"));
    write_seed(argv[1], EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"));
    return 0;
}
