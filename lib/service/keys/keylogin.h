// SPDX-License-Identifier: MIT
/*
 * A key login opens the keys of a directory that the PIN is the passphrase of, for the client whose
 * view it is and nobody else.
 */
#ifndef P11D_KEYLOGIN_H
#define P11D_KEYLOGIN_H

#include "keyview.h"

/*
 * Logs the view in. pin: size bytes, borrowed; no copy of it outlives the call. NULL: the client
 * has none. Errors: CKR_PIN_INCORRECT, CKR_USER_ALREADY_LOGGED_IN, CKR_USER_TYPE_INVALID,
 * CKR_OPERATION_NOT_INITIALIZED (for context-specific logins, which no key here asks for),
 * CKR_ARGUMENTS_BAD (no PIN, and one is needed), CKR_FUNCTION_REJECTED (too many wrong PINs came
 * before), CKR_HOST_MEMORY.
 */
CK_RV p11d_keylogin_enter(P11dKeyView *view, CK_USER_TYPE user, const uint8_t *pin, size_t size);

/* Logs it out, and wipes the keys. CKR_USER_NOT_LOGGED_IN: it was not logged in. */
CK_RV p11d_keylogin_leave(P11dKeyView *view);

#endif
