// SPDX-License-Identifier: MIT
/*
 * A key store writes files of a key directory so that each is there whole or not at all, whatever
 * happens in between: the content goes to a hidden file, is flushed to the disk, gets its name, and
 * then the directory is flushed. What changes files that are there is a key change (keychange.h).
 * Who writes has locked the directory, against other services, too.
 */
#ifndef P11D_KEYSTORE_H
#define P11D_KEYSTORE_H

#include <sys/types.h>

#include "buffer.h"
#include "pkcs11.h"

/* Locks the directory at path for writing. patience: for how many milliseconds to wait for who else
 * has; 0: not at all. *lock: for p11d_keystore_unlock, -1 if there is none. Errors: those of
 * p11d_keystore_add; CKR_DEVICE_ERROR if somebody else still has, whom the log tells of, unless
 * patience is 0.
 */
CK_RV p11d_keystore_lock(const char *path, int patience, int *lock);
/* Safe on -1. */
void p11d_keystore_unlock(int lock);

/*
 * Writes text as the new file name, with mode, in the directory at path. Errors:
 * CKR_ACTION_PROHIBITED (the file is there), CKR_DEVICE_MEMORY (no room on the disk),
 * CKR_TOKEN_WRITE_PROTECTED (this process may not write there), CKR_DEVICE_ERROR; the directory is
 * as before then.
 */
CK_RV p11d_keystore_add(const char *path, const char *name, const P11dBuffer *text, mode_t mode);

/* Makes a hidden file of that name in the open directory anew, flushed to the disk. False with
 * errno set: it may be there, and not whole. */
bool p11d_keystore_fill(int directory, const char *name, const P11dBuffer *text, mode_t mode);

/* What errno is to who wanted to write the file; the log tells of it, unless it is that the file is
 * there. */
CK_RV p11d_keystore_failure(const char *path, const char *name);

/* Reads the file into text, which was initialised. Errors: CKR_DEVICE_ERROR, CKR_HOST_MEMORY;
 * CKR_ACTION_PROHIBITED for what is no file of the directory's own, as links are: what is written
 * would not go where it leads. */
CK_RV p11d_keystore_read(const char *path, const char *name, P11dBuffer *text);

/* Removes what a writer that was killed left in the open directory. */
void p11d_keystore_sweep(int directory);

#endif
