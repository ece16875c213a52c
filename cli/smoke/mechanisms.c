// SPDX-License-Identifier: MIT
#include "mechanisms.h"

#include <openssl/rand.h>
#include <string.h>

#include "error-name.h"
#include "keyuse.h"
#include "mechanism.h"
#include "offers.h"
#include "sessionpair.h"

/* What only says that the mechanism is not for this very key, or not with these parameters. */
static bool is_about_use(CK_RV rv)
{
    return rv == CKR_KEY_SIZE_RANGE || rv == CKR_KEY_FUNCTION_NOT_PERMITTED ||
           rv == CKR_KEY_TYPE_INCONSISTENT || rv == CKR_DATA_LEN_RANGE ||
           rv == CKR_MECHANISM_PARAM_INVALID;
}

static void tell_failure(P11dCheckRun *run, CK_MECHANISM_TYPE type, CK_RV rv)
{
    char scratch[P11D_NAME_SIZE], name[P11D_NAME_SIZE];
    p11d_check_tell(run, is_about_use(rv) ? P11D_CHECK_PASS : P11D_CHECK_FAIL,
                    "%s claims CKF_SIGN and answers %s", p11d_mechanism_name(type, name),
                    p11d_error_ckr(rv, scratch));
}

/* Whether key is one for the mechanism, of which the outcome can be verified; then it is tried. */
typedef bool Try(P11dCheckRun *run, const P11dItem *key, CK_MECHANISM_TYPE type);

static bool try_mechanism(P11dCheckRun *run, const P11dItem *key, CK_MECHANISM_TYPE type)
{
    P11dKeyuse use;
    char name[P11D_NAME_SIZE];
    bool tried = !p11d_keyuse_init(&use, key) && p11d_keyuse_set_mechanism(&use, type);
    if (tried) {
        CK_RV rv;
        g_autoptr(GBytes) data = g_bytes_new_static("p11dbus", 7);
        g_autoptr(GBytes) signature = p11d_keyuse_sign(&use, key->token->session, data, &rv);
        if (!signature)
            tell_failure(run, type, rv);
        else if (!p11d_keyuse_is_good(&use, data, signature))
            p11d_check_tell(run, P11D_CHECK_FAIL, "OpenSSL rejects what %s signs with key %s",
                            p11d_mechanism_name(type, name), use.name);
    }
    p11d_keyuse_clear(&use);
    return tried;
}

/* Whether use verifies what was changed. */
static void verify_changed(P11dCheckRun *run, const P11dKeyuse *use, GBytes *data,
                           GBytes *signature, const char *what)
{
    char name[P11D_NAME_SIZE];
    if (p11d_keyuse_verify(use, use->key->token->session, data, signature) == CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_Verify with %s and key %s accepts a flipped bit in %s",
                        p11d_mechanism_name(use->mechanism.mechanism, name), use->name, what);
}

/* The same for a mechanism that claims to verify. What it does not accept unchanged is for other
 * checks. */
static bool try_verify(P11dCheckRun *run, const P11dItem *key, CK_MECHANISM_TYPE type)
{
    P11dKeyuse use;
    CK_SESSION_HANDLE session = key->token->session;
    bool tried = !p11d_keyuse_init(&use, key) && p11d_keyuse_set_mechanism(&use, type);
    if (tried) {
        CK_RV rv;
        g_autoptr(GBytes) data = g_bytes_new_static("p11dbus", 7);
        g_autoptr(GBytes) other = p11d_keyuse_flip(data);
        g_autoptr(GBytes) signature = p11d_keyuse_sign(&use, session, data, &rv);
        tried = signature && p11d_keyuse_verify(&use, session, data, signature) == CKR_OK;
        if (tried) {
            g_autoptr(GBytes) wrong = p11d_keyuse_flip(signature);
            verify_changed(run, &use, data, wrong, "the signature");
            verify_changed(run, &use, other, signature, "the data");
        }
    }
    p11d_keyuse_clear(&use);
    return tried;
}

/* Tries each mechanism with the first key that is for it; returns how many that were. */
static unsigned try_all(P11dCheckRun *run, const P11dHostToken *token, const GArray *types,
                        const GPtrArray *keys, Try *try)
{
    unsigned tried = 0;
    guint i = 0;
    for (; i < types->len && !(tried > 0 && p11d_check_is_late(run)); i++)
        for (guint j = 0; j < keys->len; j++) {
            const P11dItem *key = keys->pdata[j];
            if (key->token != token || !try(run, key, g_array_index(types, CK_MECHANISM_TYPE, i)))
                continue;
            tried++;
            break;
        }
    if (i < types->len)
        p11d_check_tell(run, P11D_CHECK_PASS, P11D_CHECK_LATE, i, types->len, "mechanisms");
    return tried;
}

/* Tries those that claim flag with the keys that are there. */
static void try_existing(P11dCheckRun *run, CK_FLAGS flag, const char *what, Try *try)
{
    unsigned tried = 0, claimed = 0;
    for (guint i = 0; i < run->host->tokens->len; i++) {
        P11dHostToken *token = run->host->tokens->pdata[i];
        g_autoptr(GArray) types = p11d_offers_claiming(token, flag);
        unsigned here = try_all(run, token, types, run->keys, try);
        claimed += here > 0 ? types->len : 0;
        tried += here;
    }
    p11d_check_tell(run, tried > 0 ? P11D_CHECK_PASS : P11D_CHECK_SKIP,
                    "%u of %u mechanisms that claim to %s are for the keys that are there", tried,
                    claimed, what);
}

void p11d_mechanisms_existing(P11dCheckRun *run)
{
    try_existing(run, CKF_SIGN, "sign", try_mechanism);
}

void p11d_mechanisms_verified(P11dCheckRun *run)
{
    try_existing(run, CKF_VERIFY, "verify", try_verify);
}

/* Those that claim to sign, and those that claim to verify; returns how many of the first. */
static unsigned try_keys(P11dCheckRun *run, P11dHostToken *token, const GArray *types,
                         const GPtrArray *keys)
{
    g_autoptr(GArray) verifying = p11d_offers_claiming(token, CKF_VERIFY);
    unsigned tried = try_all(run, token, types, keys, try_mechanism);
    try_all(run, token, verifying, keys, try_verify);
    return tried;
}

/* Tries the mechanisms with a new key of that kind; returns how many there are for it. */
static unsigned try_kind(P11dCheckRun *run, const GArray *types, P11dSessionpairKind kind)
{
    P11dSessionpair pair;
    if (p11d_sessionpair_make(run, run->token, kind, CKA_SIGN, &pair) != CKR_OK)
        return 0; /* the token makes no such keys: none of the claims is about that */
    unsigned tried = try_keys(run, run->token, types, pair.keys);
    p11d_sessionpair_destroy(run, &pair);
    return tried;
}

/* The hash of an HMAC mechanism, or NULL. */
static const P11dHash *hmac_hash(CK_MECHANISM_TYPE type)
{
    char scratch[P11D_NAME_SIZE];
    const char *name = p11d_mechanism_name(type, scratch);
    for (size_t i = 0; i < p11d_hash_count; i++) {
        g_autofree char *hmac = g_strdup_printf("%s-hmac", p11d_hashes[i].name);
        if (strcmp(hmac, name) == 0)
            return &p11d_hashes[i];
    }
    return NULL;
}

static const guint8 authenticated[] = "p11dbus";

/* Whether a flipped bit of mac is accepted. */
static void verify_hmac(P11dCheckRun *run, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key,
                        guint8 *mac, CK_ULONG length)
{
    char name[P11D_NAME_SIZE];
    CK_SESSION_HANDLE session = run->token->session;
    CK_FUNCTION_LIST *functions = run->token->functions;
    mac[length / 2] ^= 1;
    if (functions->C_VerifyInit(session, mechanism, key) == CKR_OK &&
        functions->C_Verify(session, (CK_BYTE *)authenticated, sizeof authenticated, mac, length) ==
            CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "C_Verify with %s accepts a flipped bit",
                        p11d_mechanism_name(mechanism->mechanism, name));
}

static void try_hmac(P11dCheckRun *run, CK_MECHANISM_TYPE type, const P11dHash *hash,
                     CK_OBJECT_HANDLE key, const guint8 *secret, gsize size)
{
    P11dHostToken *token = run->token;
    CK_MECHANISM mechanism = {type, NULL, 0};
    guint8 mac[EVP_MAX_MD_SIZE], expected[EVP_MAX_MD_SIZE];
    CK_ULONG length = sizeof mac;
    size_t wanted = 0;
    char name[P11D_NAME_SIZE];
    CK_RV rv = token->functions->C_SignInit(token->session, &mechanism, key);
    if (rv == CKR_OK)
        rv = token->functions->C_Sign(token->session, (CK_BYTE *)authenticated,
                                      sizeof authenticated, mac, &length);
    if (rv != CKR_OK)
        tell_failure(run, type, rv);
    else if (EVP_Q_mac(NULL, "HMAC", NULL, hash->name, NULL, secret, size, authenticated,
                       sizeof authenticated, expected, sizeof expected, &wanted) &&
             (length != wanted || memcmp(mac, expected, wanted) != 0))
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s gives another HMAC than OpenSSL",
                        p11d_mechanism_name(type, name));
    else
        verify_hmac(run, &mechanism, key, mac, length);
}

/* The same for the HMACs, with a secret that is handed over. */
static unsigned try_secret(P11dCheckRun *run, const GArray *types)
{
    P11dHostToken *token = run->token;
    guint8 secret[64];
    RAND_bytes(secret, sizeof secret);
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, &class, sizeof class}, {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},       {CKA_PRIVATE, &no, sizeof no},
        {CKA_SIGN, &yes, sizeof yes},      {CKA_VERIFY, &yes, sizeof yes},
        {CKA_VALUE, secret, sizeof secret}};
    CK_OBJECT_HANDLE key;
    if (token->functions->C_CreateObject(token->session, attributes, G_N_ELEMENTS(attributes),
                                         &key) != CKR_OK)
        return 0;
    unsigned tried = 0;
    for (guint i = 0; i < types->len; i++) {
        CK_MECHANISM_TYPE one = g_array_index(types, CK_MECHANISM_TYPE, i);
        const P11dHash *hash = hmac_hash(one);
        if (!hash)
            continue;
        try_hmac(run, one, hash, key, secret, sizeof secret);
        tried++;
    }
    p11d_check_ok(run, token->functions->C_DestroyObject(token->session, key),
                  "C_DestroyObject of a key that was made");
    return tried;
}

void p11d_mechanisms_generated(P11dCheckRun *run)
{
    g_autoptr(GArray) types = p11d_offers_claiming(run->token, CKF_SIGN);
    unsigned tried = try_secret(run, types);
    for (int kind = 0; kind < P11D_SESSIONPAIR_KINDS; kind++)
        tried += try_kind(run, types, (P11dSessionpairKind)kind);
    if (tried == 0)
        p11d_check_tell(run, P11D_CHECK_SKIP, "the token makes no keys for the session");
    else
        p11d_check_tell(run, P11D_CHECK_PASS, "%u of %u mechanisms that claim to sign were tried",
                        tried, types->len);
}
