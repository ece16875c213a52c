// SPDX-License-Identifier: MIT
#include "keytemplate.h"

#include <string.h>

#define DATA (1U << 0)
#define CERTIFICATE (1U << 1)
#define PUBLIC (1U << 2)
#define PRIVATE (1U << 3)
#define SECRET (1U << 4)
#define PAIR (PUBLIC | PRIVATE)
#define HIDDEN (PRIVATE | SECRET)
#define KEYS (PAIR | SECRET)
#define ALL (DATA | CERTIFICATE | KEYS)

#define CREATE P11D_KEYTEMPLATE_CREATE
#define GENERATE P11D_KEYTEMPLATE_GENERATE
#define COPY P11D_KEYTEMPLATE_COPY
#define MAKE (CREATE | GENERATE)
#define ANY (MAKE | COPY | P11D_KEYTEMPLATE_CHANGE)

/* An attribute of objects of these classes, when it may be given, and whether it is part of the
 * value or follows from it, so that it is not kept by itself. */
static const struct Row {
    CK_ATTRIBUTE_TYPE type;
    unsigned classes;
    unsigned uses;
    bool value;
} rows[] = {
    {CKA_CLASS, ALL, MAKE, true},
    {CKA_TOKEN, ALL, MAKE | COPY, true},
    {CKA_PRIVATE, ALL, MAKE | COPY, false},
    {CKA_MODIFIABLE, ALL, MAKE | COPY, false},
    {CKA_COPYABLE, ALL, ANY, false},
    {CKA_DESTROYABLE, ALL, MAKE | COPY, false},
    {CKA_LABEL, ALL, ANY, false},
    {CKA_APPLICATION, DATA, ANY, false},
    {CKA_OBJECT_ID, DATA, ANY, false},
    {CKA_VALUE, DATA, ANY, true},
    {CKA_CERTIFICATE_TYPE, CERTIFICATE, CREATE, true},
    {CKA_CERTIFICATE_CATEGORY, CERTIFICATE, CREATE, false},
    {CKA_VALUE, CERTIFICATE, CREATE, true},
    {CKA_SUBJECT, CERTIFICATE, ANY, true},
    {CKA_ISSUER, CERTIFICATE, ANY, true},
    {CKA_SERIAL_NUMBER, CERTIFICATE, ANY, true},
    {CKA_CHECK_VALUE, CERTIFICATE, CREATE, true},
    {CKA_PUBLIC_KEY_INFO, CERTIFICATE, CREATE, true},
    {CKA_URL, CERTIFICATE, CREATE, false},
    {CKA_TRUSTED, CERTIFICATE | PUBLIC | SECRET, MAKE, false},
    {CKA_ID, CERTIFICATE | KEYS, ANY, false},
    {CKA_START_DATE, CERTIFICATE | KEYS, ANY, false},
    {CKA_END_DATE, CERTIFICATE | KEYS, ANY, false},
    {CKA_KEY_TYPE, KEYS, MAKE, true},
    {CKA_SUBJECT, PAIR, ANY, false},
    {CKA_DERIVE, KEYS, ANY, false},
    {CKA_ENCRYPT, PUBLIC | SECRET, ANY, false},
    {CKA_VERIFY, PUBLIC | SECRET, ANY, false},
    {CKA_VERIFY_RECOVER, PUBLIC, ANY, false},
    {CKA_WRAP, PUBLIC | SECRET, ANY, false},
    {CKA_ENCAPSULATE, PUBLIC, ANY, false},
    {CKA_DECRYPT, HIDDEN, ANY, false},
    {CKA_SIGN, HIDDEN, ANY, false},
    {CKA_SIGN_RECOVER, PRIVATE, ANY, false},
    {CKA_UNWRAP, HIDDEN, ANY, false},
    {CKA_DECAPSULATE, PRIVATE, ANY, false},
    {CKA_SENSITIVE, HIDDEN, ANY, false},
    {CKA_EXTRACTABLE, HIDDEN, ANY, false},
    {CKA_WRAP_WITH_TRUSTED, HIDDEN, ANY, false},
    {CKA_ALWAYS_AUTHENTICATE, PRIVATE, MAKE, false},
    {CKA_CHECK_VALUE, SECRET, CREATE, true},
    {CKA_VALUE, HIDDEN, CREATE, true},
    {CKA_VALUE_LEN, SECRET, GENERATE, true},
    {CKA_MODULUS, PAIR, CREATE, true},
    {CKA_MODULUS_BITS, PUBLIC, MAKE, true},
    {CKA_PUBLIC_EXPONENT, PUBLIC, MAKE, true},
    {CKA_PUBLIC_EXPONENT, PRIVATE, CREATE, true},
    {CKA_PRIVATE_EXPONENT, PRIVATE, CREATE, true},
    {CKA_PRIME_1, PRIVATE, CREATE, true},
    {CKA_PRIME_2, PRIVATE, CREATE, true},
    {CKA_EXPONENT_1, PRIVATE, CREATE, true},
    {CKA_EXPONENT_2, PRIVATE, CREATE, true},
    {CKA_COEFFICIENT, PRIVATE, CREATE, true},
    {CKA_EC_PARAMS, PUBLIC, MAKE, true},
    {CKA_EC_PARAMS, PRIVATE, MAKE, true},
    {CKA_EC_POINT, PAIR, CREATE, true},
    {CKA_VALUE, PUBLIC, CREATE, true},
    {CKA_PUBLIC_KEY_INFO, PAIR, CREATE, true},
    /* Said by the token alone. */
    {CKA_LOCAL, KEYS, 0, false},
    {CKA_ALWAYS_SENSITIVE, HIDDEN, 0, false},
    {CKA_NEVER_EXTRACTABLE, HIDDEN, 0, false},
    {CKA_KEY_GEN_MECHANISM, KEYS, 0, false},
    {CKA_UNIQUE_ID, ALL, 0, false},
};

static unsigned bit_of(CK_OBJECT_CLASS class)
{
    static const struct {
        CK_OBJECT_CLASS class;
        unsigned bit;
    } bits[] = {{CKO_DATA, DATA},
                {CKO_CERTIFICATE, CERTIFICATE},
                {CKO_PUBLIC_KEY, PUBLIC},
                {CKO_PRIVATE_KEY, PRIVATE},
                {CKO_SECRET_KEY, SECRET}};
    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        if (bits[i].class == class)
            return bits[i].bit;
    }
    return 0;
}

static const struct Row *find_row(CK_ATTRIBUTE_TYPE type, unsigned class)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type && rows[i].classes & class)
            return &rows[i];
    }
    return NULL;
}

const CK_ATTRIBUTE *p11d_keytemplate_find(const CK_ATTRIBUTE *items, CK_ULONG count,
                                          CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++) {
        if (items[i].type == type)
            return &items[i];
    }
    return NULL;
}

CK_ULONG p11d_keytemplate_number(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                                 CK_ULONG fallback)
{
    const CK_ATTRIBUTE *item = p11d_keytemplate_find(items, count, type);
    if (item && item->ulValueLen == sizeof fallback && item->pValue)
        memcpy(&fallback, item->pValue, sizeof fallback);
    return fallback;
}

bool p11d_keytemplate_boolean(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                              bool fallback)
{
    const CK_ATTRIBUTE *item = p11d_keytemplate_find(items, count, type);
    return item && item->ulValueLen == 1 && item->pValue ? *(const CK_BBOOL *)item->pValue
                                                         : fallback;
}

/* Trust is an administrator's word, and no key here asks again for its PIN. */
static bool is_refused(const CK_ATTRIBUTE *item)
{
    return (item->type == CKA_TRUSTED || item->type == CKA_ALWAYS_AUTHENTICATE) &&
           p11d_keytemplate_boolean(item, 1, item->type, false);
}

CK_RV p11d_keytemplate_check(const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_CLASS class,
                             P11dKeyTemplateUse use)
{
    if (p11d_keytemplate_number(items, count, CKA_CLASS, class) != class)
        return use & MAKE ? CKR_TEMPLATE_INCONSISTENT : CKR_ATTRIBUTE_READ_ONLY;
    for (CK_ULONG i = 0; i < count; i++) {
        const struct Row *row = find_row(items[i].type, bit_of(class));
        if (!row)
            return CKR_ATTRIBUTE_TYPE_INVALID;
        if (!(row->uses & use) || is_refused(&items[i]))
            return CKR_ATTRIBUTE_READ_ONLY;
        if (p11d_keytemplate_find(items, i, items[i].type))
            return CKR_TEMPLATE_INCONSISTENT;
    }
    return CKR_OK;
}

CK_RV p11d_keytemplate_take(P11dTemplate *templ, const CK_ATTRIBUTE *items, CK_ULONG count,
                            CK_OBJECT_CLASS class)
{
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        const struct Row *row = find_row(items[i].type, bit_of(class));
        if (row && !row->value)
            rv = p11d_template_set(templ, items[i].type, items[i].pValue, items[i].ulValueLen);
    }
    return rv;
}

P11dSecrecy p11d_keytemplate_secrecy(const P11dTemplate *templ, CK_OBJECT_CLASS class)
{
    bool passing = class == CKO_SECRET_KEY && !p11d_template_boolean(templ, CKA_TOKEN, false);
    bool sensitive = p11d_template_boolean(templ, CKA_SENSITIVE, !passing);
    return (P11dSecrecy){sensitive,
                         p11d_template_boolean(templ, CKA_EXTRACTABLE, passing && !sensitive)};
}

CK_RV p11d_keytemplate_complete(P11dTemplate *templ, CK_OBJECT_CLASS class,
                                CK_MECHANISM_TYPE mechanism)
{
    bool local = mechanism != CK_UNAVAILABLE_INFORMATION;
    const P11dSecrecy secrecy = p11d_keytemplate_secrecy(templ, class);
    CK_RV rv = p11d_template_set_boolean(templ, CKA_LOCAL, local);
    if (rv == CKR_OK && local)
        rv = p11d_template_set_number(templ, CKA_KEY_GEN_MECHANISM, mechanism);
    if (class != CKO_PRIVATE_KEY && class != CKO_SECRET_KEY)
        return rv;
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_SENSITIVE, secrecy.sensitive);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_EXTRACTABLE, secrecy.extractable);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_ALWAYS_SENSITIVE, secrecy.sensitive && local);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_NEVER_EXTRACTABLE, !secrecy.extractable && local);
    return rv;
}

CK_RV p11d_keytemplate_check_change(const P11dTemplate *old, const CK_ATTRIBUTE *items,
                                    CK_ULONG count, P11dKeyTemplateUse use)
{
    CK_OBJECT_CLASS class = p11d_template_number(old, CKA_CLASS, CKO_DATA);
    if (use == P11D_KEYTEMPLATE_CHANGE && !p11d_template_boolean(old, CKA_MODIFIABLE, true))
        return CKR_ACTION_PROHIBITED;
    CK_RV rv = p11d_keytemplate_check(items, count, class, use);
    bool weaker = (p11d_template_boolean(old, CKA_SENSITIVE, true) &&
                   !p11d_keytemplate_boolean(items, count, CKA_SENSITIVE, true)) ||
                  (!p11d_template_boolean(old, CKA_EXTRACTABLE, false) &&
                   p11d_keytemplate_boolean(items, count, CKA_EXTRACTABLE, false)) ||
                  (p11d_template_boolean(old, CKA_WRAP_WITH_TRUSTED, false) &&
                   !p11d_keytemplate_boolean(items, count, CKA_WRAP_WITH_TRUSTED, true)) ||
                  (p11d_template_boolean(old, CKA_PRIVATE, false) &&
                   !p11d_keytemplate_boolean(items, count, CKA_PRIVATE, true)) ||
                  (!p11d_template_boolean(old, CKA_COPYABLE, true) &&
                   p11d_keytemplate_boolean(items, count, CKA_COPYABLE, false));
    return rv == CKR_OK && weaker ? CKR_ATTRIBUTE_READ_ONLY : rv;
}
