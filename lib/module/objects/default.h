// SPDX-License-Identifier: MIT
/*
 * A default is one row for each attribute that objects have although the service did not send it
 * (org.p11dbus.xml, "Attributes"): which classes have the attribute, and what its value is then.
 * The same rows say which attributes a class does not have at all, and which ones hold the secret
 * part of a key, so that nobody asks the service for those.
 */
#ifndef P11D_DEFAULT_H
#define P11D_DEFAULT_H

#include "template.h"

typedef enum P11dDefaultKind {
    P11D_DEFAULT_VALUE,   /* value is the default */
    P11D_DEFAULT_ABLE,    /* value is the default, as long as the token has mechanisms for that key
                           * with flag; without them it is false, whatever the service sends:
                           * hosts believe what they read */
    P11D_DEFAULT_DERIVED, /* from the public key: if that is known, what it lacks does not exist */
    P11D_DEFAULT_SECRET,  /* of a key that is sensitive or not extractable: never given */
    P11D_DEFAULT_ASK,     /* the class may have it; only the service knows */
} P11dDefaultKind;

typedef struct P11dDefault {
    CK_ATTRIBUTE attribute; /* its type; of kind _VALUE and _ABLE the value too: static, not to be
                               changed */
    unsigned classes;       /* set of P11D_CLASS_ bits: the classes that the row holds for */
    P11dDefaultKind kind;
    CK_FLAGS flag;       /* of mechanisms, for _ABLE; else 0 */
    CK_ATTRIBUTE unable; /* for _ABLE: false */
} P11dDefault;

enum {
    P11D_CLASS_DATA = 1 << 0,
    P11D_CLASS_CERTIFICATE = 1 << 1,
    P11D_CLASS_PUBLIC_KEY = 1 << 2,
    P11D_CLASS_PRIVATE_KEY = 1 << 3,
    P11D_CLASS_SECRET_KEY = 1 << 4, /* OTP keys too */
    P11D_CLASS_PARAMETERS = 1 << 5, /* domain parameters */
    P11D_CLASS_FIXED = 1 << 6,      /* no storage object: hardware feature, mechanism, profile */
    P11D_CLASS_OTHER = 1 << 7,      /* vendors' own, and newer than this */
};
#define P11D_CLASS_KEYS (P11D_CLASS_PUBLIC_KEY | P11D_CLASS_PRIVATE_KEY | P11D_CLASS_SECRET_KEY)

extern const P11dDefault p11d_defaults[];
extern const size_t p11d_default_count;

/* The bit of a class; exactly one. */
unsigned p11d_default_class(CK_OBJECT_CLASS object_class);

/*
 * The row for that attribute of that class (one bit). NULL if there is none; *foreign (may be NULL)
 * then says whether the attribute belongs to other classes only, so that this one lacks it.
 */
const P11dDefault *p11d_default_find(CK_ATTRIBUTE_TYPE type, unsigned class_bit, bool *foreign);

#endif
