// SPDX-License-Identifier: MIT
/*
 * An object is a key, certificate or other object of a token as this client knows it: what the
 * service listed, what follows from that (the parts of a public key or certificate), and the
 * defaults of org.p11dbus.xml. It answers attributes and searches without a round trip; for the few
 * attributes that only the service knows it says which, and remembers the answer.
 *
 * No I/O and no lock here: whoever owns the snapshot that holds the object locks around these.
 */
#ifndef P11D_OBJECT_H
#define P11D_OBJECT_H

#include "default.h"
#include "der.h"
#include "derivation.h"
#include "properties.h"
#include "reader.h"
#include "template.h"

/* An attribute that the object is known not to give, and why. */
typedef struct P11dRefusal {
    CK_ATTRIBUTE_TYPE type;
    CK_RV reason; /* CKR_ATTRIBUTE_SENSITIVE or CKR_ATTRIBUTE_TYPE_INVALID */
} P11dRefusal;

/* What objects are found and recognised by. */
typedef enum P11dObjectKey {
    P11D_OBJECT_LABEL,
    P11D_OBJECT_KEY_ID, /* CKA_ID */
    P11D_OBJECT_CLASS,
    P11D_OBJECT_PUBLIC_KEY, /* CKA_PUBLIC_KEY_INFO */
    P11D_OBJECT_KEYS,
} P11dObjectKey;

typedef struct P11dObject {
    CK_OBJECT_HANDLE handle;     /* what the host sees; 0 until the snapshot gives one */
    uint64_t id;                 /* what the service calls it, in its present run */
    P11dDerived derived;         /* what kind of object */
    const P11dProperties *token; /* borrowed: what its token can; NULL: nothing is known of that */
    P11dTemplate attributes;     /* sent, derived and learned; defaults are NOT in it: ask
                                  * p11d_object_attribute */
    P11dRefusal *refusals;       /* owned */
    size_t refusal_count;
    P11dBytes keys[P11D_OBJECT_KEYS]; /* these attributes, looked up once; no bytes: there is none;
                                       * they may change when it learns */
    bool unlisted;                    /* an own call put it in, and no list has named it since */
    bool draft;                       /* made of a draft: nothing else is known of it */
    struct P11dObject *peer; /* while a snapshot changes: the same object, as it was or will be */
} P11dObject;

/*
 * Makes an object of one entry of ListObjects. id: its number there; attributes stands at its
 * a{sv}, which was validated, and is moved behind it in any case (so that the next entry can be
 * read). *object: owned by the caller, p11d_object_free; NULL on error. Errors: CKR_HOST_MEMORY;
 * anything else means that the entry makes no sense (no class, a public key without a key, values
 * of a wrong kind or size, malformed DER) and is to be left out: CKR_TEMPLATE_INCOMPLETE,
 * CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID, CKR_ARGUMENTS_BAD.
 */
CK_RV p11d_object_make(uint64_t id, P11dReader *attributes, P11dObject **object);

/* What is known of an object that an own call has made, until the service says all. */
typedef struct P11dDraft {
    uint64_t id; /* at the service */
    CK_OBJECT_CLASS object_class;
    CK_KEY_TYPE key_type; /* CK_UNAVAILABLE_INFORMATION: not known, or none */
    bool on_token;        /* and not of a session */
    bool is_private;
} P11dDraft;

/*
 * Makes an object of a draft: it has these attributes, and answers others by default, which its
 * owner is not to rely on. *object: as of p11d_object_make. Errors: CKR_HOST_MEMORY.
 */
CK_RV p11d_object_outline(const P11dDraft *draft, P11dObject **object);

/*
 * Makes the object that C_SetAttributeValue with templ makes of object, which stays as it is:
 * whatever else is known of it is known of changed too, its id as well; it has no handle yet.
 * *changed: as *object of p11d_object_make. Errors: as p11d_object_make.
 */
CK_RV p11d_object_change(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count,
                         P11dObject **changed);

/* Makes each the other's peer. */
void p11d_object_pair(P11dObject *a, P11dObject *b);

/* Wipes and frees. Safe on NULL. */
void p11d_object_free(P11dObject *object);

/* The attribute as sent, derived, learned or by default; NULL if the object does not have it or it
 * is not known. Valid until the object is freed or learns. */
const CK_ATTRIBUTE *p11d_object_attribute(const P11dObject *object, CK_ATTRIBUTE_TYPE type);

/* The value of a CK_BBOOL attribute; false if there is none. */
bool p11d_object_boolean(const P11dObject *object, CK_ATTRIBUTE_TYPE type);

/*
 * Finds what the object cannot answer without the service: writes to types (room for count) the
 * attributes of templ that are neither known nor known to be missing, each once.
 * Returns how many. 0: p11d_object_get has every answer.
 */
CK_ULONG p11d_object_unknown(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count,
                             CK_ATTRIBUTE_TYPE *types);

/*
 * Remembers the reply of GetAttributes to a question for types (as p11d_object_unknown wrote them;
 * the interface's a{sv} and a{ss}: body stands at values, then errors; it was validated). What was
 * not asked is ignored; what was asked and is in neither is CKR_ATTRIBUTE_TYPE_INVALID from then
 * on. Returns CKR_OK, CKR_HOST_MEMORY, an error for a reply that makes no sense (CKR_DEVICE_ERROR),
 * or the first error of an attribute that is neither of the two reasons of a refusal: such ones are
 * not remembered, and what p11d_object_get fills is right all the same.
 */
CK_RV p11d_object_learn(P11dObject *object, const CK_ATTRIBUTE_TYPE *types, CK_ULONG count,
                        P11dReader *body);

/*
 * Answers C_GetAttributeValue (PKCS#11 3.1, section 5.7.5) from what is known: every entry of templ
 * is filled as far as possible; with a NULL pValue only ulValueLen is set; what cannot be given
 * (sensitive, not there, buffer too small, which a length of 0 with a pointer can be too) gets
 * CK_UNAVAILABLE_INFORMATION as ulValueLen. Attributes that are templates are filled in depth.
 * Returns the first of these that holds for any entry: CKR_ATTRIBUTE_SENSITIVE,
 * CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL; else CKR_OK.
 */
CK_RV p11d_object_get(const P11dObject *object, CK_ATTRIBUTE *templ, CK_ULONG count);

/*
 * True if every attribute of templ is in the object with the same bytes (PKCS#11 3.1, section
 * 5.7.7); an empty template matches every object, a value of length 0 only an empty one. An EC
 * point matches wrapped and raw. Values that only the service knows match nothing.
 */
bool p11d_object_matches(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count);

#endif
