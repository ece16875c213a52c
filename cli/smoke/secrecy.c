// SPDX-License-Identifier: MIT
#include "secrecy.h"

#include <string.h>

#include "attribute.h"
#include "error-name.h"
#include "keyuse.h"

/* Room for every number of a key, in bytes. */
#define ROOM 16384
/* Of these of them one is not zero, whatever the number is. */
#define BEGINNING 16

/* The first of the keys that are private on a token that was logged in to, or NULL. */
static const P11dItem *find_private(const P11dCheckRun *run)
{
    for (guint i = 0; i < run->keys->len; i++) {
        const P11dItem *key = run->keys->pdata[i];
        if (key->token->logged_in && p11d_template_boolean(&key->attributes, CKA_PRIVATE, true))
            return key;
    }
    return NULL;
}

/* Whether objects are found that nobody may see who is not logged in. */
static void search_private(P11dCheckRun *run, P11dHostToken *token)
{
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE wanted = {CKA_PRIVATE, &yes, sizeof yes};
    g_autoptr(GPtrArray) items = p11d_item_array();
    if (p11d_item_find(token, &wanted, 1, items, NULL) && items->len > 0)
        p11d_check_tell(run, P11D_CHECK_FAIL, "%u private objects are found after C_Logout",
                        items->len);
}

static void look_at_session(P11dCheckRun *run, P11dHostToken *token)
{
    CK_SESSION_INFO info;
    CK_RV rv = token->functions->C_GetSessionInfo(token->session, &info);
    if (p11d_check_ok(run, rv, "C_GetSessionInfo after C_Logout") &&
        (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS))
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetSessionInfo says after C_Logout that the user is logged in");
}

void p11d_secrecy_logout(P11dCheckRun *run)
{
    const P11dItem *key = find_private(run);
    if (!key) {
        p11d_check_tell(run, P11D_CHECK_SKIP, "no key here needs a login");
        return;
    }
    P11dKeyuse use;
    P11dHostToken *token = key->token;
    const char *unusable = p11d_keyuse_init(&use, key);
    if (p11d_check_ok(run, token->functions->C_Logout(token->session), "C_Logout")) {
        CK_RV rv;
        g_autoptr(GBytes) data = g_bytes_new_static("p11dbus", 7);
        g_autoptr(GBytes) signature =
            unusable ? NULL : p11d_keyuse_sign(&use, token->session, data, &rv);
        if (signature)
            p11d_check_tell(run, P11D_CHECK_FAIL, "key %s signs after C_Logout", use.name);
        look_at_session(run, token);
        search_private(run, token);
    }
    p11d_keyuse_clear(&use);
}

static bool read_boolean(const P11dItem *key, CK_ATTRIBUTE_TYPE type, bool otherwise)
{
    CK_BBOOL value = CK_FALSE;
    CK_ATTRIBUTE attribute = {type, &value, sizeof value};
    const P11dHostToken *token = key->token;
    CK_RV rv = token->functions->C_GetAttributeValue(token->session, key->handle, &attribute, 1);
    return rv == CKR_OK && attribute.ulValueLen == sizeof value ? value != CK_FALSE : otherwise;
}

/* Whether one of its numbers is given out: whatever the answer is, nothing may be in the buffer.
 * What is said to be nothing and does not begin where a value would is told for what it is: NSS
 * leaves the end of the encrypted value there, having wiped the rest. */
static void judge(P11dCheckRun *run, const P11dItem *key, const CK_ATTRIBUTE *attribute, CK_RV rv)
{
    static const guint8 nothing[BEGINNING];
    char name[P11D_NAME_SIZE], scratch[P11D_NAME_SIZE];
    g_autofree char *label = p11d_item_label(key);
    g_autofree char *id = p11d_item_id(key);
    bool given = attribute->ulValueLen != CK_UNAVAILABLE_INFORMATION ||
                 memcmp(attribute->pValue, nothing, sizeof nothing) != 0;
    p11d_check_tell(run, given ? P11D_CHECK_FAIL : P11D_CHECK_WARN,
                    "C_GetAttributeValue %s %s of key %s, which is %s (%s)",
                    given ? "gives out" : "leaves bytes behind the place for",
                    p11d_attribute_name(attribute->type, name), *label ? label : id,
                    read_boolean(key, CKA_SENSITIVE, false) ? "sensitive" : "not extractable",
                    p11d_error_ckr(rv, scratch));
}

static void ask_for(P11dCheckRun *run, const P11dItem *key, CK_ATTRIBUTE_TYPE type)
{
    const P11dHostToken *token = key->token;
    P11dSecret secret = P11D_SECRET_INIT;
    static const guint8 nothing[ROOM];
    if (!p11d_secret_set(&secret, nothing, sizeof nothing))
        return;
    CK_ATTRIBUTE attribute = {type, secret.data, secret.size};
    CK_RV rv = token->functions->C_GetAttributeValue(token->session, key->handle, &attribute, 1);
    if (memcmp(secret.data, nothing, sizeof nothing) != 0)
        judge(run, key, &attribute, rv);
    p11d_secret_clear(&secret);
}

void p11d_secrecy_values(P11dCheckRun *run)
{
    static const CK_OBJECT_CLASS classes[] = {CKO_PRIVATE_KEY, CKO_SECRET_KEY};
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_VALUE,      CKA_PRIVATE_EXPONENT, CKA_PRIME_1,
                                              CKA_PRIME_2,    CKA_EXPONENT_1,       CKA_EXPONENT_2,
                                              CKA_COEFFICIENT};
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GPtrArray) keys = p11d_item_array();
    unsigned looked_at = 0;
    for (guint i = 0; i < tokens->len; i++)
        for (size_t j = 0; j < G_N_ELEMENTS(classes); j++)
            p11d_target_search(run->target, tokens->pdata[i], classes[j], keys, NULL);
    for (guint i = 0; i < keys->len; i++) {
        const P11dItem *key = keys->pdata[i];
        if (!read_boolean(key, CKA_SENSITIVE, false) && read_boolean(key, CKA_EXTRACTABLE, true))
            continue;
        for (size_t j = 0; j < G_N_ELEMENTS(types); j++)
            ask_for(run, key, types[j]);
        looked_at++;
    }
    if (looked_at == 0)
        p11d_check_tell(run, P11D_CHECK_SKIP,
                        "no key says that it is sensitive or not extractable");
}
