// SPDX-License-Identifier: MIT
/*
 * A key PIN is a PIN of a key directory that applications may write to: that of the user, which is
 * the passphrase of the keys that it opens, and that of the security officer, who initialises the
 * token and gives the user a first PIN (PKCS#11 3.1, sections 5.5.7 to 5.5.9). All that is
 * encrypted gets another PIN at once, or nothing does (keychange.h).
 */
#ifndef P11D_KEYPIN_H
#define P11D_KEYPIN_H

#include "act.h"

/*
 * InitToken: removes everything that the token has and sets label and the officer's PIN. That of a
 * token that was initialised before must be right; one that was not, and has anything, is left
 * alone (CKR_ACTION_PROHIBITED).
 */
P11dActPerform p11d_keypin_init_token;
/* InitPin: the officer gives the user a PIN, by which keys without a passphrase are encrypted.
 * Where some key has one already nobody but who knows it can change that (CKR_ACTION_PROHIBITED).
 */
P11dActPerform p11d_keypin_init;
/* SetPin: of the officer for whoever is logged in as that, else of the user. */
P11dActPerform p11d_keypin_set;

#endif
