// SPDX-License-Identifier: MIT
#include "newobject.h"

#include <inttypes.h>
#include <limits.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "keyedit.h"
#include "keystore.h"
#include "residue.h"
#include "tokenobject.h"

/* The most of a label that becomes part of a file's name, in bytes. */
#define STEM_MAX 200
/* Files of the same label are numbered, up to so many; after that one gets a random number, and so
 * many are tried. */
#define NUMBERED_MAX 1000
#define RANDOM_MAX 100

/* What is being added. */
typedef struct Addition {
    P11dKeyView *view;
    P11dKeyText *text;
    int kind; /* of the object that gives the name, P11D_KEY_OBJECT_… */
    int file;
    EVP_PKEY *half; /* of the key or certificate; NULL: it is a secret key or data */
    X509 *certificate;
    CK_KEY_TYPE type; /* of the secret key */
    P11dBytes bytes;  /* of it, or of data */
    bool sealed;      /* what is private of it is encrypted */
    P11dBuffer blocks;
    char name[STEM_MAX + 24];
} Addition;

/* What is said of it. */
static P11dTemplate *kept_of(const Addition *self)
{
    return &self->text->kept[p11d_keytext_place(p11d_keyentry_class(self->kind))];
}

/* Whether that byte of a label is none of a name: it would lead anywhere else, end the name, hide
 * the file, or make an option of it for whoever forgets that files may be called so. */
static bool is_unfit(uint8_t byte, bool first)
{
    return byte < 0x20 || byte == 0x7f || byte == '/' || (first && (byte == '.' || byte == '-'));
}

/* A name for files from a label. */
static void make_stem(const P11dTemplate *kept, int kind, char stem[STEM_MAX + 1])
{
    const CK_ATTRIBUTE *label = p11d_template_find(kept, CKA_LABEL);
    size_t size = label ? label->ulValueLen : 0;
    const uint8_t *bytes = size > 0 ? label->pValue : NULL;
    if (size > STEM_MAX)
        for (size = STEM_MAX; size > 0 && (bytes[size] & 0xc0) == 0x80;)
            size--; /* not in the middle of a character */
    for (size_t i = 0; i < size; i++)
        stem[i] = is_unfit(bytes[i], i == 0) ? '_' : (char)bytes[i];
    stem[size] = '\0';
    if (size == 0)
        strcpy(stem, kind >= P11D_KEY_OBJECT_CERTIFICATE ? "certificate"
                     : kind == P11D_KEY_OBJECT_DATA      ? "data"
                                                         : "key");
}

/* Whether the object may stand beside what is there of that name. */
static bool fits(const Addition *self, const P11dKeyEntry *entry)
{
    static const P11dStamp none;
    bool taken = self->kind == P11D_KEY_OBJECT_PRIVATE ? entry->private_key || entry->locked.type
                                                       : entry->objects[self->kind].id != 0;
    bool same = self->half && entry->half && EVP_PKEY_eq(entry->half, self->half) == 1;
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

/* An object that was given no label has an empty one, whatever its files are called. What was made
 * here may be copied unless that was said to be forbidden, but for private keys: there are hosts
 * that use a copy of each that may be. */
static CK_RV complete(P11dTemplate *kept, CK_OBJECT_CLASS class)
{
    bool copyable = p11d_template_boolean(kept, CKA_COPYABLE, class != CKO_PRIVATE_KEY);
    CK_RV rv =
        p11d_template_find(kept, CKA_LABEL) ? CKR_OK : p11d_template_set(kept, CKA_LABEL, NULL, 0);
    return rv == CKR_OK ? p11d_template_set_boolean(kept, CKA_COPYABLE, copyable) : rv;
}

/* What is public may be read by everybody, as such files may. */
static mode_t mode_of(const Addition *self)
{
    bool public = self->kind == P11D_KEY_OBJECT_PUBLIC || self->certificate;
    return public && !p11d_template_boolean(kept_of(self), CKA_PRIVATE, false) ? 0644 : 0600;
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
        rv = text.too_large ? CKR_DEVICE_MEMORY : CKR_HOST_MEMORY;
    snprintf(name, sizeof name, "%s%s", self->name, p11d_keyparts_suffixes[self->file]);
    if (rv == CKR_OK)
        rv = p11d_keystore_add(self->view->ring->path, name, &text, mode_of(self));
    p11d_buffer_clear(&text);
    return rv;
}

/* Makes the n-th name to try. False: there is none. */
static bool make_name(Addition *self, const char *stem, int n)
{
    uint64_t random;
    if (n == 1)
        snprintf(self->name, sizeof self->name, "%s", stem);
    else if (n <= NUMBERED_MAX)
        snprintf(self->name, sizeof self->name, "%s-%d", stem, n);
    else if (n <= NUMBERED_MAX + RANDOM_MAX &&
             getrandom(&random, sizeof random, 0) == sizeof random)
        snprintf(self->name, sizeof self->name, "%s-%016" PRIx64, stem, random);
    else
        return false;
    return true;
}

/* Writes the file under the first name that is free. */
static CK_RV write_named(Addition *self)
{
    char stem[STEM_MAX + 1];
    CK_RV rv = CKR_ACTION_PROHIBITED;
    make_stem(kept_of(self), self->kind, stem);
    for (int n = 1; rv == CKR_ACTION_PROHIBITED && make_name(self, stem, n); n++) {
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
static CK_RV find_id(const Addition *self, int kind, uint64_t *id)
{
    P11dKeyRing *ring = self->view->ring;
    pthread_mutex_lock(&ring->lock);
    const P11dKeyEntry *entry = p11d_keyset_find_name(ring->set, self->name);
    uint64_t found = entry ? entry->objects[kind].id : 0;
    pthread_mutex_unlock(&ring->lock);
    if (id)
        *id = found;
    return found || !id ? CKR_OK : CKR_DEVICE_ERROR; /* somebody else changed the files */
}

/* Whether only who is logged in is to see it. Where nobody said so, keys are private if there is a
 * PIN. */
static bool is_private(const Addition *self)
{
    P11dKeyRing *ring = self->view->ring;
    bool key = self->kind == P11D_KEY_OBJECT_PRIVATE || self->kind == P11D_KEY_OBJECT_SECRET;
    pthread_mutex_lock(&ring->lock);
    bool pin = p11d_keyring_needs_login(ring);
    pthread_mutex_unlock(&ring->lock);
    return p11d_template_boolean(kept_of(self), CKA_PRIVATE, key && pin);
}

/* Writes the blocks of it. */
static bool write_blocks(Addition *self, const P11dSecret *passphrase)
{
    P11dBuffer *blocks = &self->blocks;
    if (self->kind == P11D_KEY_OBJECT_PRIVATE)
        return p11d_pem_write_public(blocks, self->half) &&
               p11d_pem_write_private(blocks, self->half, passphrase);
    if (self->kind == P11D_KEY_OBJECT_PUBLIC)
        return p11d_pem_write_public(blocks, self->half);
    return self->certificate ? p11d_pem_write_certificate(blocks, self->certificate)
                             : p11d_pem_write_bytes(blocks, self->type, self->bytes, passphrase);
}

static CK_RV add(Addition *self, const P11dSecret *passphrase)
{
    CK_RV rv = CKR_OK;
    if (!write_blocks(self, passphrase))
        rv = self->blocks.too_large ? CKR_DEVICE_MEMORY : CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = write_named(self);
    if (rv != CKR_OK)
        return rv;
    p11d_keyring_reread(self->view->ring);
    return passphrase->data ? open_own(self->view, self->name, passphrase) : CKR_OK;
}

/* Adds it, and tells the id of its object and, of a pair, of the public half (or NULL). */
static CK_RV add_and_find(Addition *self, uint64_t *id, uint64_t *public_id)
{
    P11dKeyRing *ring = self->view->ring;
    P11dSecret passphrase = P11D_SECRET_INIT;
    CK_RV rv = p11d_keyring_begin_writing(ring);
    if (rv != CKR_OK)
        return rv;
    bool private = is_private(self); /* a first PIN may just have been given */
    p11d_buffer_init(&self->blocks, P11D_KEYFILE_MAX);
    rv = p11d_tokenobject_check(self->view, private);
    if (rv == CKR_OK && private && self->sealed &&
        !p11d_tokenobject_passphrase(self->view, &passphrase))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = add(self, &passphrase);
    if (rv == CKR_OK)
        rv = find_id(self, self->kind, id);
    if (rv == CKR_OK)
        rv = find_id(self, P11D_KEY_OBJECT_PUBLIC, public_id);
    p11d_keyring_end_writing(ring);
    p11d_secret_clear(&passphrase);
    p11d_buffer_clear(&self->blocks);
    p11d_residue_wipe_stack();
    return rv;
}

/* The same for what is one object. */
static CK_RV add_one(Addition *self, uint64_t *id)
{
    CK_RV rv = complete(kept_of(self), p11d_keyentry_class(self->kind));
    return rv == CKR_OK ? add_and_find(self, id, NULL) : rv;
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
    return rv == CKR_OK ? complete(public, CKO_PUBLIC_KEY) : rv;
}

CK_RV p11d_newobject_private(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, bool pair,
                             uint64_t *public_id, uint64_t *private_id)
{
    Addition self = {.view = view,
                     .text = text,
                     .kind = P11D_KEY_OBJECT_PRIVATE,
                     .file = P11D_KEYEDIT_KEY,
                     .half = key,
                     .sealed = true};
    CK_RV rv = complete(&text->kept[P11D_KEYTEXT_PRIVATE], CKO_PRIVATE_KEY);
    if (rv == CKR_OK)
        rv = share(text, pair);
    return rv == CKR_OK ? add_and_find(&self, private_id, public_id) : rv;
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

CK_RV p11d_newobject_public(P11dKeyView *view, EVP_PKEY *key, P11dKeyText *text, uint64_t *id)
{
    Addition self = {.view = view,
                     .text = text,
                     .kind = P11D_KEY_OBJECT_PUBLIC,
                     .file = P11D_KEYEDIT_PUBLIC,
                     .half = key};
    P11dTemplate *kept = &text->kept[P11D_KEYTEXT_PUBLIC];
    CK_RV rv = complete(kept, CKO_PUBLIC_KEY);
    *id = find_public(view, key);
    if (rv == CKR_OK && *id)
        rv = p11d_tokenobject_check(view, is_private(&self))
                 ?: p11d_template_set_boolean(kept, CKA_TOKEN, true)
                 ?: p11d_tokenobject_say(view, *id, kept->items, kept->count);
    else if (rv == CKR_OK)
        rv = add_and_find(&self, id, NULL);
    return rv;
}

CK_RV p11d_newobject_certificate(P11dKeyView *view, X509 *certificate, P11dKeyText *text,
                                 uint64_t *id)
{
    Addition self = {.view = view,
                     .text = text,
                     .kind = P11D_KEY_OBJECT_CERTIFICATE,
                     .file = P11D_KEYEDIT_CERTIFICATE,
                     .half = X509_get0_pubkey(certificate),
                     .certificate = certificate};
    return add_one(&self, id);
}

CK_RV p11d_newobject_secret(P11dKeyView *view, CK_KEY_TYPE type, P11dBytes bytes, P11dKeyText *text,
                            uint64_t *id)
{
    Addition self = {.view = view,
                     .text = text,
                     .kind = P11D_KEY_OBJECT_SECRET,
                     .file = P11D_KEYEDIT_KEY,
                     .type = type,
                     .bytes = bytes,
                     .sealed = true};
    return add_one(&self, id);
}

CK_RV p11d_newobject_data(P11dKeyView *view, P11dBytes bytes, P11dKeyText *text, uint64_t *id)
{
    Addition self = {.view = view,
                     .text = text,
                     .kind = P11D_KEY_OBJECT_DATA,
                     .file = P11D_KEYEDIT_PEM,
                     .type = CK_UNAVAILABLE_INFORMATION,
                     .bytes = bytes,
                     .sealed = true};
    return add_one(&self, id);
}
