// SPDX-License-Identifier: MIT
#include "checksum.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

#include "failure.h"

/* The functions by which a digest may be, both made while the file is read once. */
enum { BY_HASH, BY_BLAKE2B, WAYS };

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

static EVP_MD *fetch_blake2b(void)
{
    return EVP_MD_fetch(NULL, "blake2b512", NULL);
}

bool p11d_checksum_has_blake2b(gsize size)
{
    EVP_MD *md = fetch_blake2b();
    bool has =
        md && (size == P11D_CHECKSUM_BLAKE2B_SIZE ||
               OSSL_PARAM_locate_const(EVP_MD_settable_ctx_params(md), OSSL_DIGEST_PARAM_SIZE));
    EVP_MD_free(md);
    return has;
}

/* Starts a digest of size bytes by md, which is freed; NULL if that cannot be. */
static EVP_MD_CTX *start(EVP_MD *md, gsize size)
{
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_size_t(OSSL_DIGEST_PARAM_SIZE, &size), /* where md has several */
        OSSL_PARAM_construct_end(),
    };
    EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;
    if (context && !EVP_DigestInit_ex2(context, md, parameters))
        g_clear_pointer(&context, EVP_MD_CTX_free);
    EVP_MD_free(md);
    return context;
}

/* False if the function that must be there is not. */
static bool start_all(EVP_MD_CTX *contexts[WAYS], const P11dChecksum *checksum)
{
    if (checksum->hash)
        contexts[BY_HASH] = start(EVP_MD_fetch(NULL, checksum->hash->name, NULL), checksum->size);
    if (!checksum->hash || checksum->may_be_blake2b)
        contexts[BY_BLAKE2B] = start(fetch_blake2b(), checksum->size);
    return contexts[checksum->hash ? BY_HASH : BY_BLAKE2B];
}

static bool add(EVP_MD_CTX *contexts[WAYS], const guint8 *bytes, gsize size)
{
    for (size_t way = 0; way < WAYS; way++)
        if (contexts[way] && !EVP_DigestUpdate(contexts[way], bytes, size))
            return false;
    return true;
}

/* Sets *good, and *by to the hash that the digest is by, or else was said to be; NULL: BLAKE2b. */
static bool end(EVP_MD_CTX *contexts[WAYS], const P11dChecksum *checksum, bool *good,
                const P11dHash **by)
{
    *good = false;
    *by = checksum->hash;
    for (size_t way = 0; way < WAYS && !*good; way++) {
        guint8 digest[EVP_MAX_MD_SIZE];
        unsigned size = 0;
        if (!contexts[way])
            continue;
        if (!EVP_DigestFinal_ex(contexts[way], digest, &size))
            return false;
        *good = size == checksum->size && memcmp(digest, checksum->digest, size) == 0;
        if (*good && way == BY_BLAKE2B)
            *by = NULL;
    }
    return true;
}

gboolean p11d_checksum_check(const P11dChecksum *checksum, P11dInput *input, bool *good,
                             char **algorithm, GError **error)
{
    EVP_MD_CTX *contexts[WAYS] = {NULL};
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    gsize got = 0;
    bool read = true;
    const P11dHash *by = NULL;
    bool hashed = start_all(contexts, checksum);
    while (hashed && (read = p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error)) && got)
        hashed = add(contexts, piece, got);
    if (hashed && read)
        hashed = end(contexts, checksum, good, &by);
    for (size_t way = 0; way < WAYS; way++)
        EVP_MD_CTX_free(contexts[way]);
    if (!hashed)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s", input->name);
    else if (read)
        *algorithm = name_of(by, checksum->size);
    return hashed && read;
}
