// SPDX-License-Identifier: MIT
/*
 * A key change is what happens to several files of a key directory at once: all of them become what
 * they are to be, or none does, whatever happens in between. The new contents go to hidden files
 * first; a mark then says that they are complete; from there on the change is made, by this process
 * or by the next one that opens the directory to write to it. Called with the directory locked
 * (p11d_keystore_lock).
 */
#ifndef P11D_KEYCHANGE_H
#define P11D_KEYCHANGE_H

#include "buffer.h"
#include "pkcs11.h"

/* All zero but for path: nothing is to be changed. */
typedef struct P11dKeyChange {
    const char *path; /* of the directory; borrowed */
    size_t count;     /* of files */
} P11dKeyChange;

/* Has the file name become text, with the mode that it has or, if it is new, its owner's alone;
 * NULL: has it go. Errors: those of p11d_keystore_add, CKR_ACTION_PROHIBITED (the name is too
 * long).
 */
CK_RV p11d_keychange_put(P11dKeyChange *change, const char *name, const P11dBuffer *text);

/* Says that all is there: from then on the change is to be made. Errors: those of
 * p11d_keystore_add; p11d_keychange_abandon is to follow then. */
CK_RV p11d_keychange_commit(const P11dKeyChange *change);
/* Removes what was put. */
void p11d_keychange_abandon(const P11dKeyChange *change);

/* Whether a change of the directory at path was committed that is not made. */
bool p11d_keychange_is_pending(const char *path);
/* Makes it, and removes what was left of others. A file that somebody replaced since stays as it
 * is. CKR_DEVICE_ERROR, which the log tells of: it is still to be made. */
CK_RV p11d_keychange_finish(const char *path);

#endif
