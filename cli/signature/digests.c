// SPDX-License-Identifier: MIT
#include "digests.h"

#include "failure.h"

static void context_free(gpointer context)
{
    EVP_MD_CTX_free(context);
}

void p11d_digests_init(P11dDigests *digests)
{
    digests->contexts = g_hash_table_new_full(NULL, NULL, NULL, context_free);
}

void p11d_digests_clear(P11dDigests *digests)
{
    g_clear_pointer(&digests->contexts, g_hash_table_unref);
}

bool p11d_digests_want(P11dDigests *digests, const P11dHash *hash)
{
    if (g_hash_table_contains(digests->contexts, hash))
        return true;
    EVP_MD *md = EVP_MD_fetch(NULL, hash->name, NULL);
    EVP_MD_CTX *context = md ? EVP_MD_CTX_new() : NULL;
    bool ok = context && EVP_DigestInit_ex2(context, md, NULL);
    EVP_MD_free(md);
    if (ok)
        g_hash_table_insert(digests->contexts, (gpointer)hash, context);
    else
        EVP_MD_CTX_free(context);
    return ok;
}

bool p11d_digests_add(P11dDigests *digests, const void *bytes, gsize size)
{
    GHashTableIter iterator;
    gpointer context;
    g_hash_table_iter_init(&iterator, digests->contexts);
    while (g_hash_table_iter_next(&iterator, NULL, &context))
        if (!EVP_DigestUpdate(context, bytes, size))
            return false;
    return true;
}

gboolean p11d_digests_add_input(P11dDigests *digests, P11dInput *input, GError **error)
{
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    gsize got;
    do {
        if (!p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error))
            return FALSE;
        if (!p11d_digests_add(digests, piece, got)) {
            p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s",
                             input->name);
            return FALSE;
        }
    } while (got > 0);
    return TRUE;
}

GBytes *p11d_digests_get(const P11dDigests *digests, const P11dHash *hash)
{
    EVP_MD_CTX *context = g_hash_table_lookup(digests->contexts, hash);
    EVP_MD_CTX *copy = context ? EVP_MD_CTX_new() : NULL;
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    bool ok = copy && EVP_MD_CTX_copy_ex(copy, context) && EVP_DigestFinal_ex(copy, digest, &size);
    EVP_MD_CTX_free(copy);
    return ok ? g_bytes_new(digest, size) : NULL;
}
