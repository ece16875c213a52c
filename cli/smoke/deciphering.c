// SPDX-License-Identifier: MIT
#include "deciphering.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <string.h>

#include "error-name.h"
#include "keyuse.h"
#include "offers.h"
#include "sessionpair.h"

/* Room for what an RSA key of any size decrypts, in bytes. */
#define ROOM 4096

static const guint8 plain[] = "p11dbus smoke decrypts";

/* plain, encrypted by OpenSSL; oaep: NULL for PKCS #1 v1.5, else the hash, which is that of MGF1
 * too. NULL if it does not fit. */
static GBytes *encrypt(EVP_PKEY *key, const EVP_MD *oaep)
{
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(key, NULL);
    guint8 bytes[ROOM];
    size_t size = sizeof bytes;
    bool ok = context && EVP_PKEY_encrypt_init(context) > 0 &&
              EVP_PKEY_CTX_set_rsa_padding(context,
                                           oaep ? RSA_PKCS1_OAEP_PADDING : RSA_PKCS1_PADDING) > 0 &&
              (!oaep || EVP_PKEY_CTX_set_rsa_oaep_md(context, oaep) > 0) &&
              EVP_PKEY_encrypt(context, bytes, &size, plain, sizeof plain) > 0;
    EVP_PKEY_CTX_free(context);
    return ok ? g_bytes_new(bytes, size) : NULL;
}

/* Tells if the token does not decrypt that; name is the mechanism's, with its hash. Returns whether
 * it could be tried. */
static bool decrypt(P11dCheckRun *run, const P11dKeyuse *use, CK_MECHANISM *mechanism,
                    const EVP_MD *oaep, const char *name)
{
    char scratch[P11D_NAME_SIZE];
    CK_FUNCTION_LIST *functions = use->key->token->functions;
    CK_SESSION_HANDLE session = use->key->token->session;
    g_autoptr(GBytes) encrypted = encrypt(use->public_key, oaep);
    guint8 bytes[ROOM];
    CK_ULONG size = sizeof bytes;
    if (!encrypted)
        return false;
    CK_RV rv = functions->C_DecryptInit(session, mechanism, use->key->handle);
    if (rv == CKR_MECHANISM_PARAM_INVALID || rv == CKR_ARGUMENTS_BAD)
        return false; /* not with this hash */
    if (rv == CKR_OK)
        rv = functions->C_Decrypt(session, (CK_BYTE *)g_bytes_get_data(encrypted, NULL),
                                  g_bytes_get_size(encrypted), bytes, &size);
    if (rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "key %s does not decrypt with %s what OpenSSL encrypts: %s", use->name,
                        name, p11d_error_ckr(rv, scratch));
    else if (size != sizeof plain || memcmp(bytes, plain, sizeof plain) != 0)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s decrypts with %s something else than OpenSSL",
                        use->name, name);
    return true;
}

static bool decrypt_all(P11dCheckRun *run, const P11dKeyuse *use)
{
    const P11dHostToken *token = use->key->token;
    CK_RSA_PKCS_OAEP_PARAMS sha1 = {CKM_SHA_1, CKG_MGF1_SHA1, CKZ_DATA_SPECIFIED, NULL, 0};
    CK_RSA_PKCS_OAEP_PARAMS sha256 = {CKM_SHA256, CKG_MGF1_SHA256, CKZ_DATA_SPECIFIED, NULL, 0};
    bool tried = false;
    if (p11d_offers_claim(token, CKM_RSA_PKCS, CKF_DECRYPT))
        tried = decrypt(run, use, &(CK_MECHANISM){CKM_RSA_PKCS, NULL, 0}, NULL, "rsa-pkcs");
    if (!p11d_offers_claim(token, CKM_RSA_PKCS_OAEP, CKF_DECRYPT))
        return tried;
    tried |= decrypt(run, use, &(CK_MECHANISM){CKM_RSA_PKCS_OAEP, &sha1, sizeof sha1}, EVP_sha1(),
                     "rsa-pkcs-oaep and SHA-1");
    tried |= decrypt(run, use, &(CK_MECHANISM){CKM_RSA_PKCS_OAEP, &sha256, sizeof sha256},
                     EVP_sha256(), "rsa-pkcs-oaep and SHA-256");
    return tried;
}

/* Tries something with a key; returns whether it could be tried. */
typedef bool Try(P11dCheckRun *run, const P11dKeyuse *use);

static bool try_key(P11dCheckRun *run, const P11dItem *key, Try *try)
{
    P11dKeyuse use;
    p11d_keyuse_init(&use, key); /* it need not sign; its public half is found all the same */
    bool tried = use.public_key && try(run, &use);
    p11d_keyuse_clear(&use);
    return tried;
}

/* Tries each private key of that type that claims what attribute says; returns how many could be
 * tried. Keys that ask for their PIN each time are left out. */
static unsigned try_each(P11dCheckRun *run, CK_KEY_TYPE type, CK_ATTRIBUTE_TYPE attribute, Try *try)
{
    unsigned tried = 0;
    for (guint i = 0; i < run->privates->len; i++) {
        const P11dItem *key = run->privates->pdata[i];
        if (p11d_template_number(&key->attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION) ==
                type &&
            p11d_template_boolean(&key->attributes, attribute, false) &&
            !p11d_template_boolean(&key->attributes, CKA_ALWAYS_AUTHENTICATE, false))
            tried += try_key(run, key, try) ? 1 : 0;
    }
    return tried;
}

void p11d_deciphering_decrypt(P11dCheckRun *run)
{
    if (try_each(run, CKK_RSA, CKA_DECRYPT, decrypt_all) == 0)
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        "there is no RSA key that can decrypt with a mechanism that claims to");
}

/* The secret that other and the key's public half have in common, as OpenSSL has it. */
static GBytes *agree(EVP_PKEY *own, EVP_PKEY *other)
{
    guint8 bytes[ROOM];
    size_t size = sizeof bytes;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(other, NULL);
    bool ok = context && EVP_PKEY_derive_init(context) > 0 &&
              EVP_PKEY_derive_set_peer(context, own) > 0 &&
              EVP_PKEY_derive(context, bytes, &size) > 0;
    EVP_PKEY_CTX_free(context);
    return ok ? g_bytes_new(bytes, size) : NULL;
}

/* A new key on the same curve. */
static EVP_PKEY *make_other(EVP_PKEY *own)
{
    EVP_PKEY *made = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new(own, NULL);
    if (!context || EVP_PKEY_keygen_init(context) <= 0 || EVP_PKEY_keygen(context, &made) <= 0)
        made = NULL;
    EVP_PKEY_CTX_free(context);
    return made;
}

/* The secret that the token derives with the point of other, of size bytes. */
static CK_RV derive(const P11dKeyuse *use, EVP_PKEY *other, guint8 *secret, CK_ULONG size)
{
    P11dHostToken *token = use->key->token;
    guint8 *point = NULL;
    size_t length = EVP_PKEY_get1_encoded_public_key(other, &point);
    CK_ECDH1_DERIVE_PARAMS parameters = {.kdf = CKD_NULL, .ulPublicDataLen = length};
    parameters.pPublicData = point;
    CK_MECHANISM mechanism = {CKM_ECDH1_DERIVE, &parameters, sizeof parameters};
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE wanted[] = {
        {CKA_CLASS, &class, sizeof class},   {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},         {CKA_SENSITIVE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_VALUE_LEN, &size, sizeof size}};
    CK_OBJECT_HANDLE derived;
    CK_ATTRIBUTE value = {CKA_VALUE, secret, size};
    CK_RV rv = token->functions->C_DeriveKey(token->session, &mechanism, use->key->handle, wanted,
                                             G_N_ELEMENTS(wanted), &derived);
    OPENSSL_free(point);
    if (rv != CKR_OK)
        return rv;
    rv = token->functions->C_GetAttributeValue(token->session, derived, &value, 1);
    token->functions->C_DestroyObject(token->session, derived);
    return rv == CKR_OK && value.ulValueLen != size ? CKR_GENERAL_ERROR : rv;
}

static bool derive_one(P11dCheckRun *run, const P11dKeyuse *use)
{
    char scratch[P11D_NAME_SIZE];
    if (!p11d_offers_claim(use->key->token, CKM_ECDH1_DERIVE, CKF_DERIVE))
        return false;
    EVP_PKEY *other = make_other(use->public_key);
    g_autoptr(GBytes) expected = other ? agree(use->public_key, other) : NULL;
    guint8 secret[ROOM];
    gsize size = expected ? g_bytes_get_size(expected) : 0;
    CK_RV rv = expected ? derive(use, other, secret, size) : CKR_OK;
    EVP_PKEY_free(other);
    if (!expected)
        return false;
    if (rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s does not derive with ecdh1-derive: %s",
                        use->name, p11d_error_ckr(rv, scratch));
    else if (memcmp(secret, g_bytes_get_data(expected, NULL), size) != 0)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s derives another secret than OpenSSL",
                        use->name);
    return true;
}

/* The same with a key that is made for it, as far as the token makes one. */
static void derive_with_new(P11dCheckRun *run)
{
    char scratch[P11D_NAME_SIZE];
    P11dSessionpair pair;
    if (!p11d_offers_claim(run->token, CKM_ECDH1_DERIVE, CKF_DERIVE)) {
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        "the token does not claim to derive with ecdh1-derive");
        return;
    }
    CK_RV rv = p11d_sessionpair_make(run, run->token, P11D_SESSIONPAIR_P256, CKA_DERIVE, &pair);
    if (rv != CKR_OK) {
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        "there is no EC key that can derive, and none is made for the session: %s",
                        p11d_error_ckr(rv, scratch));
        return;
    }
    if (pair.keys->len > 0 && !try_key(run, pair.keys->pdata[0], derive_one))
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        "the token does not tell the public half of a new key");
    p11d_sessionpair_destroy(run, &pair);
}

void p11d_deciphering_derive(P11dCheckRun *run)
{
    if (try_each(run, CKK_EC, CKA_DERIVE, derive_one) == 0)
        derive_with_new(run);
}
