// SPDX-License-Identifier: MIT
/*
 * A token object is an object in files of a key directory. Here it is looked at, changed and
 * destroyed, each time by files that take the place of others (keystore.h); newobject.h makes it.
 */
#ifndef P11D_TOKENOBJECT_H
#define P11D_TOKENOBJECT_H

#include "keyview.h"

/* Whether objects may be made and changed at all; private: one that only who is logged in sees.
 * Errors: those of p11d_keyring_permits_writing, CKR_USER_NOT_LOGGED_IN
 * (there is a PIN, and the view has not given it). */
CK_RV p11d_tokenobject_check(P11dKeyView *view, bool private);

/* Makes *passphrase a copy of what the view logged in with; none, where there is no PIN. False:
 * memory ran out. */
bool p11d_tokenobject_passphrase(P11dKeyView *view, P11dSecret *passphrase);

/* Adds what is told of the object to templ, and gives a reference to its key, or NULL.
 * CKR_OBJECT_HANDLE_INVALID: the view sees no such object. */
CK_RV p11d_tokenobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ,
                           P11dServedKey **key);

/* Changes count attributes, with which the object is made anew. The view sees the change when this
 * returns, other clients are told of it. Errors: those above, CKR_OBJECT_HANDLE_INVALID,
 * CKR_ACTION_PROHIBITED (it is not modifiable, its file is not of the directory's own, or has no
 * place for them), CKR_HOST_MEMORY, those of p11d_keyring_begin_writing and
 * p11d_keyring_change. */
CK_RV p11d_tokenobject_say(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                           CK_ULONG count);

/* The same, once the change is seen to be one that may be made. Errors too: those of
 * p11d_keytemplate_check_change. */
CK_RV p11d_tokenobject_change(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                              CK_ULONG count);

/* Destroys it. Errors as above. */
CK_RV p11d_tokenobject_destroy(P11dKeyView *view, uint64_t id);

#endif
