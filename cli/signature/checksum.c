// SPDX-License-Identifier: MIT
#include "checksum.h"

#include <string.h>

#include "blake2b.h"
#include "failure.h"

/* The digests that a file may have to have, made while it is read once. */
typedef struct Hashing {
    EVP_MD_CTX *context; /* NULL: BLAKE2b alone */
    P11dBlake2b blake2b;
} Hashing;

void p11d_checksum_free(P11dChecksum *checksum)
{
    if (checksum)
        g_free(checksum->name);
    g_free(checksum);
}

static char *name_of(const P11dHash *hash, gsize size)
{
    return hash ? g_strdup(hash->name) : g_strdup_printf("blake2b-%zu", 8 * size);
}

char *p11d_checksum_algorithm(const P11dChecksum *checksum)
{
    return name_of(checksum->hash, checksum->size);
}

static bool start(Hashing *hashing, const P11dChecksum *checksum)
{
    p11d_blake2b_init(&hashing->blake2b, checksum->size);
    if (!checksum->hash)
        return true;
    EVP_MD *md = EVP_MD_fetch(NULL, checksum->hash->name, NULL);
    hashing->context = md ? EVP_MD_CTX_new() : NULL;
    bool ok = hashing->context && EVP_DigestInit_ex2(hashing->context, md, NULL);
    EVP_MD_free(md);
    return ok;
}

static bool add(Hashing *hashing, const P11dChecksum *checksum, const guint8 *bytes, gsize size)
{
    if (!checksum->hash || checksum->may_be_blake2b)
        p11d_blake2b_update(&hashing->blake2b, bytes, size);
    return !hashing->context || EVP_DigestUpdate(hashing->context, bytes, size);
}

/* Sets *good and, if it is, *by to the hash that the digest is by; NULL: BLAKE2b. */
static bool end(Hashing *hashing, const P11dChecksum *checksum, bool *good, const P11dHash **by)
{
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (hashing->context && (!EVP_DigestFinal_ex(hashing->context, digest, &size)))
        return false;
    *by = checksum->hash;
    *good = size == checksum->size && memcmp(digest, checksum->digest, size) == 0;
    if (*good || (checksum->hash && !checksum->may_be_blake2b))
        return true;
    p11d_blake2b_final(&hashing->blake2b, digest);
    *good = memcmp(digest, checksum->digest, checksum->size) == 0;
    if (*good)
        *by = NULL;
    return true;
}

gboolean p11d_checksum_check(const P11dChecksum *checksum, P11dInput *input, bool *good,
                             char **algorithm, GError **error)
{
    Hashing hashing = {0};
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    gsize got = 0;
    bool read = true;
    const P11dHash *by = NULL;
    bool hashed = start(&hashing, checksum);
    while (hashed && (read = p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error)) && got)
        hashed = add(&hashing, checksum, piece, got);
    if (hashed && read)
        hashed = end(&hashing, checksum, good, &by);
    EVP_MD_CTX_free(hashing.context);
    if (!hashed)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s", input->name);
    else if (read)
        *algorithm = name_of(by, checksum->size);
    return hashed && read;
}
