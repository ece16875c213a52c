// SPDX-License-Identifier: MIT
#include "claims.h"

#include <string.h>

#include "error-name.h"
#include "mechanism.h"
#include "offers.h"
#include "sessionpair.h"

/* Room for what a key of any size wraps, in bytes, and for the names of keys in one sentence. */
#define ROOM 4096
#define NAMED 3

struct Claim;

/* Begins the operation, in a session of its own that ends it. */
typedef CK_RV Begin(P11dHostToken *token, CK_SESSION_HANDLE session, const struct Claim *claim,
                    CK_MECHANISM *mechanism, const P11dItem *item);

/* An operation, and what claims it: an attribute of keys, a flag of mechanisms. */
typedef struct Claim {
    CK_ATTRIBUTE_TYPE type;
    const char *name;
    CK_FLAGS flag;
    const char *flag_name;
    const char *call;
    size_t function; /* the offset of it in the function list */
    Begin *begin;    /* NULL: another check does */
    P11dCheckLevel level;
    bool always; /* is begun even where no mechanism claims it: hosts go by the attribute alone */
} Claim;

static Begin begin_operation, wrap, unwrap;

#define CLAIM(what, call, begin, level, always)                                                    \
    {                                                                                              \
        CKA_##what, "CKA_" #what, CKF_##what, "CKF_" #what, #call,                                 \
            offsetof(CK_FUNCTION_LIST, call), begin, P11D_CHECK_##level, always                    \
    }

static const Claim claims[] = {
    CLAIM(SIGN, C_SignInit, begin_operation, SIGN, true),
    CLAIM(VERIFY, C_VerifyInit, begin_operation, SIGN, true),
    CLAIM(DECRYPT, C_DecryptInit, begin_operation, SIGN, true),
    CLAIM(ENCRYPT, C_EncryptInit, begin_operation, SIGN, true),
    CLAIM(SIGN_RECOVER, C_SignRecoverInit, begin_operation, SIGN, false),
    CLAIM(VERIFY_RECOVER, C_VerifyRecoverInit, begin_operation, SIGN, false),
    CLAIM(WRAP, C_WrapKey, wrap, WRITE, false),
    CLAIM(UNWRAP, C_UnwrapKey, unwrap, WRITE, false),
    CLAIM(DERIVE, C_DeriveKey, NULL, WRITE, false), /* "derive" does */
};

/* Of one token, and what was found on it. */
typedef struct Look {
    P11dCheckRun *run;
    P11dHostToken *token;
    GPtrArray *items; /* of P11dItem: private and public keys */
    unsigned begun;
    bool refused; /* there was no session left to begin one in */
} Look;

/* As all that begin an operation are declared. */
static CK_RV begin_operation(P11dHostToken *token, CK_SESSION_HANDLE session, const Claim *claim,
                             CK_MECHANISM *mechanism, const P11dItem *item)
{
    CK_C_SignInit init;
    memcpy(&init, (const char *)token->functions + claim->function, sizeof init);
    CK_OBJECT_HANDLE key = item ? item->handle : CK_INVALID_HANDLE;
    return init ? init(session, mechanism, key) : CKR_FUNCTION_NOT_SUPPORTED;
}

/* A secret to be wrapped, gone with the session. */
static CK_RV make_secret(P11dHostToken *token, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *secret)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static char value[] = "to be wrapped";
    CK_ATTRIBUTE attributes[] = {
        {CKA_CLASS, &class, sizeof class},   {CKA_KEY_TYPE, &type, sizeof type},
        {CKA_TOKEN, &no, sizeof no},         {CKA_PRIVATE, &no, sizeof no},
        {CKA_EXTRACTABLE, &yes, sizeof yes}, {CKA_VALUE, value, sizeof value - 1}};
    return token->functions->C_CreateObject(session, attributes, G_N_ELEMENTS(attributes), secret);
}

static CK_RV wrap(P11dHostToken *token, CK_SESSION_HANDLE session, const Claim *claim,
                  CK_MECHANISM *mechanism, const P11dItem *item)
{
    (void)claim;
    CK_OBJECT_HANDLE secret;
    CK_BYTE wrapped[ROOM];
    CK_ULONG size = sizeof wrapped;
    if (!token->functions->C_WrapKey)
        return CKR_FUNCTION_NOT_SUPPORTED;
    CK_RV rv = make_secret(token, session, &secret);
    if (rv != CKR_OK)
        return CKR_OK; /* there is nothing to wrap, which is not what is asked here */
    rv = token->functions->C_WrapKey(session, mechanism, item->handle, secret, wrapped, &size);
    token->functions->C_DestroyObject(session, secret);
    return rv;
}

/* Of bytes that no key was wrapped into: an answer about them is one. */
static CK_RV unwrap(P11dHostToken *token, CK_SESSION_HANDLE session, const Claim *claim,
                    CK_MECHANISM *mechanism, const P11dItem *item)
{
    (void)claim;
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_GENERIC_SECRET;
    CK_BBOOL no = CK_FALSE;
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 {CKA_TOKEN, &no, sizeof no}};
    CK_BYTE wrapped[ROOM] = {0};
    CK_ULONG size = MIN(p11d_item_describe(item).bits / 8, sizeof wrapped);
    CK_OBJECT_HANDLE made;
    if (!token->functions->C_UnwrapKey)
        return CKR_FUNCTION_NOT_SUPPORTED;
    CK_RV rv = token->functions->C_UnwrapKey(session, mechanism, item->handle, wrapped, size,
                                             attributes, G_N_ELEMENTS(attributes), &made);
    if (rv == CKR_OK)
        token->functions->C_DestroyObject(session, made);
    return rv;
}

static CK_KEY_TYPE type_of(const P11dItem *item)
{
    return p11d_template_number(&item->attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
}

/* A mechanism that is usual for such a key. Of another kind nothing is asked. */
static CK_MECHANISM_TYPE usual_mechanism(const P11dItem *item)
{
    switch (type_of(item)) {
    case CKK_RSA:
        return CKM_RSA_PKCS;
    case CKK_EC:
        return CKM_ECDSA;
    case CKK_EC_EDWARDS:
        return CKM_EDDSA;
    default:
        return CK_UNAVAILABLE_INFORMATION;
    }
}

/* Whether one of the mechanisms is for such keys, as far as anybody knows. */
static bool any_is_for(const GArray *types, CK_KEY_TYPE key_type)
{
    for (guint i = 0; i < types->len; i++) {
        const P11dMechanism *row = p11d_mechanism_find(g_array_index(types, CK_MECHANISM_TYPE, i));
        if (!row || row->key_type == key_type || row->key_type == CK_UNAVAILABLE_INFORMATION)
            return true;
    }
    return false;
}

/* As p11d_template_boolean, of what items do not ask for. */
static bool says(const P11dItem *item, CK_ATTRIBUTE_TYPE type)
{
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = {type, &value, sizeof value};
    const P11dHostToken *token = item->token;
    return token->functions->C_GetAttributeValue(token->session, item->handle, &attribute, 1) ==
               CKR_OK &&
           attribute.ulValueLen == sizeof value && value;
}

static CK_SESSION_HANDLE open_session(Look *look)
{
    CK_SESSION_HANDLE session;
    P11dHostToken *token = look->token;
    CK_RV rv =
        token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL, &session);
    look->refused = look->refused || rv != CKR_OK;
    look->begun += rv == CKR_OK ? 1 : 0;
    return rv == CKR_OK ? session : CK_INVALID_HANDLE;
}

static char *name_of(const P11dItem *item)
{
    g_autofree char *label = p11d_item_label(item);
    return *label ? g_steal_pointer(&label) : p11d_item_id(item);
}

static const char *kind_of(const P11dItem *item)
{
    return item->class == CKO_PUBLIC_KEY ? "public" : "private";
}

static void begin_with_key(Look *look, const Claim *claim, const P11dItem *item)
{
    CK_SESSION_HANDLE session = open_session(look);
    if (session == CK_INVALID_HANDLE)
        return;
    CK_MECHANISM mechanism = {usual_mechanism(item), NULL, 0};
    CK_RV rv = claim->begin(look->token, session, claim, &mechanism, item);
    look->token->functions->C_CloseSession(session);
    if (rv != CKR_FUNCTION_NOT_SUPPORTED)
        return;
    g_autofree char *name = name_of(item);
    p11d_check_tell(look->run, P11D_CHECK_FAIL,
                    "the %s key %s says %s, and %s answers CKR_FUNCTION_NOT_SUPPORTED",
                    kind_of(item), name, claim->name, claim->call);
}

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* What keys say that no mechanism backs, in one sentence for all of them; unbacked is of char *,
 * their names. */
static void tell_unbacked(Look *look, const Claim *claim, GPtrArray *unbacked)
{
    g_autoptr(GString) names = g_string_new(NULL);
    /* In the same order each time, and the halves of a pair as one. */
    g_ptr_array_sort(unbacked, compare_texts);
    unsigned told = 0, more = 0;
    for (guint i = 0; i < unbacked->len; i++) {
        const char *name = unbacked->pdata[i];
        if (i > 0 && strcmp(name, unbacked->pdata[i - 1]) == 0)
            continue;
        if (told < NAMED)
            g_string_append_printf(names, "%s%s", told++ > 0 ? ", " : "", name);
        else
            more++;
    }
    if (more > 0)
        g_string_append_printf(names, " and %u more", more);
    if (told > 0)
        p11d_check_tell(look->run, P11D_CHECK_WARN,
                        "%s of %s: no mechanism for such keys claims %s", claim->name, names->str,
                        claim->flag_name);
}

/* Of the keys that say so. */
static void look_at_keys(Look *look, const Claim *claim)
{
    g_autoptr(GArray) types = p11d_offers_claiming(look->token, claim->flag);
    g_autoptr(GPtrArray) unbacked = g_ptr_array_new_with_free_func(g_free);
    for (guint i = 0; i < look->items->len; i++) {
        const P11dItem *item = look->items->pdata[i];
        if (usual_mechanism(item) == CK_UNAVAILABLE_INFORMATION || !says(item, claim->type))
            continue;
        bool backed = any_is_for(types, type_of(item));
        if (!backed)
            g_ptr_array_add(unbacked, name_of(item));
        if (claim->begin && look->run->level >= claim->level && (backed || claim->always))
            begin_with_key(look, claim, item);
    }
    tell_unbacked(look, claim, unbacked);
}

/* Tells if the answer says that the mechanism is not for what it claims. */
static void judge(P11dCheckRun *run, CK_MECHANISM_TYPE type, const char *flag, const char *call,
                  CK_RV rv)
{
    char scratch[P11D_NAME_SIZE], name[P11D_NAME_SIZE];
    if (rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_MECHANISM_INVALID)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s claims %s, and %s answers %s",
                        p11d_mechanism_name(type, name), flag, call, p11d_error_ckr(rv, scratch));
}

/* Of the first mechanism that claims it, without a key: whether there is such a function at all. */
static void look_at_flag(Look *look, const Claim *claim)
{
    g_autoptr(GArray) types = p11d_offers_claiming(look->token, claim->flag);
    CK_SESSION_HANDLE session = CK_INVALID_HANDLE;
    if (types->len > 0 && claim->begin == begin_operation)
        session = open_session(look);
    if (session == CK_INVALID_HANDLE)
        return;
    CK_MECHANISM mechanism = {g_array_index(types, CK_MECHANISM_TYPE, 0), NULL, 0};
    CK_RV rv = begin_operation(look->token, session, claim, &mechanism, NULL);
    if (rv == CKR_FUNCTION_NOT_SUPPORTED)
        judge(look->run, mechanism.mechanism, claim->flag_name, claim->call, rv);
    look->token->functions->C_CloseSession(session);
}

static void look_at_digests(Look *look)
{
    g_autoptr(GArray) types = p11d_offers_claiming(look->token, CKF_DIGEST);
    for (guint i = 0; i < types->len; i++) {
        CK_MECHANISM mechanism = {g_array_index(types, CK_MECHANISM_TYPE, i), NULL, 0};
        CK_SESSION_HANDLE session = open_session(look);
        if (session == CK_INVALID_HANDLE)
            return;
        judge(look->run, mechanism.mechanism, "CKF_DIGEST", "C_DigestInit",
              look->token->functions->C_DigestInit(session, &mechanism));
        look->token->functions->C_CloseSession(session);
    }
}

/* A key for a cipher, in the session of the token. */
static CK_RV generate(P11dHostToken *token, CK_MECHANISM_TYPE type, bool has_length)
{
    CK_BBOOL no = CK_FALSE;
    CK_ULONG length = 16;
    CK_MECHANISM mechanism = {type, NULL, 0};
    CK_ATTRIBUTE attributes[] = {{CKA_TOKEN, &no, sizeof no},
                                 {CKA_VALUE_LEN, &length, sizeof length}};
    CK_OBJECT_HANDLE key;
    CK_RV rv = token->functions->C_GenerateKey(token->session, &mechanism, attributes,
                                               has_length ? 2 : 1, &key);
    if (rv == CKR_OK)
        token->functions->C_DestroyObject(token->session, key);
    return rv;
}

/* Of those that make keys: whether they do. */
static void look_at_makers(Look *look)
{
    static const struct {
        CK_MECHANISM_TYPE type;
        bool has_length;
    } makers[] = {
        {CKM_GENERIC_SECRET_KEY_GEN, true}, {CKM_AES_KEY_GEN, true}, {CKM_DES3_KEY_GEN, false}};
    for (size_t i = 0; i < G_N_ELEMENTS(makers); i++)
        if (p11d_offers_claim(look->token, makers[i].type, CKF_GENERATE) && ++look->begun)
            judge(look->run, makers[i].type, "CKF_GENERATE", "C_GenerateKey",
                  generate(look->token, makers[i].type, makers[i].has_length));
    for (int i = 0; i < P11D_SESSIONPAIR_KINDS && !p11d_check_is_late(look->run); i++) {
        P11dSessionpair pair;
        CK_MECHANISM_TYPE type = p11d_sessionpair_mechanism((P11dSessionpairKind)i);
        if (!p11d_offers_claim(look->token, type, CKF_GENERATE_KEY_PAIR))
            continue;
        CK_RV rv =
            p11d_sessionpair_make(look->run, look->token, (P11dSessionpairKind)i, CKA_SIGN, &pair);
        judge(look->run, type, "CKF_GENERATE_KEY_PAIR", "C_GenerateKeyPair", rv);
        if (rv == CKR_OK)
            p11d_sessionpair_destroy(look->run, &pair);
        look->begun++;
    }
}

static void look_at_token(Look *look)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_PUBLIC_KEY};
    for (size_t i = 0; i < G_N_ELEMENTS(classes); i++)
        p11d_target_search(look->run->target, look->token, classes[i], look->items, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(claims); i++) {
        look_at_keys(look, &claims[i]);
        look_at_flag(look, &claims[i]);
    }
    look_at_digests(look);
    if (look->run->level >= P11D_CHECK_WRITE && look->token->session)
        look_at_makers(look);
}

void p11d_claims_operations(P11dCheckRun *run)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    unsigned begun = 0;
    bool refused = false;
    for (guint i = 0; i < tokens->len; i++) {
        g_autoptr(GPtrArray) items = p11d_item_array();
        Look look = {.run = run, .token = tokens->pdata[i], .items = items};
        if (look.token->info.flags & CKF_TOKEN_INITIALIZED)
            look_at_token(&look);
        begun += look.begun;
        refused = refused || look.refused;
    }
    if (refused)
        p11d_check_tell(run, P11D_CHECK_SKIP, "the token has no session left to begin all in");
    else if (begun == 0)
        p11d_check_tell(run, P11D_CHECK_SKIP, "no key or mechanism claims an operation");
}
