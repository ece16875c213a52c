// SPDX-License-Identifier: MIT
#include "algorithm.h"

#include <string.h>

#include "curve.h"
#include "failure.h"
#include "mechanism.h"
#include "nearest.h"

/* The first family that fits a key is its usual one. */
static const P11dFamily families[] = {
    {"rsa", CKK_RSA, CKM_RSA_PKCS, NULL, false},
    {"rsa-pss", CKK_RSA, CKM_RSA_PKCS_PSS, NULL, true},
    {"ecdsa", CKK_EC, CKM_ECDSA, NULL, false},
    {"ed25519", CKK_EC_EDWARDS, CKM_EDDSA, "Ed25519", false},
    {"ed448", CKK_EC_EDWARDS, CKM_EDDSA, "Ed448", false},
};

/* Families that sign the data itself are bound to a curve; all others need a hash. */
static bool needs_hash(const P11dFamily *family)
{
    return family->curve == NULL;
}

/* PKCS#11 calls it sha-1 and nobody else does. */
static const char *hash_name(const P11dHash *hash)
{
    return hash->mechanism == CKM_SHA_1 ? "sha1" : hash->name;
}

static char *full_name(const P11dFamily *family, const P11dHash *hash)
{
    return g_strconcat(family->name, hash ? "-" : NULL, hash ? hash_name(hash) : NULL, NULL);
}

static const P11dHash *find_hash(const char *name)
{
    for (size_t i = 0; i < p11d_hash_count; i++)
        if (strcmp(hash_name(&p11d_hashes[i]), name) == 0)
            return &p11d_hashes[i];
    return NULL;
}

/* Takes name apart. *family and *hash are NULL where it names none. */
static bool parse(const char *name, const P11dFamily **family, const P11dHash **hash)
{
    *family = NULL;
    *hash = find_hash(name);
    for (size_t i = 0; !*hash && i < G_N_ELEMENTS(families); i++) {
        size_t length = strlen(families[i].name);
        if (strncmp(name, families[i].name, length) != 0)
            continue;
        if (name[length] == '\0') {
            *family = &families[i];
            return true;
        }
        if (name[length] != '-' || !needs_hash(&families[i]))
            continue;
        *family = &families[i];
        *hash = find_hash(name + length + 1);
    }
    return *hash != NULL;
}

/* "rsa-HASH, rsa-pss-HASH, …": a hint for whoever chose wrong. */
static char *known_names(void)
{
    GString *names = g_string_new("algorithms are");
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        g_string_append_printf(names, " %s%s", families[i].name,
                               needs_hash(&families[i]) ? "-HASH" : "");
    g_string_append(names, ", hashes are");
    for (size_t i = 0; i < p11d_hash_count; i++)
        g_string_append_printf(names, " %s", hash_name(&p11d_hashes[i]));
    return g_string_free(names, FALSE);
}

gboolean p11d_algorithm_check_name(const char *name, GError **error)
{
    const P11dFamily *family;
    const P11dHash *hash;
    if (parse(name, &family, &hash))
        return TRUE;
    g_auto(GStrv) names = p11d_algorithm_names();
    g_autofree char *known = known_names();
    g_autofree char *hint = p11d_nearest_hint(name, (const char *const *)names, "", "", known);
    p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "there is no algorithm \"%s\"", name);
    return FALSE;
}

static bool fits(const P11dFamily *family, const P11dAlgorithmKey *key)
{
    return family->key_type == key->type && (!key->pss.only || family->pss) &&
           (!family->curve || (key->curve && strcmp(family->curve, key->curve) == 0));
}

gboolean p11d_algorithm_check_key(const P11dAlgorithmKey *key, GError **error)
{
    if (!key->problem)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "the key cannot be used: %s",
                     key->problem);
    return FALSE;
}

/* NULL with error set if that cannot be told: to guess would give signatures that nobody verifies.
 */
static const P11dHash *usual_hash(const P11dAlgorithmKey *key, GError **error)
{
    if (key->type == CKK_EC && key->bits == 0) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "name the algorithm: -a ecdsa-HASH",
                         "the curve of the key is not known, by which the hash is chosen");
        return NULL;
    }
    if (key->pss.bound)
        return key->pss.hash;
    return p11d_hash_of_mechanism(key->type == CKK_EC ? p11d_curve_usual_hash(key->bits)
                                                      : CKM_SHA256);
}

static CK_MECHANISM_TYPE find_mechanism(const P11dFamily *family, const P11dHash *hash)
{
    if (!hash)
        return family->raw;
    for (size_t i = 0; i < p11d_mechanism_count; i++)
        if (p11d_mechanisms[i].hash == hash->mechanism && p11d_mechanisms[i].raw == family->raw)
            return p11d_mechanisms[i].type;
    return P11D_MECHANISM_NONE;
}

/* Says that no family is for key, or that the one of name is not. */
static void set_unfit(const char *name, const P11dAlgorithmKey *key, GError **error)
{
    bool signs = false;
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++)
        signs = signs || fits(&families[i], key);
    char scratch[P11D_NAME_SIZE];
    const char *type = p11d_name_of(&p11d_names_key_type, key->type, scratch);
    g_autofree char *hint = known_names();
    if (signs)
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, hint,
                         "%s does not go with a key of type %s%s", name ? name : "signing", type,
                         key->pss.only ? " that is for RSA-PSS alone" : "");
    else
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                         "take another key: p11dbus list keys says what each can do",
                         "no signature is made with a key of type %s",
                         key->curve ? key->curve : type);
}

gboolean p11d_algorithm_find(P11dAlgorithm *algorithm, const char *name,
                             const P11dAlgorithmKey *key, GError **error)
{
    const P11dFamily *family = NULL;
    const P11dHash *hash = NULL;
    if (name && !p11d_algorithm_check_name(name, error))
        return FALSE;
    if (!p11d_algorithm_check_key(key, error))
        return FALSE;
    if (name)
        parse(name, &family, &hash);
    for (size_t i = 0; !family && i < G_N_ELEMENTS(families); i++)
        if (fits(&families[i], key))
            family = &families[i];
    if (!family || !fits(family, key) || (hash && !needs_hash(family))) {
        set_unfit(name, key, error);
        return FALSE;
    }
    if (!hash && needs_hash(family) && !(hash = usual_hash(key, error)))
        return FALSE;
    if (key->pss.bound && hash != key->pss.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                         "%s does not go with a key that is for the hash %s alone", name,
                         hash_name(key->pss.hash));
        return FALSE;
    }

    algorithm->family = family;
    algorithm->hash = hash;
    algorithm->mechanism = find_mechanism(family, hash);
    g_autofree char *full = full_name(family, hash);
    g_strlcpy(algorithm->name, full, sizeof algorithm->name);
    return TRUE;
}

CK_RSA_PKCS_PSS_PARAMS p11d_algorithm_pss(const P11dAlgorithm *algorithm,
                                          const P11dAlgorithmKey *key)
{
    const P11dHash *hash = algorithm->hash;
    const P11dPss *pss = &key->pss;
    return pss->bound ? (CK_RSA_PKCS_PSS_PARAMS){hash->mechanism, pss->mgf->mgf, pss->salt}
                      : (CK_RSA_PKCS_PSS_PARAMS){hash->mechanism, hash->mgf, hash->size};
}

size_t p11d_algorithm_signature_size(const P11dAlgorithmKey *key)
{
    const P11dCurve *curve = key->curve ? p11d_curve_of_name(key->curve) : NULL;
    if (curve)
        return 2 * curve->half;
    return key->type == CKK_RSA ? (key->bits + 7) / 8 : 2 * key->coordinate;
}

char **p11d_algorithm_names(void)
{
    GPtrArray *names = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(families); i++) {
        if (!needs_hash(&families[i]))
            g_ptr_array_add(names, full_name(&families[i], NULL));
        for (size_t j = 0; needs_hash(&families[i]) && j < p11d_hash_count; j++)
            g_ptr_array_add(names, full_name(&families[i], &p11d_hashes[j]));
    }
    g_ptr_array_add(names, NULL);
    return (char **)g_ptr_array_free(names, FALSE);
}

EVP_MD *p11d_algorithm_fetch_hash(const P11dAlgorithm *algorithm, GError **error)
{
    EVP_MD *md = EVP_MD_fetch(NULL, hash_name(algorithm->hash), NULL);
    if (!md)
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL,
                         "OpenSSL has no hash function %s here", hash_name(algorithm->hash));
    return md;
}
