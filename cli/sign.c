// SPDX-License-Identifier: MIT
/* p11dbus sign: signs files with a private key on a token. */
#include "certname.h"
#include "commands.h"
#include "console.h"
#include "counterpart.h"
#include "exitcode.h"
#include "failure.h"
#include "format.h"
#include "json.h"
#include "output.h"
#include "pin.h"
#include "standard.h"

static struct {
    char *algorithm;
    char *format;
    char *encoding;
    char *output;
    char *certificate;
    char *namespace;
    gboolean attached;
    gboolean force;
    gboolean prehashed;
    gboolean verify_after;
} asked;

static const GOptionEntry entries[] = {
    {"algorithm", 'a', 0, G_OPTION_ARG_FILENAME, &asked.algorithm,
     "how to sign: rsa-pss-sha256, ecdsa-sha384, sha512 … (default: by the key)", "ALGORITHM"},
    {"format", 'f', 0, G_OPTION_ARG_FILENAME, &asked.format,
     "der (what openssl takes; default), raw (r and s as they are), cms (with certificates) or ssh "
     "(what ssh-keygen takes)",
     P11D_FORMAT_NAMES},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &asked.certificate,
     "cms: the signer's certificate (default: on the token, with the key's id)",
     "URI|FILE|sha256:HEX"},
    {"attached", 0, 0, G_OPTION_ARG_NONE, &asked.attached, "cms: put what is signed inside", NULL},
    {"namespace", 'n', 0, G_OPTION_ARG_FILENAME, &asked.namespace,
     "what an SSH signature is for (default: file)", "NAMESPACE"},
    {"encoding", 0, 0, G_OPTION_ARG_FILENAME, &asked.encoding,
     "how the signature is written down (default: pem for ssh, else binary)", P11D_ENCODING_NAMES},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &asked.output,
     "where the signature goes (default: FILE.sig, of cms FILE.p7s or .p7m; - is stdout)", "OUT"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &asked.force, "replace an output that is there", NULL},
    {"prehashed", 0, 0, G_OPTION_ARG_NONE, &asked.prehashed, "FILE is the digest, in binary", NULL},
    {"verify-after", 0, 0, G_OPTION_ARG_NONE, &asked.verify_after,
     "check with the public key what the token gives before it is written", NULL},
    {NULL},
};

/* What one run does: one key, one login, any number of files. */
typedef struct Job {
    P11dSigning signing;
    const P11dFormat *format;
    P11dEncoding encoding;
    char *key_uri;
    JsonBuilder *json; /* NULL without --json */
    GError *worst;     /* of the files so far */
} Job;

/* Where the signature of file goes. NULL: nowhere but into the JSON. */
static char *output_of(const Job *job, const char *file, bool json)
{
    if (asked.output)
        return g_strdup(asked.output);
    if (p11d_standard_is_input(file))
        return json ? NULL : g_strdup("-");
    if (json && p11d_standard_descriptor(file) >= 0)
        return NULL;
    return g_strconcat(file, asked.attached ? job->format->attached_suffix : job->format->suffix,
                       NULL);
}

static gboolean check_format(const P11dFormat *format, GError **error)
{
    const P11dFormatWish wishes[] = {
        {P11D_FORMAT_PREHASHED, asked.prehashed, "--prehashed"},
        {P11D_FORMAT_NAMESPACE, asked.namespace != NULL, "--namespace"},
        {P11D_FORMAT_CERTIFICATE, asked.certificate != NULL, "--cert"},
        {P11D_FORMAT_ATTACHED, asked.attached, "--attached"},
    };
    return p11d_format_check(format, wishes, G_N_ELEMENTS(wishes), "p11dbus sign --help", error);
}

/* What is read from standard input is read by one, and what has no name of its own, as <(COMMAND)
 * of a shell, has none beside it for the signature. */
static gboolean check_inputs(const P11dOptions *options, const P11dTarget *target, char **files,
                             GError **error)
{
    unsigned standard =
        p11d_pin_is_on_standard(options, p11_kit_uri_get_pin_source(target->uri)) ? 1 : 0;
    standard += asked.certificate && p11d_standard_is_input(asked.certificate) ? 1 : 0;
    for (char **file = files; *file; file++) {
        bool is_standard = p11d_standard_is_input(*file);
        standard += is_standard ? 1 : 0;
        if (is_standard || asked.output || options->json || p11d_standard_descriptor(*file) < 0)
            continue;
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "name the signature's file with -o OUT; -o - is standard output",
                         "no signature can be written beside %s, which is a descriptor", *file);
        return FALSE;
    }
    if (standard <= 1)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus sign --help",
                     "standard input can be read once");
    return FALSE;
}

static gboolean check_usage(const P11dOptions *options, char **files, Job *job, GError **error)
{
    static const char hint[] = "p11dbus sign --help";
    job->format = p11d_format_find(asked.format ? asked.format : "der", error);
    if (!job->format || !check_format(job->format, error))
        return FALSE;
    job->encoding = job->format->encoding;
    if (asked.encoding && !p11d_encoding_find(&job->encoding, asked.encoding, error))
        return FALSE;
    if (asked.namespace && !*asked.namespace)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "a namespace is not empty");
    else if (asked.output && files[0] && files[1])
        p11d_failure_set(error, P11D_FAILURE_USAGE, "leave -o out: FILE.sig is written for each",
                         "-o is for one file");
    else if (options->json && asked.output && p11d_standard_is_output(asked.output))
        p11d_failure_set(error, P11D_FAILURE_USAGE, "the JSON holds the signature",
                         "--json and -o - both write to standard output");
    else
        return (!asked.output || p11d_output_check_input(asked.output, files[0], error)) &&
               (!asked.certificate || p11d_certname_check(asked.certificate, error)) &&
               (!asked.algorithm || p11d_algorithm_check_name(asked.algorithm, error));
    return FALSE;
}

/* True if what is written may go to a terminal. */
static bool is_text(const Job *job)
{
    return job->encoding != P11D_ENCODING_BINARY;
}

/* Nothing is loaded and no PIN is asked for if none of the outputs can be written. */
static gboolean check_outputs(const Job *job, const P11dOptions *options, char **files,
                              GError **error)
{
    g_autoptr(GError) last = NULL;
    for (char **file = files; *file; file++) {
        g_autofree char *output = output_of(job, *file, options->json);
        g_clear_error(&last);
        if (!output || p11d_output_check(output, is_text(job), asked.force, &last))
            return TRUE;
    }
    g_propagate_error(error, g_steal_pointer(&last));
    return FALSE;
}

static GBytes *make_signature(const Job *job, const char *file, GError **error)
{
    g_autoptr(P11dInput) input = p11d_input_open(file, error);
    return input ? job->format->sign(&job->signing, input, error) : NULL;
}

static gboolean write_signature(const Job *job, GBytes *signature, const char *output,
                                GError **error)
{
    g_autoptr(GBytes) written =
        p11d_encoding_encode(job->encoding, signature, job->format->label, job->format->column);
    return p11d_output_write(output, written, asked.force, error);
}

static void add_result(Job *job, const char *file, GBytes *signature, const char *output,
                       const GError *error)
{
    g_autofree char *base64 =
        signature ? g_base64_encode(g_bytes_get_data(signature, NULL), g_bytes_get_size(signature))
                  : NULL;
    json_builder_begin_object(job->json);
    p11d_json_add_string(job->json, "file", file);
    p11d_json_add_string(job->json, "key", job->key_uri);
    p11d_json_add_string(job->json, "algorithm", job->signing.algorithm.name);
    p11d_json_add_string(job->json, "format", job->format->name);
    p11d_json_add_string(job->json, "signature", base64);
    p11d_json_add_string(job->json, "out", signature ? output : NULL);
    p11d_json_add_number(job->json, "code", p11d_exitcode_of(error));
    if (error)
        p11d_json_add_node(job->json, "error", p11d_console_json_of_error(error));
    json_builder_end_object(job->json);
}

static void sign_file(Job *job, const char *file)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) signature = NULL;
    g_autofree char *output = output_of(job, file, job->json != NULL);
    if (!output || p11d_output_check(output, is_text(job), asked.force, &error))
        signature = make_signature(job, file, &error);
    if (signature && output && !write_signature(job, signature, output, &error))
        g_clear_pointer(&signature, g_bytes_unref);
    if (job->json)
        add_result(job, file, signature, output, error);
    if (!error) {
        if (output && !p11d_standard_is_output(output))
            p11d_console_detail("%s: signed, %s", file, output);
        return;
    }
    p11d_console_tell(error);
    p11d_exitcode_keep_worst(&job->worst, g_steal_pointer(&error));
}

static void sign_files(Job *job, const P11dOptions *options, char **files)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    job->json = options->json ? json : NULL;
    p11d_json_add_array(json, "results");
    for (char **file = files; *file; file++)
        sign_file(job, *file);
    json_builder_end_array(json);
    if (options->json)
        p11d_console_print_json(p11d_json_end(json));
}

/* Chooses the algorithm, and gets what the format and the wishes need. */
static gboolean prepare(Job *job, const P11dHost *host, GError **error)
{
    P11dSigning *signing = &job->signing;
    signing->kind = p11d_counterpart_describe(signing->key);
    const char *algorithm = asked.algorithm;
    if (!algorithm && job->format->usual_algorithm)
        algorithm = job->format->usual_algorithm(&signing->kind);
    if (!p11d_algorithm_find(&signing->algorithm, algorithm, &signing->kind, error))
        return FALSE;
    if (signing->prehashed && !signing->algorithm.hash) {
        p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "sign the file itself",
                         "%s has no digest to sign", signing->algorithm.name);
        return FALSE;
    }
    if (signing->verify_after &&
        !(signing->public_key = p11d_counterpart_public_key(signing->key, error)))
        return FALSE;
    return !job->format->prepare || job->format->prepare(signing, host, error);
}

static gboolean sign_all(Job *job, const P11dOptions *options, const P11dHost *host, char **files,
                         GError **error)
{
    if (!prepare(job, host, error))
        return FALSE;
    g_autofree char *uri = p11d_item_uri(job->signing.key);
    job->key_uri = uri;
    p11d_console_detail("key %s, algorithm %s", uri, job->signing.algorithm.name);
    sign_files(job, options, files);
    if ((options->pin_file || options->pin_fd >= 0) && !job->signing.key->token->pin.data)
        p11d_console_note("no login was needed: the PIN was not used");
    if (!job->worst)
        return TRUE;
    g_propagate_error(error, job->worst);
    return FALSE;
}

static gboolean run(const P11dOptions *options, char **files, GError **error)
{
    static char *standard_input[] = {(char *)"-", NULL};
    if (!*files)
        files = standard_input;
    Job job = {0};
    g_autoptr(P11dTarget) target = p11d_target_new(options->key, options, error);
    if (!target || !p11d_target_check_whole(target, options, error) ||
        !check_inputs(options, target, files, error) || !check_usage(options, files, &job, error))
        return FALSE;
    if (p11d_target_is_empty(target)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus list keys shows their URIs",
                         "name the key: -k URI");
        return FALSE;
    }
    if (!check_outputs(&job, options, files, error))
        return FALSE;

    g_autoptr(P11dHost) host = p11d_host_open(options, error);
    g_autoptr(GPtrArray) items = p11d_item_array();
    const P11dItem *key =
        host ? p11d_target_private_key(target, host, options, items, error) : NULL;
    if (!key)
        return FALSE;
    job.signing = (P11dSigning){
        .key = key,
        .target = target,
        .options = options,
        .prehashed = asked.prehashed,
        .verify_after = asked.verify_after,
        .namespace = asked.namespace,
        .certificate = asked.certificate,
        .attached = asked.attached,
    };
    gboolean ok = sign_all(&job, options, host, files, error);
    p11d_signing_clear(&job.signing);
    return ok;
}

const P11dCommand p11d_command_sign = {
    .name = "sign",
    .synopsis = "-k URI [FILE…]",
    .summary = "Signs each FILE (or standard input) with a private key on a token.",
    .examples = "Examples:\n"
                "  p11dbus sign -k 'pkcs11:token=keys;object=web' report.pdf\n"
                "  tar c src | p11dbus sign -k 'pkcs11:object=web' -a rsa-pss-sha256 > src.sig",
    .groups = P11D_OPTIONS_KEY | P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULE |
              P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "FILE",
    .run = run,
};
