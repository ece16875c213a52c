// SPDX-License-Identifier: MIT
#include "verifier.h"

#include <openssl/err.h>
#include <openssl/rsa.h>

#include "evpkey.h"
#include "failure.h"
#include "text.h"

static gboolean openssl_failed(GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                     "OpenSSL cannot verify with this key and algorithm");
    return FALSE;
}

static bool set_up(const P11dVerifier *verifier, EVP_PKEY_CTX *context, const EVP_MD *md)
{
    int salt;
    if (EVP_PKEY_verify_init(context) <= 0 || EVP_PKEY_CTX_set_signature_md(context, md) <= 0)
        return false;
    if (verifier->algorithm.family->key_type != CKK_RSA)
        return true;
    if (!verifier->algorithm.family->pss)
        return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) > 0;
    /* Signers differ in how long a salt they take; the signature tells, but OpenSSL does not look
     * there with a key that has a least one. */
    return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) > 0 &&
           (p11d_evpkey_is_bound(verifier->key, &salt) ||
            EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) > 0);
}

static bool is_good(EVP_PKEY_CTX *context, GBytes *digest, GBytes *signature)
{
    return EVP_PKEY_verify(context, g_bytes_get_data(signature, NULL), g_bytes_get_size(signature),
                           g_bytes_get_data(digest, NULL), g_bytes_get_size(digest)) == 1;
}

/* Whether the signature is good with a salt of any length that the key allows. */
static bool is_good_with_key(const P11dVerifier *verifier, EVP_PKEY_CTX *context, GBytes *digest,
                             GBytes *signature)
{
    int salt;
    /* The key is bound to another one, which OpenSSL finds. */
    if (verifier->mgf && verifier->algorithm.family->pss &&
        EVP_PKEY_CTX_set_rsa_mgf1_md_name(context, verifier->mgf, NULL) <= 0)
        return false;
    if (is_good(context, digest, signature))
        return true;
    if (!verifier->algorithm.family->pss || !p11d_evpkey_is_bound(verifier->key, &salt))
        return false;
    int most = EVP_PKEY_get_size(verifier->key) - (int)g_bytes_get_size(digest) - 2;
    for (salt++; salt <= most; salt++)
        if (EVP_PKEY_CTX_set_rsa_pss_saltlen(context, salt) > 0 &&
            is_good(context, digest, signature))
            return true;
    return false;
}

static gboolean verify_digest(const P11dVerifier *verifier, const EVP_MD *md, GBytes *digest,
                              GBytes *signature, P11dVerdict *verdict, GError **error)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, verifier->key, NULL);
    bool ready = context && set_up(verifier, context, md);
    if (ready)
        *verdict = is_good_with_key(verifier, context, digest, signature) ? P11D_VERDICT_GOOD
                                                                          : P11D_VERDICT_MISMATCH;
    EVP_PKEY_CTX_free(context);
    return ready ? TRUE : openssl_failed(error);
}

static gboolean verify_whole(const P11dVerifier *verifier, P11dInput *input, GBytes *signature,
                             P11dVerdict *verdict, GError **error)
{
    g_autoptr(GBytes) data = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
    if (!data)
        return FALSE;
    gsize size;
    const void *bytes = g_bytes_get_data(data, &size);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ready = context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, verifier->key) > 0;
    if (ready)
        *verdict = EVP_DigestVerify(context, g_bytes_get_data(signature, NULL),
                                    g_bytes_get_size(signature), bytes ? bytes : "", size) == 1
                       ? P11D_VERDICT_GOOD
                       : P11D_VERDICT_MISMATCH;
    EVP_MD_CTX_free(context);
    return ready ? TRUE : openssl_failed(error);
}

static GBytes *digest_of(const P11dVerifier *verifier, const EVP_MD *md, P11dInput *input,
                         GError **error)
{
    return verifier->prehashed ? p11d_input_read_digest(input, verifier->algorithm.hash, error)
                               : p11d_input_hash(input, md, error);
}

/* The first bytes of signature, if nothing but white space follows them. NULL else. */
static GBytes *cut(GBytes *signature, size_t size)
{
    gsize all;
    const guint8 *data = g_bytes_get_data(signature, &all);
    return size <= all && p11d_text_is_blank(data + size, all - size)
               ? g_bytes_new_from_bytes(signature, 0, size)
               : NULL;
}

/* The signature as OpenSSL takes it; finds out which form it has. NULL if it has none. */
static GBytes *recognise(P11dVerifier *verifier, GBytes *signature)
{
    size_t coordinate = verifier->kind.coordinate;
    if (coordinate == 0) { /* one size, one form */
        verifier->form = P11D_ECDSA_DER;
        return cut(signature, p11d_algorithm_signature_size(&verifier->kind));
    }
    if (verifier->form != P11D_ECDSA_RAW) {
        GBytes *der = cut(signature, p11d_ecdsa_der_size(signature));
        if (der && p11d_ecdsa_is_der(der, coordinate)) {
            verifier->form = P11D_ECDSA_DER;
            return der;
        }
        g_bytes_unref(der);
    }
    g_autoptr(GBytes) raw =
        verifier->form == P11D_ECDSA_DER ? NULL : cut(signature, 2 * coordinate);
    if (!raw)
        return NULL;
    verifier->form = P11D_ECDSA_RAW;
    return p11d_ecdsa_der_of_raw(raw);
}

bool p11d_verifier_recognise(P11dVerifier *verifier, GBytes *signature)
{
    g_autoptr(GBytes) known = recognise(verifier, signature);
    return known != NULL;
}

gboolean p11d_verifier_check(P11dVerifier *verifier, P11dInput *input, GBytes *signature,
                             P11dVerdict *verdict, GError **error)
{
    g_autoptr(GBytes) known = recognise(verifier, signature);
    gboolean ok = FALSE;
    if (!verifier->algorithm.hash) {
        ok = verify_whole(verifier, input, known ? known : signature, verdict, error);
    } else {
        EVP_MD *md = p11d_algorithm_fetch_hash(&verifier->algorithm, error);
        g_autoptr(GBytes) digest = md ? digest_of(verifier, md, input, error) : NULL;
        ok = digest &&
             verify_digest(verifier, md, digest, known ? known : signature, verdict, error);
        EVP_MD_free(md);
    }
    if (!known) /* the input was read all the same: an unreadable file is no bad signature */
        *verdict = P11D_VERDICT_MALFORMED;
    ERR_clear_error();
    return ok;
}
