// SPDX-License-Identifier: MIT
/*
 * A key object is one object of a key token as clients see it: its id, the generation in which it
 * appeared, and its attributes, marshalled once and sent as often as somebody lists.
 */
#ifndef P11D_KEYOBJECT_H
#define P11D_KEYOBJECT_H

#include <openssl/x509.h>

#include "servedkey.h"
#include "template.h"

/* Of a SHA-256, in bytes. */
#define P11D_KEYOBJECT_IDENTITY_SIZE 32

typedef struct P11dKeyObject {
    uint64_t id;         /* 0: there is no such object */
    uint64_t since;      /* the generation in which it appeared */
    uint8_t *attributes; /* elements of an a{sv}, to be marshalled at a multiple of 8; NULL: not
                          * known before somebody unlocks the key */
    size_t size;
    bool private; /* CKA_PRIVATE: only who is logged in sees it */
    /* SHA-256 of the key or certificate, or of the name of a secret key or data; all zero: of
     * neither, or not known */
    uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE];
    unsigned refused; /* see p11d_keyobject_permits */
} P11dKeyObject;

/* All of these give an object, which has none, its attributes, and leave its id alone. Errors:
 * CKR_HOST_MEMORY. */

/* Those in templ, and no others. Errors too: those of p11d_attribute_write. */
CK_RV p11d_keyobject_set(P11dKeyObject *object, const P11dTemplate *templ);

/* A private or public key, which is not changed but for the form that it is written in. private:
 * only who is logged in sees it, whatever kept says. kept: attributes that take the place of those
 * that follow from the key, or NULL. */
CK_RV p11d_keyobject_key(P11dKeyObject *object, CK_OBJECT_CLASS class, const char *label,
                         P11dServedKey *key, bool private, const P11dTemplate *kept);
/* The same, for more to be done with it: sets the attributes in templ. */
CK_RV p11d_keyobject_describe(P11dTemplate *templ, CK_OBJECT_CLASS class, const char *label,
                              P11dServedKey *key, bool private, const P11dTemplate *kept);

/* A secret key, whose value is told only if kept says that it is not sensitive and may leave the
 * token. name: of its files: its label, and its id the SHA-1 of that, unless kept says otherwise.
 * private, kept: as above. */
CK_RV p11d_keyobject_secret(P11dKeyObject *object, const char *name, const P11dServedKey *key,
                            bool private, const P11dTemplate *kept);

/* Data, the same way. */
CK_RV p11d_keyobject_data(P11dKeyObject *object, const char *name, P11dBytes value, bool private,
                          const P11dTemplate *kept);

/* A certificate. _further: one that is not called by the name of the entry that it belongs to,
 * which means the key's own certificate, but by its subject if that has a common name. */
CK_RV p11d_keyobject_certificate(P11dKeyObject *object, const char *label, X509 *certificate,
                                 const P11dTemplate *kept);
CK_RV p11d_keyobject_further(P11dKeyObject *object, const char *name, X509 *certificate);

/* Data that tell why a private key is not served, or who else may put keys into the directory.
 * Hosts pass such objects over; ours says to its user what they say. */
CK_RV p11d_keyobject_note(P11dKeyObject *object, const char *label, const char *why, bool private);
CK_RV p11d_keyobject_exposure(P11dKeyObject *object, const char *label, const char *text);

/* Whether it may be used for what an attribute such as CKA_SIGN is about: unless that was said to
 * be false. */
bool p11d_keyobject_permits(const P11dKeyObject *object, CK_ATTRIBUTE_TYPE use);

/* Whether attributes of that type are what is secret in a key of that class. */
bool p11d_keyobject_is_secret(CK_OBJECT_CLASS class, CK_ATTRIBUTE_TYPE type);

/* Wipes and frees. Safe on one that is all zero. */
void p11d_keyobject_clear(P11dKeyObject *object);

#endif
