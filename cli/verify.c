// SPDX-License-Identifier: MIT
/* p11dbus verify: checks a signature; for a key in a file no token and no module is needed. */
#include "certname.h"
#include "commands.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "format.h"
#include "json.h"
#include "moment.h"
#include "output.h"
#include "standard.h"
#include "uri.h"

/* A signature may hold what is signed: as much as is signed in one piece, and its wrapping. */
#define MAX_SIGNATURE (P11D_INPUT_MAX_WHOLE + (1UL << 24))

static struct {
    char *public_key;
    char *certificate;
    char *authorities;
    char **crls;
    char *at;
    char *purpose;
    char *signers;
    char *identity;
    char *namespace;
    char *signature;
    char *algorithm;
    char *format;
    char *encoding;
    char *output;
    gboolean force;
    gboolean prehashed;
} asked;

static const GOptionEntry entries[] = {
    {"signature", 's', 0, G_OPTION_ARG_FILENAME, &asked.signature, "the signature to check",
     "SIGNATURE"},
    {"pubkey", 0, 0, G_OPTION_ARG_FILENAME, &asked.public_key,
     "the public key: PEM, DER or OpenSSH", "FILE"},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &asked.certificate,
     "a certificate whose public key to use; it is not itself checked", "URI|FILE|sha256:HEX"},
    {"CAfile", 0, 0, G_OPTION_ARG_FILENAME, &asked.authorities,
     "cms: the authorities (PEM certificates) that say who signers are", "FILE"},
    {"crl", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.crls,
     "cms: certificates that an authority has revoked, in PEM or DER; can be given again", "FILE"},
    {"purpose", 0, 0, G_OPTION_ARG_FILENAME, &asked.purpose,
     "cms: what the signer's certificate must be for (default: mail, code or documents)",
     P11D_PURPOSE_NAMES},
    {"at", 0, 0, G_OPTION_ARG_FILENAME, &asked.at,
     "when certificates, --crl and allowed signers must be valid: 2026-01-31T12:00:00Z, or "
     "signing-time, as the signer claims (default: now)",
     "TIME"},
    {"allowed-signers", 0, 0, G_OPTION_ARG_FILENAME, &asked.signers,
     "who may sign with which SSH key, as ssh-keygen(1) describes it", "FILE"},
    {"identity", 'I', 0, G_OPTION_ARG_FILENAME, &asked.identity,
     "who of them, or under --CAfile, must have signed: user@example.org", "ID"},
    {"namespace", 'n', 0, G_OPTION_ARG_FILENAME, &asked.namespace,
     "what the SSH signature must be for (default: file)", "NAMESPACE"},
    {"algorithm", 'a', 0, G_OPTION_ARG_FILENAME, &asked.algorithm,
     "how it was signed: rsa-pss-sha256, ecdsa-sha384, sha512 … (default: by the key)",
     "ALGORITHM"},
    {"format", 'f', 0, G_OPTION_ARG_FILENAME, &asked.format, "what it is (default: recognised)",
     P11D_FORMAT_NAMES},
    {"encoding", 0, 0, G_OPTION_ARG_FILENAME, &asked.encoding,
     "how it is written down (default: recognised)", P11D_ENCODING_NAMES},
    {"prehashed", 0, 0, G_OPTION_ARG_NONE, &asked.prehashed, "FILE is the digest, in binary", NULL},
    {"output", 'o', 0, G_OPTION_ARG_FILENAME, &asked.output,
     "cms: write what is signed here, if the signature holds it and is good", "OUT"},
    {"force", 0, 0, G_OPTION_ARG_NONE, &asked.force, "replace an output that is there", NULL},
    {NULL},
};

static bool is_empty(const char *value)
{
    return value && !*value;
}

/* All files that the options name to be read, but for --cert, which may be a URI. The
 * caller frees the array. */
static GPtrArray *named_files(void)
{
    char *const one_each[] = {asked.signature, asked.signers, asked.public_key, asked.authorities};
    GPtrArray *files = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(one_each); i++)
        if (one_each[i])
            g_ptr_array_add(files, one_each[i]);
    for (char **crl = asked.crls; crl && *crl; crl++)
        g_ptr_array_add(files, *crl);
    return files;
}

/* A URI is no file, and is not shown as one: there may be a PIN in it. */
static gboolean refuse_uris(GError **error)
{
    g_autoptr(GPtrArray) files = named_files();
    for (guint i = 0; i < files->len; i++)
        if (p11d_uri_is(files->pdata[i])) {
            p11d_failure_set(error, P11D_FAILURE_USAGE, "a key on a token is named with -k URI",
                             "a URI stands where a file is named");
            return FALSE;
        }
    return TRUE;
}

/* How many of what the options name are standard input, which then cannot be what is signed. */
static int count_standard(void)
{
    g_autoptr(GPtrArray) files = named_files();
    int count = asked.certificate && p11d_standard_is_input(asked.certificate) ? 1 : 0;
    for (guint i = 0; i < files->len; i++)
        count += p11d_standard_is_input(files->pdata[i]) ? 1 : 0;
    return count;
}

/* Whether what is signed is read from standard input. Without FILE that is not known yet: the
 * signature may hold it, but for SSH's. */
static bool reads_standard(const char *file)
{
    return file ? p11d_standard_is_input(file) : asked.signers != NULL;
}

static gboolean check_usage(const P11dTarget *target, const P11dOptions *options, char **files,
                            GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    P11dEncoding encoding;
    int trusts = !!asked.public_key + !!asked.certificate + !!asked.authorities + !!asked.signers +
                 !p11d_target_is_empty(target);
    if (!asked.signature)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "name the signature: -s SIGNATURE");
    else if (trusts != 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "say whom to trust: one of --pubkey, --cert, --CAfile, --allowed-signers, "
                         "-k");
    else if (asked.signers && !asked.identity)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--allowed-signers and -I ID, who must have signed, go together");
    else if (asked.identity && !asked.signers && !asked.authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "-I ID goes with --allowed-signers or --CAfile, which say who that is");
    else if (is_empty(asked.identity))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "-I ID is not empty");
    else if ((asked.purpose || asked.crls) && !asked.authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "%s is about certificates that --CAfile vouches for",
                         asked.crls ? "--crl" : "--purpose");
    else if (asked.at && !asked.signers && !asked.authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--at is about who is vouched for by --CAfile or --allowed-signers");
    else if (is_empty(asked.namespace))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "a namespace is not empty");
    else if (*files && files[1])
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "one file at a time");
    else if (count_standard() + reads_standard(*files) > 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "standard input can be read once");
    else if (options->json && asked.output && p11d_standard_is_output(asked.output))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--json and -o - both write to standard output");
    else
        return refuse_uris(error) &&
               (!asked.certificate || p11d_certname_check(asked.certificate, error)) &&
               (!asked.encoding || p11d_encoding_find(&encoding, asked.encoding, error)) &&
               (!asked.output || (p11d_output_check_input(asked.output, asked.signature, error) &&
                                  p11d_output_check(asked.output, FALSE, asked.force, error))) &&
               (!asked.format || p11d_format_find(asked.format, error)) &&
               (!asked.algorithm || p11d_algorithm_check_name(asked.algorithm, error));
    return FALSE;
}

/* When what vouches for the signer must be valid. */
static gboolean read_time(P11dTrust *trust, GError **error)
{
    static const char claimed[] = "signing-time";
    trust->time = asked.at ? p11d_moment_parse(asked.at) : p11d_moment_now();
    trust->claimed_time = g_strcmp0(asked.at, claimed) == 0;
    if (trust->claimed_time && asked.signers)
        p11d_failure_set(error, P11D_FAILURE_USAGE, "name the time: --at 2026-01-31T12:00:00Z",
                         "SSH signatures do not claim when they were made");
    else if (trust->time == P11D_MOMENT_UNKNOWN && !trust->claimed_time)
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "2026-01-31T12:00:00Z is one, with +01:00 for Z too; or signing-time",
                         "--at takes a time as RFC 3339 writes it, not \"%s\"", asked.at);
    else
        return TRUE;
    return FALSE;
}

static gboolean read_trust(P11dTrust *trust, const P11dTarget *target, const P11dOptions *options,
                           GError **error)
{
    if (!p11d_target_is_empty(target))
        return p11d_trust_target(trust, target, options, error);
    if (!read_time(trust, error))
        return FALSE;
    if (asked.authorities) {
        trust->kind = P11D_TRUST_AUTHORITIES;
        trust->authorities = asked.authorities;
        trust->identity = asked.identity;
        trust->crls = (const char *const *)asked.crls;
        trust->purpose = p11d_purpose_find(asked.purpose, error);
        return trust->purpose != NULL;
    }
    if (asked.signers) {
        trust->kind = P11D_TRUST_SIGNERS;
        trust->signers = asked.signers;
        trust->identity = asked.identity;
        return TRUE;
    }
    if (asked.certificate && p11d_certname_is_on_token(asked.certificate))
        return p11d_trust_certificate(trust, asked.certificate, options, error);
    return p11d_trust_file(trust, asked.public_key ? asked.public_key : asked.certificate, error);
}

/* S/MIME is a mail with the signature in it, which openssl cms makes unless told otherwise. */
static gboolean refuse_mail(GBytes *written, GError **error)
{
    static const char *const starts[] = {"MIME-Version:", "Content-Type:"};
    gsize size;
    const char *text = g_bytes_get_data(written, &size);
    for (size_t i = 0; i < G_N_ELEMENTS(starts); i++)
        if (size >= strlen(starts[i]) &&
            g_ascii_strncasecmp(text, starts[i], strlen(starts[i])) == 0) {
            p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED,
                             "openssl cms -verify checks it; openssl cms -cmsout -inform SMIME "
                             "-outform DER takes the signature out",
                             "%s is S/MIME, not a signature alone", asked.signature);
            return FALSE;
        }
    return TRUE;
}

/* The signature, decoded; what cannot be decoded stays as it is and will be found malformed. */
static GBytes *read_signature(GError **error)
{
    P11dEncoding encoding = P11D_ENCODING_UNKNOWN;
    if (asked.encoding && !p11d_encoding_find(&encoding, asked.encoding, error))
        return NULL;
    g_autoptr(GBytes) written = p11d_input_read_file(asked.signature, MAX_SIGNATURE, error);
    if (!written || !p11d_input_check_memory(asked.signature, written, error) ||
        !refuse_mail(written, error))
        return NULL;
    GBytes *decoded = p11d_encoding_decode(encoding, written);
    return decoded ? decoded : g_steal_pointer(&written);
}

static void print_json(const P11dFinding *finding, const P11dTrust *trust, const GError *error)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    p11d_json_add_boolean(json, "valid", finding->verdict == P11D_VERDICT_GOOD);
    p11d_json_add_string(json, "reason", p11d_finding_reason(finding));
    p11d_json_add_string(json, "detail", p11d_finding_sentence(finding));
    p11d_json_add_string(json, "key", finding->key ? finding->key : trust->name);
    p11d_json_add_string(json, "signer", finding->signer);
    p11d_json_add_string(json, "identity", trust->identity);
    p11d_json_add_string(json, "at", finding->time);
    p11d_json_add_boolean(json, "at_claimed", finding->time && trust->claimed_time);
    if (finding->trusted == P11D_TRUSTED_NOT_ASKED)
        p11d_json_add_null(json, "trusted");
    else
        p11d_json_add_boolean(json, "trusted", finding->trusted == P11D_TRUSTED_YES);
    p11d_json_add_string(json, "algorithm", finding->algorithm);
    p11d_json_add_string(json, "format", finding->format);
    p11d_json_add_number(json, "code", p11d_exitcode_of(error));
    p11d_console_print_json(p11d_json_end(json));
}

/* "release.txt by web.pem (ecdsa-sha256), as of 2026-01-31T12:00:00Z" */
static char *describe(const P11dFinding *finding, const P11dTrust *trust, const char *file)
{
    const char *by = finding->signer ? finding->signer : finding->key ? finding->key : trust->shown;
    GString *text = g_string_new(file ? file : "standard input");
    if (by)
        g_string_append_printf(text, " by %s", by);
    if (finding->algorithm)
        g_string_append_printf(text, " (%s)", finding->algorithm);
    if (finding->time)
        g_string_append_printf(text, ", as of %s%s", finding->time,
                               trust->claimed_time ? ", when it claims to have been made" : "");
    return g_string_free(text, FALSE);
}

/* Says how it ended. A bad signature is an error whose text was told here already. */
static gboolean conclude(const P11dFinding *finding, const P11dTrust *trust, const char *file,
                         const P11dOptions *options, GError **error)
{
    GError *bad = NULL;
    g_autofree char *what = describe(finding, trust, file);
    if (finding->verdict == P11D_VERDICT_GOOD) {
        p11d_console_verdict(true, "Good signature of %s%s%s", what, finding->remark ? "; " : "",
                             finding->remark ? finding->remark : "");
    } else {
        p11d_failure_set(&bad, P11D_FAILURE_SIGNATURE, NULL, "BAD signature of %s: %s", what,
                         p11d_finding_sentence(finding));
        p11d_console_verdict(false, "%s", bad->message);
        p11d_failure_mark_told(bad);
    }
    if (options->json)
        print_json(finding, trust, bad);
    if (bad)
        g_propagate_error(error, bad);
    return finding->verdict == P11D_VERDICT_GOOD;
}

static gboolean check_format(const P11dFormat *format, const P11dTrust *trust, const char *file,
                             GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    const bool twice = !file && count_standard() > 0;
    const P11dFormatWish wishes[] = {
        {P11D_FORMAT_PREHASHED, asked.prehashed, "--prehashed"},
        {P11D_FORMAT_NAMESPACE, asked.namespace != NULL, "--namespace"},
        {P11D_FORMAT_ALGORITHM, asked.algorithm != NULL, "--algorithm"},
        {P11D_FORMAT_ATTACHED, asked.output != NULL, "--output"},
        {P11D_FORMAT_ATTACHED, twice, "standard input for both the file and something else"},
    };
    if (format->trusts & trust->kind)
        return p11d_format_check(format, wishes, G_N_ELEMENTS(wishes), hint, error);
    p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                     "this way to name who signed does not go with format %s", format->name);
    return FALSE;
}

/* What a good signature holds. */
static gboolean write_content(const P11dFinding *finding, GError **error)
{
    if (finding->content)
        return p11d_output_write(asked.output, finding->content, asked.force, error);
    p11d_failure_set(error, P11D_FAILURE_USAGE, "the file that was named is what is signed",
                     "--output: the signature does not hold what is signed");
    return FALSE;
}

static gboolean check(const P11dTrust *trust, const char *file, const P11dOptions *options,
                      GError **error)
{
    g_autoptr(GBytes) signature = read_signature(error);
    if (!signature)
        return FALSE;
    const P11dFormat *format = asked.format ? p11d_format_find(asked.format, error)
                                            : p11d_format_recognise(signature, trust->kind);
    if (!format || !check_format(format, trust, file, error))
        return FALSE;
    P11dClaim claim = {
        .signature = signature,
        .file = file,
        .no_input = asked.output || count_standard() > 0,
        .format = asked.format,
        .algorithm = asked.algorithm,
        .prehashed = asked.prehashed,
        .namespace = asked.namespace,
    };
    g_auto(P11dFinding) finding = {.format = format->name};
    if (asked.at && !trust->claimed_time)
        finding.time = p11d_moment_text(trust->time);
    return format->verify(&claim, trust, &finding, error) &&
           (!asked.output || finding.verdict != P11D_VERDICT_GOOD ||
            write_content(&finding, error)) &&
           conclude(&finding, trust, !file && finding.attached ? asked.signature : file, options,
                    error);
}

static gboolean run(const P11dOptions *options, char **files, GError **error)
{
    g_autoptr(P11dTarget) target = p11d_target_new(options->key, options, error);
    if (!target || !p11d_target_check_whole(target, options, error) ||
        !check_usage(target, options, files, error))
        return FALSE;
    g_auto(P11dTrust) trust = {0};
    return read_trust(&trust, target, options, error) && check(&trust, *files, options, error);
}

const P11dCommand p11d_command_verify = {
    .name = "verify",
    .synopsis = "{--pubkey FILE | --cert CERT | --CAfile FILE [-I ID] | --allowed-signers FILE -I "
                "ID | "
                "-k URI} -s SIGNATURE [FILE]",
    .summary =
        "Checks the signature of FILE (or standard input). Exit code 1 means that it is bad, "
        "and nothing else does.",
    .examples = "Examples:\n"
                "  p11dbus verify --pubkey web.pub.pem -s report.pdf.sig report.pdf\n"
                "  p11dbus verify --cert web.crt -a rsa-pss-sha256 -s src.tar.sig < src.tar",
    .groups = P11D_OPTIONS_KEY | P11D_OPTIONS_CHOICE | P11D_OPTIONS_MODULE | P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "FILE",
    .run = run,
};
