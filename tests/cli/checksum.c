// SPDX-License-Identifier: MIT
#include "checksum.h"

#include <criterion/criterion.h>
#include <openssl/evp.h>
#include <string.h>

/* How "some data" is found to be when the digest is really by function, and is said to be by hash
 * or by BLAKE2b. */
static const struct {
    const char *function; /* OpenSSL's name */
    const char *hash;     /* NULL: BLAKE2b */
    bool may_be_blake2b;
    bool good;
    const char *algorithm;
} rows[] = {
    {"sha256", "sha256", false, true, "sha256"},
    {"sha3-256", "sha256", false, false, "sha256"},
    {"sha3-256", "sha3-256", false, true, "sha3-256"},
    {"sha512-256", "sha512-256", false, true, "sha512-256"},
    {"sha512", "sha512", true, true, "sha512"},
    {"blake2b512", "sha512", true, true, "blake2b-512"},
    {"blake2b512", "sha512", false, false, "sha512"},
    {"sha3-512", "sha512", true, false, "sha512"},
    {"blake2b512", NULL, false, true, "blake2b-512"},
    {"sha512", NULL, false, false, "blake2b-512"},
};

Test(checksum, rows)
{
    g_autoptr(GBytes) data = g_bytes_new_static("some data", 9);
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dChecksum checksum = {.may_be_blake2b = rows[i].may_be_blake2b};
        checksum.hash = rows[i].hash ? p11d_hash_of_name(rows[i].hash) : NULL;
        EVP_MD *md = EVP_MD_fetch(NULL, rows[i].function, NULL);
        unsigned size = 0;
        cr_assert(EVP_Digest("some data", 9, checksum.digest, &size, md, NULL));
        EVP_MD_free(md);
        checksum.size = size;
        g_autoptr(P11dInput) input = p11d_input_of_bytes(data, "data");
        bool good = !rows[i].good;
        g_autofree char *algorithm = NULL;
        cr_assert(p11d_checksum_check(&checksum, input, &good, &algorithm, NULL));
        cr_assert_eq(good, rows[i].good, "row %zu", i);
        cr_assert_str_eq(algorithm, rows[i].algorithm, "row %zu: %s", i, algorithm);
    }
}
