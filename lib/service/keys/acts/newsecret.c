// SPDX-License-Identifier: MIT
#include "newsecret.h"

#include "keytemplate.h"
#include "keyuse.h"
#include "newobject.h"
#include "sessionobject.h"
#include "viewobject.h"

/* What a template may say of a secret key. Where its value must be one, another is refused. */
static const struct Row {
    CK_ATTRIBUTE_TYPE type;
    enum { ANY, MUST_BE_FALSE, IS_TOKEN, IS_CLASS, IS_KEY_TYPE, IS_SIZE } kind;
} rows[] = {
    {CKA_CLASS, IS_CLASS},
    {CKA_KEY_TYPE, IS_KEY_TYPE},
    {CKA_VALUE_LEN, IS_SIZE},
    {CKA_TOKEN, IS_TOKEN},
    {CKA_PRIVATE, ANY},
    {CKA_LABEL, ANY},
    {CKA_ID, ANY},
    {CKA_START_DATE, ANY},
    {CKA_END_DATE, ANY},
    {CKA_MODIFIABLE, ANY},
    {CKA_COPYABLE, ANY},
    {CKA_DESTROYABLE, ANY},
    {CKA_SENSITIVE, ANY},
    {CKA_EXTRACTABLE, ANY},
    {CKA_SIGN, ANY},
    {CKA_VERIFY, ANY},
    {CKA_ENCRYPT, ANY},
    {CKA_DECRYPT, ANY},
    {CKA_DERIVE, ANY},
    {CKA_WRAP, ANY},
    {CKA_UNWRAP, ANY},
    {CKA_TRUSTED, MUST_BE_FALSE},
    {CKA_WRAP_WITH_TRUSTED, MUST_BE_FALSE},
};

/* What only the token says. */
static const CK_ATTRIBUTE_TYPE read_only[] = {
    CKA_LOCAL,     CKA_ALWAYS_SENSITIVE,  CKA_NEVER_EXTRACTABLE,
    CKA_UNIQUE_ID, CKA_KEY_GEN_MECHANISM, CKA_CHECK_VALUE,
};

static CK_RV unknown(CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < sizeof read_only / sizeof read_only[0]; i++) {
        if (read_only[i] == type)
            return CKR_ATTRIBUTE_READ_ONLY;
    }
    /* The bytes of a key that is derived are not for the client to say. */
    return type == CKA_VALUE ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_TYPE_INVALID;
}

/* Holds one attribute, which is in the template, against its row. */
static CK_RV check(P11dNewSecret *secret, const struct Row *row)
{
    const P11dTemplate *attributes = &secret->attributes;
    CK_ULONG number = p11d_template_number(attributes, row->type, CK_UNAVAILABLE_INFORMATION);
    bool yes = p11d_template_boolean(attributes, row->type, false);
    switch (row->kind) {
    case IS_CLASS:
        return number == CKO_SECRET_KEY ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
    case IS_KEY_TYPE:
        secret->type = number;
        return p11d_servedkey_secret_fits(number, 0) ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
    case IS_SIZE:
        secret->size = number;
        return number > 0 && number <= P11D_SERVEDKEY_SECRET_MAX ? CKR_OK
                                                                 : CKR_ATTRIBUTE_VALUE_INVALID;
    case IS_TOKEN:
        secret->token = yes;
        return CKR_OK;
    case MUST_BE_FALSE:
        return yes ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_OK;
    case ANY:
        break;
    }
    return CKR_OK;
}

static CK_RV take(P11dNewSecret *secret, const CK_ATTRIBUTE *item)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type != item->type)
            continue;
        CK_RV rv =
            p11d_template_set(&secret->attributes, item->type, item->pValue, item->ulValueLen);
        return rv == CKR_OK ? check(secret, &rows[i]) : rv;
    }
    return unknown(item->type);
}

CK_RV p11d_newsecret_read(P11dNewSecret *secret, const P11dTemplateArgument *templ)
{
    CK_RV rv = CKR_OK;
    *secret = (P11dNewSecret){.type = CK_UNAVAILABLE_INFORMATION};
    for (CK_ULONG i = 0; i < templ->count && rv == CKR_OK; i++)
        rv = take(secret, &templ->items[i]);
    if (rv == CKR_OK && secret->type == CK_UNAVAILABLE_INFORMATION)
        rv = CKR_TEMPLATE_INCOMPLETE;
    if (rv == CKR_OK && secret->size > 0 && !p11d_servedkey_secret_fits(secret->type, secret->size))
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    return rv;
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
