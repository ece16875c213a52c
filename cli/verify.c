// SPDX-License-Identifier: MIT
/* p11dbus verify: checks a signature; for a key in a file no token and no module is needed. */
#include <string.h>

#include "command.h"
#include "console.h"
#include "evpkey.h"
#include "failure.h"
#include "output.h"
#include "pubfile.h"
#include "target.h"
#include "verifier.h"

/* Far more than any signature has: whatever else is given as one is a bad one. */
#define MAX_SIGNATURE (1UL << 24)

static struct {
    char *public_key;
    char *certificate;
    char *signature;
    char *algorithm;
    char *format;
    gboolean prehashed;
} asked;

static const GOptionEntry entries[] = {
    {"signature", 's', 0, G_OPTION_ARG_FILENAME, &asked.signature, "the signature to check",
     "SIGNATURE"},
    {"pubkey", 0, 0, G_OPTION_ARG_FILENAME, &asked.public_key,
     "the public key: PEM, DER or OpenSSH", "FILE"},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &asked.certificate,
     "a certificate whose public key to use; it is not itself checked", "FILE"},
    {"algorithm", 'a', 0, G_OPTION_ARG_FILENAME, &asked.algorithm,
     "how it was signed: rsa-pss-sha256, ecdsa-sha384, sha512 … (default: by the key)",
     "ALGORITHM"},
    {"format", 'f', 0, G_OPTION_ARG_FILENAME, &asked.format, "der or raw (default: recognised)",
     "FORMAT"},
    {"prehashed", 0, 0, G_OPTION_ARG_NONE, &asked.prehashed, "FILE is the digest, in binary", NULL},
    {NULL},
};

static gboolean check_usage(const P11dTarget *target, char **files, GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    int keys = !!asked.public_key + !!asked.certificate + !p11d_target_is_empty(target);
    const char *file = *files ? *files : "-";
    const char *encoding = asked.format ? asked.format : "der";
    if (!asked.signature)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "name the signature: -s SIGNATURE");
    else if (keys != 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "name the key by one of --pubkey, --cert and -k");
    else if (*files && files[1])
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "one file at a time");
    else if (p11d_output_is_standard(file) && p11d_output_is_standard(asked.signature))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "standard input can be read once");
    else if (p11d_encoding_parse_name(encoding) == P11D_ENCODING_UNKNOWN)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--format is der or raw");
    else
        return !asked.algorithm || p11d_algorithm_check_name(asked.algorithm, error);
    return FALSE;
}

/* The key to check with, and what it is called. */
typedef struct Key {
    EVP_PKEY *public;
    char *name;  /* a path or the full URI */
    char *shown; /* the same to people, who want a short URI */
} Key;

static void key_clear(Key *key)
{
    EVP_PKEY_free(key->public);
    g_free(key->name);
    g_free(key->shown);
}

/* The public key of the one item on a token that target names. */
static gboolean read_from_token(Key *key, const P11dTarget *target, const P11dOptions *options,
                                GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *item = host ? p11d_target_public_key(target, host, items, error) : NULL;
    if (!item)
        return FALSE;
    key->public = p11d_item_public_key(item);
    key->name = p11d_item_uri(item);
    key->shown = p11d_item_short_uri(item, false, false);
    if (key->public)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "give the key with --pubkey or --cert",
                     "the token does not tell the public key of %s", key->name);
    return FALSE;
}

static gboolean read_key(Key *key, const P11dTarget *target, const P11dOptions *options,
                         GError **error)
{
    if (!p11d_target_is_empty(target))
        return read_from_token(key, target, options, error);
    const char *path = asked.public_key ? asked.public_key : asked.certificate;
    key->name = g_utf8_make_valid(path, -1);
    key->shown = g_strdup(path);
    key->public = p11d_pubfile_read(path, error);
    return key->public != NULL;
}

static void print_json(const P11dVerifier *verifier, P11dVerdict verdict, const char *key,
                       const GError *error)
{
    static const char *const reasons[] = {
        [P11D_VERDICT_MISMATCH] = "mismatch",
        [P11D_VERDICT_MALFORMED] = "malformed",
    };
    g_autoptr(JsonBuilder) json = json_builder_new();
    json_builder_begin_object(json);
    json_builder_set_member_name(json, "schema");
    json_builder_add_int_value(json, 1);
    json_builder_set_member_name(json, "valid");
    json_builder_add_boolean_value(json, verdict == P11D_VERDICT_GOOD);
    json_builder_set_member_name(json, "reason");
    json_builder_add_string_value(json, reasons[verdict]);
    json_builder_set_member_name(json, "key");
    json_builder_add_string_value(json, key);
    json_builder_set_member_name(json, "algorithm");
    json_builder_add_string_value(json, verifier->algorithm.name);
    json_builder_set_member_name(json, "format");
    json_builder_add_string_value(json, p11d_encoding_name(verifier->encoding));
    json_builder_set_member_name(json, "code");
    json_builder_add_int_value(json, p11d_command_exit_code(error));
    json_builder_end_object(json);
    p11d_console_print_json(json_builder_get_root(json));
}

/* Says how it ended. A bad signature is an error whose text was told here already. */
static gboolean conclude(const P11dVerifier *verifier, P11dVerdict verdict, const Key *key,
                         const char *file, const P11dOptions *options, GError **error)
{
    GError *bad = NULL;
    if (verdict == P11D_VERDICT_GOOD) {
        p11d_console_verdict(true, "Good signature of %s by %s (%s)", file, key->shown,
                             verifier->algorithm.name);
    } else {
        p11d_failure_set(&bad, P11D_FAILURE_SIGNATURE, NULL, "BAD signature of %s by %s (%s): %s",
                         file, key->shown, verifier->algorithm.name,
                         verdict == P11D_VERDICT_MISMATCH
                             ? "it is of other data, or by another key or algorithm"
                             : "it is not a signature that this key could make");
        p11d_console_verdict(false, "%s", bad->message);
        p11d_failure_mark_told(bad);
    }
    if (options->json)
        print_json(verifier, verdict, key->name, bad);
    if (bad)
        g_propagate_error(error, bad);
    return verdict == P11D_VERDICT_GOOD;
}

static gboolean check(const Key *key, const char *file, const P11dOptions *options, GError **error)
{
    P11dVerifier verifier = {
        .key = key->public,
        .kind = p11d_evpkey_describe(key->public),
        .prehashed = asked.prehashed,
        .encoding = asked.format ? p11d_encoding_parse_name(asked.format) : P11D_ENCODING_UNKNOWN,
    };
    if (!p11d_algorithm_find(&verifier.algorithm, asked.algorithm, &verifier.kind, error))
        return FALSE;
    if (asked.prehashed && !verifier.algorithm.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, NULL, "%s has no digest",
                         verifier.algorithm.name);
        return FALSE;
    }
    g_autoptr(GBytes) signature = p11d_input_read_file(asked.signature, MAX_SIGNATURE, error);
    g_autoptr(P11dInput) input = signature ? p11d_input_open(file, error) : NULL;
    P11dVerdict verdict;
    if (!input || !p11d_verifier_check(&verifier, input, signature, &verdict, error))
        return FALSE;
    return conclude(&verifier, verdict, key, input->name, options, error);
}

static gboolean run(const P11dOptions *options, char **files, GError **error)
{
    g_autoptr(P11dTarget) target = p11d_target_new(options->key, options, error);
    if (!target || !check_usage(target, files, error))
        return FALSE;
    Key key = {0};
    gboolean ok = read_key(&key, target, options, error) && check(&key, *files, options, error);
    key_clear(&key);
    return ok;
}

const P11dCommand p11d_command_verify = {
    .name = "verify",
    .synopsis = "{--pubkey FILE | --cert FILE | -k URI} -s SIGNATURE [FILE]",
    .summary =
        "Checks the signature of FILE (or standard input). Exit code 1 means that it is bad, "
        "and nothing else does.",
    .examples = "Examples:\n"
                "  p11dbus verify --pubkey web.pub.pem -s report.pdf.sig report.pdf\n"
                "  p11dbus verify --cert web.crt -a rsa-pss-sha256 -s src.tar.sig < src.tar",
    .groups = P11D_OPTIONS_KEY | P11D_OPTIONS_CHOICE | P11D_OPTIONS_MODULE | P11D_OPTIONS_JSON,
    .entries = entries,
    .run = run,
};
