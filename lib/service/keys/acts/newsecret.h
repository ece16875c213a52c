// SPDX-License-Identifier: MIT
/*
 * A new secret is a secret key that a client wants to have, be it created, generated, derived,
 * unwrapped or encapsulated, as its template says: read, held against what there can be, and made
 * of the key's bytes once they are there: a session object, or one on the token (newobject.h).
 */
#ifndef P11D_NEWSECRET_H
#define P11D_NEWSECRET_H

#include "arguments.h"
#include "keyview.h"

typedef struct P11dNewSecret {
    CK_KEY_TYPE type;
    size_t size; /* bytes; 0: as many as there are */
    bool token;  /* it is to be on the token */
    P11dTemplate attributes;
} P11dNewSecret;

/*
 * Reads what templ asks for. p11d_newsecret_clear must follow in any case. Errors: those of
 * p11d_keytemplate_check, CKR_TEMPLATE_INCOMPLETE (no key type), CKR_TEMPLATE_INCONSISTENT (the
 * bytes of the key are not for the client to say), CKR_ATTRIBUTE_VALUE_INVALID (no such keys),
 * CKR_HOST_MEMORY.
 */
CK_RV p11d_newsecret_read(P11dNewSecret *secret, const P11dTemplateArgument *templ);

/* What the new key has from the one that it came from; from: of the view. */
CK_RV p11d_newsecret_inherit(P11dNewSecret *secret, P11dKeyView *view, uint64_t from);

/*
 * Makes the key of its bytes, and *id its id. Errors: CKR_KEY_SIZE_RANGE (such keys have other
 * sizes), CKR_HOST_MEMORY, those of p11d_sessionobject_add or p11d_newobject_secret.
 */
CK_RV p11d_newsecret_make(P11dNewSecret *secret, P11dKeyView *view, const uint8_t *bytes,
                          size_t size, uint64_t *id);

/* Wipes and frees. */
void p11d_newsecret_clear(P11dNewSecret *secret);

#endif
