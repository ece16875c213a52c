// SPDX-License-Identifier: MIT
#include "signing.h"

#include <string.h>

#include "console.h"
#include "failure.h"
#include "login.h"
#include "mechanism.h"

/* Room for a signature of every algorithm that there is (SLH-DSA has 49,856 bytes). */
#define MAX_SIGNATURE (64 * 1024)

/* A mechanism as the token gets it, with its parameters. */
typedef struct Way {
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
} Way;

static void make_way(Way *way, const P11dSigning *signing, CK_MECHANISM_TYPE type)
{
    const P11dHash *hash = signing->algorithm.hash;
    *way = (Way){.mechanism = {type, NULL, 0}};
    if (!signing->algorithm.family->pss)
        return;
    way->pss = (CK_RSA_PKCS_PSS_PARAMS){hash->mechanism, hash->mgf, hash->size};
    way->mechanism.pParameter = &way->pss;
    way->mechanism.ulParameterLen = sizeof way->pss;
}

static gboolean fail(const P11dSigning *signing, CK_RV rv, CK_MECHANISM_TYPE type, GError **error)
{
    char scratch[P11D_NAME_SIZE];
    g_autofree char *uri = p11d_item_uri(signing->key);
    p11d_failure_set_ckr(error, rv, "cannot sign with %s (%s)", uri,
                         p11d_mechanism_name(type, scratch));
    return FALSE;
}

/* C_SignInit, and what a key may want right behind it or before it. */
static gboolean begin(const P11dSigning *signing, CK_MECHANISM_TYPE type, GError **error)
{
    P11dHostToken *token = signing->key->token;
    Way way;
    make_way(&way, signing, type);
    CK_RV rv = token->functions->C_SignInit(token->session, &way.mechanism, signing->key->handle);
    if (rv == CKR_USER_NOT_LOGGED_IN && !token->logged_in) {
        /* The key could be seen without a login, but not used. */
        if (!p11d_login(token, signing->target, signing->options, error))
            return FALSE;
        rv = token->functions->C_SignInit(token->session, &way.mechanism, signing->key->handle);
    }
    if (rv != CKR_OK)
        return fail(signing, rv, type, error);
    char scratch[P11D_NAME_SIZE];
    p11d_console_detail("mechanism %s", p11d_mechanism_name(type, scratch));
    if (!p11d_template_boolean(&signing->key->attributes, CKA_ALWAYS_AUTHENTICATE, false))
        return TRUE;
    return p11d_login_for_operation(token, signing->target, signing->options, error);
}

static GBytes *take(GByteArray *signature, CK_ULONG size)
{
    g_byte_array_set_size(signature, (guint)MIN(size, signature->len));
    return g_byte_array_free_to_bytes(signature);
}

/* data in one piece. */
static GBytes *sign_piece(const P11dSigning *signing, CK_MECHANISM_TYPE type, GBytes *data,
                          GError **error)
{
    if (!begin(signing, type, error))
        return NULL;
    gsize size;
    const void *bytes = g_bytes_get_data(data, &size);
    static guint8 nothing[1]; /* a null pointer is not the same as no data */
    g_autoptr(GByteArray) signature = g_byte_array_new();
    g_byte_array_set_size(signature, MAX_SIGNATURE);
    CK_ULONG length = MAX_SIGNATURE;
    P11dHostToken *token = signing->key->token;
    CK_RV rv = token->functions->C_Sign(token->session, bytes ? (void *)bytes : nothing, size,
                                        signature->data, &length);
    if (rv == CKR_OK)
        return take(g_steal_pointer(&signature), length);
    fail(signing, rv, type, error);
    return NULL;
}

/* Data of any size, which the module hashes. */
static GBytes *sign_stream(const P11dSigning *signing, P11dInput *input, GError **error)
{
    CK_MECHANISM_TYPE type = signing->algorithm.mechanism;
    if (!begin(signing, type, error))
        return NULL;
    P11dHostToken *token = signing->key->token;
    g_autoptr(GByteArray) signature = g_byte_array_new();
    g_byte_array_set_size(signature, MAX_SIGNATURE);
    CK_ULONG length = MAX_SIGNATURE;
    g_autofree guint8 *piece = g_malloc(P11D_INPUT_PIECE);
    CK_RV rv = CKR_OK;
    gsize got;
    gboolean read = TRUE;
    while (rv == CKR_OK && (read = p11d_input_read(input, piece, P11D_INPUT_PIECE, &got, error)) &&
           got > 0)
        rv = token->functions->C_SignUpdate(token->session, piece, got);
    /* Ended even where the input could not be read: the next file needs the session. */
    CK_RV final = token->functions->C_SignFinal(token->session, signature->data, &length);
    if (!read)
        return NULL;
    if (rv == CKR_OK && final == CKR_OK)
        return take(g_steal_pointer(&signature), length);
    fail(signing, rv == CKR_OK ? final : rv, type, error);
    return NULL;
}

/* What the mechanism without a hash takes in place of the data. */
static GBytes *wrap_digest(const P11dSigning *signing, GBytes *digest)
{
    const P11dMechanism *row = p11d_mechanism_find(signing->algorithm.mechanism);
    if (!row || !row->digest_info)
        return g_bytes_ref(digest);
    const P11dHash *hash = signing->algorithm.hash;
    GByteArray *info = g_byte_array_new();
    g_byte_array_append(info, hash->prefix, (guint)hash->prefix_size);
    g_byte_array_append(info, g_bytes_get_data(digest, NULL), (guint)g_bytes_get_size(digest));
    return g_byte_array_free_to_bytes(info);
}

static GBytes *read_digest(const P11dSigning *signing, P11dInput *input, GError **error)
{
    size_t size = signing->algorithm.hash->size;
    g_autoptr(GBytes) digest = p11d_input_read_all(input, P11D_INPUT_PIECE, error);
    if (!digest || g_bytes_get_size(digest) == size)
        return g_steal_pointer(&digest);
    p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "%s is no digest of %s: it has not %zu bytes",
                     input->name, signing->algorithm.hash->name, size);
    return NULL;
}

static GBytes *hash_here(const P11dSigning *signing, P11dInput *input, GError **error)
{
    EVP_MD *md = p11d_algorithm_fetch_hash(&signing->algorithm, error);
    GBytes *digest = md ? p11d_input_hash(input, md, error) : NULL;
    EVP_MD_free(md);
    return digest;
}

static GBytes *sign_digest(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) digest =
        signing->prehashed ? read_digest(signing, input, error) : hash_here(signing, input, error);
    g_autoptr(GBytes) data = digest ? wrap_digest(signing, digest) : NULL;
    return data ? sign_piece(signing, signing->algorithm.family->raw, data, error) : NULL;
}

GBytes *p11d_signing_sign(const P11dSigning *signing, P11dInput *input, GError **error)
{
    if (!signing->algorithm.hash) {
        g_autoptr(GBytes) data = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
        return data ? sign_piece(signing, signing->algorithm.family->raw, data, error) : NULL;
    }
    if (signing->prehashed || signing->algorithm.mechanism == P11D_MECHANISM_NONE)
        return sign_digest(signing, input, error);

    g_autoptr(GError) refused = NULL;
    GBytes *signature = sign_stream(signing, input, &refused);
    if (signature)
        return signature;
    /* The token lacks the hashed mechanism, or takes less data than there is: another way is left,
     * if the input can still be read from its start. */
    if (g_error_matches(refused, P11D_FAILURE, P11D_FAILURE_UNSUPPORTED) &&
        p11d_input_rewind(input)) {
        p11d_console_detail("%s; hashing here", refused->message);
        signature = sign_digest(signing, input, error);
        return signature;
    }
    g_propagate_error(error, g_steal_pointer(&refused));
    return NULL;
}
