// SPDX-License-Identifier: MIT
/*
 * A key edit changes what is in the files of an entry of a key directory that may be written to,
 * and leaves everything else in them as it is, all at once (keychange.h). Called while the ring is
 * being written to (p11d_keyring_begin_writing). Errors: CKR_HOST_MEMORY, those of
 * p11d_keystore_read and p11d_keyring_change.
 */
#ifndef P11D_KEYEDIT_H
#define P11D_KEYEDIT_H

#include "keychange.h"
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

/* The following put what is to become of the files of entry into change, which the caller makes. */

/* They go. */
CK_RV p11d_keyedit_remove(P11dKeyChange *change, const P11dKeyEntry *entry);

/* The private or secret key or data is encrypted with fresh, if old opens it; old without bytes: if
 * nothing is needed to open it. *done: whether it was so. */
CK_RV p11d_keyedit_rekey(P11dKeyChange *change, P11dKeyEntry *entry, P11dBytes old,
                         const P11dSecret *fresh, bool *done);

#endif
