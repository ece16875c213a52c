// SPDX-License-Identifier: MIT
/* p11dbus sign: signs files with a private key on a token. */
#include <string.h>

#include "command.h"
#include "console.h"
#include "encoding.h"
#include "failure.h"
#include "output.h"
#include "signing.h"

static struct {
    char *algorithm;
    char *format;
    char *output;
    gboolean force;
    gboolean prehashed;
} asked;

static const GOptionEntry entries[] = {
    {"algorithm", 'a', 0, G_OPTION_ARG_FILENAME, &asked.algorithm,
     "how to sign: rsa-pss-sha256, ecdsa-sha384, sha512 … (default: by the key)", "ALGORITHM"},
    {"format", 'f', 0, G_OPTION_ARG_FILENAME, &asked.format,
     "der (what openssl takes; default) or raw (r and s as they are)", "FORMAT"},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &asked.output,
     "where the signature goes (default: FILE.sig; - is stdout)", "OUT"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &asked.force, "replace an output that is there", NULL},
    {"prehashed", 0, 0, G_OPTION_ARG_NONE, &asked.prehashed, "FILE is the digest, in binary", NULL},
    {NULL},
};

/* What one run does: one key, one login, any number of files. */
typedef struct Job {
    P11dSigning signing;
    P11dEncoding encoding;
    char *key_uri;
    JsonBuilder *json; /* NULL without --json */
    GError *worst;     /* of the files so far */
} Job;

/* Where the signature of file goes. NULL: nowhere but into the JSON. */
static char *output_of(const char *file, bool json)
{
    if (asked.output)
        return g_strdup(asked.output);
    if (!p11d_output_is_standard(file))
        return g_strconcat(file, ".sig", NULL);
    return json ? NULL : g_strdup("-");
}

static gboolean check_usage(const P11dOptions *options, char **files, P11dEncoding *encoding,
                            GError **error)
{
    static const char hint[] = "p11dbus sign --help";
    unsigned standard = 0;
    for (char **file = files; *file; file++)
        standard += p11d_output_is_standard(*file) ? 1 : 0;
    *encoding = p11d_encoding_parse_name(asked.format ? asked.format : "der");
    if (*encoding == P11D_ENCODING_UNKNOWN)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--format is der or raw");
    else if (asked.output && files[0] && files[1])
        p11d_failure_set(error, P11D_FAILURE_USAGE, "leave -o out: FILE.sig is written for each",
                         "-o is for one file");
    else if (standard > 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "standard input can be read once");
    else if (options->json && asked.output && p11d_output_is_standard(asked.output))
        p11d_failure_set(error, P11D_FAILURE_USAGE, "the JSON holds the signature",
                         "--json and -o - both write to standard output");
    else
        return !asked.algorithm || p11d_algorithm_check_name(asked.algorithm, error);
    return FALSE;
}

/* Nothing is loaded and no PIN is asked for if none of the outputs can be written. */
static gboolean check_outputs(const P11dOptions *options, char **files, GError **error)
{
    g_autoptr(GError) last = NULL;
    for (char **file = files; *file; file++) {
        g_autofree char *output = output_of(*file, options->json);
        g_clear_error(&last);
        if (!output || p11d_output_check(output, asked.force, &last))
            return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&last));
    return FALSE;
}

static GBytes *make_signature(const Job *job, const char *file, GError **error)
{
    g_autoptr(P11dInput) input = p11d_input_open(file, error);
    g_autoptr(GBytes) raw = input ? p11d_signing_sign(&job->signing, input, error) : NULL;
    if (!raw || job->encoding == P11D_ENCODING_RAW ||
        job->signing.algorithm.family->key_type != CKK_EC)
        return g_steal_pointer(&raw);
    GBytes *der = p11d_encoding_der_of_raw(raw);
    if (!der)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL,
                         "the token gave %zu bytes, which are no ECDSA signature",
                         g_bytes_get_size(raw));
    return der;
}

static void add_result(Job *job, const char *file, GBytes *signature, const char *output,
                       const GError *error)
{
    static const char *const members[] = {"file", "key", "algorithm", "format", "signature", "out"};
    g_autofree char *base64 =
        signature ? g_base64_encode(g_bytes_get_data(signature, NULL), g_bytes_get_size(signature))
                  : NULL;
    g_autofree char *file_text = g_utf8_make_valid(file, -1);
    g_autofree char *output_text = output ? g_utf8_make_valid(output, -1) : NULL;
    const char *const values[] = {file_text,
                                  job->key_uri,
                                  job->signing.algorithm.name,
                                  p11d_encoding_name(job->encoding),
                                  base64,
                                  signature ? output_text : NULL};
    json_builder_begin_object(job->json);
    for (size_t i = 0; i < G_N_ELEMENTS(members); i++) {
        json_builder_set_member_name(job->json, members[i]);
        json_builder_add_string_value(job->json, values[i]);
    }
    json_builder_set_member_name(job->json, "code");
    json_builder_add_int_value(job->json, p11d_command_exit_code(error));
    if (error) {
        json_builder_set_member_name(job->json, "error");
        json_builder_add_value(job->json, p11d_console_json_of_error(error));
    }
    json_builder_end_object(job->json);
}

static void sign_file(Job *job, const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) signature = NULL;
    g_autofree char *output = output_of(file, job->json != NULL);
    if (!output || p11d_output_check(output, asked.force, &error))
        signature = make_signature(job, file, &error);
    if (signature && output && !p11d_output_write(output, signature, asked.force, &error))
        g_clear_pointer(&signature, g_bytes_unref);
    if (job->json)
        add_result(job, file, signature, output, error);
    if (!error) {
        if (output && !p11d_output_is_standard(output))
            p11d_console_detail("%s: signed, %s", file, output);
        return;
    }
    p11d_console_tell(error);
    if (p11d_command_exit_code(error) > p11d_command_exit_code(job->worst)) {
        g_clear_error(&job->worst);
        job->worst = g_steal_pointer(&error);
    }
}

static void sign_files(Job *job, const P11dOptions *options, char **files)
{
    g_autoptr(JsonBuilder) json = json_builder_new();
    job->json = options->json ? json : NULL;
    json_builder_begin_object(json);
    json_builder_set_member_name(json, "schema");
    json_builder_add_int_value(json, 1);
    json_builder_set_member_name(json, "results");
    json_builder_begin_array(json);
    for (char **file = files; *file; file++)
        sign_file(job, *file);
    json_builder_end_array(json);
    json_builder_end_object(json);
    if (options->json)
        p11d_console_print_json(json_builder_get_root(json));
}

static gboolean run(const P11dOptions *options, char **files, GError **error)
{
    static char *standard_input[] = {(char *)"-", NULL};
    if (!*files)
        files = standard_input;
    Job job = {0};
    g_autoptr(P11dTarget) target = p11d_target_new(options->key, options, error);
    if (!target || !check_usage(options, files, &job.encoding, error))
        return FALSE;
    if (p11d_target_is_empty(target)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list keys shows their URIs",
                         "name the key: -k URI");
        return FALSE;
    }
    if (!check_outputs(options, files, error))
        return FALSE;

    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *key =
        host ? p11d_target_private_key(target, host, options, items, error) : NULL;
    if (!key)
        return FALSE;
    P11dAlgorithmKey kind = p11d_item_describe(key);
    job.signing = (P11dSigning){key, target, options, {0}, asked.prehashed};
    if (!p11d_algorithm_find(&job.signing.algorithm, asked.algorithm, &kind, error))
        return FALSE;
    if (asked.prehashed && !job.signing.algorithm.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "sign the file itself",
                         "%s has no digest to sign", job.signing.algorithm.name);
        return FALSE;
    }
    g_autofree char *uri = p11d_item_uri(key);
    job.key_uri = uri;
    p11d_console_detail("key %s, algorithm %s", uri, job.signing.algorithm.name);
    sign_files(&job, options, files);
    if (!job.worst)
        return TRUE;
    g_propagate_error(error, job.worst);
    return FALSE;
}

const P11dCommand p11d_command_sign = {
    .name = "sign",
    .synopsis = "-k URI [FILE…]",
    .summary = "Signs each FILE (or standard input) with a private key on a token.",
    .examples = "Examples:\n"
                "  p11dbus sign -k 'pkcs11:token=keys;object=web' report.pdf\n"
                "  tar c src | p11dbus sign -k 'pkcs11:object=web' -a rsa-pss-sha256 > src.tar.sig",
    .groups = P11D_OPTIONS_KEY | P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULE |
              P11D_OPTIONS_JSON,
    .entries = entries,
    .run = run,
};
