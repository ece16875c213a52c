// SPDX-License-Identifier: MIT
#include "newsecret.h"

#include "keytemplate.h"
#include "keyuse.h"
#include "newobject.h"
#include "sessionobject.h"
#include "viewobject.h"

CK_RV p11d_newsecret_read(P11dNewSecret *secret, const P11dTemplateArgument *templ)
{
    const CK_ATTRIBUTE *items = templ->items;
    P11dTemplate *attributes = &secret->attributes;
    *secret = (P11dNewSecret){.type = CK_UNAVAILABLE_INFORMATION};
    if (p11d_keytemplate_find(items, templ->count, CKA_VALUE)) /* that comes from elsewhere */
        return CKR_TEMPLATE_INCONSISTENT;
    CK_RV rv =
        p11d_keytemplate_check(items, templ->count, CKO_SECRET_KEY, P11D_KEYTEMPLATE_GENERATE);
    for (CK_ULONG i = 0; i < templ->count && rv == CKR_OK; i++)
        rv = p11d_template_set(attributes, items[i].type, items[i].pValue, items[i].ulValueLen);
    if (rv != CKR_OK)
        return rv;
    secret->type = p11d_template_number(attributes, CKA_KEY_TYPE, CK_UNAVAILABLE_INFORMATION);
    secret->size = p11d_template_number(attributes, CKA_VALUE_LEN, 0);
    secret->token = p11d_template_boolean(attributes, CKA_TOKEN, false);
    if (secret->type == CK_UNAVAILABLE_INFORMATION)
        return CKR_TEMPLATE_INCOMPLETE;
    const bool empty = secret->size == 0 && p11d_template_find(attributes, CKA_VALUE_LEN);
    return !empty && p11d_servedkey_secret_fits(secret->type, secret->size)
               ? CKR_OK
               : CKR_ATTRIBUTE_VALUE_INVALID;
}

/* PKCS#11 3.1, section 4.10: a key is always sensitive only if the one it came from was too. */
CK_RV p11d_newsecret_inherit(P11dNewSecret *secret, P11dKeyView *view, uint64_t from)
{
    P11dTemplate *attributes = &secret->attributes;
    const P11dSecrecy secrecy = p11d_keytemplate_secrecy(attributes, CKO_SECRET_KEY);
    const bool own = p11d_sessionobject_is(from);
    P11dTemplate before;
    P11dServedKey *key;
    p11d_template_init(&before);
    CK_RV rv = p11d_viewobject_get(view, from, &before, &key);
    /* Of what nobody made here the interface takes both for granted (org.p11dbus.xml). */
    bool was_sensitive = p11d_template_boolean(&before, CKA_ALWAYS_SENSITIVE, !own);
    bool was_inside = p11d_template_boolean(&before, CKA_NEVER_EXTRACTABLE, !own);
    p11d_template_clear(&before);
    p11d_servedkey_unref(key);
    const struct {
        CK_ATTRIBUTE_TYPE type;
        bool value;
    } told[] = {
        {CKA_SENSITIVE, secrecy.sensitive},
        {CKA_EXTRACTABLE, secrecy.extractable},
        {CKA_ALWAYS_SENSITIVE, secrecy.sensitive && was_sensitive},
        {CKA_NEVER_EXTRACTABLE, !secrecy.extractable && was_inside},
        {CKA_LOCAL, false},
    };
    for (size_t i = 0; i < sizeof told / sizeof told[0] && rv == CKR_OK; i++)
        rv = p11d_template_set_boolean(attributes, told[i].type, told[i].value);
    return rv;
}

/* Its file says what it is for, and what not: of a file that says nothing a key does all. */
static CK_RV make_on_token(P11dTemplate *attributes, P11dKeyView *view, const P11dServedKey *key,
                           uint64_t *id)
{
    P11dKeyText text = {0};
    CK_RV rv = p11d_keyuse_tell(attributes, CKO_SECRET_KEY, key, true);
    if (rv == CKR_OK)
        rv = p11d_keytemplate_take(&text.kept[P11D_KEYTEXT_SECRET], attributes->items,
                                   attributes->count, CKO_SECRET_KEY);
    if (rv == CKR_OK)
        rv = p11d_newobject_secret(view, key->type, (P11dBytes){key->secret, key->secret_size},
                                   &text, id);
    p11d_keytext_clear(&text);
    return rv;
}

CK_RV p11d_newsecret_make(P11dNewSecret *secret, P11dKeyView *view, const uint8_t *bytes,
                          size_t size, uint64_t *id)
{
    P11dTemplate *attributes = &secret->attributes;
    if (size == 0 || !p11d_servedkey_secret_fits(secret->type, size))
        return CKR_KEY_SIZE_RANGE;
    P11dServedKey *key = p11d_servedkey_new_secret(secret->type, bytes, size);
    if (!key)
        return CKR_HOST_MEMORY;
    CK_RV rv = p11d_template_set_number(attributes, CKA_CLASS, CKO_SECRET_KEY);
    if (rv == CKR_OK && secret->token) {
        rv = make_on_token(attributes, view, key, id);
        p11d_servedkey_unref(key);
        return rv;
    }
    if (rv == CKR_OK)
        rv = p11d_template_set(attributes, CKA_VALUE, bytes, size);
    if (rv == CKR_OK)
        rv = p11d_template_set_number(attributes, CKA_VALUE_LEN, size);
    if (rv == CKR_OK) /* files may not be, so that the interface takes it for false */
        rv = p11d_template_set_boolean(attributes, CKA_MODIFIABLE,
                                       p11d_template_boolean(attributes, CKA_MODIFIABLE, true));
    if (rv == CKR_OK)
        return p11d_sessionobject_add(view, attributes, key, id);
    p11d_servedkey_unref(key);
    return rv;
}

void p11d_newsecret_clear(P11dNewSecret *secret)
{
    p11d_template_clear(&secret->attributes);
}
