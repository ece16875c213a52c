// SPDX-License-Identifier: MIT
/*
 * A key edit changes what is in the files of an entry of a key directory that may be written to,
 * and leaves everything else in them as it is. Each file that is concerned is replaced by itself
 * (keystore.h). Called with the ring's writing lock held; the ring has read the directory again
 * when these return. Errors: CKR_HOST_MEMORY, those of p11d_keystore_read and p11d_keystore_write.
 */
#ifndef P11D_KEYEDIT_H
#define P11D_KEYEDIT_H

#include "keyring.h"

/* The places in p11d_keyparts_suffixes of the files that hold PEM. */
enum { P11D_KEYEDIT_KEY, P11D_KEYEDIT_PEM, P11D_KEYEDIT_CERTIFICATE, P11D_KEYEDIT_PUBLIC };

/* Changes count attributes of the object of that kind. passphrase: by which the new value of data
 * that are encrypted is encrypted. Errors too: CKR_ACTION_PROHIBITED (there is no place for what is
 * said of it). */
CK_RV p11d_keyedit_set(P11dKeyRing *ring, P11dKeyEntry *entry, int kind, const CK_ATTRIBUTE *items,
                       CK_ULONG count, const P11dSecret *passphrase);

/* Destroys it. identity: as the object has it. Errors as above. */
CK_RV p11d_keyedit_destroy(P11dKeyRing *ring, const P11dKeyEntry *entry, int kind,
                           const uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE]);

/* Encrypts the private or secret key or data of entry with fresh, if old opens it; old without
 * bytes: if nothing is needed to open it. *done: whether it was so. */
CK_RV p11d_keyedit_rekey(P11dKeyRing *ring, P11dKeyEntry *entry, P11dBytes old,
                         const P11dSecret *fresh, bool *done);

#endif
