// SPDX-License-Identifier: MIT
#include "tokenkey.h"

#include <string.h>

#include <libp11.h>
#include <openssl/err.h>

#include "console.h"
#include "failure.h"

/*
 * What libp11 holds lives until the process ends, as the module does. PKCS11_CTX_unload would
 * finalise and close the module, and PKCS11_release_all_slots and PKCS11_open_session close all
 * sessions with the token, which logs out the application; none of them is called, and
 * PKCS11_enumerate_keys opens a session of its own.
 */
static struct {
    PKCS11_CTX *context;
    PKCS11_SLOT *slots;
    unsigned slot_count;
} held;

/* libp11 finds the public half of a key by its CKA_ID, and so takes a key for its neighbour where
 * two private keys have one. */
static bool has_id_alone(const P11dItem *key)
{
    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    const CK_ATTRIBUTE *id = p11d_template_find(&key->attributes, CKA_ID);
    const CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class},
                                   {CKA_ID, id ? id->pValue : NULL, id ? id->ulValueLen : 0}};
    g_autoptr(GPtrArray) items = p11d_item_array();
    return p11d_item_find(key->token, wanted, G_N_ELEMENTS(wanted), items, NULL) && items->len == 1;
}

/* Why libp11 is not asked at all. NULL: it can be. */
static const char *objection(const P11dSigning *signing)
{
    const P11dHostToken *token = signing->key->token;
    const P11dFamily *family = signing->algorithm.family;
    CK_MECHANISM_INFO info = {0};
    if (!signing->algorithm.hash)
        return "it knows no keys on Edwards curves";
    if (family->pss)
        return "the parameters of RSA-PSS are set here";
    if (p11d_template_boolean(&signing->key->attributes, CKA_ALWAYS_AUTHENTICATE, false))
        return "it cannot log in for every operation";
    if ((token->info.flags & CKF_LOGIN_REQUIRED) && !token->logged_in)
        return "whether a login is needed shows only when the key is used";
    if (token->functions->C_GetMechanismInfo(token->slot, family->raw, &info) != CKR_OK ||
        !(info.flags & CKF_SIGN))
        return "it hashes itself, and the token signs no digests";
    if (!has_id_alone(signing->key))
        return "it finds keys by their CKA_ID, which another has too";
    return NULL;
}

/*
 * Opens the module once more and looks at its slots. The module is initialised and has answered
 * C_GetInfo, so that libp11 finds CKR_CRYPTOKI_ALREADY_INITIALIZED and goes on: of PKCS11_CTX_load
 * only a path where one of these two calls fails would close anything.
 */
static bool hold(const P11dHost *host)
{
    if (held.context)
        return held.slots != NULL;
    held.context = PKCS11_CTX_new();
    return held.context && PKCS11_CTX_load(held.context, host->library->path) == 0 &&
           PKCS11_enumerate_slots(held.context, &held.slots, &held.slot_count) == 0;
}

static PKCS11_TOKEN *find_token(CK_SLOT_ID slot)
{
    for (unsigned i = 0; i < held.slot_count; i++)
        if (PKCS11_get_slotid_from_slot(&held.slots[i]) == slot)
            return held.slots[i].token;
    return NULL;
}

static bool has_id(const PKCS11_KEY *key, const CK_ATTRIBUTE *id)
{
    size_t size = id ? id->ulValueLen : 0;
    return key->id_len == size && (size == 0 || memcmp(key->id, id->pValue, size) == 0);
}

/* The key with the CKA_ID of item; among several, the one whose public half is public_key. */
static EVP_PKEY *find_key(PKCS11_TOKEN *token, const P11dItem *item, const EVP_PKEY *public_key)
{
    PKCS11_KEY *keys = NULL;
    unsigned count = 0;
    if (PKCS11_enumerate_keys(token, &keys, &count) != 0)
        return NULL;
    const CK_ATTRIBUTE *id = p11d_template_find(&item->attributes, CKA_ID);
    for (unsigned i = 0; i < count; i++) {
        EVP_PKEY *key = has_id(&keys[i], id) ? PKCS11_get_private_key(&keys[i]) : NULL;
        if (key && EVP_PKEY_eq(key, public_key) == 1)
            return key;
        EVP_PKEY_free(key);
    }
    return NULL;
}

EVP_PKEY *p11d_tokenkey_get(const P11dSigning *signing, const P11dHost *host,
                            const EVP_PKEY *public_key)
{
    const char *why = objection(signing);
    PKCS11_TOKEN *token = NULL;
    EVP_PKEY *key = NULL;
    if (!why && !(hold(host) && (token = find_token(signing->key->token->slot))))
        why = "it cannot use the module";
    if (!why && !(key = find_key(token, signing->key, public_key)))
        why = "it does not find the key";
    ERR_clear_error();
    if (why)
        p11d_console_detail("libp11 is not used: %s", why);
    else
        p11d_console_detail("the key is used by libp11");
    return key;
}

void p11d_tokenkey_fail(const P11dSigning *signing, GError **error)
{
    g_autofree char *uri = p11d_item_uri(signing->key);
    unsigned long first = ERR_peek_error();
    const char *reason = ERR_reason_error_string(first);
    if (first != 0 && ERR_GET_LIB(first) == ERR_get_CKR_code())
        p11d_failure_set_ckr(error, (CK_RV)ERR_GET_REASON(first), "cannot sign with %s (%s)", uri,
                             signing->algorithm.name);
    else
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "cannot sign with %s (%s): %s", uri,
                         signing->algorithm.name, reason ? reason : "libp11 does not say why");
    ERR_clear_error();
}
