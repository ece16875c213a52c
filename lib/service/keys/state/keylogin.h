// SPDX-License-Identifier: MIT
/*
 * A key login opens the keys of a directory that the PIN is the passphrase of, for the client whose
 * view it is and nobody else.
 */
#ifndef P11D_KEYLOGIN_H
#define P11D_KEYLOGIN_H

#include "keyview.h"
#include "tokenstate.h"

/*
 * Logs the view in. pin: size bytes, borrowed; no copy of it outlives the call. NULL: the client
 * has none. Errors: CKR_PIN_INCORRECT, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_TYPE_INVALID,
 * CKR_OPERATION_NOT_INITIALIZED (for context-specific logins, which no key here asks for),
 * CKR_ARGUMENTS_BAD (no PIN, and one is needed), CKR_FUNCTION_REJECTED (too many wrong PINs came
 * before), CKR_HOST_MEMORY.
 */
CK_RV p11d_keylogin_enter(P11dKeyView *view, CK_USER_TYPE user, const uint8_t *pin, size_t size);

/* Counts a wrong PIN of the view's user: rv CKR_PIN_INCORRECT; for CKR_OK says whether one may be
 * tried: CKR_FUNCTION_REJECTED if not. Else returns rv. */
CK_RV p11d_keylogin_brake(P11dKeyView *view, CK_RV rv);

/* References to all entries with a locked key, for work without the lock; *count: how many. NULL
 * if memory ran out. */
P11dKeyEntry **p11d_keylogin_locked(struct P11dKeyRing *ring, size_t *count);

/* A copy of the ring's state. */
P11dTokenState p11d_keylogin_state(struct P11dKeyRing *ring);

/* Logs it out, and wipes the keys. CKR_USER_NOT_LOGGED_IN: it was not logged in. */
CK_RV p11d_keylogin_leave(P11dKeyView *view);

/* Logs all out who logged in as the user with a PIN, which is none any more: nothing is encrypted
 * with it, and who is just logging in with it does not get in. With the writing lock held. */
void p11d_keylogin_end_users(struct P11dKeyRing *ring);

/* All who logged in with old go on as if they had with fresh: what they make is encrypted with
 * that. The rest as above. CKR_HOST_MEMORY. */
CK_RV p11d_keylogin_pass_on(struct P11dKeyRing *ring, P11dBytes old, const P11dSecret *fresh);

#endif
