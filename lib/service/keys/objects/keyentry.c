// SPDX-License-Identifier: MIT
#include "keyentry.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

static const unsigned wanted_kinds[P11D_KEYPARTS_FILES] = {
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE | P11D_PEM_SECRET | P11D_PEM_DATA,
    P11D_PEM_PRIVATE | P11D_PEM_PUBLIC | P11D_PEM_CERTIFICATE | P11D_PEM_SECRET | P11D_PEM_DATA,
    P11D_PEM_CERTIFICATE,
    P11D_PEM_PUBLIC,
    0, /* secret keys are no PEM */
    0,
};

/* The public half needs no key of its own beside the private one. */
static P11dServedKey *make_public(const P11dKeyEntry *entry, EVP_PKEY *key)
{
    if (entry->private_key)
        return p11d_servedkey_ref(entry->private_key);
    EVP_PKEY_up_ref(key);
    return p11d_servedkey_new(key, false);
}

/* That of keys is not needed for as long as the private one is there; who destroyed it does not
 * see it again. */
static bool is_public_destroyed(const P11dKeyEntry *entry)
{
    return !p11d_template_boolean(&entry->text.kept[P11D_KEYTEXT_PUBLIC], CKA_TOKEN, true);
}

static CK_RV fill_keys(P11dKeyEntry *entry, const P11dKeyParts *parts)
{
    P11dKeyObject *objects = entry->objects;
    EVP_PKEY *key = parts->claim.unusable ? NULL : parts->claim.key;
    CK_RV rv = CKR_OK;

    if (key) {
        EVP_PKEY_up_ref(key);
        entry->private_key = p11d_servedkey_new(key, true);
        rv = entry->private_key
                 ? p11d_keyobject_key(&objects[P11D_KEY_OBJECT_PRIVATE], CKO_PRIVATE_KEY,
                                      entry->name, entry->private_key, false,
                                      &entry->text.kept[P11D_KEYTEXT_PRIVATE])
                 : CKR_HOST_MEMORY;
    }
    if (rv == CKR_OK && parts->public_key && !is_public_destroyed(entry) &&
        !p11d_servedkey_unsupported(parts->public_key)) {
        entry->public_key = make_public(entry, parts->public_key);
        rv = entry->public_key ? p11d_keyobject_key(&objects[P11D_KEY_OBJECT_PUBLIC],
                                                    CKO_PUBLIC_KEY, entry->name, entry->public_key,
                                                    false, &entry->text.kept[P11D_KEYTEXT_PUBLIC])
                               : CKR_HOST_MEMORY;
    }
    return rv;
}

CK_OBJECT_CLASS p11d_keyentry_class(int kind)
{
    static const CK_OBJECT_CLASS classes[P11D_KEY_OBJECT_CERTIFICATE] = {
        [P11D_KEY_OBJECT_PRIVATE] = CKO_PRIVATE_KEY, [P11D_KEY_OBJECT_PUBLIC] = CKO_PUBLIC_KEY,
        [P11D_KEY_OBJECT_SECRET] = CKO_SECRET_KEY,   [P11D_KEY_OBJECT_DATA] = CKO_DATA,
        [P11D_KEY_OBJECT_NOTE] = CKO_DATA,
    };
    return kind < P11D_KEY_OBJECT_CERTIFICATE ? classes[kind] : CKO_CERTIFICATE;
}

int p11d_keyentry_locked(const P11dKeyEntry *entry)
{
    P11dPemKind kind = entry->locked.type ? p11d_pem_kind(&entry->locked) : P11D_PEM_PRIVATE;
    return kind == P11D_PEM_SECRET ? P11D_KEY_OBJECT_SECRET
           : kind == P11D_PEM_DATA ? P11D_KEY_OBJECT_DATA
                                   : P11D_KEY_OBJECT_PRIVATE;
}

/* Whether there may be such an object of what is locked, once it is opened. */
static bool may_be_locked(const P11dKeyEntry *entry, int kind)
{
    int locked = p11d_keyentry_locked(entry);
    return kind == locked || kind == P11D_KEY_OBJECT_NOTE ||
           (locked == P11D_KEY_OBJECT_PRIVATE && kind == P11D_KEY_OBJECT_PUBLIC);
}

/* What is told of a secret key or data. key: its bytes. */
static CK_RV tell_held(const P11dKeyEntry *entry, const P11dServedKey *key, bool private,
                       P11dKeyObject objects[P11D_KEY_OBJECT_KINDS])
{
    if (key->type == CK_UNAVAILABLE_INFORMATION)
        return p11d_keyobject_data(&objects[P11D_KEY_OBJECT_DATA], entry->name,
                                   (P11dBytes){key->secret, key->secret_size}, private,
                                   &entry->text.kept[P11D_KEYTEXT_DATA]);
    return p11d_keyobject_secret(&objects[P11D_KEY_OBJECT_SECRET], entry->name, key, private,
                                 &entry->text.kept[P11D_KEYTEXT_SECRET]);
}

/* The bytes in the block of a secret key or data. CKR_PIN_INCORRECT: the passphrase does not open
 * it. *reason: what is wrong with them; NULL: nothing. */
static CK_RV read_held(const P11dPem *pem, P11dBytes passphrase, P11dServedKey **key,
                       const char **reason)
{
    P11dBuffer bytes;
    CK_KEY_TYPE type;
    *key = NULL;
    p11d_buffer_init(&bytes, P11D_KEYFILE_MAX);
    *reason = p11d_keyfile_read(pem, passphrase, &type, &bytes);
    CK_RV rv = *reason && bytes.size == 0 ? CKR_PIN_INCORRECT : CKR_OK;
    if (!*reason)
        *key = p11d_servedkey_new_secret(type, bytes.data, bytes.size);
    if (!*reason && !*key)
        rv = CKR_HOST_MEMORY;
    p11d_buffer_clear(&bytes);
    return rv;
}

/* A secret key or data. Its block was read before; locked, it is kept. */
static CK_RV fill_held(P11dKeyEntry *entry, P11dPem *held)
{
    P11dServedKey *key;
    const char *reason;
    if (p11d_pem_is_encrypted(held)) {
        entry->locked = *held;
        memset(held, 0, sizeof *held);
        return CKR_OK;
    }
    CK_RV rv = read_held(held, (P11dBytes){0}, &key, &reason);
    if (!key)
        return rv == CKR_OK ? CKR_HOST_MEMORY : rv;
    rv = tell_held(entry, key, false, entry->objects);
    if (p11d_pem_kind(held) == P11D_PEM_SECRET)
        entry->secret_key = p11d_servedkey_ref(key);
    p11d_servedkey_unref(key);
    return rv;
}

static CK_RV fill(P11dKeyEntry *entry, P11dKeyParts *parts)
{
    P11dKeyObject *objects = entry->objects;
    CK_RV rv = fill_keys(entry, parts);

    if (parts->secret) {
        entry->secret_key = p11d_servedkey_ref(parts->secret);
        rv = p11d_keyobject_secret(&objects[P11D_KEY_OBJECT_SECRET], entry->name, parts->secret,
                                   false, NULL);
    }
    if (parts->held && rv == CKR_OK)
        rv = fill_held(entry, parts->held);

    for (size_t i = 0; i < parts->certificate_count && rv == CKR_OK; i++) {
        P11dKeyObject *object = &objects[P11D_KEY_OBJECT_CERTIFICATE + i];
        rv = i == 0 ? p11d_keyobject_certificate(object, entry->name, parts->certificates[i],
                                                 &entry->text.kept[P11D_KEYTEXT_CERTIFICATE])
                    : p11d_keyobject_further(object, entry->name, parts->certificates[i]);
    }
    if (parts->claim.locked.type && !parts->claim.unusable) {
        entry->locked = parts->claim.locked;
        memset(&parts->claim.locked, 0, sizeof parts->claim.locked);
        entry->expected = parts->public_key;
        if (entry->expected)
            EVP_PKEY_up_ref(entry->expected);
    }
    if (rv == CKR_OK && *parts->claim.why && !entry->private_key && !entry->locked.type)
        rv = p11d_keyobject_note(&objects[P11D_KEY_OBJECT_NOTE], entry->name, parts->claim.why,
                                 false);
    for (int i = 0; i < P11D_KEY_OBJECT_KINDS; i++)
        objects[i].id = objects[i].attributes || (entry->locked.type && may_be_locked(entry, i));
    return rv;
}

static void keep_half(P11dKeyEntry *entry, const P11dKeyParts *parts)
{
    EVP_PKEY *half = parts->public_key ? parts->public_key : parts->claim.public_key;
    if (!half && parts->certificate_count > 0 && !parts->claim.locked.type)
        half = X509_get0_pubkey(parts->certificates[0]);
    if (half)
        EVP_PKEY_up_ref(half);
    entry->half = half;
    ERR_clear_error();
}

/* Takes what the files say; of two that say the same the first counts. */
static CK_RV keep_text(P11dKeyEntry *entry, const P11dKeyFile files[P11D_KEYPARTS_FILES],
                       bool writable)
{
    CK_RV rv = CKR_OK;
    for (int place = 0; place < P11D_KEYTEXT_CLASSES; place++) {
        P11dTemplate *kept = &entry->text.kept[place];
        for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
            const P11dTemplate *said = &files[i].text.kept[place];
            for (CK_ULONG j = 0; j < said->count && rv == CKR_OK; j++) {
                const CK_ATTRIBUTE *item = &said->items[j];
                if (!p11d_template_find(kept, item->type))
                    rv = p11d_template_set(kept, item->type, item->pValue, item->ulValueLen);
            }
        }
        for (int i = 0; i < 2 && rv == CKR_OK; i++) {
            const CK_ATTRIBUTE_TYPE type = i == 0 ? CKA_MODIFIABLE : CKA_DESTROYABLE;
            if (writable)
                rv = p11d_template_set_boolean(kept, type, p11d_template_boolean(kept, type, true));
            else
                p11d_template_unset(kept, type);
        }
    }
    return rv;
}

/* Of what nobody can say which key it is there is nothing but the reason. */
static CK_RV fill_ambiguous(P11dKeyEntry *entry, const char *conflict)
{
    P11dKeyObject *note = &entry->objects[P11D_KEY_OBJECT_NOTE];
    char why[P11D_PEM_OBSTACLE_MAX];
    snprintf(why, sizeof why, "its name does not stand for one key: %s", conflict);
    CK_RV rv = p11d_keyobject_note(note, entry->name, why, false);
    note->id = note->attributes ? 1 : 0;
    return rv;
}

static P11dKeyEntry *assemble(P11dKeyFile files[P11D_KEYPARTS_FILES], const char *path,
                              const char *name, bool writable)
{
    P11dKeyParts parts;
    P11dKeyEntry *entry = calloc(1, sizeof *entry);

    if (!entry)
        return NULL;
    atomic_init(&entry->references, 1);
    entry->name = strdup(name);
    CK_RV rv = entry->name ? keep_text(entry, files, writable) : CKR_HOST_MEMORY;
    bool is_clear = p11d_keyparts_join(&parts, files, path, name);
    keep_half(entry, &parts);
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
    if (entry->name && p11d_keyobject_exposure(note, label, text) == CKR_OK) {
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
    if (kinds == 0 || kinds & P11D_PEM_PRIVATE)
        p11d_keyclaim_doubt(&file->claim);
}

P11dKeyEntry *p11d_keyentry_load(int directory, const char *path, const char *name,
                                 const P11dStamp stamps[P11D_KEYPARTS_FILES], bool writable)
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
        else if (wanted_kinds[i] == 0)
            p11d_keyfile_load_secret(&files[i], directory, path, file_name,
                                     p11d_keyparts_secret(i));
        else
            p11d_keyfile_load(&files[i], directory, path, file_name, wanted_kinds[i]);
    }
    P11dKeyEntry *entry = assemble(files, path, name, writable);
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
        p11d_keyobject_clear(&entry->objects[i]);
    p11d_servedkey_unref(entry->private_key);
    p11d_servedkey_unref(entry->public_key);
    p11d_servedkey_unref(entry->secret_key);
    p11d_pem_clear(&entry->locked);
    EVP_PKEY_free(entry->expected);
    EVP_PKEY_free(entry->half);
    p11d_keytext_clear(&entry->text);
    free(entry->name);
    free(entry);
}

static bool same_attributes(const P11dKeyObject *x, const P11dKeyObject *y)
{
    if (!x->id || !y->id || x->size != y->size || !x->attributes != !y->attributes)
        return false;
    return !x->attributes || memcmp(x->attributes, y->attributes, x->size) == 0;
}

static bool same_secret(const P11dServedKey *x, const P11dServedKey *y)
{
    return !x == !y && (!x || (x->secret_size == y->secret_size &&
                               CRYPTO_memcmp(x->secret, y->secret, x->secret_size) == 0));
}

/* The key or certificate that it is is the same, whatever is said of it. */
static bool same_identity(const P11dKeyObject *x, const P11dKeyObject *y)
{
    static const uint8_t none[sizeof x->identity];
    return x->id && y->id && memcmp(x->identity, none, sizeof none) != 0 &&
           memcmp(x->identity, y->identity, sizeof none) == 0;
}

/* A locked key with another passphrase is the same if its half is known, or who gave it that. */
static bool same_locked(const P11dKeyEntry *before, const P11dKeyEntry *entry)
{
    if (!same_secret(before->secret_key, entry->secret_key))
        return false;
    if (p11d_pem_equal(&before->locked, &entry->locked))
        return true;
    if (!before->locked.type || !entry->locked.type)
        return false;
    bool known = before->half && entry->half && EVP_PKEY_eq(before->half, entry->half) == 1;
    return known || atomic_load(&before->rekeyed);
}

const P11dKeyObject *p11d_keyentry_find_same(const P11dKeyEntry *before, const P11dKeyEntry *entry,
                                             int kind, bool *changed)
{
    const P11dKeyObject *object = &entry->objects[kind];
    int first = kind < P11D_KEY_OBJECT_CERTIFICATE ? kind : P11D_KEY_OBJECT_CERTIFICATE;
    int end = kind < P11D_KEY_OBJECT_CERTIFICATE ? kind + 1 : P11D_KEY_OBJECT_KINDS;
    /* A public half that both tell of needs nobody's word, and outlives its private key. */
    bool told = before->objects[kind].attributes && object->attributes;
    bool by_itself = kind == P11D_KEY_OBJECT_PUBLIC && told;
    if (kind < P11D_KEY_OBJECT_CERTIFICATE && !by_itself && !same_locked(before, entry))
        return NULL;
    for (int i = first; i < end; i++) {
        *changed = !same_attributes(&before->objects[i], object);
        if (!*changed || same_identity(&before->objects[i], object))
            return &before->objects[i];
    }
    return NULL;
}

/* What is told of a key that a passphrase opened. */
static CK_RV tell_key(const P11dKeyEntry *entry, P11dServedKey *key,
                      P11dKeyObject objects[P11D_KEY_OBJECT_KINDS])
{
    CK_RV rv = p11d_keyobject_key(&objects[P11D_KEY_OBJECT_PRIVATE], CKO_PRIVATE_KEY, entry->name,
                                  key, true, &entry->text.kept[P11D_KEYTEXT_PRIVATE]);
    if (rv == CKR_OK && !entry->objects[P11D_KEY_OBJECT_PUBLIC].attributes &&
        !is_public_destroyed(entry))
        rv = p11d_keyobject_key(&objects[P11D_KEY_OBJECT_PUBLIC], CKO_PUBLIC_KEY, entry->name, key,
                                true, &entry->text.kept[P11D_KEYTEXT_PUBLIC]);
    return rv;
}

/* What is told of whatever a passphrase opened. */
static CK_RV tell(const P11dKeyEntry *entry, P11dServedKey *key,
                  P11dKeyObject objects[P11D_KEY_OBJECT_KINDS])
{
    return key->key ? tell_key(entry, key, objects) : tell_held(entry, key, true, objects);
}

bool p11d_keyentry_retell(const P11dKeyEntry *entry, P11dOpenedKey *opened, uint64_t generation)
{
    P11dKeyObject fresh[P11D_KEY_OBJECT_KINDS] = {0};
    bool any = false;
    if (!opened->key)
        return false;
    CK_RV rv = tell(entry, opened->key, fresh);
    for (int i = 0; i < P11D_KEY_OBJECT_CERTIFICATE && rv == CKR_OK; i++) {
        P11dKeyObject *object = &opened->objects[i];
        fresh[i].id = fresh[i].attributes ? entry->objects[i].id : 0;
        fresh[i].since = same_attributes(object, &fresh[i]) ? object->since : generation;
        any = any || fresh[i].since == generation;
        p11d_keyobject_clear(object);
        *object = fresh[i];
        fresh[i] = (P11dKeyObject){0};
    }
    for (int i = 0; i < P11D_KEY_OBJECT_CERTIFICATE; i++)
        p11d_keyobject_clear(&fresh[i]);
    return any;
}

/* What is said of the key that a passphrase opened: the key and its attributes. */
static CK_RV open_key(const P11dKeyEntry *entry, EVP_PKEY *key, P11dOpenedKey *opened)
{
    EVP_PKEY_up_ref(key);
    opened->key = p11d_servedkey_new(key, true);
    return opened->key ? tell_key(entry, opened->key, opened->objects) : CKR_HOST_MEMORY;
}

static CK_RV unlock_private(const P11dKeyEntry *entry, const uint8_t *passphrase, size_t size,
                            P11dOpenedKey *opened, const char **why)
{
    bool unsupported;
    EVP_PKEY *key = p11d_pem_unlock(&entry->locked, passphrase, size, &unsupported);
    if (!key && !unsupported)
        return CKR_PIN_INCORRECT;
    const char *reason =
        key ? p11d_keyfile_problem(key) : "it is of a type that is not supported, or damaged";
    if (!reason && entry->expected && EVP_PKEY_eq(key, entry->expected) != 1)
        reason = "it is not the key of the public key or certificate beside it";
    ERR_clear_error();
    CK_RV rv = reason ? CKR_OK : open_key(entry, key, opened);
    EVP_PKEY_free(key);
    *why = reason;
    return rv;
}

static CK_RV unlock_held(const P11dKeyEntry *entry, P11dBytes passphrase, P11dOpenedKey *opened,
                         const char **why)
{
    CK_RV rv = read_held(&entry->locked, passphrase, &opened->key, why);
    return opened->key ? tell_held(entry, opened->key, true, opened->objects) : rv;
}

CK_RV p11d_keyentry_unlock(const P11dKeyEntry *entry, const char *path, const uint8_t *passphrase,
                           size_t size, P11dOpenedKey *opened)
{
    const int locked = p11d_keyentry_locked(entry);
    const char *reason = NULL;

    memset(opened, 0, sizeof *opened);
    CK_RV rv = locked == P11D_KEY_OBJECT_PRIVATE
                   ? unlock_private(entry, passphrase, size, opened, &reason)
                   : unlock_held(entry, (P11dBytes){passphrase, size}, opened, &reason);
    if (rv == CKR_OK && reason) {
        p11d_log("%s/%s: %s skipped: %s", path, entry->name,
                 locked == P11D_KEY_OBJECT_PRIVATE ? "private key" : "secret key", reason);
        rv = p11d_keyobject_note(&opened->objects[P11D_KEY_OBJECT_NOTE], entry->name, reason, true);
    }
    opened->id = entry->objects[locked].id;
    for (int i = 0; i < P11D_KEY_OBJECT_KINDS && rv == CKR_OK; i++) {
        if (opened->objects[i].attributes || i == locked)
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
        p11d_keyobject_clear(&opened->objects[kind]);
    memset(opened, 0, sizeof *opened);
}
