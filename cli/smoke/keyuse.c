// SPDX-License-Identifier: MIT
#include "keyuse.h"

#include "counterpart.h"
#include "error-name.h"
#include "mechanism.h"
#include "verifier.h"

/* Room for every signature that there is. */
#define MAX_SIGNATURE (64 * 1024)
/* Of a key that is told to allow more mechanisms nothing is believed. */
#define MAX_ALLOWED 256

/* Whether the key is long enough for the mechanism, and not too long. Not every module counts in
 * bits, and what the length of an Edwards key is they do not agree about at all. */
static bool is_in_range(const CK_MECHANISM_INFO *info, const P11dAlgorithmKey *kind)
{
    CK_ULONG bits = kind->type == CKK_RSA || kind->type == CKK_EC ? kind->bits : 0;
    CK_ULONG most = info->ulMaxKeySize, least = info->ulMinKeySize;
    bool in_bits = bits >= least && bits <= most;
    bool in_bytes = (bits + 7) / 8 >= least && (bits + 7) / 8 <= most;
    return most == 0 || bits == 0 || in_bits || in_bytes;
}

static bool offers(const P11dKeyuse *use, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_INFO info = {0};
    const P11dHostToken *token = use->key->token;
    return type != P11D_MECHANISM_NONE &&
           token->functions->C_GetMechanismInfo(token->slot, type, &info) == CKR_OK &&
           (info.flags & CKF_SIGN) && is_in_range(&info, &use->kind);
}

/* Whether the padding has room in what an RSA key signs (RFC 8017, 9.1.1 step 3 and 9.2 step 3). */
static bool has_room(const P11dKeyuse *use, const P11dAlgorithm *algorithm)
{
    const P11dHash *hash = algorithm->hash;
    gsize bits = use->kind.bits;
    if (use->kind.type != CKK_RSA || !hash || bits == 0)
        return true;
    return algorithm->family->pss
               ? (bits - 1 + 7) / 8 >=
                     hash->size + p11d_algorithm_pss(algorithm, &use->kind).sLen + 2
               : (bits + 7) / 8 >= hash->prefix_size + hash->size + 11;
}

/* Whether the key's CKA_ALLOWED_MECHANISMS, if it has any, name type. */
static bool allows(const P11dItem *key, CK_MECHANISM_TYPE type)
{
    CK_MECHANISM_TYPE allowed[MAX_ALLOWED];
    CK_ATTRIBUTE attribute = {CKA_ALLOWED_MECHANISMS, allowed, sizeof allowed};
    const P11dHostToken *token = key->token;
    if (token->functions->C_GetAttributeValue(token->session, key->handle, &attribute, 1) !=
            CKR_OK ||
        attribute.ulValueLen == 0 || attribute.ulValueLen > sizeof allowed)
        return true;
    for (size_t i = 0; i < attribute.ulValueLen / sizeof *allowed; i++)
        if (allowed[i] == type)
            return true;
    return false;
}

static void set_mechanism(P11dKeyuse *use, CK_MECHANISM_TYPE type)
{
    use->hashed = !use->algorithm.hash || type == use->algorithm.mechanism;
    use->mechanism = (CK_MECHANISM){type, NULL, 0};
    if (!use->algorithm.family->pss)
        return;
    use->pss = p11d_algorithm_pss(&use->algorithm, &use->kind);
    use->mechanism.pParameter = &use->pss;
    use->mechanism.ulParameterLen = sizeof use->pss;
}

/* Makes use sign by the algorithm of that name (NULL: the usual one of its key), hashed by the
 * module or here. False if the token does not offer that, or the key does not allow it. */
static bool set_algorithm(P11dKeyuse *use, const char *name)
{
    P11dAlgorithm algorithm;
    if (!p11d_algorithm_find(&algorithm, name, &use->kind, NULL) || !has_room(use, &algorithm))
        return false;
    const CK_MECHANISM_TYPE types[] = {algorithm.mechanism, algorithm.family->raw};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (!offers(use, types[i]) || !allows(use->key, types[i]))
            continue;
        use->algorithm = algorithm;
        set_mechanism(use, types[i]);
        return true;
    }
    return false;
}

static bool choose_algorithm(P11dKeyuse *use)
{
    g_auto(GStrv) names = p11d_algorithm_names();
    bool chosen = set_algorithm(use, NULL);
    for (char **name = names; !chosen && *name; name++)
        chosen = set_algorithm(use, *name);
    return chosen;
}

bool p11d_keyuse_set_mechanism(P11dKeyuse *use, CK_MECHANISM_TYPE type)
{
    if (!allows(use->key, type) || !offers(use, type))
        return false;
    g_auto(GStrv) names = p11d_algorithm_names();
    for (char **name = names; *name; name++) {
        P11dAlgorithm algorithm;
        if (!p11d_algorithm_find(&algorithm, *name, &use->kind, NULL))
            continue;
        /* What takes a digest takes one of SHA-256 from every key that is not bound to another. */
        bool raw = algorithm.family->raw == type && (!algorithm.hash || use->kind.pss.bound ||
                                                     algorithm.hash->mechanism == CKM_SHA256);
        if ((!raw && algorithm.mechanism != type) || !has_room(use, &algorithm))
            continue;
        use->algorithm = algorithm;
        set_mechanism(use, type);
        return true;
    }
    return false;
}

/* Takes what item says of the public half, where it is the first to say so or agrees with it. */
static void take_public(P11dKeyuse *use, const P11dItem *item)
{
    EVP_PKEY *found = p11d_item_public_key(item);
    if (!use->public_key && found && EVP_PKEY_up_ref(found))
        use->public_key = found;
    if (!use->public_handle && item->class == CKO_PUBLIC_KEY && found &&
        EVP_PKEY_eq(found, use->public_key) == 1)
        use->public_handle = item->handle;
    EVP_PKEY_free(found);
}

/* Finds the public half: what the private key says of itself, the public key with the same CKA_ID,
 * or the certificate. Those with the CKA_ID may be of another key, which is no fault of signing. */
static void find_public(P11dKeyuse *use)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PUBLIC_KEY, CKO_CERTIFICATE};
    const CK_ATTRIBUTE *id = p11d_template_find(&use->key->attributes, CKA_ID);
    take_public(use, use->key);
    for (size_t i = 0; id && id->ulValueLen > 0 && i < G_N_ELEMENTS(classes); i++) {
        CK_OBJECT_CLASS class = classes[i];
        CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, *id};
        g_autoptr(GPtrArray) items = p11d_item_array();
        p11d_item_find(use->key->token, wanted, G_N_ELEMENTS(wanted), items, NULL);
        for (guint j = 0; j < items->len; j++)
            take_public(use, items->pdata[j]);
    }
}

/* A key may be seen without a login, and still want one to be used. */
static bool needs_login(const P11dKeyuse *use)
{
    if (use->key->token->logged_in)
        return false;
    CK_RV rv;
    g_autoptr(GBytes) data = g_bytes_new_static("p11dbus", 7);
    GBytes *signature = p11d_keyuse_sign(use, use->key->token->session, data, &rv);
    g_clear_pointer(&signature, g_bytes_unref);
    return rv == CKR_USER_NOT_LOGGED_IN;
}

/* Why a key cannot be used that could be with a PIN. */
static const char asks_each_time[] = "asks for its PIN each time, and there is none";
static const char wants_login[] = "needs a login, and no PIN was given";

const char *p11d_keyuse_init(P11dKeyuse *use, const P11dItem *key)
{
    *use = (P11dKeyuse){.key = key};
    g_autofree char *label = p11d_item_label(key);
    g_autofree char *id = p11d_item_id(key);
    use->name = *label ? g_steal_pointer(&label) : g_strdup_printf("id %s", id);
    use->kind = p11d_counterpart_describe(key);
    const P11dHostToken *token = key->token;
    if (p11d_template_boolean(&key->attributes, CKA_ALWAYS_AUTHENTICATE, false) && !token->pin.data)
        return asks_each_time;
    if (!p11d_algorithm_find(&use->algorithm, NULL, &use->kind, NULL))
        return "is of a type that nothing here can verify";
    find_public(use);
    if (!use->public_key)
        return "has no public key on the token";
    if (!choose_algorithm(use))
        return "has no mechanism to sign with that the token offers";
    return needs_login(use) ? wants_login : NULL;
}

void p11d_keyuse_clear(P11dKeyuse *use)
{
    g_free(use->name);
    EVP_PKEY_free(use->public_key);
}

void p11d_keyuse_each(P11dCheckRun *run, void (*function)(P11dCheckRun *run, P11dKeyuse *use))
{
    g_autoptr(GString) unused = g_string_new(NULL);
    unsigned used = 0;
    bool wants_pin = false;
    guint i = 0;
    /* A slow token with many keys is not one that hangs. */
    for (; i < run->keys->len && !(used > 0 && p11d_check_is_late(run)); i++) {
        P11dKeyuse use;
        const char *why = p11d_keyuse_init(&use, run->keys->pdata[i]);
        wants_pin = wants_pin || why == asks_each_time || why == wants_login;
        if (!why && ++used)
            function(run, &use);
        else
            g_string_append_printf(unused, "%skey %s %s", unused->len > 0 ? "; " : "", use.name,
                                   why);
        p11d_keyuse_clear(&use);
    }
    if (i < run->keys->len)
        p11d_check_tell(run, P11D_CHECK_PASS, P11D_CHECK_LATE, i, run->keys->len, "keys");
    if (unused->len > 0 && used > 0)
        p11d_check_tell(run, P11D_CHECK_PASS, "%s", unused->str);
    else if (unused->len > 0)
        p11d_check_lack(run, wants_pin ? P11D_FAILURE_PIN : P11D_FAILURE_NO_MATCH, "%s",
                        unused->str);
}

CK_RV p11d_keyuse_begin(const P11dKeyuse *use, CK_SESSION_HANDLE session)
{
    const P11dHostToken *token = use->key->token;
    CK_FUNCTION_LIST *functions = token->functions;
    CK_MECHANISM mechanism = use->mechanism;
    CK_RV rv = functions->C_SignInit(session, &mechanism, use->key->handle);
    if (rv != CKR_OK ||
        !p11d_template_boolean(&use->key->attributes, CKA_ALWAYS_AUTHENTICATE, false))
        return rv;
    return functions->C_Login(session, CKU_CONTEXT_SPECIFIC, token->pin.data, token->pin.size);
}

GBytes *p11d_keyuse_input(const P11dKeyuse *use, GBytes *data)
{
    const P11dHash *hash = use->algorithm.hash;
    if (use->hashed)
        return g_bytes_ref(data);
    const P11dMechanism *row = p11d_mechanism_find(use->algorithm.mechanism);
    bool wrapped = row ? row->digest_info : use->mechanism.mechanism == CKM_RSA_PKCS;
    guint8 digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_MD *md = p11d_algorithm_fetch_hash(&use->algorithm, NULL);
    if (md)
        EVP_Digest(g_bytes_get_data(data, NULL), g_bytes_get_size(data), digest, &size, md, NULL);
    EVP_MD_free(md);
    GByteArray *input = g_byte_array_new();
    if (wrapped)
        g_byte_array_append(input, hash->prefix, (guint)hash->prefix_size);
    g_byte_array_append(input, digest, size);
    return g_byte_array_free_to_bytes(input);
}

/* A null pointer is not the same as no data. */
static CK_BYTE *bytes_of(GBytes *bytes, CK_ULONG *size)
{
    static CK_BYTE nothing[1];
    gsize length;
    const void *data = g_bytes_get_data(bytes, &length);
    *size = length;
    return data ? (CK_BYTE *)data : nothing;
}

GBytes *p11d_keyuse_sign(const P11dKeyuse *use, CK_SESSION_HANDLE session, GBytes *data, CK_RV *rv)
{
    g_autofree CK_BYTE *signature = g_malloc(MAX_SIGNATURE);
    CK_ULONG size, length = MAX_SIGNATURE;
    g_autoptr(GBytes) input = p11d_keyuse_input(use, data);
    CK_BYTE *bytes = bytes_of(input, &size);
    *rv = p11d_keyuse_begin(use, session);
    if (*rv == CKR_OK)
        *rv = use->key->token->functions->C_Sign(session, bytes, size, signature, &length);
    if (*rv == CKR_OK && length > MAX_SIGNATURE)
        *rv = CKR_GENERAL_ERROR;
    return *rv == CKR_OK ? g_bytes_new(signature, length) : NULL;
}

CK_RV p11d_keyuse_verify(const P11dKeyuse *use, CK_SESSION_HANDLE session, GBytes *data,
                         GBytes *signature)
{
    CK_FUNCTION_LIST *functions = use->key->token->functions;
    CK_MECHANISM mechanism = use->mechanism;
    if (!use->public_handle ||
        functions->C_VerifyInit(session, &mechanism, use->public_handle) != CKR_OK)
        return CKR_FUNCTION_NOT_SUPPORTED;
    CK_ULONG size, length;
    g_autoptr(GBytes) input = p11d_keyuse_input(use, data);
    CK_BYTE *bytes = bytes_of(input, &size);
    CK_BYTE *signed_bytes = bytes_of(signature, &length);
    return functions->C_Verify(session, bytes, size, signed_bytes, length);
}

GBytes *p11d_keyuse_flip(GBytes *bytes)
{
    gsize size;
    const void *content = g_bytes_get_data(bytes, &size);
    guint8 *copy = g_memdup2(content, size);
    if (size > 0)
        copy[size / 2] ^= 1;
    return g_bytes_new_take(copy, size);
}

bool p11d_keyuse_is_good(const P11dKeyuse *use, GBytes *data, GBytes *signature)
{
    P11dVerifier verifier = {.key = use->public_key,
                             .kind = use->kind,
                             .algorithm = use->algorithm,
                             .form = use->kind.type == CKK_EC ? P11D_ECDSA_RAW : P11D_ECDSA_DER};
    P11dVerdict verdict = P11D_VERDICT_MALFORMED;
    g_autoptr(P11dInput) input = p11d_input_of_bytes(data, "the data");
    return p11d_verifier_check(&verifier, input, signature, &verdict, NULL) &&
           verdict == P11D_VERDICT_GOOD;
}

bool p11d_keyuse_try(const P11dKeyuse *use, P11dCheckRun *run, GBytes *data, const char *when)
{
    CK_RV rv;
    char scratch[P11D_NAME_SIZE], name[P11D_NAME_SIZE];
    const char *mechanism = p11d_mechanism_name(use->mechanism.mechanism, name);
    g_autoptr(GBytes) signature = p11d_keyuse_sign(use, use->key->token->session, data, &rv);
    if (!signature)
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s does not sign with %s %s: %s", use->name,
                        mechanism, when, p11d_error_ckr(rv, scratch));
    else if (!p11d_keyuse_is_good(use, data, signature))
        p11d_check_tell(run, P11D_CHECK_FAIL, "key %s: OpenSSL rejects what it signs with %s %s",
                        use->name, mechanism, when);
    else
        return true;
    return false;
}
