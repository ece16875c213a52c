// SPDX-License-Identifier: MIT
/*
 * A session object is an object of one client, for as long as that is there (sessionstore.h). Here
 * it is made, changed and destroyed.
 */
#ifndef P11D_SESSIONOBJECT_H
#define P11D_SESSIONOBJECT_H

#include "keyview.h"

/* True if id is that of a session object, of whomever. */
bool p11d_sessionobject_is(uint64_t id);

/*
 * Makes one. templ: all its attributes, with CKA_CLASS; CKA_TOKEN false is set here, and what is
 * secret in a key (p11d_keyobject_is_secret) is told to its client alone, and only if CKA_SENSITIVE
 * is false and CKA_EXTRACTABLE true. key: what is computed with it, a reference, or NULL; what it
 * cannot do is not told of it, now and when it is changed. Both are taken over, whatever comes.
 * *id: of the object.
 * Errors: P11D_ACT_LIMIT, CKR_USER_NOT_LOGGED_IN (with CKA_PRIVATE true where that needs a login),
 * CKR_HOST_MEMORY, those of p11d_keyobject_set.
 */
CK_RV p11d_sessionobject_add(P11dKeyView *view, P11dTemplate *templ, P11dServedKey *key,
                             uint64_t *id);

/* Copies all its attributes to templ, which is empty, and gives a reference to its key, or NULL.
 * CKR_OBJECT_HANDLE_INVALID: there is no such session object of this client. */
CK_RV p11d_sessionobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ,
                             P11dServedKey **key);

/* Changes count attributes. Errors: those of p11d_keytemplate_check_change,
 * CKR_OBJECT_HANDLE_INVALID, P11D_ACT_LIMIT, CKR_HOST_MEMORY, those of p11d_keyobject_set. */
CK_RV p11d_sessionobject_change(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                                CK_ULONG count);

/* Destroys it, whatever CKA_DESTROYABLE says, which is for applications to heed: one that ends a
 * session of its own has its objects destroyed so. CKR_OBJECT_HANDLE_INVALID. */
CK_RV p11d_sessionobject_destroy(P11dKeyView *view, uint64_t id);

/* Destroys all of them: their client is gone. */
void p11d_sessionobject_destroy_all(P11dKeyView *view);

#endif
