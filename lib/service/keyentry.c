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
#include "syntax.h"

/* The largest common name that becomes a label, in bytes of UTF-8: X.520 has at most 64 characters.
 */
#define COMMON_NAME_MAX 256

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

/* Says what is refused where the interface takes it for allowed. */
static CK_RV set_refused(P11dTemplate *templ, CK_OBJECT_CLASS class)
{
    CK_RV rv = p11d_template_set_boolean(templ, CKA_COPYABLE, false);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_DESTROYABLE, false);
    if (rv == CKR_OK && class == CKO_PUBLIC_KEY)
        rv = p11d_template_set_boolean(templ, CKA_VERIFY, false);
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
        rv = set_refused(&templ, class);
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

/* The common name of the certificate's subject as a label, freed by OPENSSL_free; NULL if it has
 * none that can be one. */
static char *common_name(X509 *certificate)
{
    unsigned char *text = NULL;
    const X509_NAME *subject = X509_get_subject_name(certificate);
    int i = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
    const X509_NAME_ENTRY *entry = i >= 0 ? X509_NAME_get_entry(subject, i) : NULL;
    int size = entry ? ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(entry)) : -1;

    ERR_clear_error();
    if (size > 0 && size <= COMMON_NAME_MAX && p11d_syntax_is_text((char *)text, (size_t)size))
        return (char *)text;
    OPENSSL_free(text);
    return NULL;
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

/* One that does not have the entry's name: asking for the name means the key's own certificate. */
static CK_RV make_further(P11dObject *object, const char *name, X509 *certificate)
{
    char *label = common_name(certificate);
    CK_RV rv = make_certificate(object, label ? label : name, certificate);
    OPENSSL_free(label);
    return rv;
}

/* What the files of an entry hold, put together. Everything is borrowed from them. */
typedef struct Parts {
    EVP_PKEY *key;
    const P11dKeyFile *locked; /* the file with the locked key */
    EVP_PKEY *public_key;
    X509 *certificates[P11D_KEYFILE_CERTIFICATES]; /* the key's own first */
    size_t certificate_count;
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

static void add_certificate(Parts *parts, X509 *certificate, const char *where)
{
    size_t count = parts->certificate_count;
    for (size_t i = 0; i < count; i++) {
        if (X509_cmp(parts->certificates[i], certificate) == 0)
            return;
    }
    if (count < P11D_KEYFILE_CERTIFICATES)
        parts->certificates[parts->certificate_count++] = certificate;
    else
        p11d_log("%s: more than %d certificates in its files; one is left out", where,
                 P11D_KEYFILE_CERTIFICATES);
}

/* The first certificate, but of those for another key only if no key says which is right. */
static X509 *find_own(P11dKeyFile files[P11D_KEYENTRY_FILES], const EVP_PKEY *public_key)
{
    for (size_t i = 0; i < P11D_KEYENTRY_FILES; i++) {
        for (size_t j = 0; j < files[i].certificate_count; j++) {
            const EVP_PKEY *key = X509_get0_pubkey(files[i].certificates[j]);
            if (!public_key || (key && EVP_PKEY_eq(key, public_key) == 1))
                return files[i].certificates[j];
        }
    }
    return NULL;
}

/* The key's certificate, and with it all others: those of its issuers, as a rule. */
static void find_certificates(P11dKeyFile files[P11D_KEYENTRY_FILES], const char *where,
                              Parts *parts)
{
    X509 *own = find_own(files, parts->public_key);
    if (own)
        add_certificate(parts, own, where);
    else if (find_own(files, NULL))
        p11d_log("%s: no certificate in its files belongs to the key; all are left out", where);
    for (size_t i = 0; i < P11D_KEYENTRY_FILES && own; i++) {
        for (size_t j = 0; j < files[i].certificate_count; j++)
            add_certificate(parts, files[i].certificates[j], where);
    }
    /* Until somebody unlocks the key, only the certificate tells its public half. */
    if (parts->locked && !parts->public_key && own) {
        EVP_PKEY *key = X509_get0_pubkey(own);
        if (key && !p11d_signer_unsupported(key))
            parts->public_key = key;
    }
    ERR_clear_error();
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
    for (size_t i = 0; i < parts->certificate_count && rv == CKR_OK; i++) {
        P11dObject *object = &objects[P11D_OBJECT_CERTIFICATE + i];
        rv = i == 0 ? make_certificate(object, entry->name, parts->certificates[i])
                    : make_further(object, entry->name, parts->certificates[i]);
    }
    for (int i = 0; i < P11D_OBJECT_KINDS; i++)
        objects[i].id = objects[i].attributes || (parts->locked && i < P11D_OBJECT_CERTIFICATE);
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
    find_certificates(files, where, &parts);
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

static bool same_attributes(const P11dObject *x, const P11dObject *y)
{
    if (!x->id || !y->id || x->size != y->size || !x->attributes != !y->attributes)
        return false;
    return !x->attributes || memcmp(x->attributes, y->attributes, x->size) == 0;
}

const P11dObject *p11d_keyentry_find_same(const P11dKeyEntry *before, const P11dKeyEntry *entry,
                                          int kind)
{
    const P11dObject *object = &entry->objects[kind];
    if (kind < P11D_OBJECT_CERTIFICATE) {
        bool same = same_attributes(&before->objects[kind], object) &&
                    p11d_pem_equal(&before->locked, &entry->locked);
        return same ? &before->objects[kind] : NULL;
    }
    for (int i = P11D_OBJECT_CERTIFICATE; i < P11D_OBJECT_KINDS; i++) {
        if (same_attributes(&before->objects[i], object))
            return &before->objects[i];
    }
    return NULL;
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
