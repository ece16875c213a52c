// SPDX-License-Identifier: MIT
/*
 * A key template is what an application asks for when it makes or changes an object (PKCS#11 3.1,
 * sections 4.1 and 4.4 to 4.10). One table says which attributes objects of a class have, and when
 * an application may give them.
 */
#ifndef P11D_KEYTEMPLATE_H
#define P11D_KEYTEMPLATE_H

#include "template.h"

/* What is done with a template, as bits. */
typedef enum P11dKeyTemplateUse {
    P11D_KEYTEMPLATE_CREATE = 1 << 0,   /* the value comes with it */
    P11D_KEYTEMPLATE_GENERATE = 1 << 1, /* the value is made here: generated, derived, unwrapped */
    P11D_KEYTEMPLATE_CHANGE = 1 << 2,   /* the object is there */
    P11D_KEYTEMPLATE_COPY = 1 << 3,
} P11dKeyTemplateUse;

/*
 * Checks count attributes for an object of that class. Errors: CKR_ATTRIBUTE_TYPE_INVALID,
 * CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT (of another class, or twice the same).
 */
CK_RV p11d_keytemplate_check(const CK_ATTRIBUTE *items, CK_ULONG count, CK_OBJECT_CLASS class,
                             P11dKeyTemplateUse use);

/*
 * Adds to templ what was asked for, but for what is the value of a key or certificate or follows
 * from it. Errors: CKR_HOST_MEMORY, CKR_ATTRIBUTE_VALUE_INVALID.
 */
CK_RV p11d_keytemplate_take(P11dTemplate *templ, const CK_ATTRIBUTE *items, CK_ULONG count,
                            CK_OBJECT_CLASS class);

/* Whether what a key is made of may be read, and whether it may leave its token at all. */
typedef struct P11dSecrecy {
    bool sensitive, extractable;
} P11dSecrecy;

/* What templ says of a key of that class. Where it does not: secret, but for the secret keys of a
 * session, which their client alone has (PKCS#11 3.1, section 4.10: not sensitive). */
P11dSecrecy p11d_keytemplate_secrecy(const P11dTemplate *templ, CK_OBJECT_CLASS class);

/*
 * Completes what is said of a private or secret key: CKA_SENSITIVE and CKA_EXTRACTABLE if they were
 * not asked for, and what follows from them and from how the key came to be.
 * mechanism: the one that generated it, or CK_UNAVAILABLE_INFORMATION. CKR_HOST_MEMORY.
 */
CK_RV p11d_keytemplate_complete(P11dTemplate *templ, CK_OBJECT_CLASS class,
                                CK_MECHANISM_TYPE mechanism);

/*
 * Checks the change of an object with the attributes in old to count others: what is not
 * modifiable stays, and what is sensitive, not extractable or private is so ever after, copies
 * too.
 * Errors: those of p11d_keytemplate_check, CKR_ACTION_PROHIBITED.
 */
CK_RV p11d_keytemplate_check_change(const P11dTemplate *old, const CK_ATTRIBUTE *items,
                                    CK_ULONG count, P11dKeyTemplateUse use);

/* The attribute among count items, or NULL; and its value, or fallback if it is not there. *ok is
 * false where a value has another size. */
const CK_ATTRIBUTE *p11d_keytemplate_find(const CK_ATTRIBUTE *items, CK_ULONG count,
                                          CK_ATTRIBUTE_TYPE type);
CK_ULONG p11d_keytemplate_number(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                                 CK_ULONG fallback);
bool p11d_keytemplate_boolean(const CK_ATTRIBUTE *items, CK_ULONG count, CK_ATTRIBUTE_TYPE type,
                              bool fallback);

#endif
