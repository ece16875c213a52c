// SPDX-License-Identifier: MIT
#include "keyentry.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "log.h"

/* The largest list of attributes of one object: a certificate's value, and some. */
#define ATTRIBUTES_MAX (P11D_KEYFILE_MAX + ((size_t)4 << 10))

const char *const p11d_keyentry_suffixes[P11D_KEYENTRY_FILES] = {".key", ".pem", ".crt", ".pub"};

static const unsigned wanted_kinds[P11D_KEYENTRY_FILES] = {
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE,
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE,
    P11D_PEM_CERTIFICATE,
    P11D_PEM_PUBLIC,
};

void p11d_object_clear(P11dObject *object)
{
    free(object->attributes);
    memset(object, 0, sizeof *object);
}

/* Marshals templ as the attributes of object. */
static CK_RV set_attributes(P11dObject *object, const P11dTemplate *templ)
{
    P11dBuffer buffer;
    P11dWriter writer;
    CK_RV rv = CKR_OK;

    p11d_buffer_init(&buffer, ATTRIBUTES_MAX);
    p11d_writer_init(&writer, &buffer);
    for (CK_ULONG i = 0; i < templ->count && rv == CKR_OK; i++)
        rv = p11d_attribute_write(&writer, &templ->items[i]);
    if (rv == CKR_OK && !p11d_writer_ok(&writer))
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        object->attributes = malloc(buffer.size);
    if (object->attributes) {
        memcpy(object->attributes, buffer.data, buffer.size);
        object->size = buffer.size;
    } else if (rv == CKR_OK) {
        rv = CKR_HOST_MEMORY;
    }
    p11d_buffer_clear(&buffer);
    return rv;
}

static CK_RV make_object(P11dObject *object, CK_OBJECT_CLASS class, const char *label,
                         CK_ATTRIBUTE_TYPE type, const void *value, size_t size, bool private)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_CLASS, class);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_LABEL, label);
    if (rv == CKR_OK)
        rv = p11d_template_set(&templ, type, value, size);
    if (rv == CKR_OK && class == CKO_CERTIFICATE)
        rv = p11d_template_set_number(&templ, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (rv == CKR_OK && private)
        rv = p11d_template_set_boolean(&templ, CKA_PRIVATE, true);
    if (rv == CKR_OK)
        rv = set_attributes(object, &templ);
    p11d_template_clear(&templ);
    return rv;
}

static CK_RV make_key(P11dObject *object, CK_OBJECT_CLASS class, const char *label, EVP_PKEY *key,
                      bool private)
{
    uint8_t *der = NULL;
    /* One form of the point, whatever form the file has. */
    if (EVP_PKEY_is_a(key, "EC"))
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       "uncompressed");
    int size = i2d_PUBKEY(key, &der);
    ERR_clear_error();
    if (size <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv = make_object(object, class, label, CKA_PUBLIC_KEY_INFO, der, (size_t)size, private);
    OPENSSL_free(der);
    return rv;
}

static CK_RV make_certificate(P11dObject *object, const char *label, X509 *certificate)
{
    uint8_t *der = NULL;
    int size = i2d_X509(certificate, &der);
    if (size <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv = make_object(object, CKO_CERTIFICATE, label, CKA_VALUE, der, (size_t)size, false);
    OPENSSL_free(der);
    return rv;
}

/* What the files of an entry hold, put together. Everything is borrowed from them. */
typedef struct Parts {
    EVP_PKEY *key;
    const P11dKeyFile *locked; /* the file with the locked key */
    EVP_PKEY *public_key;
    X509 *certificate;
} Parts;

static void find_keys(P11dKeyFile files[P11D_KEYENTRY_FILES], const char *where, Parts *parts)
{
    for (size_t i = 0; i < P11D_KEYENTRY_FILES; i++) {
        bool has_key = files[i].key || files[i].locked.type;
        if (has_key && (parts->key || parts->locked)) {
            p11d_log("%s: more than one file holds a private key; the first is used", where);
        } else if (has_key) {
            parts->key = files[i].key;
            parts->locked = files[i].locked.type ? &files[i] : NULL;
        }
        if (!parts->public_key)
            parts->public_key = files[i].public_key;
    }
    if (parts->key && parts->public_key && EVP_PKEY_eq(parts->key, parts->public_key) != 1)
        p11d_log("%s: the public key in a file belongs to another key and is left out", where);
    if (parts->key)
        parts->public_key = parts->key;
}

/* The first certificate, but of those for another key only if no key says which is right. */
static void find_certificate(P11dKeyFile files[P11D_KEYENTRY_FILES], const char *where,
                             Parts *parts)
{
    bool mismatch = false;
    for (size_t i = 0; i < P11D_KEYENTRY_FILES; i++) {
        for (size_t j = 0; j < files[i].certificate_count && !parts->certificate; j++) {
            X509 *certificate = files[i].certificates[j];
            EVP_PKEY *key = X509_get0_pubkey(certificate);
            if (!parts->public_key || (key && EVP_PKEY_eq(key, parts->public_key) == 1))
                parts->certificate = certificate;
            else
                mismatch = true;
        }
    }
    ERR_clear_error();
    if (mismatch && !parts->certificate)
        p11d_log("%s: the certificate belongs to another key and is left out", where);
    /* Until somebody unlocks the key, only the certificate tells its public half. */
    if (parts->locked && !parts->public_key && parts->certificate) {
        EVP_PKEY *key = X509_get0_pubkey(parts->certificate);
        if (key && !p11d_signer_unsupported(key))
            parts->public_key = key;
    }
}

static CK_RV fill(P11dKeyEntry *entry, const Parts *parts)
{
    P11dObject *objects = entry->objects;
    CK_RV rv = CKR_OK;

    if (parts->key) {
        EVP_PKEY_up_ref(parts->key);
        entry->signer = p11d_signer_new(parts->key);
        rv = entry->signer ? make_key(&objects[P11D_OBJECT_PRIVATE], CKO_PRIVATE_KEY, entry->name,
                                      parts->key, false)
                           : CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK && parts->public_key)
        rv = make_key(&objects[P11D_OBJECT_PUBLIC], CKO_PUBLIC_KEY, entry->name, parts->public_key,
                      false);
    if (rv == CKR_OK && parts->certificate)
        rv = make_certificate(&objects[P11D_OBJECT_CERTIFICATE], entry->name, parts->certificate);
    for (int i = 0; i < P11D_OBJECT_KINDS; i++)
        objects[i].id = objects[i].attributes || (parts->locked && i != P11D_OBJECT_CERTIFICATE);
    return rv;
}

static P11dKeyEntry *assemble(P11dKeyFile files[P11D_KEYENTRY_FILES], const char *path,
                              const char *name)
{
    char where[4096];
    Parts parts = {0};
    P11dKeyEntry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    atomic_init(&entry->references, 1);
    entry->name = strdup(name);
    snprintf(where, sizeof where, "%s/%s", path, name);
    find_keys(files, where, &parts);
    find_certificate(files, where, &parts);
    if (!entry->name || fill(entry, &parts) != CKR_OK) {
        p11d_keyentry_unref(entry);
        return NULL;
    }
    if (parts.locked) {
        size_t i = (size_t)(parts.locked - files);
        entry->locked = files[i].locked;
        memset(&files[i].locked, 0, sizeof files[i].locked);
    }
    return entry;
}

P11dKeyEntry *p11d_keyentry_load(int directory, const char *path, const char *name,
                                 const P11dStamp stamps[P11D_KEYENTRY_FILES])
{
    static const P11dStamp none;
    P11dKeyFile files[P11D_KEYENTRY_FILES] = {0};
    char file_name[NAME_MAX + 1];

    for (size_t i = 0; i < P11D_KEYENTRY_FILES; i++) {
        if (p11d_stamp_equal(&stamps[i], &none))
            continue;
        snprintf(file_name, sizeof file_name, "%s%s", name, p11d_keyentry_suffixes[i]);
        if (!S_ISREG(stamps[i].mode))
            p11d_log("%s/%s: skipped: not a regular file", path, file_name);
        else
            p11d_keyfile_load(&files[i], directory, path, file_name, wanted_kinds[i]);
    }
    P11dKeyEntry *entry = assemble(files, path, name);
    if (entry)
        memcpy(entry->stamps, stamps, sizeof entry->stamps);
    for (size_t i = 0; i < P11D_KEYENTRY_FILES; i++)
        p11d_keyfile_clear(&files[i]);
    return entry;
}

P11dKeyEntry *p11d_keyentry_ref(P11dKeyEntry *entry)
{
    atomic_fetch_add_explicit(&entry->references, 1, memory_order_relaxed);
    return entry;
}

void p11d_keyentry_unref(P11dKeyEntry *entry)
{
    if (!entry || atomic_fetch_sub_explicit(&entry->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < P11D_OBJECT_KINDS; i++)
        p11d_object_clear(&entry->objects[i]);
    p11d_signer_unref(entry->signer);
    p11d_pem_clear(&entry->locked);
    free(entry->name);
    free(entry);
}

bool p11d_keyentry_same_object(const P11dKeyEntry *a, const P11dKeyEntry *b, int kind)
{
    const P11dObject *x = &a->objects[kind];
    const P11dObject *y = &b->objects[kind];
    if (!x->id || !y->id || x->size != y->size || !x->attributes != !y->attributes)
        return false;
    if (kind != P11D_OBJECT_CERTIFICATE && !p11d_pem_equal(&a->locked, &b->locked))
        return false;
    return !x->attributes || memcmp(x->attributes, y->attributes, x->size) == 0;
}

P11dSigner *p11d_keyentry_unlock(const P11dKeyEntry *entry, const char *path,
                                 const uint8_t *passphrase, size_t size,
                                 P11dObject objects[P11D_OBJECT_KINDS], CK_RV *rv)
{
    bool unsupported;
    P11dSigner *signer = NULL;

    *rv = CKR_OK;
    memset(objects, 0, P11D_OBJECT_KINDS * sizeof objects[0]);
    EVP_PKEY *key = p11d_pem_unlock(&entry->locked, passphrase, size, &unsupported);
    const char *reason = unsupported ? "its encryption is not supported" : NULL;
    if (key)
        reason = p11d_keyfile_problem(key);
    if (reason)
        p11d_log("%s/%s: private key skipped: %s", path, entry->name, reason);
    if (reason || !key) {
        EVP_PKEY_free(key);
        return NULL;
    }
    *rv = make_key(&objects[P11D_OBJECT_PRIVATE], CKO_PRIVATE_KEY, entry->name, key, true);
    if (*rv == CKR_OK && !entry->objects[P11D_OBJECT_PUBLIC].attributes)
        *rv = make_key(&objects[P11D_OBJECT_PUBLIC], CKO_PUBLIC_KEY, entry->name, key, true);
    if (*rv == CKR_OK)
        signer = p11d_signer_new(key);
    else
        EVP_PKEY_free(key);
    for (int i = 0; i < P11D_OBJECT_KINDS; i++) {
        if (!signer)
            p11d_object_clear(&objects[i]);
        else if (objects[i].attributes)
            objects[i].id = entry->objects[i].id;
    }
    if (!signer && *rv == CKR_OK)
        *rv = CKR_HOST_MEMORY;
    return signer;
}
