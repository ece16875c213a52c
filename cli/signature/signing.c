// SPDX-License-Identifier: MIT
#include "signing.h"

#include "console.h"
#include "evpkey.h"
#include "failure.h"
#include "login.h"
#include "mechanism.h"
#include "verifier.h"

/* Room for a signature of every algorithm that there is (SLH-DSA has 49,856 bytes). */
#define MAX_SIGNATURE (64 * 1024)

/* A mechanism as the token gets it, with its parameters. */
typedef struct Way {
    CK_MECHANISM mechanism;
    CK_RSA_PKCS_PSS_PARAMS pss;
} Way;

static void make_way(Way *way, const P11dSigning *signing, CK_MECHANISM_TYPE type)
{
    *way = (Way){.mechanism = {type, NULL, 0}};
    if (!signing->algorithm.family->pss)
        return;
    way->pss = p11d_algorithm_pss(&signing->algorithm, &signing->kind);
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

/* Takes over signature, where the token says that it wrote size bytes. */
static GBytes *take(const P11dSigning *signing, GByteArray *signature, CK_ULONG size,
                    GError **error)
{
    g_autoptr(GByteArray) written = signature;
    gsize expected = p11d_algorithm_signature_size(&signing->kind);
    if (size > 0 && size <= written->len && (expected == 0 || size == expected)) {
        g_byte_array_set_size(written, (guint)size);
        return g_byte_array_free_to_bytes(g_steal_pointer(&written));
    }
    g_autofree char *uri = p11d_item_uri(signing->key);
    p11d_failure_set(error, P11D_FAILURE_DEVICE, "the token or its module is broken",
                     "%s gave %lu bytes, which are no signature of its own", uri, size);
    return NULL;
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
        return take(signing, g_steal_pointer(&signature), length, error);
    fail(signing, rv, type, error);
    return NULL;
}

/* A hash beside the token's own, for checking what it signed; does nothing where context is NULL.
 */
static bool hash_along(EVP_MD_CTX *context, const void *piece, gsize size)
{
    return !context || EVP_DigestUpdate(context, piece, size);
}

/* Data of any size, which the module hashes. along: hashes the same, or NULL. */
static GBytes *sign_stream(const P11dSigning *signing, P11dInput *input, EVP_MD_CTX *along,
                           GError **error)
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
        rv = hash_along(along, piece, got)
                 ? token->functions->C_SignUpdate(token->session, piece, got)
                 : CKR_HOST_MEMORY;
    /* Ended even where the input could not be read: the next file needs the session. */
    CK_RV final = token->functions->C_SignFinal(token->session, signature->data, &length);
    if (!read)
        return NULL;
    if (rv == CKR_OK && final == CKR_OK)
        return take(signing, g_steal_pointer(&signature), length, error);
    fail(signing, rv == CKR_OK ? final : rv, type, error);
    return NULL;
}

/* Checks a signature that the token gave over data, or over the digest of it. Consumes signature;
 * NULL with error set if it is bad. */
static GBytes *check(const P11dSigning *signing, GBytes *data, bool is_digest, GBytes *signature,
                     GError **error)
{
    if (!signature || !signing->verify_after)
        return signature;
    P11dVerifier verifier = {
        .key = signing->public_key,
        .kind = p11d_evpkey_describe(signing->public_key),
        .algorithm = signing->algorithm,
        .prehashed = is_digest,
        .form = signing->algorithm.family->key_type == CKK_EC ? P11D_ECDSA_RAW : P11D_ECDSA_DER,
    };
    g_autoptr(P11dInput) input = p11d_input_of_bytes(data, "what was signed");
    P11dVerdict verdict;
    if (p11d_verifier_check(&verifier, input, signature, &verdict, error)) {
        if (verdict == P11D_VERDICT_GOOD) {
            p11d_console_detail("the signature verifies");
            return signature;
        }
        g_autofree char *uri = p11d_item_uri(signing->key);
        p11d_failure_set(error, P11D_FAILURE_DEVICE,
                         "its public key may be of another private key; or the token is broken",
                         "%s gave a signature that does not verify; it is not written", uri);
    }
    g_bytes_unref(signature);
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

static GBytes *hash_here(const P11dSigning *signing, P11dInput *input, GError **error)
{
    EVP_MD *md = p11d_algorithm_fetch_hash(&signing->algorithm, error);
    GBytes *digest = md ? p11d_input_hash(input, md, error) : NULL;
    EVP_MD_free(md);
    return digest;
}

static GBytes *sign_digest(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) digest = signing->prehashed
                                   ? p11d_input_read_digest(input, signing->algorithm.hash, error)
                                   : hash_here(signing, input, error);
    g_autoptr(GBytes) data = digest ? wrap_digest(signing, digest) : NULL;
    return data ? check(signing, digest, true,
                        sign_piece(signing, signing->algorithm.family->raw, data, error), error)
                : NULL;
}

static GBytes *sign_whole(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) data = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
    return data ? check(signing, data, false,
                        sign_piece(signing, signing->algorithm.family->raw, data, error), error)
                : NULL;
}

/* Lets the token hash; where that is to be checked, it is hashed here along with it. */
static GBytes *sign_hashed(const P11dSigning *signing, P11dInput *input, GError **error)
{
    if (!signing->verify_after)
        return sign_stream(signing, input, NULL, error);
    EVP_MD *md = p11d_algorithm_fetch_hash(&signing->algorithm, error);
    EVP_MD_CTX *along = md ? EVP_MD_CTX_new() : NULL;
    guint8 bytes[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    GBytes *signature = NULL;
    if (along && EVP_DigestInit_ex2(along, md, NULL))
        signature = sign_stream(signing, input, along, error);
    else if (md)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "OpenSSL cannot hash %s", input->name);
    if (signature)
        EVP_DigestFinal_ex(along, bytes, &size);
    g_autoptr(GBytes) digest = g_bytes_new(bytes, size);
    EVP_MD_CTX_free(along);
    EVP_MD_free(md);
    return check(signing, digest, true, signature, error);
}

void p11d_signing_clear(P11dSigning *signing)
{
    EVP_PKEY_free(signing->public_key);
    if (signing->prepared)
        signing->prepared_free(signing->prepared);
    *signing = (P11dSigning){0};
}

GBytes *p11d_signing_sign(const P11dSigning *signing, P11dInput *input, GError **error)
{
    if (!signing->algorithm.hash)
        return sign_whole(signing, input, error);
    if (signing->prehashed || signing->algorithm.mechanism == P11D_MECHANISM_NONE)
        return sign_digest(signing, input, error);

    g_autoptr(GError) refused = NULL;
    GBytes *signature = sign_hashed(signing, input, &refused);
    if (signature)
        return signature;
    /* The token lacks the hashed mechanism, or takes less data than there is: another way is left,
     * if the input can still be read from its start. */
    if (g_error_matches(refused, P11D_FAILURE, P11D_FAILURE_UNSUPPORTED) &&
        p11d_input_rewind(input)) {
        p11d_console_detail("%s; hashing here", refused->message);
        return sign_digest(signing, input, error);
    }
    g_propagate_error(error, g_steal_pointer(&refused));
    return NULL;
}

GBytes *p11d_signing_sign_bytes(const P11dSigning *signing, GBytes *bytes, const char *name,
                                GError **error)
{
    g_autoptr(P11dInput) input = p11d_input_of_bytes(bytes, name);
    return p11d_signing_sign(signing, input, error);
}

GBytes *p11d_signing_der(const P11dSigning *signing, GBytes *raw, GError **error)
{
    if (signing->algorithm.family->key_type != CKK_EC)
        return g_bytes_ref(raw);
    GBytes *der = p11d_ecdsa_der_of_raw(raw);
    if (!der)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL,
                         "the token gave %zu bytes, which are no ECDSA signature",
                         g_bytes_get_size(raw));
    return der;
}
