// SPDX-License-Identifier: MIT
/*
 * A new object is one that an application adds to a key directory: a file that is there whole or
 * not at all (keystore.h). The file is called as the object is; where no file can have that name,
 * or another object's file has it, it has another, and says in itself what the object is called
 * (keytext.h). What is private, and secret, is encrypted with the passphrase of the view's login,
 * if there is a PIN; with CKA_PRIVATE false it is not, and everybody may use it.
 */
#ifndef P11D_NEWOBJECT_H
#define P11D_NEWOBJECT_H

#include "bytes.h"
#include "keyview.h"

/* All of these: text: what is said of the object, completed here; one without CKA_LABEL has an
 * empty one. Ids may be NULL. Errors: CKR_TOKEN_WRITE_PROTECTED (the directory is not to be written
 * to), CKR_USER_NOT_LOGGED_IN (there is a PIN, the object is private, and the view has not given
 * it), CKR_DEVICE_MEMORY (it is larger than files may be), CKR_ATTRIBUTE_VALUE_INVALID (an
 * attribute is), CKR_HOST_MEMORY, those of p11d_keyring_begin_writing and p11d_keystore_add. The
 * view sees the object when they return, other clients are told of it. */

/* A private key, whose public half comes with it. pair: that is an object that was asked for, too,
 * and stays when the private key is destroyed. */
CK_RV p11d_newobject_private(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, bool pair,
                             uint64_t *public_id, uint64_t *private_id);
/* A public key; one whose private key is there already is that one's. */
CK_RV p11d_newobject_public(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, uint64_t *id);
CK_RV p11d_newobject_certificate(P11dKeyView *view, X509 *certificate, P11dKeyText *text,
                                 uint64_t *id);
/* A secret key of that type, which it fits. */
CK_RV p11d_newobject_secret(P11dKeyView *view, CK_KEY_TYPE type, P11dBytes bytes, P11dKeyText *text,
                            uint64_t *id);
CK_RV p11d_newobject_data(P11dKeyView *view, P11dBytes bytes, P11dKeyText *text, uint64_t *id);

#endif
