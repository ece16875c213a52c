// SPDX-License-Identifier: MIT
/*
 * A key store writes files of a key directory so that each is there whole or as it was before,
 * whatever happens in between: the new content goes to a hidden file, is flushed to the disk, takes
 * the place of the old one, and then the directory is flushed. Files are their owner's alone. One
 * thread at a time writes to a directory.
 */
#ifndef P11D_KEYSTORE_H
#define P11D_KEYSTORE_H

#include "buffer.h"
#include "pkcs11.h"

/* Whether an existing file may be replaced. */
typedef enum P11dKeyStoreMode { P11D_KEYSTORE_NEW, P11D_KEYSTORE_REPLACE } P11dKeyStoreMode;

/*
 * Writes text as the file name in the directory at path. Errors: CKR_ACTION_PROHIBITED (_NEW, and
 * the file is there), CKR_DEVICE_MEMORY (no room on the disk), CKR_TOKEN_WRITE_PROTECTED (this
 * process may not write there), CKR_DEVICE_ERROR; the directory is as before then.
 */
CK_RV p11d_keystore_write(const char *path, const char *name, const P11dBuffer *text,
                          P11dKeyStoreMode mode);

/* Reads the file into text, which was initialised. Errors: CKR_DEVICE_ERROR, CKR_HOST_MEMORY;
 * CKR_ACTION_PROHIBITED for what is no file of the directory's own, as links are: what is written
 * would not go where it leads. */
CK_RV p11d_keystore_read(const char *path, const char *name, P11dBuffer *text);

/* Removes the file; it is no error if it is gone. Errors as above. */
CK_RV p11d_keystore_remove(const char *path, const char *name);

/* Removes what a writer that was killed left. */
void p11d_keystore_sweep(const char *path);

#endif
