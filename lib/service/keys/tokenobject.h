// SPDX-License-Identifier: MIT
/*
 * A token object is an object in files of a key directory. Here it is made, changed and destroyed,
 * each time by one file that takes the place of another (keystore.h). The files are called as the
 * object is; where no file can have that name, or another object's file has it, they have another,
 * and say in themselves what the object is called (keytext.h).
 */
#ifndef P11D_TOKENOBJECT_H
#define P11D_TOKENOBJECT_H

#include "keyview.h"

/* All of these: errors are CKR_TOKEN_WRITE_PROTECTED (the directory is not to be written to),
 * CKR_USER_NOT_LOGGED_IN (some key needs a passphrase, and the view has not given it),
 * CKR_HOST_MEMORY, those of p11d_keystore_write. The view sees the change when they return, other
 * clients are told of it. */

/* Whether objects may be made and changed at all; private: one that only who is logged in sees. */
CK_RV p11d_tokenobject_check(P11dKeyView *view, bool private);

/*
 * Makes a key: private (its public half comes with it) or public. text: what is said of both; an
 * object without CKA_LABEL there has an empty one. A private key is encrypted with the passphrase
 * of the view's login, if it has one. public_id, private_id: may be NULL. pair: the public half is
 * an object that was asked for, and stays when the private key is destroyed. A public key whose
 * private key or file is there already is that.
 */
CK_RV p11d_tokenobject_add_private(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, bool pair,
                                   uint64_t *public_id, uint64_t *private_id);
CK_RV p11d_tokenobject_add_public(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text,
                                  uint64_t *id);
CK_RV p11d_tokenobject_add_certificate(P11dKeyView *view, X509 *certificate, P11dKeyText *text,
                                       uint64_t *id);

/* Adds what is told of the object to templ, and gives a reference to its key, or NULL.
 * CKR_OBJECT_HANDLE_INVALID: the view sees no such object. */
CK_RV p11d_tokenobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ,
                           P11dServedKey **key);

/* Changes count attributes, which were checked. CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED
 * (its file is not of the directory's own). */
CK_RV p11d_tokenobject_set(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                           CK_ULONG count);

/* Destroys it. Errors as above. */
CK_RV p11d_tokenobject_destroy(P11dKeyView *view, uint64_t id);

#endif
