// SPDX-License-Identifier: MIT
/*
 * A key entry is what the files of one name in a key directory (keyparts.h) give together: a secret
 * key, or data, or a private key, its public key and its certificate, all with the label NAME, and
 * the further certificates of the files, each with the common name of its subject as label. It does
 * not change once it is made; it is shared by counting references.
 */
#ifndef P11D_KEYENTRY_H
#define P11D_KEYENTRY_H

#include <stdatomic.h>

#include "keyobject.h"
#include "keyparts.h"
#include "servedkey.h"
#include "stamp.h"

/* What an entry may hold. From P11D_KEY_OBJECT_CERTIFICATE on, all are certificates: first the one
 * of the key, then the further ones in the order of the files. */
enum {
    P11D_KEY_OBJECT_PRIVATE,
    P11D_KEY_OBJECT_PUBLIC,
    P11D_KEY_OBJECT_SECRET,
    P11D_KEY_OBJECT_DATA,
    P11D_KEY_OBJECT_NOTE, /* tells why the key is not served; of class CKO_DATA */
    P11D_KEY_OBJECT_CERTIFICATE,
    P11D_KEY_OBJECT_KINDS = P11D_KEY_OBJECT_CERTIFICATE + P11D_KEYFILE_CERTIFICATES
};

typedef struct P11dKeyEntry {
    atomic_uint references;
    char *name;
    P11dStamp stamps[P11D_KEYPARTS_FILES];
    P11dServedKey *private_key; /* NULL: none, or locked */
    P11dServedKey *public_key;  /* NULL: not known */
    P11dServedKey *secret_key;  /* NULL: none */
    P11dPem locked; /* the block of the private or secret key or data while it needs a passphrase */
    EVP_PKEY *expected; /* the public half that the locked key should have; NULL: not known */
    EVP_PKEY *half;     /* that of whatever the name stands for, if only a certificate's; or NULL */
    atomic_bool rekeyed; /* its passphrase is being changed here */
    P11dKeyText text;    /* what the files say between their blocks */
    P11dKeyObject objects[P11D_KEY_OBJECT_KINDS];
} P11dKeyEntry;

/*
 * Loads the files of name that stamps says are there. directory, path: as for p11d_keyfile_load.
 * writable: clients may change and destroy objects.
 * Objects that are there have the id 1; the caller gives them their own. NULL if memory ran out.
 */
P11dKeyEntry *p11d_keyentry_load(int directory, const char *path, const char *name,
                                 const P11dStamp stamps[P11D_KEYPARTS_FILES], bool writable);

/* One of no file, with the name "", that says with an object of that label and text who else may
 * put keys into the directory. As above. */
P11dKeyEntry *p11d_keyentry_note(const char *label, const char *text);

P11dKeyEntry *p11d_keyentry_ref(P11dKeyEntry *entry);
/* The last one to go wipes and frees. Safe on NULL. */
void p11d_keyentry_unref(P11dKeyEntry *entry);

/* The object of before that is the same as the one of that kind in entry, whose id that keeps;
 * NULL if there is none. A certificate is the same wherever it stands. *changed: if not everything
 * that is told of it is as before. Borrowed from before. */
const P11dKeyObject *p11d_keyentry_find_same(const P11dKeyEntry *before, const P11dKeyEntry *entry,
                                             int kind, bool *changed);

/* A key that was locked, opened for one client; or, without it, only known to be of no use.
 */
typedef struct P11dOpenedKey {
    uint64_t id;                                  /* of the object of the entry that is locked */
    P11dServedKey *key;                           /* or the bytes of data, of no type */
    P11dKeyObject objects[P11D_KEY_OBJECT_KINDS]; /* without attributes: not known by this */
} P11dOpenedKey;

/* The class of objects of that kind. */
CK_OBJECT_CLASS p11d_keyentry_class(int kind);

/* What is locked in entry, if anything is: P11D_KEY_OBJECT_PRIVATE, _SECRET or _DATA. */
int p11d_keyentry_locked(const P11dKeyEntry *entry);

/*
 * Opens the locked key of entry. passphrase: size bytes, borrowed. Fills opened, which
 * p11d_openedkey_clear clears, with what is known of the key then, with the entry's ids: the
 * private key, the public key if the entry does not know it; or a note, if the passphrase is right
 * and the key cannot be used. Errors: CKR_PIN_INCORRECT, CKR_HOST_MEMORY; opened is empty then.
 */
CK_RV p11d_keyentry_unlock(const P11dKeyEntry *entry, const char *path, const uint8_t *passphrase,
                           size_t size, P11dOpenedKey *opened);

/* Says anew what is told of opened, the key of an entry whose files have changed since. Objects
 * that are told otherwise are of that generation. True if there are any. */
bool p11d_keyentry_retell(const P11dKeyEntry *entry, P11dOpenedKey *opened, uint64_t generation);

/* Safe on one that is all zero. */
void p11d_openedkey_clear(P11dOpenedKey *opened);

#endif
