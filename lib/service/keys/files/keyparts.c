// SPDX-License-Identifier: MIT
#include "keyparts.h"

#include <limits.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

/* The longer one comes before the one that it ends with. */
const char *const p11d_keyparts_suffixes[P11D_KEYPARTS_FILES] = {".key", ".pem",        ".crt",
                                                                 ".pub", ".aes.secret", ".secret"};

CK_KEY_TYPE p11d_keyparts_secret(size_t suffix)
{
    return suffix == 4 ? CKK_AES : suffix == 5 ? CKK_GENERIC_SECRET : CK_UNAVAILABLE_INFORMATION;
}

/* The n-th certificate of all, or NULL. */
static X509 *certificate_at(const P11dKeyFile files[P11D_KEYPARTS_FILES], size_t n)
{
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        if (n < files[i].certificate_count)
            return files[i].certificates[n];
        n -= files[i].certificate_count;
    }
    return NULL;
}

static X509 *find_certificate_of(const P11dKeyFile files[P11D_KEYPARTS_FILES], const EVP_PKEY *key)
{
    X509 *certificate;
    for (size_t i = 0; (certificate = certificate_at(files, i)); i++) {
        const EVP_PKEY *public_key = X509_get0_pubkey(certificate);
        if (public_key && EVP_PKEY_eq(public_key, key) == 1)
            return certificate;
    }
    return NULL;
}

static bool is_issuer(const P11dKeyFile files[P11D_KEYPARTS_FILES], X509 *certificate)
{
    X509 *other;
    for (size_t i = 0; (other = certificate_at(files, i)); i++) {
        if (X509_cmp(other, certificate) != 0 && X509_check_issued(certificate, other) == X509_V_OK)
            return true;
    }
    return false;
}

/* Where no key says which certificate is its own: the first that is not an issuer of another. */
static X509 *find_leaf(const P11dKeyFile files[P11D_KEYPARTS_FILES])
{
    X509 *certificate;
    for (size_t i = 0; (certificate = certificate_at(files, i)); i++) {
        if (!is_issuer(files, certificate))
            return certificate;
    }
    return certificate_at(files, 0);
}

/* The key's own certificate; NULL with *conflict if there are some, but none of them is it. */
static X509 *find_own(const P11dKeyParts *parts, const P11dKeyFile files[P11D_KEYPARTS_FILES],
                      const char **conflict)
{
    const EVP_PKEY *key = parts->claim.key ? parts->claim.key : parts->claim.public_key;
    X509 *own = key ? find_certificate_of(files, key) : find_leaf(files);

    if (key && !own && certificate_at(files, 0))
        *conflict = "none of its certificates is of its key";
    else if (own && parts->claim.locked.type && !X509_get0_pubkey(own))
        *conflict = "the key in its certificate cannot be read";
    return own;
}

static void add_certificate(P11dKeyParts *parts, X509 *certificate, const char *path,
                            const char *name)
{
    size_t count = parts->certificate_count;
    for (size_t i = 0; i < count; i++) {
        if (X509_cmp(parts->certificates[i], certificate) == 0)
            return;
    }
    if (count < P11D_KEYFILE_CERTIFICATES)
        parts->certificates[parts->certificate_count++] = certificate;
    else
        p11d_log("%s/%s: more than %d certificates in its files; one is left out", path, name,
                 P11D_KEYFILE_CERTIFICATES);
}

static void tell_conflict(const char *conflict, const bool concerned[P11D_KEYPARTS_FILES],
                          const char *path, const char *name)
{
    char list[P11D_KEYPARTS_FILES * (NAME_MAX + sizeof ", ")] = "";
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        size_t used = strlen(list);
        if (concerned[i])
            snprintf(list + used, sizeof list - used, "%s%s%s", used ? ", " : "", name,
                     p11d_keyparts_suffixes[i]);
    }
    p11d_log("%s/%s: not served: %s (%s); a name stands for one key: give each a name of its own",
             path, name, conflict, list);
}

/* A secret key, or data, has its name for itself alone. */
static const char *find_secret(P11dKeyParts *parts, P11dKeyFile files[P11D_KEYPARTS_FILES],
                               const bool concerned[P11D_KEYPARTS_FILES])
{
    size_t others = 0, held = 0;
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        if (files[i].secret)
            parts->secret = files[i].secret;
        if (files[i].held.type)
            parts->held = &files[i].held;
        held += files[i].held_count;
        others += concerned[i];
        others += files[i].held_count > 0 &&
                  (p11d_keyclaim_is_any(&parts->claim) || files[i].certificate_count > 0);
    }
    if (held > 1 || (held > 0 && others > 1))
        return "it has a secret key or data, and something else";
    return parts->secret && others > 1 ? "it has a secret key and something else" : NULL;
}

bool p11d_keyparts_join(P11dKeyParts *parts, P11dKeyFile files[P11D_KEYPARTS_FILES],
                        const char *path, const char *name)
{
    bool concerned[P11D_KEYPARTS_FILES];
    X509 *certificate, *own = NULL;

    memset(parts, 0, sizeof *parts);
    for (size_t i = 0; i < P11D_KEYPARTS_FILES; i++) {
        concerned[i] = p11d_keyclaim_is_any(&files[i].claim) || files[i].certificate_count > 0 ||
                       files[i].secret || files[i].held_count > 0;
        p11d_keyclaim_join(&parts->claim, &files[i].claim);
    }
    const char *conflict = p11d_keyclaim_conflict(&parts->claim);
    if (!conflict)
        conflict = find_secret(parts, files, concerned);
    if (!conflict)
        own = find_own(parts, files, &conflict);
    ERR_clear_error();
    if (conflict) {
        tell_conflict(conflict, concerned, path, name);
        p11d_keyparts_clear(parts);
        parts->conflict = conflict;
        return false;
    }
    if (own)
        add_certificate(parts, own, path, name);
    for (size_t i = 0; (certificate = certificate_at(files, i)); i++)
        add_certificate(parts, certificate, path, name);

    parts->public_key = parts->claim.public_key;
    if (parts->claim.key && !parts->claim.unusable)
        parts->public_key = parts->claim.key;
    else if (!parts->public_key && own && parts->claim.locked.type && !parts->claim.unusable)
        /* Until somebody unlocks the key, only the certificate tells its public half. */
        parts->public_key = X509_get0_pubkey(own);
    return true;
}

void p11d_keyparts_clear(P11dKeyParts *parts)
{
    p11d_keyclaim_clear(&parts->claim);
    memset(parts, 0, sizeof *parts);
}
