// SPDX-License-Identifier: MIT
#include "ssh.h"

#include <string.h>

#include "allowedsigners.h"
#include "counterpart.h"
#include "evpkey.h"
#include "failure.h"
#include "sshkey.h"
#include "sshsig.h"
#include "sshwire.h"
#include "verifier.h"

/* What ssh-keygen's users take for files. */
#define USUAL_NAMESPACE "file"
/* OpenSSH takes no shorter ones. */
#define MIN_RSA_BITS 1024
#define MAX_SIGNERS (1UL << 26)

/* How SSH signs with a key. The first row for a type of key is the usual one. */
static const struct Scheme {
    const char *key_type;
    const char *name;      /* in an SSHSIG */
    const char *algorithm; /* the same on the command line */
} schemes[] = {
    {"ssh-rsa", "rsa-sha2-512", "rsa-sha512"},
    {"ssh-rsa", "rsa-sha2-256", "rsa-sha256"},
    {"ecdsa-sha2-nistp256", "ecdsa-sha2-nistp256", "ecdsa-sha256"},
    {"ecdsa-sha2-nistp384", "ecdsa-sha2-nistp384", "ecdsa-sha384"},
    {"ecdsa-sha2-nistp521", "ecdsa-sha2-nistp521", "ecdsa-sha512"},
    {"ssh-ed25519", "ssh-ed25519", "ed25519"},
};

/* The hashes of the data. The first is what we take, as ssh-keygen does. */
static const char *const hashes[] = {"sha512", "sha256"};

/* What is signed in place of the input. */
static GBytes *to_be_signed(P11dInput *input, const char *namespace, const char *hash,
                            GError **error)
{
    EVP_MD *md = EVP_MD_fetch(NULL, hash, NULL);
    g_autoptr(GBytes) digest = NULL;
    if (md)
        digest = p11d_input_hash(input, md, error);
    else
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "OpenSSL has no %s here", hash);
    EVP_MD_free(md);
    return digest ? p11d_sshsig_signed_data(namespace, hash, digest) : NULL;
}

/* Signing. */

const char *p11d_ssh_usual_algorithm(const P11dAlgorithmKey *key)
{
    /* All other keys have one algorithm, which is their usual one anyway. */
    return key->type == CKK_RSA ? schemes[0].algorithm : NULL;
}

static const struct Scheme *scheme_of_algorithm(const char *key_type, const char *algorithm)
{
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (g_strcmp0(schemes[i].key_type, key_type) == 0 &&
            strcmp(schemes[i].algorithm, algorithm) == 0)
            return &schemes[i];
    return NULL;
}

static bool is_too_short(const EVP_PKEY *key)
{
    P11dAlgorithmKey kind = p11d_evpkey_describe(key);
    return kind.type == CKK_RSA && kind.bits < MIN_RSA_BITS;
}

/* "rsa-sha512 or rsa-sha256" */
static char *algorithms_of(const char *key_type)
{
    GString *names = g_string_new(NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(schemes); i++)
        if (strcmp(schemes[i].key_type, key_type) == 0)
            g_string_append_printf(names, "%s%s", names->len > 0 ? " or " : "",
                                   schemes[i].algorithm);
    return g_string_free(names, FALSE);
}

static gboolean check_key(const P11dSigning *signing, GError **error)
{
    const char *type = p11d_sshkey_type(signing->public_key);
    if (type && !is_too_short(signing->public_key) &&
        scheme_of_algorithm(type, signing->algorithm.name))
        return TRUE;
    g_autofree char *uri = p11d_item_uri(signing->key);
    if (!type) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                         "SSH has RSA, P-256, P-384, P-521 and Ed25519",
                         "%s is of a kind that SSH does not have", uri);
    } else if (is_too_short(signing->public_key)) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "use a longer key",
                         "%s has less than %d bits, which OpenSSH does not take", uri,
                         MIN_RSA_BITS);
    } else {
        g_autofree char *names = algorithms_of(type);
        g_autofree char *hint = g_strdup_printf("use %s, or leave -a out", names);
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, hint,
                         "SSH does not sign by %s with a key of type %s", signing->algorithm.name,
                         type);
    }
    return FALSE;
}

gboolean p11d_ssh_prepare(P11dSigning *signing, const P11dHost *host G_GNUC_UNUSED, GError **error)
{
    if (!signing->namespace)
        signing->namespace = USUAL_NAMESPACE;
    if (!signing->public_key)
        signing->public_key = p11d_counterpart_public_key(signing->key, error);
    return signing->public_key && check_key(signing, error);
}

/* What the token gave, in SSH's form. NULL if it is no such signature. */
static GBytes *to_ssh(GBytes *raw, const P11dAlgorithmKey *kind)
{
    gsize size;
    const guint8 *data = g_bytes_get_data(raw, &size);
    gsize coordinate = kind->coordinate;
    if (coordinate == 0)
        return g_bytes_ref(raw);
    if (size != 2 * coordinate)
        return NULL;
    GByteArray *numbers = g_byte_array_new();
    p11d_sshwire_put_mpint(numbers, data, coordinate);
    p11d_sshwire_put_mpint(numbers, data + coordinate, coordinate);
    return g_byte_array_free_to_bytes(numbers);
}

static GBytes *wrap(const P11dSigning *signing, GBytes *raw, GError **error)
{
    P11dAlgorithmKey kind = p11d_evpkey_describe(signing->public_key);
    const char *type = p11d_sshkey_type(signing->public_key);
    g_autoptr(GBytes) blob = p11d_sshkey_blob(signing->public_key);
    g_autoptr(GBytes) signature = to_ssh(raw, &kind);
    if (!blob || !signature) {
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL,
                         "the token gave %zu bytes, which are no signature by a key of type %s",
                         g_bytes_get_size(raw), type);
        return NULL;
    }
    P11dSshsig sshsig = {
        .key = p11d_sshsig_part_of_bytes(blob),
        .namespace = p11d_sshsig_part(signing->namespace),
        .hash = p11d_sshsig_part(hashes[0]),
        .algorithm = p11d_sshsig_part(scheme_of_algorithm(type, signing->algorithm.name)->name),
        .signature = p11d_sshsig_part_of_bytes(signature),
    };
    return p11d_sshsig_write(&sshsig);
}

GBytes *p11d_ssh_sign(const P11dSigning *signing, P11dInput *input, GError **error)
{
    g_autoptr(GBytes) data = to_be_signed(input, signing->namespace, hashes[0], error);
    g_autoptr(GBytes) raw =
        data ? p11d_signing_sign_bytes(signing, data, input->name, error) : NULL;
    return raw ? wrap(signing, raw, error) : NULL;
}

/* Verifying. */

/* A check of one SSHSIG. */
typedef struct Check {
    P11dSshsig sshsig;
    const char *namespace; /* that it must be for */
    const P11dTrust *trust;
    GBytes *signers; /* the list, where that is what is trusted */
    GBytes *data;    /* what must have been signed */
    GBytes *blob;
    EVP_PKEY *key;
    guint place; /* of that among trusted keys, from 1; 0: it is none of them */
    const struct Scheme *scheme;
} Check;

static void check_clear(Check *check)
{
    g_bytes_unref(check->signers);
    g_bytes_unref(check->data);
    g_bytes_unref(check->blob);
    EVP_PKEY_free(check->key);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Check, check_clear)

/* The hash that the signature says, NULL if it is none of SSH's. */
static const char *hash_of(const P11dSshsig *sshsig)
{
    for (size_t i = 0; i < G_N_ELEMENTS(hashes); i++)
        if (p11d_sshsig_part_is(sshsig->hash, hashes[i]))
            return hashes[i];
    return NULL;
}

/* Reads all files, also for a signature that is bad as it stands. */
static gboolean read_files(Check *check, const P11dClaim *claim, const char *hash, GError **error)
{
    if (check->trust->kind == P11D_TRUST_SIGNERS &&
        !(check->signers = p11d_input_read_file(check->trust->signers, MAX_SIGNERS, error)))
        return FALSE;
    g_autoptr(P11dInput) input = p11d_claim_open(claim, error);
    check->data =
        input ? to_be_signed(input, check->namespace, hash ? hash : hashes[0], error) : NULL;
    return check->data != NULL;
}

/* Sets the key and the scheme. A key that cannot be had is bad, or of a kind that another program
 * could check; the latter is an error. */
static gboolean find_key(Check *check, P11dFinding *finding, GError **error)
{
    const P11dSshsig *sshsig = &check->sshsig;
    check->blob = g_bytes_new(sshsig->key.data, sshsig->key.size);
    g_autofree char *type = p11d_sshkey_blob_type(check->blob);
    if (p11d_sshkey_is_foreign(type)) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                         "ssh-keygen -Y verify can check it; keys on security keys, certificates "
                         "and DSA are not known here",
                         "the signature is by a key of type %s", type);
        return FALSE;
    }
    check->key = p11d_sshkey_parse(sshsig->key.data, sshsig->key.size);
    if (!check->key)
        return p11d_finding_conclude(finding, P11D_VERDICT_MALFORMED,
                                     "the key in it makes no sense");
    for (size_t i = 0; !check->scheme && i < G_N_ELEMENTS(schemes); i++)
        if (strcmp(schemes[i].key_type, type) == 0 &&
            p11d_sshsig_part_is(sshsig->algorithm, schemes[i].name))
            check->scheme = &schemes[i];
    return TRUE;
}

/* The signature as p11d_verifier_check takes it. NULL if it has not SSH's form. */
static GBytes *from_ssh(const P11dSshsig *sshsig, const P11dAlgorithmKey *kind)
{
    P11dSshsigPart whole = sshsig->signature;
    gsize coordinate = kind->coordinate;
    if (coordinate == 0)
        return g_bytes_new(whole.data, whole.size);
    P11dSshwireReader reader = p11d_sshwire_reader(whole.data, whole.size);
    g_autofree guint8 *raw = g_malloc0(2 * coordinate);
    for (gsize end = coordinate; end <= 2 * coordinate; end += coordinate) {
        P11dSshsigPart number;
        if (!p11d_sshwire_get_mpint(&reader, &number.data, &number.size) ||
            number.size > coordinate)
            return NULL;
        memcpy(raw + end - number.size, number.data, number.size);
    }
    return reader.left == 0 ? g_bytes_new_take(g_steal_pointer(&raw), 2 * coordinate) : NULL;
}

/* Whether the key in it made it of the data. */
static gboolean check_signature(const Check *check, P11dFinding *finding, GError **error)
{
    P11dVerifier verifier = {.key = check->key, .kind = p11d_evpkey_describe(check->key)};
    verifier.form = verifier.kind.type == CKK_EC ? P11D_ECDSA_RAW : P11D_ECDSA_DER;
    g_autoptr(GBytes) signature = from_ssh(&check->sshsig, &verifier.kind);
    if (!signature) {
        finding->verdict = P11D_VERDICT_MALFORMED;
        return TRUE;
    }
    g_autoptr(P11dInput) input = p11d_input_of_bytes(check->data, "what was signed");
    return p11d_algorithm_find(&verifier.algorithm, check->scheme->algorithm, &verifier.kind,
                               error) &&
           p11d_verifier_check(&verifier, input, signature, &finding->verdict, error);
}

/* Whether the key of a signature that is of the data is one that is trusted. */
static gboolean check_signer(const Check *check, P11dFinding *finding, GError **error)
{
    const P11dTrust *trust = check->trust;
    if (trust->kind != P11D_TRUST_SIGNERS)
        return TRUE;
    P11dAllowedsignersQuestion question = {
        .identity = trust->identity,
        .namespace = check->namespace,
        .key = check->blob,
        .time = trust->time,
    };
    g_autofree char *why = NULL;
    if (!p11d_allowedsigners_check(check->signers, trust->signers, &question, &why, error))
        return FALSE;
    if (why)
        return p11d_finding_conclude(finding, P11D_VERDICT_NOT_ALLOWED, "%s", why);
    finding->signer = g_strdup(trust->identity);
    return TRUE;
}

/* What can be said against a signature by what it says of itself; NULL: nothing. */
static char *object(const Check *check, P11dVerdict *verdict)
{
    const P11dSshsig *sshsig = &check->sshsig;
    const P11dTrust *trust = check->trust;
    *verdict = P11D_VERDICT_MALFORMED;
    if (sshsig->more.size > 0)
        return g_strdup("something follows the signature in it");
    if (!check->scheme)
        return g_strdup_printf("SSH allows no signature \"%.*s\" by such a key",
                               (int)MIN(sshsig->algorithm.size, 64),
                               (const char *)sshsig->algorithm.data);
    if (is_too_short(check->key))
        return g_strdup_printf("its key has less than %d bits", MIN_RSA_BITS);
    *verdict = P11D_VERDICT_MISMATCH;
    if (trust->kind == P11D_TRUST_KEY && !check->place)
        return trust->keys->len == 1 ? g_strdup_printf("it is not by the key in %s", trust->shown)
                                     : g_strdup_printf("it is by none of the %u keys in %s",
                                                       trust->keys->len, trust->shown);
    if (!p11d_sshsig_part_is(sshsig->namespace, check->namespace))
        return g_strdup_printf("it is for namespace \"%.*s\", not for \"%s\"",
                               (int)MIN(sshsig->namespace.size, 256),
                               (const char *)sshsig->namespace.data, check->namespace);
    return NULL;
}

static gboolean judge(Check *check, P11dFinding *finding, GError **error)
{
    if (!find_key(check, finding, error))
        return FALSE;
    if (!check->key)
        return TRUE;
    if (check->trust->kind == P11D_TRUST_KEY) {
        finding->tried = check->trust->keys->len;
        check->place = p11d_pubkey_find(check->trust->keys, check->key);
        /* Of what SSH has that is not known here, the signature is not: its key is. */
        if (!check->place &&
            g_error_matches(check->trust->trouble, P11D_FAILURE, P11D_FAILURE_FILE))
            return p11d_trust_is_whole(check->trust, error);
    }
    P11dVerdict verdict;
    g_autofree char *objection = object(check, &verdict);
    if (check->scheme)
        finding->algorithm = g_strdup(check->scheme->algorithm);
    if (!check->place) /* a trusted key has a name already */
        finding->key = p11d_sshkey_fingerprint(check->blob);
    if (objection)
        return p11d_finding_conclude(finding, verdict, "%s", objection);
    if (!check_signature(check, finding, error))
        return FALSE;
    if (finding->verdict != P11D_VERDICT_GOOD)
        return TRUE;
    finding->matched = check->place;
    return check_signer(check, finding, error);
}

gboolean p11d_ssh_verify(const P11dClaim *claim, const P11dTrust *trust, P11dFinding *finding,
                         GError **error)
{
    g_auto(Check) check = {
        .namespace = claim->namespace ? claim->namespace : USUAL_NAMESPACE,
        .trust = trust,
    };
    bool parsed = p11d_sshsig_parse(&check.sshsig, claim->signature);
    const char *hash = parsed ? hash_of(&check.sshsig) : NULL;
    if (!read_files(&check, claim, hash, error))
        return FALSE;
    if (!parsed)
        return p11d_finding_conclude(finding, P11D_VERDICT_MALFORMED, "it is no SSH signature");
    if (!hash)
        return p11d_finding_conclude(finding, P11D_VERDICT_MALFORMED,
                                     "it is of a hash that SSH does not sign");
    return judge(&check, finding, error);
}
