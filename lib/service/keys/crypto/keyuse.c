// SPDX-License-Identifier: MIT
#include "keyuse.h"

#define SIGN (1U << 0)
#define VERIFY (1U << 1)
#define ENCRYPT (1U << 2)
#define DECRYPT (1U << 3)
#define DERIVE (1U << 4)
#define WRAP (1U << 5)
#define UNWRAP (1U << 6)
#define SIGN_RECOVER (1U << 7)
#define VERIFY_RECOVER (1U << 8)
#define ENCAPSULATE (1U << 9)
#define DECAPSULATE (1U << 10)

static const struct {
    CK_ATTRIBUTE_TYPE type;
    unsigned use;
    CK_OBJECT_CLASS usual; /* the class of which it goes without saying (org.p11dbus.xml) */
} rows[] = {
    {CKA_SIGN, SIGN, CKO_PRIVATE_KEY},
    {CKA_VERIFY, VERIFY, CKO_PUBLIC_KEY},
    {CKA_ENCRYPT, ENCRYPT, CK_UNAVAILABLE_INFORMATION},
    {CKA_DECRYPT, DECRYPT, CK_UNAVAILABLE_INFORMATION},
    {CKA_DERIVE, DERIVE, CK_UNAVAILABLE_INFORMATION},
    {CKA_WRAP, WRAP, CK_UNAVAILABLE_INFORMATION},
    {CKA_UNWRAP, UNWRAP, CK_UNAVAILABLE_INFORMATION},
    {CKA_SIGN_RECOVER, SIGN_RECOVER, CK_UNAVAILABLE_INFORMATION},
    {CKA_VERIFY_RECOVER, VERIFY_RECOVER, CK_UNAVAILABLE_INFORMATION},
    {CKA_ENCAPSULATE, ENCAPSULATE, CK_UNAVAILABLE_INFORMATION},
    {CKA_DECAPSULATE, DECAPSULATE, CK_UNAVAILABLE_INFORMATION},
};

/* What keys of that type are for: the private and the public ones of a pair, or secret ones. */
static const struct {
    CK_KEY_TYPE type;
    unsigned private, public, secret;
} types[] = {
    {CKK_RSA, SIGN | SIGN_RECOVER | DECRYPT | UNWRAP, VERIFY | VERIFY_RECOVER | ENCRYPT | WRAP, 0},
    {CKK_EC, SIGN | DERIVE | DECAPSULATE, VERIFY | ENCAPSULATE, 0},
    {CKK_EC_EDWARDS, SIGN, VERIFY, 0},
    {CKK_EC_MONTGOMERY, DERIVE | DECAPSULATE, ENCAPSULATE, 0},
    {CKK_AES, 0, 0, ENCRYPT | DECRYPT | WRAP | UNWRAP},
    {CKK_DES3, 0, 0, ENCRYPT | DECRYPT},
    {CKK_GENERIC_SECRET, 0, 0, SIGN | VERIFY},
};

static unsigned uses_of(CK_OBJECT_CLASS class, const P11dServedKey *key)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (types[i].type != key->type)
            continue;
        unsigned uses = class == CKO_PRIVATE_KEY  ? types[i].private
                        : class == CKO_PUBLIC_KEY ? types[i].public
                                                  : types[i].secret;
        return key->pss.only ? uses & (SIGN | VERIFY) : uses;
    }
    return 0;
}

bool p11d_keyuse_is(CK_OBJECT_CLASS class, const P11dServedKey *key, CK_ATTRIBUTE_TYPE type)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].type == type)
            return uses_of(class, key) & rows[i].use;
    }
    return false;
}

/* Whether templ asks for one of uses: one that only forbids some leaves all others. */
static bool asks_for_any(const P11dTemplate *templ, unsigned uses)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (uses & rows[i].use && p11d_template_boolean(templ, rows[i].type, false))
            return true;
    }
    return false;
}

CK_RV p11d_keyuse_tell(P11dTemplate *templ, CK_OBJECT_CLASS class, const P11dServedKey *key,
                       bool asked)
{
    CK_RV rv = CKR_OK;
    /* PKCS#11 3.1, section 4.10: the token says what a secret key does then. */
    const bool all = class == CKO_SECRET_KEY && !asks_for_any(templ, uses_of(class, key));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && rv == CKR_OK; i++) {
        bool usual = rows[i].usual == class;
        bool may = uses_of(class, key) & rows[i].use;
        if (asked)
            may = may && p11d_template_boolean(templ, rows[i].type, usual || all);
        if (asked || may != usual)
            rv = p11d_template_set_boolean(templ, rows[i].type, may);
    }
    return rv;
}

/* What keys of that class are for, of one type or another. */
static unsigned uses_of_class(CK_OBJECT_CLASS class)
{
    unsigned uses = 0;
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        uses |= class == CKO_PRIVATE_KEY ? types[i].private : types[i].public;
    return uses;
}

CK_RV p11d_keyuse_narrow(P11dTemplate *asked, CK_OBJECT_CLASS class)
{
    const unsigned uses = uses_of_class(class);
    const bool any = asks_for_any(asked, uses);
    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0] && any && rv == CKR_OK; i++) {
        if (uses & rows[i].use)
            rv = p11d_template_set_boolean(asked, rows[i].type,
                                           p11d_template_boolean(asked, rows[i].type, false));
    }
    return rv;
}
