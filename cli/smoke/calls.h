// SPDX-License-Identifier: MIT
/*
 * Calls are a module's functions with a note in the journal before each: if one does not come
 * back, that says which.
 */
#ifndef P11D_CALLS_H
#define P11D_CALLS_H

#include "journal.h"
#include "pkcs11.h"

/* The functions of module, noted in journal; for one module a process. Both live until it ends. */
CK_FUNCTION_LIST *p11d_calls_note(CK_FUNCTION_LIST *module, P11dJournal *journal);

#endif
