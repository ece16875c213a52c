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

static bool is_private(const P11dPem *pem, void *data)
{
    (void)data;
    return p11d_pem_kind(pem) == P11D_PEM_PRIVATE;
}

static bool is_public(const P11dPem *pem, void *data)
{
    (void)data;
    return p11d_pem_kind(pem) == P11D_PEM_PUBLIC;
}

static bool is_key(const P11dPem *pem, void *data)
{
    return is_private(pem, data) || is_public(pem, data);
}

static bool is_certificate(const P11dPem *pem, void *data)
{
    const uint8_t *identity = data;
    uint8_t digest[EVP_MAX_MD_SIZE];
    return p11d_pem_kind(pem) == P11D_PEM_CERTIFICATE &&
           EVP_Digest(pem->data, (size_t)pem->size, digest, NULL, EVP_sha256(), NULL) == 1 &&
           memcmp(digest, identity, P11D_KEYOBJECT_IDENTITY_SIZE) == 0;
}

/* Changes one file. */
static CK_RV edit_file(const char *path, const char *name, const P11dKeyTextEdit *edit)
{
    P11dBuffer old, text;
    size_t blocks;
    p11d_buffer_init(&old, P11D_KEYFILE_MAX + 1);
    p11d_buffer_init(&text, P11D_KEYFILE_MAX);
    CK_RV rv = p11d_keystore_read(path, name, &old);
    if (rv == CKR_OK)
        rv = p11d_keytext_edit(edit, &old, &text, &blocks);
    bool same = rv == CKR_OK && old.size == text.size &&
                (text.size == 0 || memcmp(old.data, text.data, text.size) == 0);
    if (rv == CKR_OK && !same)
        rv = blocks == 0 && edit->drop
                 ? p11d_keystore_remove(path, name)
                 : p11d_keystore_write(path, name, &text, P11D_KEYSTORE_REPLACE);
    p11d_buffer_clear(&old);
    p11d_buffer_clear(&text);
    return rv;
}

static bool has_file(const P11dKeyEntry *entry, int file)
{
    static const P11dStamp none;
    return !p11d_stamp_equal(&entry->stamps[file], &none);
}

/* Changes the files of entry that files (bits) names. */
static CK_RV edit_files(P11dKeyRing *ring, const P11dKeyEntry *entry, unsigned files,
                        const P11dKeyTextEdit *edit)
{
    char name[NAME_MAX + 1];
    CK_RV rv = CKR_OK;
    for (int i = 0; i < P11D_KEYPARTS_FILES && rv == CKR_OK; i++) {
        if (!(files & 1U << i) || !has_file(entry, i))
            continue;
        snprintf(name, sizeof name, "%s%s", entry->name, p11d_keyparts_suffixes[i]);
        rv = edit_file(ring->path, name, edit);
    }
    p11d_keyring_reread(ring);
    return rv;
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

/* Which file what is said of an object is to stand in: the first that has it. */
static unsigned file_of(const P11dKeyEntry *entry, int kind)
{
    static const int first[][P11D_KEYPARTS_FILES] = {
        {0, 1, -1, -1}, /* of the private key */
        {0, 1, 3, -1},  /* of the public one */
        {2, 1, 0, -1},  /* of the certificate */
    };
    int row = kind == P11D_KEY_OBJECT_PRIVATE ? 0 : kind == P11D_KEY_OBJECT_PUBLIC ? 1 : 2;
    for (int i = 0; i < P11D_KEYPARTS_FILES && first[row][i] >= 0; i++) {
        if (has_file(entry, first[row][i]))
            return 1U << first[row][i];
    }
    return 0;
}

/* Nothing can be said in the file of a secret key, nor of one of many certificates. */
static int place_of(int kind)
{
    return kind == P11D_KEY_OBJECT_PRIVATE       ? P11D_KEYTEXT_PRIVATE
           : kind == P11D_KEY_OBJECT_PUBLIC      ? P11D_KEYTEXT_PUBLIC
           : kind == P11D_KEY_OBJECT_CERTIFICATE ? P11D_KEYTEXT_CERTIFICATE
                                                 : P11D_KEYTEXT_CLASSES;
}

CK_RV p11d_keyedit_set(P11dKeyRing *ring, const P11dKeyEntry *entry, int kind,
                       const CK_ATTRIBUTE *items, CK_ULONG count)
{
    int place = place_of(kind);
    if (place == P11D_KEYTEXT_CLASSES)
        return CKR_ACTION_PROHIBITED;
    P11dKeyText text = {0};
    const P11dKeyTextEdit edit = {.classes = 1U << place, .fresh = &text, .name = entry->name};
    CK_RV rv = copy_kept(&text, entry, place);
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++)
        rv = p11d_template_set(&text.kept[place], items[i].type, items[i].pValue,
                               items[i].ulValueLen);
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
    const P11dKeyTextEdit edit = {.classes = 1U << P11D_KEYTEXT_PRIVATE |
                                             (stays ? 0 : 1U << P11D_KEYTEXT_PUBLIC),
                                  .drop = stays ? is_private : is_key};
    return edit_files(ring, entry, PEM_FILES, &edit);
}

/* It follows from the private key for as long as that is there. */
static CK_RV destroy_public(P11dKeyRing *ring, const P11dKeyEntry *entry)
{
    P11dKeyText text = {0};
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
    edit.drop = is_public;
    return edit_files(ring, entry, PEM_FILES, &edit);
}

CK_RV p11d_keyedit_destroy(P11dKeyRing *ring, const P11dKeyEntry *entry, int kind,
                           const uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE])
{
    const P11dKeyTextEdit edit = {
        .classes = kind == P11D_KEY_OBJECT_CERTIFICATE ? 1U << P11D_KEYTEXT_CERTIFICATE : 0,
        .drop = is_certificate,
        .data = (void *)(uintptr_t)identity};
    if (kind == P11D_KEY_OBJECT_PRIVATE)
        return destroy_private(ring, entry);
    if (kind == P11D_KEY_OBJECT_PUBLIC)
        return destroy_public(ring, entry);
    return kind < P11D_KEY_OBJECT_CERTIFICATE ? CKR_ACTION_PROHIBITED
                                              : edit_files(ring, entry, PEM_FILES, &edit);
}

CK_RV p11d_keyedit_rekey(P11dKeyRing *ring, P11dKeyEntry *entry, const EVP_PKEY *key,
                         const P11dSecret *passphrase)
{
    P11dBuffer block;
    p11d_buffer_init(&block, P11D_KEYFILE_MAX);
    const P11dKeyTextEdit edit = {.drop = is_private, .instead = &block};
    CK_RV rv = p11d_pem_write_private(&block, key, passphrase) ? CKR_OK : CKR_HOST_MEMORY;
    if (rv == CKR_OK) {
        atomic_store(&entry->rekeyed, true);
        rv = edit_files(ring, entry, 1U << P11D_KEYEDIT_KEY | 1U << P11D_KEYEDIT_PEM, &edit);
    }
    p11d_buffer_clear(&block);
    return rv;
}
