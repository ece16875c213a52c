// SPDX-License-Identifier: MIT
#include "default.h"

static const CK_BBOOL yes = CK_TRUE;
static const CK_BBOOL no = CK_FALSE;
static const CK_ULONG zero = 0;
static const CK_ULONG unavailable = CK_UNAVAILABLE_INFORMATION;
static const CK_CERTIFICATE_TYPE x509 = CKC_X_509;

/* CK_ATTRIBUTE has no const; nobody writes through these. */
#define VALUE(type, variable, classes)                                                             \
    {                                                                                              \
        {(type), (void *)&(variable), sizeof(variable)}, (classes), P11D_DEFAULT_VALUE             \
    }
#define ABLE(type, variable, classes, flag)                                                        \
    {                                                                                              \
        {(type), (void *)&(variable), sizeof(variable)}, (classes), P11D_DEFAULT_ABLE, (flag),     \
        {                                                                                          \
            (type), (void *)&no, sizeof no                                                         \
        }                                                                                          \
    }
#define EMPTY(type, classes)                                                                       \
    {                                                                                              \
        {(type), NULL, 0}, (classes), P11D_DEFAULT_VALUE                                           \
    }
#define DERIVED(type, classes)                                                                     \
    {                                                                                              \
        {(type), NULL, 0}, (classes), P11D_DEFAULT_DERIVED                                         \
    }
#define SECRET(type, classes)                                                                      \
    {                                                                                              \
        {(type), NULL, 0}, (classes), P11D_DEFAULT_SECRET                                          \
    }
#define ASK(type, classes)                                                                         \
    {                                                                                              \
        {(type), NULL, 0}, (classes), P11D_DEFAULT_ASK                                             \
    }

#define DATA P11D_CLASS_DATA
#define CERT P11D_CLASS_CERTIFICATE
#define PUBLIC P11D_CLASS_PUBLIC_KEY
#define PRIVATE P11D_CLASS_PRIVATE_KEY
#define SECRET_KEY P11D_CLASS_SECRET_KEY
#define PARAMETERS P11D_CLASS_PARAMETERS
#define OTHER P11D_CLASS_OTHER
#define KEYS P11D_CLASS_KEYS
#define PAIR (PUBLIC | PRIVATE)
#define HIDDEN (PRIVATE | SECRET_KEY)
#define STORAGE (DATA | CERT | KEYS | PARAMETERS | OTHER)

const P11dDefault p11d_defaults[] = {
    /* PKCS#11 3.1, section 4.4: storage objects */
    VALUE(CKA_TOKEN, yes, STORAGE),
    VALUE(CKA_PRIVATE, no, STORAGE),
    VALUE(CKA_MODIFIABLE, no, STORAGE),
    VALUE(CKA_COPYABLE, yes, STORAGE),
    VALUE(CKA_DESTROYABLE, yes, STORAGE),
    EMPTY(CKA_LABEL, STORAGE),
    /* 4.5: data objects */
    ASK(CKA_APPLICATION, DATA),
    ASK(CKA_OBJECT_ID, DATA),
    /* 4.6: certificates */
    VALUE(CKA_CERTIFICATE_TYPE, x509, CERT),
    VALUE(CKA_CERTIFICATE_CATEGORY, zero, CERT),
    EMPTY(CKA_URL, CERT),
    VALUE(CKA_TRUSTED, no, CERT | PUBLIC | SECRET_KEY),
    EMPTY(CKA_START_DATE, CERT | KEYS),
    EMPTY(CKA_END_DATE, CERT | KEYS),
    EMPTY(CKA_ID, CERT | KEYS),
    ASK(CKA_SUBJECT, CERT),
    EMPTY(CKA_SUBJECT, PAIR),
    ASK(CKA_ISSUER, CERT),
    ASK(CKA_SERIAL_NUMBER, CERT),
    ASK(CKA_CHECK_VALUE, CERT | SECRET_KEY),
    ASK(CKA_PUBLIC_KEY_INFO, CERT),
    DERIVED(CKA_PUBLIC_KEY_INFO, PAIR),
    /* 4.7: keys */
    ASK(CKA_KEY_TYPE, KEYS | PARAMETERS),
    ABLE(CKA_DERIVE, no, KEYS, CKF_DERIVE),
    VALUE(CKA_LOCAL, no, KEYS | PARAMETERS),
    VALUE(CKA_KEY_GEN_MECHANISM, unavailable, KEYS),
    ASK(CKA_ALLOWED_MECHANISMS, KEYS),
    /* 4.8 to 4.10: what they may be used for */
    ABLE(CKA_SIGN, yes, PRIVATE, CKF_SIGN),
    ABLE(CKA_SIGN, no, SECRET_KEY, CKF_SIGN),
    ABLE(CKA_VERIFY, yes, PUBLIC, CKF_VERIFY),
    ABLE(CKA_VERIFY, no, SECRET_KEY, CKF_VERIFY),
    ABLE(CKA_SIGN_RECOVER, no, PRIVATE, CKF_SIGN_RECOVER),
    ABLE(CKA_VERIFY_RECOVER, no, PUBLIC, CKF_VERIFY_RECOVER),
    ABLE(CKA_ENCRYPT, no, PUBLIC | SECRET_KEY, CKF_ENCRYPT),
    ABLE(CKA_DECRYPT, no, HIDDEN, CKF_DECRYPT),
    ABLE(CKA_WRAP, no, PUBLIC | SECRET_KEY, CKF_WRAP),
    ABLE(CKA_UNWRAP, no, HIDDEN, CKF_UNWRAP),
    ABLE(CKA_ENCAPSULATE, no, PUBLIC, CKF_ENCAPSULATE),
    ABLE(CKA_DECAPSULATE, no, PRIVATE, CKF_DECAPSULATE),
    ASK(CKA_WRAP_TEMPLATE, PUBLIC | SECRET_KEY),
    ASK(CKA_UNWRAP_TEMPLATE, HIDDEN),
    ASK(CKA_DERIVE_TEMPLATE, HIDDEN),
    ASK(CKA_ENCAPSULATE_TEMPLATE, PUBLIC),
    ASK(CKA_DECAPSULATE_TEMPLATE, PRIVATE),
    /* and how they are protected */
    VALUE(CKA_SENSITIVE, yes, HIDDEN),
    VALUE(CKA_ALWAYS_SENSITIVE, yes, HIDDEN),
    VALUE(CKA_EXTRACTABLE, no, HIDDEN),
    VALUE(CKA_NEVER_EXTRACTABLE, yes, HIDDEN),
    VALUE(CKA_WRAP_WITH_TRUSTED, no, HIDDEN),
    VALUE(CKA_ALWAYS_AUTHENTICATE, no, PRIVATE),
    /* Section 6: the parts of keys */
    DERIVED(CKA_MODULUS, PAIR),
    DERIVED(CKA_MODULUS_BITS, PAIR),
    DERIVED(CKA_PUBLIC_EXPONENT, PAIR),
    DERIVED(CKA_EC_PARAMS, PAIR),
    ASK(CKA_EC_PARAMS, PARAMETERS),
    DERIVED(CKA_EC_POINT, PAIR),
    DERIVED(CKA_PARAMETER_SET, PAIR),
    SECRET(CKA_PRIVATE_EXPONENT, PRIVATE),
    SECRET(CKA_PRIME_1, PRIVATE),
    SECRET(CKA_PRIME_2, PRIVATE),
    SECRET(CKA_EXPONENT_1, PRIVATE),
    SECRET(CKA_EXPONENT_2, PRIVATE),
    SECRET(CKA_COEFFICIENT, PRIVATE),
    SECRET(CKA_SEED, PRIVATE),
    SECRET(CKA_VALUE, HIDDEN),
    DERIVED(CKA_VALUE, PUBLIC),
    ASK(CKA_VALUE, DATA | CERT | PARAMETERS | OTHER),
    ASK(CKA_VALUE_LEN, SECRET_KEY),
};
const size_t p11d_default_count = sizeof p11d_defaults / sizeof p11d_defaults[0];

static const struct {
    CK_OBJECT_CLASS object_class;
    unsigned bit;
} classes[] = {
    {CKO_DATA, P11D_CLASS_DATA},
    {CKO_CERTIFICATE, P11D_CLASS_CERTIFICATE},
    {CKO_PUBLIC_KEY, P11D_CLASS_PUBLIC_KEY},
    {CKO_PRIVATE_KEY, P11D_CLASS_PRIVATE_KEY},
    {CKO_SECRET_KEY, P11D_CLASS_SECRET_KEY},
    {CKO_OTP_KEY, P11D_CLASS_SECRET_KEY},
    {CKO_DOMAIN_PARAMETERS, P11D_CLASS_PARAMETERS},
    {CKO_HW_FEATURE, P11D_CLASS_FIXED},
    {CKO_MECHANISM, P11D_CLASS_FIXED},
    {CKO_PROFILE, P11D_CLASS_FIXED},
};

unsigned p11d_default_class(CK_OBJECT_CLASS object_class)
{
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        if (classes[i].object_class == object_class)
            return classes[i].bit;
    return P11D_CLASS_OTHER;
}

const P11dDefault *p11d_default_find(CK_ATTRIBUTE_TYPE type, unsigned class_bit, bool *foreign)
{
    bool of_others = false;
    for (size_t i = 0; i < p11d_default_count; i++) {
        if (p11d_defaults[i].attribute.type != type)
            continue;
        if ((p11d_defaults[i].classes & class_bit) != 0)
            return &p11d_defaults[i];
        of_others = true;
    }
    /* Nobody knows what objects of other classes have. */
    if (foreign)
        *foreign = of_others && (class_bit & (DATA | CERT | KEYS)) != 0;
    return NULL;
}
