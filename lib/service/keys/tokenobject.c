// SPDX-License-Identifier: MIT
#include "tokenobject.h"

#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "keyedit.h"
#include "keystore.h"
#include "residue.h"

/* The most of a label that becomes part of a file's name, in bytes, and the most files with it. */
#define STEM_MAX 200
#define NAMES_MAX 10000

/* What is being added. */
typedef struct Addition {
    P11dKeyView *view;
    EVP_PKEY *half; /* of the key or certificate */
    int kind;       /* of the object that gives the name, P11D_KEY_OBJECT_… */
    int file;
    P11dKeyText *text;
    P11dBuffer blocks;
    char name[STEM_MAX + 16];
} Addition;

CK_RV p11d_tokenobject_check(P11dKeyView *view, bool private)
{
    P11dKeyRing *ring = view->ring;
    if (!ring->writable)
        return CKR_TOKEN_WRITE_PROTECTED;
    pthread_mutex_lock(&ring->lock);
    bool missing = private && p11d_keyring_needs_login(ring) && !view->passphrase.data;
    pthread_mutex_unlock(&ring->lock);
    return missing ? CKR_USER_NOT_LOGGED_IN : CKR_OK;
}

/* A copy of the passphrase that the view logged in with; none if it needed none. */
static bool copy_passphrase(P11dKeyView *view, P11dSecret *passphrase)
{
    bool ok = true;
    pthread_mutex_lock(&view->ring->lock);
    if (view->passphrase.data)
        ok = p11d_secret_set(passphrase, view->passphrase.data, view->passphrase.size);
    pthread_mutex_unlock(&view->ring->lock);
    return ok;
}

/* A name for files from a label: no byte leads anywhere else, hides the file or ends the name. */
static void make_stem(const P11dTemplate *kept, int kind, char stem[STEM_MAX + 1])
{
    const CK_ATTRIBUTE *label = p11d_template_find(kept, CKA_LABEL);
    size_t size = label ? label->ulValueLen : 0;
    const uint8_t *bytes = size > 0 ? label->pValue : NULL;
    if (size > STEM_MAX)
        for (size = STEM_MAX; size > 0 && (bytes[size] & 0xc0) == 0x80;)
            size--; /* not in the middle of a character */
    for (size_t i = 0; i < size; i++)
        stem[i] =
            bytes[i] < 0x20 || bytes[i] == 0x7f || bytes[i] == '/' || (i == 0 && bytes[i] == '.')
                ? '_'
                : (char)bytes[i];
    stem[size] = '\0';
    if (size == 0)
        strcpy(stem, kind >= P11D_KEY_OBJECT_CERTIFICATE ? "certificate" : "key");
}

/* Whether the object may stand beside what is there of that name. */
static bool fits(const Addition *self, const P11dKeyEntry *entry)
{
    static const P11dStamp none;
    bool taken = self->kind == P11D_KEY_OBJECT_PRIVATE ? entry->private_key || entry->locked.type
                                                       : entry->objects[self->kind].id != 0;
    bool same = entry->half && EVP_PKEY_eq(entry->half, self->half) == 1;
    ERR_clear_error();
    return same && !taken && p11d_stamp_equal(&entry->stamps[self->file], &none);
}

/* Whether the name was free a moment ago. */
static bool is_free(const Addition *self)
{
    P11dKeyRing *ring = self->view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeyEntry *entry = p11d_keyset_find_name(ring->set, self->name);
    bool is = !entry || fits(self, entry);
    pthread_mutex_unlock(&ring->lock);
    return is;
}

/* An object that was given no label has an empty one, whatever its files are called. Whether it is
 * private follows from the passphrase, and that files are not copied is so for all. */
static CK_RV give_label(P11dTemplate *kept)
{
    p11d_template_unset(kept, CKA_PRIVATE);
    p11d_template_unset(kept, CKA_COPYABLE);
    return p11d_template_find(kept, CKA_LABEL) ? CKR_OK
                                               : p11d_template_set(kept, CKA_LABEL, NULL, 0);
}

static CK_RV write_file(Addition *self)
{
    P11dBuffer text;
    char name[sizeof self->name + 8];
    CK_RV rv = CKR_OK;
    p11d_buffer_init(&text, P11D_KEYFILE_MAX);
    for (int place = 0; place < P11D_KEYTEXT_CLASSES && rv == CKR_OK; place++)
        rv = p11d_keytext_write(&self->text->kept[place], place, self->name, &text);
    if (rv == CKR_OK && !p11d_buffer_append(&text, self->blocks.data, self->blocks.size))
        rv = CKR_HOST_MEMORY;
    snprintf(name, sizeof name, "%s%s", self->name, p11d_keyparts_suffixes[self->file]);
    if (rv == CKR_OK)
        rv = p11d_keystore_write(self->view->ring->path, name, &text, P11D_KEYSTORE_NEW);
    p11d_buffer_clear(&text);
    return rv;
}

/* Writes the file under the first name that is free. */
static CK_RV write_named(Addition *self, const P11dTemplate *named)
{
    char stem[STEM_MAX + 1];
    CK_RV rv = CKR_ACTION_PROHIBITED;
    make_stem(named, self->kind, stem);
    for (int n = 1; n < NAMES_MAX && rv == CKR_ACTION_PROHIBITED; n++) {
        if (n == 1)
            snprintf(self->name, sizeof self->name, "%s", stem);
        else
            snprintf(self->name, sizeof self->name, "%s-%d", stem, n);
        if (is_free(self))
            rv = write_file(self);
    }
    return rv;
}

/* Opens for the view the locked key that it has just made. */
static CK_RV open_own(P11dKeyView *view, const char *name, const P11dSecret *passphrase)
{
    P11dKeyRing *ring = view->ring;
    P11dOpenedKey opened = {0};
    pthread_mutex_lock(&ring->lock);
    P11dKeyEntry *entry = p11d_keyset_find_name(ring->set, name);
    if (entry)
        p11d_keyentry_ref(entry);
    pthread_mutex_unlock(&ring->lock);
    CK_RV rv =
        entry && entry->locked.type
            ? p11d_keyentry_unlock(entry, ring->path, passphrase->data, passphrase->size, &opened)
            : CKR_OK;
    pthread_mutex_lock(&ring->lock);
    if (rv == CKR_OK && opened.key && !p11d_keyview_add_opened(view, &opened, ++ring->clock))
        rv = CKR_HOST_MEMORY;
    pthread_mutex_unlock(&ring->lock);
    p11d_openedkey_clear(&opened);
    p11d_keyentry_unref(entry);
    return rv;
}

/* The id of the object of that kind in the files of that name. */
static CK_RV find_id(P11dKeyView *view, const char *name, int kind, uint64_t *id)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeyEntry *entry = p11d_keyset_find_name(ring->set, name);
    uint64_t found = entry ? entry->objects[kind].id : 0;
    pthread_mutex_unlock(&ring->lock);
    if (id)
        *id = found;
    return found || !id ? CKR_OK : CKR_DEVICE_ERROR; /* somebody else changed the files */
}

static CK_RV add(Addition *self, const P11dTemplate *named, const P11dSecret *passphrase)
{
    P11dKeyRing *ring = self->view->ring;
    CK_RV rv = write_named(self, named);
    if (rv != CKR_OK)
        return rv;
    p11d_keyring_reread(ring);
    return passphrase && passphrase->data ? open_own(self->view, self->name, passphrase) : CKR_OK;
}

/* What goes without saying of the half of a key: it has the name and the id of the other. */
static CK_RV share(P11dKeyText *text, bool pair)
{
    P11dTemplate *private = &text->kept[P11D_KEYTEXT_PRIVATE];
    P11dTemplate *public = &text->kept[P11D_KEYTEXT_PUBLIC];
    const CK_ATTRIBUTE_TYPE shared[] = {CKA_LABEL, CKA_ID};
    CK_RV rv = pair ? p11d_template_set_boolean(public, CKA_TOKEN, true) : CKR_OK;
    for (size_t i = 0; !pair && i < 2 && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = p11d_template_find(private, shared[i]);
        if (item)
            rv = p11d_template_set(public, item->type, item->pValue, item->ulValueLen);
    }
    return rv == CKR_OK ? give_label(public) : rv;
}

CK_RV p11d_tokenobject_add_private(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, bool pair,
                                   uint64_t *public_id, uint64_t *private_id)
{
    Addition self = {view, key, P11D_KEY_OBJECT_PRIVATE, P11D_KEYEDIT_KEY, text, {0}, ""};
    P11dTemplate *kept = &text->kept[P11D_KEYTEXT_PRIVATE];
    P11dSecret passphrase = P11D_SECRET_INIT;
    CK_RV rv = p11d_tokenobject_check(view, true);
    if (rv != CKR_OK)
        return rv;
    p11d_buffer_init(&self.blocks, P11D_KEYFILE_MAX);
    pthread_mutex_lock(&view->ring->writing);
    rv = give_label(kept);
    if (rv == CKR_OK)
        rv = share(text, pair);
    if (rv == CKR_OK &&
        !(copy_passphrase(view, &passphrase) && p11d_pem_write_public(&self.blocks, key) &&
          p11d_pem_write_private(&self.blocks, key, &passphrase)))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = add(&self, kept, &passphrase);
    if (rv == CKR_OK)
        rv = find_id(view, self.name, P11D_KEY_OBJECT_PUBLIC, public_id);
    if (rv == CKR_OK)
        rv = find_id(view, self.name, P11D_KEY_OBJECT_PRIVATE, private_id);
    pthread_mutex_unlock(&view->ring->writing);
    p11d_secret_clear(&passphrase);
    p11d_buffer_clear(&self.blocks);
    p11d_residue_wipe_stack();
    return rv;
}

/* The public key that is there already, in the files of its private key; 0: it is not. */
static uint64_t find_public(P11dKeyView *view, const EVP_PKEY *key)
{
    P11dKeyRing *ring = view->ring;
    uint64_t id = 0;
    pthread_mutex_lock(&ring->lock);
    for (size_t i = 0; i < ring->set->count && id == 0; i++) {
        const P11dKeyEntry *entry = ring->set->entries[i];
        if ((entry->private_key || entry->locked.type) && entry->half &&
            EVP_PKEY_eq(entry->half, key) == 1)
            id = entry->objects[P11D_KEY_OBJECT_PUBLIC].id;
    }
    ERR_clear_error();
    pthread_mutex_unlock(&ring->lock);
    return id;
}

CK_RV p11d_tokenobject_add_public(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, uint64_t *id)
{
    Addition self = {view, key, P11D_KEY_OBJECT_PUBLIC, P11D_KEYEDIT_PUBLIC, text, {0}, ""};
    P11dTemplate *kept = &text->kept[P11D_KEYTEXT_PUBLIC];
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv != CKR_OK)
        return rv;
    *id = find_public(view, key);
    rv = *id ? p11d_template_set_boolean(kept, CKA_TOKEN, true) : give_label(kept);
    if (rv == CKR_OK && *id)
        return p11d_tokenobject_set(view, *id, kept->items, kept->count);
    p11d_buffer_init(&self.blocks, P11D_KEYFILE_MAX);
    pthread_mutex_lock(&view->ring->writing);
    if (rv == CKR_OK && !p11d_pem_write_public(&self.blocks, key))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = add(&self, kept, NULL);
    if (rv == CKR_OK)
        rv = find_id(view, self.name, P11D_KEY_OBJECT_PUBLIC, id);
    pthread_mutex_unlock(&view->ring->writing);
    p11d_buffer_clear(&self.blocks);
    return rv;
}

CK_RV p11d_tokenobject_add_certificate(P11dKeyView *view, X509 *certificate, P11dKeyText *text,
                                       uint64_t *id)
{
    Addition self = {view,
                     X509_get0_pubkey(certificate),
                     P11D_KEY_OBJECT_CERTIFICATE,
                     P11D_KEYEDIT_CERTIFICATE,
                     text,
                     {0},
                     ""};
    P11dTemplate *kept = &text->kept[P11D_KEYTEXT_CERTIFICATE];
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv == CKR_OK)
        rv = give_label(kept);
    if (rv != CKR_OK)
        return rv;
    p11d_buffer_init(&self.blocks, P11D_KEYFILE_MAX);
    pthread_mutex_lock(&view->ring->writing);
    if (!p11d_pem_write_certificate(&self.blocks, certificate))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = add(&self, kept, NULL);
    if (rv == CKR_OK)
        rv = find_id(view, self.name, P11D_KEY_OBJECT_CERTIFICATE, id);
    pthread_mutex_unlock(&view->ring->writing);
    p11d_buffer_clear(&self.blocks);
    return rv;
}

/* Reads marshalled attributes. */
static CK_RV read_attributes(const P11dKeyObject *object, P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, object->size + 64);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    p11d_writer_raw(&writer, object->attributes, object->size);
    p11d_writer_array_end(&writer, array);
    CK_RV rv = CKR_HOST_MEMORY;
    if (p11d_writer_ok(&writer)) {
        p11d_reader_init(&reader, buffer.data, buffer.size, false);
        rv = p11d_attribute_read_all(&reader, templ);
    }
    p11d_buffer_clear(&buffer);
    return rv;
}

CK_RV p11d_tokenobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ, P11dServedKey **key)
{
    P11dKeyRing *ring = view->ring;
    CK_RV rv = CKR_OBJECT_HANDLE_INVALID;
    *key = NULL;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dKeyObject *object = row ? p11d_keyview_object(view, row) : NULL;
    P11dServedKey *found = object ? p11d_keyview_key(view, row) : NULL;
    if (object)
        rv = read_attributes(object, templ);
    if (rv == CKR_OK && found)
        *key = p11d_servedkey_ref(found);
    pthread_mutex_unlock(&ring->lock);
    return rv;
}

/* The object that is changed: its entry is referenced. */
typedef struct Target {
    P11dKeyEntry *entry;
    int kind;
    uint8_t identity[P11D_KEYOBJECT_IDENTITY_SIZE];
} Target;

static CK_RV find_target(P11dKeyView *view, uint64_t id, Target *target)
{
    P11dKeyRing *ring = view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeySetRow *row = p11d_keyset_find(ring->set, id);
    const P11dKeyObject *object = row ? p11d_keyview_object(view, row) : NULL;
    if (object) {
        *target = (Target){p11d_keyentry_ref(row->entry), row->kind, {0}};
        memcpy(target->identity, object->identity, sizeof target->identity);
    }
    pthread_mutex_unlock(&ring->lock);
    return object ? CKR_OK : CKR_OBJECT_HANDLE_INVALID;
}

CK_RV p11d_tokenobject_set(P11dKeyView *view, uint64_t id, const CK_ATTRIBUTE *items,
                           CK_ULONG count)
{
    Target target;
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&view->ring->writing);
    rv = find_target(view, id, &target);
    if (rv == CKR_OK) {
        rv = p11d_keyedit_set(view->ring, target.entry, target.kind, items, count);
        p11d_keyentry_unref(target.entry);
    }
    pthread_mutex_unlock(&view->ring->writing);
    p11d_residue_wipe_stack();
    return rv;
}

CK_RV p11d_tokenobject_destroy(P11dKeyView *view, uint64_t id)
{
    Target target;
    CK_RV rv = p11d_tokenobject_check(view, false);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&view->ring->writing);
    rv = find_target(view, id, &target);
    if (rv == CKR_OK) {
        rv = p11d_keyedit_destroy(view->ring, target.entry, target.kind, target.identity);
        p11d_keyentry_unref(target.entry);
    }
    pthread_mutex_unlock(&view->ring->writing);
    p11d_residue_wipe_stack();
    return rv;
}
