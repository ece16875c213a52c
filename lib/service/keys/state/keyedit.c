// SPDX-License-Identifier: MIT
#include "keyedit.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "keystore.h"

/* Those that may hold several blocks, as bits. */
#define PEM_FILES                                                                                  \
    (1U << P11D_KEYEDIT_KEY | 1U << P11D_KEYEDIT_PEM | 1U << P11D_KEYEDIT_CERTIFICATE |            \
     1U << P11D_KEYEDIT_PUBLIC)

/* Drops blocks of the kinds that are bits of *data. */
static CK_RV drop_kinds(const P11dPem *pem, void *data, P11dBuffer *text, bool *gone)
{
    const unsigned *kinds = data;
    (void)text;
    *gone = p11d_pem_kind(pem) & *kinds;
    return CKR_OK;
}

/* Drops the certificate with that identity. */
static CK_RV drop_certificate(const P11dPem *pem, void *data, P11dBuffer *text, bool *gone)
{
    const uint8_t *identity = data;
    uint8_t digest[EVP_MAX_MD_SIZE];
    (void)text;
    *gone = p11d_pem_kind(pem) == P11D_PEM_CERTIFICATE &&
            EVP_Digest(pem->data, (size_t)pem->size, digest, NULL, EVP_sha256(), NULL) == 1 &&
            memcmp(digest, identity, P11D_KEYOBJECT_IDENTITY_SIZE) == 0;
    return CKR_OK;
}

/* The new value of data, which is encrypted again if it was. */
typedef struct Value {
    P11dBytes bytes;
    const P11dSecret *passphrase;
} Value;

static CK_RV put_value(const P11dPem *pem, void *data, P11dBuffer *text, bool *gone)
{
    static const P11dSecret none = P11D_SECRET_INIT;
    const Value *value = data;
    *gone = p11d_pem_kind(pem) == P11D_PEM_DATA;
    if (!*gone)
        return CKR_OK;
    return p11d_pem_write_bytes(text, CK_UNAVAILABLE_INFORMATION, value->bytes,
                                p11d_pem_is_encrypted(pem) ? value->passphrase : &none)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* Keys that get another passphrase. */
typedef struct Rekeying {
    P11dBytes old; /* no data: those that have none */
    const P11dSecret *fresh;
    bool done; /* some got it */
} Rekeying;

static CK_RV rekey_block(const P11dPem *pem, void *data, P11dBuffer *text, bool *gone)
{
    Rekeying *self = data;
    if (!(p11d_pem_kind(pem) & (P11D_PEM_PRIVATE | P11D_PEM_SECRET | P11D_PEM_DATA)) ||
        p11d_pem_is_encrypted(pem) != (self->old.data != NULL))
        return CKR_OK;
    CK_RV rv = p11d_pem_reseal(text, pem, self->old, self->fresh);
    *gone = rv == CKR_OK;
    self->done = self->done || *gone;
    return rv == CKR_PIN_INCORRECT ? CKR_OK : rv;
}

/* Puts what becomes of one file into change. */
static CK_RV edit_file(P11dKeyChange *change, const char *name, const P11dKeyTextEdit *edit)
{
    P11dBuffer old, text;
    size_t blocks;
    p11d_buffer_init(&old, P11D_KEYFILE_MAX + 1);
    p11d_buffer_init(&text, P11D_KEYFILE_MAX);
    CK_RV rv = p11d_keystore_read(change->path, name, &old);
    if (rv == CKR_OK)
        rv = p11d_keytext_edit(edit, &old, &text, &blocks);
    if (rv == CKR_HOST_MEMORY && text.too_large)
        rv = CKR_DEVICE_MEMORY;
    bool same = rv == CKR_OK && old.size == text.size &&
                (text.size == 0 || memcmp(old.data, text.data, text.size) == 0);
    if (rv == CKR_OK && !same)
        rv = p11d_keychange_put(change, name, blocks == 0 && edit->change ? NULL : &text);
    p11d_buffer_clear(&old);
    p11d_buffer_clear(&text);
    return rv;
}

static bool has_file(const P11dKeyEntry *entry, int file)
{
    static const P11dStamp none;
    return !p11d_stamp_equal(&entry->stamps[file], &none);
}

/* Puts what becomes of the files of entry that files (bits) names into change. */
static CK_RV put_files(P11dKeyChange *change, const P11dKeyEntry *entry, unsigned files,
                       const P11dKeyTextEdit *edit)
{
    char name[NAME_MAX + 1];
    CK_RV rv = CKR_OK;
    for (int i = 0; i < P11D_KEYPARTS_FILES && rv == CKR_OK; i++) {
        if (!(files & 1U << i) || !has_file(entry, i))
            continue;
        snprintf(name, sizeof name, "%s%s", entry->name, p11d_keyparts_suffixes[i]);
        rv = edit_file(change, name, edit);
    }
    return rv;
}

/* Changes them. */
static CK_RV edit_files(P11dKeyRing *ring, const P11dKeyEntry *entry, unsigned files,
                        const P11dKeyTextEdit *edit)
{
    P11dKeyChange change = {.path = ring->path};
    return p11d_keyring_change(ring, &change, put_files(&change, entry, files, edit));
}

/* What is kept of that place, but for what the directory itself says of all. */
static CK_RV copy_kept(P11dKeyText *text, const P11dKeyEntry *entry, int place)
{
    CK_RV rv = CKR_OK;
    const P11dTemplate *kept = &entry->text.kept[place];
    for (CK_ULONG i = 0; i < kept->count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = &kept->items[i];
        bool usual = (item->type == CKA_MODIFIABLE || item->type == CKA_DESTROYABLE) &&
                     p11d_template_boolean(kept, item->type, true);
        if (!usual)
            rv = p11d_template_set(&text->kept[place], item->type, item->pValue, item->ulValueLen);
    }
    return rv;
}

/* Which file what is said of an object is to stand in: the first that has it. 0: in that of a
 * secret key which is its bytes nothing can be said. */
static unsigned file_of(const P11dKeyEntry *entry, int kind)
{
    static const int first[][P11D_KEYPARTS_FILES] = {
        /* of the private key, of a secret key or of data */
        {P11D_KEYEDIT_KEY, P11D_KEYEDIT_PEM, -1},
        /* of the public one */
        {P11D_KEYEDIT_KEY, P11D_KEYEDIT_PEM, P11D_KEYEDIT_PUBLIC, -1},
        /* of the certificate */
        {P11D_KEYEDIT_CERTIFICATE, P11D_KEYEDIT_PEM, P11D_KEYEDIT_KEY, -1},
    };
    int row = kind >= P11D_KEY_OBJECT_CERTIFICATE ? 2 : kind == P11D_KEY_OBJECT_PUBLIC ? 1 : 0;
    for (int i = 0; i < P11D_KEYPARTS_FILES && first[row][i] >= 0; i++) {
        if (has_file(entry, first[row][i]))
            return 1U << first[row][i];
    }
    return 0;
}

/* Nothing can be said in the file of one of many certificates. */
static int place_of(int kind)
{
    return kind > P11D_KEY_OBJECT_CERTIFICATE || kind == P11D_KEY_OBJECT_NOTE
               ? P11D_KEYTEXT_CLASSES
               : p11d_keytext_place(p11d_keyentry_class(kind));
}

CK_RV p11d_keyedit_set(P11dKeyRing *ring, P11dKeyEntry *entry, int kind, const CK_ATTRIBUTE *items,
                       CK_ULONG count, const P11dSecret *passphrase)
{
    int place = place_of(kind);
    if (place == P11D_KEYTEXT_CLASSES || file_of(entry, kind) == 0)
        return CKR_ACTION_PROHIBITED;
    P11dKeyText text = {0};
    Value value = {.passphrase = passphrase};
    P11dKeyTextEdit edit = {.classes = 1U << place, .fresh = &text, .name = entry->name};
    CK_RV rv = copy_kept(&text, entry, place);
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        if (items[i].type == CKA_VALUE) { /* of data */
            value.bytes = (P11dBytes){items[i].pValue, items[i].ulValueLen};
            edit.change = put_value;
            edit.data = &value;
            atomic_store(&entry->rekeyed, true);
        } else {
            rv = p11d_template_set(&text.kept[place], items[i].type, items[i].pValue,
                                   items[i].ulValueLen);
        }
    }
    if (rv == CKR_OK)
        rv = edit_files(ring, entry, file_of(entry, kind), &edit);
    p11d_keytext_clear(&text);
    return rv;
}

/* The public half goes with the private one unless it was made as an object of its own. */
static CK_RV destroy_private(P11dKeyRing *ring, const P11dKeyEntry *entry)
{
    const P11dTemplate *public = &entry->text.kept[P11D_KEYTEXT_PUBLIC];
    bool stays =
        p11d_template_boolean(public, CKA_TOKEN, false) || has_file(entry, P11D_KEYEDIT_PUBLIC);
    unsigned kinds = P11D_PEM_PRIVATE | (stays ? 0 : (unsigned)P11D_PEM_PUBLIC);
    const P11dKeyTextEdit edit = {.classes = 1U << P11D_KEYTEXT_PRIVATE |
                                             (stays ? 0 : 1U << P11D_KEYTEXT_PUBLIC),
                                  .change = drop_kinds,
                                  .data = &kinds};
    return edit_files(ring, entry, PEM_FILES, &edit);
}

/* It follows from the private key for as long as that is there. */
static CK_RV destroy_public(P11dKeyRing *ring, const P11dKeyEntry *entry)
{
    P11dKeyText text = {0};
    unsigned kinds = P11D_PEM_PUBLIC;
    P11dKeyTextEdit edit = {.classes = 1U << P11D_KEYTEXT_PUBLIC, .fresh = &text};
    CK_RV rv = CKR_OK;
    if (entry->private_key || entry->locked.type) {
        rv = p11d_template_set_boolean(&text.kept[P11D_KEYTEXT_PUBLIC], CKA_TOKEN, false);
        if (rv == CKR_OK)
            rv = edit_files(ring, entry, file_of(entry, P11D_KEY_OBJECT_PUBLIC), &edit);
        p11d_keytext_clear(&text);
        return rv;
    }
    edit.fresh = NULL;
    edit.change = drop_kinds;
    edit.data = &kinds;
    return edit_files(ring, entry, PEM_FILES, &edit);
}

static CK_RV destroy_held(P11dKeyRing *ring, const P11dKeyEntry *entry, int kind)
{
    unsigned kinds = P11D_PEM_SECRET | P11D_PEM_DATA;
    const P11dKeyTextEdit edit = {
        .classes = 1U << place_of(kind), .change = drop_kinds, .data = &kinds};
    unsigned file = file_of(entry, kind);
    return file ? edit_files(ring, entry, file, &edit) : CKR_ACTION_PROHIBITED;
}

CK_RV p11d_keyedit_destroy(P11dKeyRing *ring, const P11dKeyEntry *entry, int kind,
                           const uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE])
{
    const P11dKeyTextEdit edit = {
        .classes = kind == P11D_KEY_OBJECT_CERTIFICATE ? 1U << P11D_KEYTEXT_CERTIFICATE : 0,
        .change = drop_certificate,
        .data = (void *)(uintptr_t)identity};
    if (kind == P11D_KEY_OBJECT_PRIVATE)
        return destroy_private(ring, entry);
    if (kind == P11D_KEY_OBJECT_PUBLIC)
        return destroy_public(ring, entry);
    if (kind == P11D_KEY_OBJECT_SECRET || kind == P11D_KEY_OBJECT_DATA)
        return destroy_held(ring, entry, kind);
    return kind < P11D_KEY_OBJECT_CERTIFICATE ? CKR_ACTION_PROHIBITED
                                              : edit_files(ring, entry, PEM_FILES, &edit);
}

CK_RV p11d_keyedit_remove(P11dKeyChange *change, const P11dKeyEntry *entry)
{
    char name[NAME_MAX + 1];
    CK_RV rv = CKR_OK;
    for (int i = 0; i < P11D_KEYPARTS_FILES && rv == CKR_OK; i++) {
        if (!has_file(entry, i))
            continue;
        snprintf(name, sizeof name, "%s%s", entry->name, p11d_keyparts_suffixes[i]);
        rv = p11d_keychange_put(change, name, NULL);
    }
    return rv;
}

CK_RV p11d_keyedit_rekey(P11dKeyChange *change, P11dKeyEntry *entry, P11dBytes old,
                         const P11dSecret *fresh, bool *done)
{
    Rekeying self = {.old = old, .fresh = fresh};
    const P11dKeyTextEdit edit = {.change = rekey_block, .data = &self};
    atomic_store(&entry->rekeyed, true);
    CK_RV rv = put_files(change, entry, 1U << P11D_KEYEDIT_KEY | 1U << P11D_KEYEDIT_PEM, &edit);
    *done = self.done;
    return rv;
}
