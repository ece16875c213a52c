// SPDX-License-Identifier: MIT
#include "bare.h"

#include <string.h>

#include "digests.h"
#include "evpkey.h"
#include "failure.h"
#include "verifier.h"

static const char *const forms[] = {[P11D_ECDSA_DER] = "der", [P11D_ECDSA_RAW] = "raw"};

GBytes *p11d_bare_sign_raw(const P11dSigning *signing, P11dInput *input, GError **error)
{
    return p11d_signing_sign(signing, input, error);
}

GBytes *p11d_bare_sign_der(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) raw = p11d_signing_sign(signing, input, error);
    return raw ? p11d_signing_der(signing, raw, error) : NULL;
}

bool p11d_bare_recognise(GBytes *signature)
{
    (void)signature;
    return true;
}

static P11dEcdsaForm form_of(const char *format)
{
    P11dEcdsaForm form = P11D_ECDSA_DER;
    while (form < P11D_ECDSA_UNKNOWN && !(format && strcmp(forms[form], format) == 0))
        form++;
    return form;
}

/* A check of one signature with all keys that are trusted. */
typedef struct Check {
    const P11dClaim *claim;
    const P11dTrust *trust;
    P11dFinding *finding;
    P11dVerifier *verifiers; /* one for each key, in their order; without a key: cannot be used */
    guint usable;
    bool hashed;      /* some verifier whose key can have made the signature needs a digest */
    bool whole;       /* and some all of what was signed */
    GError *unusable; /* why the first key was not used that was not, or NULL */
    GError *failure;  /* what kept OpenSSL from trying one, or NULL */
} Check;

static void check_clear(Check *check)
{
    g_free(check->verifiers);
    g_clear_error(&check->unusable);
    g_clear_error(&check->failure);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

static gboolean set_up(P11dVerifier *verifier, const P11dClaim *claim, const P11dPubkey *pubkey,
                       GError **error)
{
    verifier->kind = p11d_evpkey_describe(pubkey->key);
    verifier->prehashed = claim->prehashed;
    verifier->form = form_of(claim->format);
    if (!p11d_algorithm_find(&verifier->algorithm, claim->algorithm, &verifier->kind, error))
        return FALSE;
    if (claim->prehashed && !verifier->algorithm.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the file itself",
                         "%s has no digest", verifier->algorithm.name);
        return FALSE;
    }
    verifier->key = pubkey->key;
    return TRUE;
}

/* Finds out which keys can be used, and what for that has to be known of what was signed. */
static gboolean prepare(Check *check, GError **error)
{
    const GPtrArray *keys = check->trust->keys;
    check->verifiers = g_new0(P11dVerifier, keys->len);
    for (guint i = 0; i < keys->len; i++) {
        P11dVerifier *verifier = &check->verifiers[i];
        if (!set_up(verifier, check->claim, keys->pdata[i],
                    check->unusable ? NULL : &check->unusable))
            continue;
        check->usable++;
        if (!p11d_verifier_recognise(verifier, check->claim->signature))
            continue;
        check->hashed = check->hashed || verifier->algorithm.hash;
        check->whole = check->whole || !verifier->algorithm.hash;
    }
    if (check->usable > 0)
        return TRUE;
    if (keys->len > 1)
        g_prefix_error(&check->unusable, "none of the %u keys in %s can be used: ", keys->len,
                       check->trust->shown);
    g_propagate_error(error, g_steal_pointer(&check->unusable));
    return FALSE;
}

/* Tries those keys whose hash is that, on a digest by it; without one, on all that was signed. */
static void try_keys(Check *check, const P11dHash *hash, GBytes *content, const char *name)
{
    P11dFinding *finding = check->finding;
    for (guint i = 0; !finding->matched && i < check->trust->keys->len; i++) {
        P11dVerifier verifier = check->verifiers[i];
        P11dVerdict verdict;
        if (!verifier.key || verifier.algorithm.hash != hash)
            continue;
        verifier.prehashed = hash != NULL;
        g_autoptr(P11dInput) input = p11d_input_of_bytes(content, name);
        if (!p11d_verifier_check(&verifier, input, check->claim->signature, &verdict,
                                 check->failure ? NULL : &check->failure) ||
            verdict == P11D_VERDICT_MALFORMED)
            continue;
        finding->verdict = verdict;
        finding->format = forms[verifier.form];
        if (verdict == P11D_VERDICT_GOOD)
            finding->matched = i + 1;
    }
}

/* Hashes all of input by what the keys want, and tries them. */
static gboolean try_digests(Check *check, P11dInput *input, GError **error)
{
    g_auto(P11dDigests) digests = {0};
    p11d_digests_init(&digests);
    for (guint i = 0; i < check->trust->keys->len; i++) {
        const P11dHash *hash = check->verifiers[i].key ? check->verifiers[i].algorithm.hash : NULL;
        if (hash && !p11d_digests_want(&digests, hash)) {
            p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "OpenSSL has no hash %s here",
                             hash->name);
            return FALSE;
        }
    }
    if (!p11d_digests_add_input(&digests, input, error))
        return FALSE;
    for (size_t i = 0; i < p11d_hash_count; i++) {
        g_autoptr(GBytes) digest = p11d_digests_get(&digests, &p11d_hashes[i]);
        if (digest)
            try_keys(check, &p11d_hashes[i], digest, input->name);
    }
    return TRUE;
}

/* The digest that was given is one by any hash of that size. */
static gboolean try_given_digest(Check *check, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) digest = p11d_input_read_all(input, P11D_INPUT_PIECE, error);
    const P11dHash *fitting = NULL;
    const P11dHash *other = NULL;
    for (guint i = 0; digest && i < check->trust->keys->len; i++) {
        const P11dHash *hash = check->verifiers[i].key ? check->verifiers[i].algorithm.hash : NULL;
        if (!hash)
            continue;
        other = hash;
        if (g_bytes_get_size(digest) != hash->size)
            continue;
        fitting = hash;
        try_keys(check, hash, digest, input->name);
    }
    if (!digest || fitting)
        return digest != NULL;
    g_autoptr(P11dInput) given = p11d_input_of_bytes(digest, input->name);
    g_autoptr(GBytes) none = p11d_input_read_digest(given, other, error);
    return none != NULL;
}

static gboolean try_all(Check *check, P11dInput *input, GError **error)
{
    if (check->claim->prehashed)
        return try_given_digest(check, input, error);
    /* Where no key can have made it, the input is read all the same: one that cannot be read is no
     * bad signature. */
    if ((check->hashed || !check->whole) && !try_digests(check, input, error))
        return FALSE;
    if (!check->whole || check->finding->matched)
        return TRUE;
    p11d_input_rewind(input);
    g_autoptr(GBytes) whole = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
    if (whole)
        try_keys(check, NULL, whole, input->name);
    return whole != NULL;
}

/* What cannot be read twice, but has to be, as bytes. */
static P11dInput *open_input(const Check *check, GError **error)
{
    g_autoptr(P11dInput) input = p11d_claim_open(check->claim, error);
    if (!input || !check->hashed || !check->whole || p11d_input_can_rewind(input))
        return g_steal_pointer(&input);
    g_autoptr(GBytes) all = p11d_input_read_all(input, P11D_INPUT_MAX_WHOLE, error);
    return all ? p11d_input_of_bytes(all, input->name) : NULL;
}

/* The algorithm of the key that made it, or of all that may have, if it is one. */
static const char *algorithm_of(const Check *check)
{
    const char *name = NULL;
    if (check->finding->matched)
        return check->verifiers[check->finding->matched - 1].algorithm.name;
    for (guint i = 0; i < check->trust->keys->len; i++) {
        const P11dVerifier *verifier = &check->verifiers[i];
        if (verifier->key && name && strcmp(name, verifier->algorithm.name) != 0)
            return NULL;
        if (verifier->key)
            name = verifier->algorithm.name;
    }
    return name;
}

/* Says of a bad signature what it is not. */
static gboolean conclude(Check *check, GError **error)
{
    P11dFinding *finding = check->finding;
    finding->algorithm = g_strdup(algorithm_of(check));
    finding->tried = check->usable;
    if (finding->matched)
        return TRUE;
    if (check->failure) {
        g_propagate_error(error, g_steal_pointer(&check->failure));
        return FALSE;
    }
    return p11d_trust_conclude(check->trust, finding, error);
}

gboolean p11d_bare_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                          GError **error)
{
    g_auto(Check) check = {.claim = claim, .trust = trust, .finding = finding};
    finding->verdict = P11D_VERDICT_MALFORMED;
    if (!prepare(&check, error))
        return FALSE;
    g_autoptr(P11dInput) input = open_input(&check, error);
    return input && try_all(&check, input, error) && conclude(&check, error);
}
