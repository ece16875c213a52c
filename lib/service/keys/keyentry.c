// SPDX-License-Identifier: MIT
#include "keyentry.h"

#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "interface.h"
#include "keysign.h"
#include "log.h"
#include "pss.h"
#include "syntax.h"

/* The largest common name that becomes a label, in bytes of UTF-8: X.520 has at most 64 characters.
 */
#define COMMON_NAME_MAX 256

/* The largest list of attributes of one object: a certificate's value, and some. */
#define ATTRIBUTES_MAX (P11D_KEYFILE_MAX + ((size_t)4 << 10))

/* More mechanisms than there are for one kind of key. */
#define ALLOWED_MAX 32

static const unsigned wanted_kinds[P11D_KEYPARTS_FILES] = {
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE,
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE,
    P11D_PEM_CERTIFICATE,
    P11D_PEM_PUBLIC,
};

void p11d_key_object_clear(P11dKeyObject *object)
{
    free(object->attributes);
    memset(object, 0, sizeof *object);
}

/* Marshals templ as the attributes of object. */
static CK_RV set_attributes(P11dKeyObject *object, const P11dTemplate *templ)
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
static CK_RV set_refused(P11dTemplate *templ)
{
    CK_RV rv = p11d_template_set_boolean(templ, CKA_COPYABLE, false);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(templ, CKA_DESTROYABLE, false);
    return rv;
}

/* Says that a key is for ciphertexts, too, which the interface does not take for allowed. Keys
 * for RSASSA-PSS alone are of another type in OpenSSL. */
static CK_RV set_cipher(P11dTemplate *templ, CK_OBJECT_CLASS class, const EVP_PKEY *key)
{
    if (!EVP_PKEY_is_a(key, "RSA"))
        return CKR_OK;
    return p11d_template_set_boolean(templ, class == CKO_PRIVATE_KEY ? CKA_DECRYPT : CKA_ENCRYPT,
                                     true);
}

/* Says which mechanisms a key is for, where that does not follow from its type. info: of its public
 * half. */
static CK_RV set_allowed(P11dTemplate *templ, const void *info, size_t size)
{
    CK_MECHANISM_TYPE allowed[ALLOWED_MAX];
    CK_ULONG smallest, largest;
    size_t count = 0;
    P11dPss pss;
    if (!p11d_pss_read(&pss, info, size) || !pss.only)
        return CKR_OK;
    for (size_t i = 0; i < p11d_mechanism_count && count < ALLOWED_MAX; i++) {
        const P11dMechanism *row = &p11d_mechanisms[i];
        if (p11d_keysign_offers(row, &smallest, &largest) && p11d_pss_allows(&pss, row))
            allowed[count++] = row->type;
    }
    return p11d_template_set(templ, CKA_ALLOWED_MECHANISMS, allowed, count * sizeof allowed[0]);
}

static CK_RV make_data(P11dKeyObject *object, const char *label, const char *application,
                       const char *value, bool private)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_CLASS, CKO_DATA);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_LABEL, label);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_VALUE, value);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_APPLICATION, application);
    if (rv == CKR_OK && private)
        rv = p11d_template_set_boolean(&templ, CKA_PRIVATE, true);
    if (rv == CKR_OK)
        rv = set_refused(&templ);
    if (rv == CKR_OK)
        rv = set_attributes(object, &templ);
    p11d_template_clear(&templ);
    return rv;
}

/* key: of an object that is one, or NULL. */
static CK_RV make_object(P11dKeyObject *object, CK_OBJECT_CLASS class, const char *label,
                         CK_ATTRIBUTE_TYPE type, const void *value, size_t size,
                         const EVP_PKEY *key, bool private)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_CLASS, class);
    if (rv == CKR_OK)
        rv = p11d_template_set_text(&templ, CKA_LABEL, label);
    if (rv == CKR_OK)
        rv = p11d_template_set(&templ, type, value, size);
    if (rv == CKR_OK && key)
        rv = set_allowed(&templ, value, size);
    if (rv == CKR_OK && key)
        rv = set_cipher(&templ, class, key);
    if (rv == CKR_OK && class == CKO_CERTIFICATE)
        rv = p11d_template_set_number(&templ, CKA_CERTIFICATE_TYPE, CKC_X_509);
    if (rv == CKR_OK && private)
        rv = p11d_template_set_boolean(&templ, CKA_PRIVATE, true);
    if (rv == CKR_OK)
        rv = set_refused(&templ);
    if (rv == CKR_OK)
        rv = set_attributes(object, &templ);
    p11d_template_clear(&templ);
    return rv;
}

static CK_RV make_key(P11dKeyObject *object, CK_OBJECT_CLASS class, const char *label,
                      EVP_PKEY *key, bool private)
{
    uint8_t *der = NULL;
    /* One form of the point, and the curve by its name, whatever form the file has. */
    if (EVP_PKEY_is_a(key, "EC")) {
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       "uncompressed");
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                       OSSL_PKEY_EC_ENCODING_GROUP);
    }
    int size = i2d_PUBKEY(key, &der);
    ERR_clear_error();
    if (size <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv =
        make_object(object, class, label, CKA_PUBLIC_KEY_INFO, der, (size_t)size, key, private);
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

static CK_RV make_certificate(P11dKeyObject *object, const char *label, X509 *certificate)
{
    uint8_t *der = NULL;
    int size = i2d_X509(certificate, &der);
    if (size <= 0)
        return CKR_HOST_MEMORY;
    CK_RV rv =
        make_object(object, CKO_CERTIFICATE, label, CKA_VALUE, der, (size_t)size, NULL, false);
    OPENSSL_free(der);
    return rv;
}

/* One that does not have the entry's name: asking for the name means the key's own certificate. */
static CK_RV make_further(P11dKeyObject *object, const char *name, X509 *certificate)
{
    char *label = common_name(certificate);
    CK_RV rv = make_certificate(object, label ? label : name, certificate);
    OPENSSL_free(label);
    return rv;
}

/* Hosts pass such objects over; ours says to its user what the note says. */
static CK_RV make_note(P11dKeyObject *object, const char *label, const char *why, bool private)
{
    return make_data(object, label, P11D_NOTE_APPLICATION, why, private);
}

/* The public half needs no key of its own beside the private one. */
static P11dServedKey *make_public(const P11dKeyEntry *entry, EVP_PKEY *key)
{
    if (entry->private_key)
        return p11d_servedkey_ref(entry->private_key);
    EVP_PKEY_up_ref(key);
    return p11d_servedkey_new(key, false);
}

static CK_RV fill_keys(P11dKeyEntry *entry, const P11dKeyParts *parts)
{
    P11dKeyObject *objects = entry->objects;
    EVP_PKEY *key = parts->claim.unusable ? NULL : parts->claim.key;
    CK_RV rv = CKR_OK;

    if (key) {
        EVP_PKEY_up_ref(key);
        entry->private_key = p11d_servedkey_new(key, true);
        rv = entry->private_key ? make_key(&objects[P11D_KEY_OBJECT_PRIVATE], CKO_PRIVATE_KEY,
                                           entry->name, key, false)
                                : CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK && parts->public_key && !p11d_servedkey_unsupported(parts->public_key)) {
        entry->public_key = make_public(entry, parts->public_key);
        rv = entry->public_key ? make_key(&objects[P11D_KEY_OBJECT_PUBLIC], CKO_PUBLIC_KEY,
                                          entry->name, parts->public_key, false)
                               : CKR_HOST_MEMORY;
    }
    return rv;
}

static CK_RV fill(P11dKeyEntry *entry, P11dKeyParts *parts)
{
    P11dKeyObject *objects = entry->objects;
    CK_RV rv = fill_keys(entry, parts);

    for (size_t i = 0; i < parts->certificate_count && rv == CKR_OK; i++) {
        P11dKeyObject *object = &objects[P11D_KEY_OBJECT_CERTIFICATE + i];
        rv = i == 0 ? make_certificate(object, entry->name, parts->certificates[i])
                    : make_further(object, entry->name, parts->certificates[i]);
    }
    if (parts->claim.locked.type && !parts->claim.unusable) {
        entry->locked = parts->claim.locked;
        memset(&parts->claim.locked, 0, sizeof parts->claim.locked);
        entry->expected = parts->public_key;
        if (entry->expected)
            EVP_PKEY_up_ref(entry->expected);
    }
    if (rv == CKR_OK && *parts->claim.why && !entry->private_key && !entry->locked.type)
        rv = make_note(&objects[P11D_KEY_OBJECT_NOTE], entry->name, parts->claim.why, false);
    for (int i = 0; i < P11D_KEY_OBJECT_KINDS; i++)
        objects[i].id =
            objects[i].attributes || (entry->locked.type && i < P11D_KEY_OBJECT_CERTIFICATE);
    return rv;
}

/* Of what nobody can say which key it is there is nothing but the reason. */
static CK_RV fill_ambiguous(P11dKeyEntry *entry, const char *conflict)
{
    P11dKeyObject *note = &entry->objects[P11D_KEY_OBJECT_NOTE];
    char why[P11D_PEM_OBSTACLE_MAX];
    snprintf(why, sizeof why, "its name does not stand for one key: %s", conflict);
    CK_RV rv = make_note(note, entry->name, why, false);
    note->id = note->attributes ? 1 : 0;
    return rv;
}

static P11dKeyEntry *assemble(P11dKeyFile files[P11D_KEYPARTS_FILES], const char *path,
                              const char *name)
{
    P11dKeyParts parts;
    P11dKeyEntry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    atomic_init(&entry->references, 1);
    entry->name = strdup(name);
    CK_RV rv = entry->name ? CKR_OK : CKR_HOST_MEMORY;
    bool is_clear = p11d_keyparts_join(&parts, files, path, name);
    if (rv == CKR_OK)
        rv = is_clear ? fill(entry, &parts) : fill_ambiguous(entry, parts.conflict);
    p11d_keyparts_clear(&parts);
    if (rv == CKR_OK)
        return entry;
    p11d_keyentry_unref(entry);
    return NULL;
}

P11dKeyEntry *p11d_keyentry_note(const char *label, const char *text)
{
    P11dKeyEntry *entry = calloc(1, sizeof *entry);
    if (!entry)
        return NULL;
    atomic_init(&entry->references, 1);
    entry->name = strdup("");
    P11dKeyObject *note = &entry->objects[P11D_KEY_OBJECT_NOTE];
    if (entry->name && make_data(note, label, P11D_EXPOSURE_APPLICATION, text, false) == CKR_OK) {
        note->id = 1;
        return entry;
    }
    p11d_keyentry_unref(entry);
    return NULL;
}

static void skip_special(P11dKeyFile *file, const char *path, const char *name, mode_t mode,
                         unsigned kinds)
{
    p11d_log("%s/%s: skipped: %s", path, name,
             S_ISLNK(mode) ? "a link that leads nowhere" : "not a regular file");
    if (kinds & P11D_PEM_PRIVATE)
        p11d_keyclaim_doubt(&file->claim);
}

P11dKeyEntry *p11d_keyentry_load(int directory, const char *path, const char *name,
                                 const P11dStamp stamps[P11D_KEYPARTS_FILES])
{
    static const P11dStamp none;
    P11dKeyFile files[P11D_KEYPARTS_FILES] = {0};
    char file_name[NAME_MAX + 1];

    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        if (p11d_stamp_equal(&stamps[i], &none))
            continue;
        snprintf(file_name, sizeof file_name, "%s%s", name, p11d_keyparts_suffixes[i]);
        if (!S_ISREG(stamps[i].mode))
            skip_special(&files[i], path, file_name, stamps[i].mode, wanted_kinds[i]);
        else
            p11d_keyfile_load(&files[i], directory, path, file_name, wanted_kinds[i]);
    }
    P11dKeyEntry *entry = assemble(files, path, name);
    if (entry)
        memcpy(entry->stamps, stamps, sizeof entry->stamps);
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++)
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
    for (int i = 0; i < P11D_KEY_OBJECT_KINDS; i++)
        p11d_key_object_clear(&entry->objects[i]);
    p11d_servedkey_unref(entry->private_key);
    p11d_servedkey_unref(entry->public_key);
    p11d_pem_clear(&entry->locked);
    EVP_PKEY_free(entry->expected);
    free(entry->name);
    free(entry);
}

static bool same_attributes(const P11dKeyObject *x, const P11dKeyObject *y)
{
    if (!x->id || !y->id || x->size != y->size || !x->attributes != !y->attributes)
        return false;
    return !x->attributes || memcmp(x->attributes, y->attributes, x->size) == 0;
}

const P11dKeyObject *p11d_keyentry_find_same(const P11dKeyEntry *before, const P11dKeyEntry *entry,
                                             int kind)
{
    const P11dKeyObject *object = &entry->objects[kind];
    if (kind < P11D_KEY_OBJECT_CERTIFICATE) {
        bool same = same_attributes(&before->objects[kind], object) &&
                    p11d_pem_equal(&before->locked, &entry->locked);
        return same ? &before->objects[kind] : NULL;
    }
    for (int i = P11D_KEY_OBJECT_CERTIFICATE; i < P11D_KEY_OBJECT_KINDS; i++) {
        if (same_attributes(&before->objects[i], object))
            return &before->objects[i];
    }
    return NULL;
}

/* What is said of the key that a passphrase opened: the key and its attributes. */
static CK_RV open_key(const P11dKeyEntry *entry, EVP_PKEY *key, P11dOpenedKey *opened)
{
    P11dKeyObject *objects = opened->objects;
    CK_RV rv = make_key(&objects[P11D_KEY_OBJECT_PRIVATE], CKO_PRIVATE_KEY, entry->name, key, true);
    if (rv == CKR_OK && !entry->objects[P11D_KEY_OBJECT_PUBLIC].attributes)
        rv = make_key(&objects[P11D_KEY_OBJECT_PUBLIC], CKO_PUBLIC_KEY, entry->name, key, true);
    if (rv != CKR_OK)
        return rv;
    EVP_PKEY_up_ref(key);
    opened->key = p11d_servedkey_new(key, true);
    return opened->key ? CKR_OK : CKR_HOST_MEMORY;
}

CK_RV p11d_keyentry_unlock(const P11dKeyEntry *entry, const char *path, const uint8_t *passphrase,
                           size_t size, P11dOpenedKey *opened)
{
    bool unsupported;

    memset(opened, 0, sizeof *opened);
    EVP_PKEY *key = p11d_pem_unlock(&entry->locked, passphrase, size, &unsupported);
    if (!key && !unsupported)
        return CKR_PIN_INCORRECT;
    const char *reason =
        key ? p11d_keyfile_problem(key) : "it is of a type that is not supported, or damaged";
    if (!reason && entry->expected && EVP_PKEY_eq(key, entry->expected) != 1)
        reason = "it is not the key of the public key or certificate beside it";
    ERR_clear_error();
    CK_RV rv;
    if (reason) {
        p11d_log("%s/%s: private key skipped: %s", path, entry->name, reason);
        rv = make_note(&opened->objects[P11D_KEY_OBJECT_NOTE], entry->name, reason, true);
    } else {
        rv = open_key(entry, key, opened);
    }
    EVP_PKEY_free(key);
    for (int i = 0; i < P11D_KEY_OBJECT_KINDS && rv == CKR_OK; i++) {
        if (opened->objects[i].attributes || i == P11D_KEY_OBJECT_PRIVATE)
            opened->objects[i].id = entry->objects[i].id;
    }
    if (rv != CKR_OK)
        p11d_openedkey_clear(opened);
    return rv;
}

void p11d_openedkey_clear(P11dOpenedKey *opened)
{
    p11d_servedkey_unref(opened->key);
    for (int kind = 0; kind < P11D_KEY_OBJECT_KINDS; kind++)
        p11d_key_object_clear(&opened->objects[kind]);
    memset(opened, 0, sizeof *opened);
}
