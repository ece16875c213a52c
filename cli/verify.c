// SPDX-License-Identifier: MIT
/* p11dbus verify: checks signatures; for a key in a file no token and no module is needed. */
#include "beside.h"
#include "certname.h"
#include "checksums.h"
#include "commands.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "format.h"
#include "json.h"
#include "judgement.h"
#include "listed.h"
#include "moment.h"
#include "output.h"
#include "question.h"

/* A signature may hold what is signed: as much as is signed in one piece, and its wrapping. */
#define MAX_SIGNATURE (P11D_INPUT_MAX_WHOLE + (1UL << 24))

static P11dQuestion asked;

static const GOptionEntry entries[] = {
    {"signature", 's', 0, G_OPTION_ARG_FILENAME, &asked.signature,
     "the signature to check (default: FILE.sig, FILE.p7s or another that lies beside FILE)",
     "SIGNATURE"},
    {"suffix", 0, 0, G_OPTION_ARG_FILENAME, &asked.suffix,
     "what follows the name of FILE in that of its signature: .sig", "SUFFIX"},
    {"checksums", 0, 0, G_OPTION_ARG_NONE, &asked.checksums,
     "FILE is a list as sha256sum writes it: if its signature is good, check each file in it",
     NULL},
    {"ignore-missing", 0, 0, G_OPTION_ARG_NONE, &asked.ignore_missing,
     "pass over files in a list of checksums that are not there", NULL},
    {"pubkey", 0, 0, G_OPTION_ARG_FILENAME, &asked.public_key,
     "the public key, or several of which any counts: PEM, DER or OpenSSH", "FILE"},
    {"cert", 0, 0, G_OPTION_ARG_FILENAME, &asked.certificate,
     "a certificate whose public key to use; it is not itself checked", "URI|FILE|sha256:HEX"},
    {"CAfile", 0, 0, G_OPTION_ARG_FILENAME, &asked.authorities,
     "cms: the authorities (PEM certificates) that say who signers are", "FILE"},
    {"crl", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.crls,
     "cms: certificates that an authority has revoked, in PEM or DER; can be given again", "FILE"},
    {"purpose", 0, 0, G_OPTION_ARG_FILENAME, &asked.purpose,
     "cms: what the signer's certificate must be for (default: mail, code or documents)",
     P11D_CERTPURPOSE_NAMES},
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
        trust->purpose = p11d_certpurpose_find(asked.purpose, error);
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
static gboolean refuse_mail(const char *path, GBytes *written, GError **error)
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
                             "%s is S/MIME, not a signature alone", path);
            return FALSE;
        }
    return TRUE;
}

/* The signature, decoded; what cannot be decoded stays as it is and will be found malformed. */
static GBytes *read_signature(const char *path, GError **error)
{
    P11dEncoding encoding = P11D_ENCODING_UNKNOWN;
    if (asked.encoding && !p11d_encoding_find(&encoding, asked.encoding, error))
        return NULL;
    g_autoptr(GBytes) written = p11d_input_read_file(path, MAX_SIGNATURE, error);
    if (!written || !p11d_input_check_memory(path, written, error) ||
        !refuse_mail(path, written, error))
        return NULL;
    GBytes *decoded = p11d_encoding_decode(encoding, written);
    return decoded ? decoded : g_steal_pointer(&written);
}

static gboolean check_format(const P11dFormat *format, const P11dTrust *trust, const char *file,
                             GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    const bool twice = !file && p11d_question_count_standard(&asked) > 0;
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

/* A file, what is said to be its signature, and what came out of checking that. */
typedef struct Job {
    const P11dTrust *trust;
    const char *file; /* NULL: what the signature holds, or standard input */
    char *signature;  /* its path, owned; NULL: not found */
    GBytes *content;  /* of a list of checksums; owned */
    P11dFinding finding;
} Job;

static void job_clear(Job *job)
{
    g_clear_pointer(&job->signature, g_free);
    g_clear_pointer(&job->content, g_bytes_unref);
    p11d_finding_clear(&job->finding);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Job, job_clear)

static gboolean check_signature(Job *job, GError **error)
{
    P11dFinding *finding = &job->finding;
    g_autoptr(GBytes) signature = read_signature(job->signature, error);
    if (!signature)
        return FALSE;
    const P11dFormat *format = asked.format ? p11d_format_find(asked.format, error)
                                            : p11d_format_recognise(signature, job->trust->kind);
    if (!format || !check_format(format, job->trust, job->file, error))
        return FALSE;
    P11dClaim claim = {
        .signature = signature,
        .file = job->file,
        .content = job->content,
        .no_input = asked.output || p11d_question_count_standard(&asked) > 0,
        .format = asked.format,
        .algorithm = asked.algorithm,
        .prehashed = asked.prehashed,
        .namespace = asked.namespace,
    };
    finding->format = format->name;
    if (asked.at && !job->trust->claimed_time)
        finding->time = p11d_moment_text(job->trust->time);
    if (!format->verify(&claim, job->trust, finding, error) ||
        (asked.output && finding->verdict == P11D_VERDICT_GOOD && !write_content(finding, error)))
        return FALSE;
    const char *content = finding->attached ? job->signature : NULL;
    return p11d_judgement_tell(finding, job->trust, job->file ? job->file : content, error);
}

/* One signature, which was named. */
static gboolean check_one(const P11dTrust *trust, const char *file, const P11dOptions *options,
                          GError **error)
{
    g_auto(Job) job = {.trust = trust, .file = file, .signature = g_strdup(asked.signature)};
    GError *failure = NULL;
    if (!check_signature(&job, &failure) &&
        !g_error_matches(failure, P11D_FAILURE, P11D_FAILURE_SIGNATURE)) {
        g_propagate_error(error, failure);
        return FALSE;
    }
    if (options->json) {
        g_autoptr(JsonBuilder) json = p11d_json_begin();
        p11d_judgement_add(&job.finding, trust, failure, json);
        p11d_json_add_number(json, "code", p11d_exitcode_of(failure));
        p11d_console_print_json(p11d_json_end(json));
    }
    if (!failure)
        return TRUE;
    g_propagate_error(error, failure);
    return FALSE;
}

/* The bytes of a list of checksums whose signature was checked are those that are read as one. */
static gboolean find_parts(Job *job, GError **error)
{
    job->signature = asked.signature ? g_strdup(asked.signature)
                                     : p11d_beside_find(job->file, asked.suffix, error);
    if (job->signature && asked.checksums)
        job->content = p11d_input_read_file(job->file, P11D_CHECKSUMS_MAX_SIZE, error);
    return job->signature && (!asked.checksums || job->content);
}

/* Checks the files in the list, if that itself is good. json: NULL, or an object that is open. */
static gboolean check_list(const Job *job, bool is_good, JsonBuilder *json, GError **error)
{
    P11dListed listed = {job->file, job->content, asked.ignore_missing};
    if (json)
        p11d_json_add_array(json, "listed");
    gboolean ok = !is_good || p11d_listed_check(&listed, json, error);
    if (json)
        json_builder_end_array(json);
    return ok;
}

/* What became of one of several files. Returns the worst, told, which the caller owns; or NULL. */
static GError *check_file(const P11dTrust *trust, const char *file, JsonBuilder *json)
{
    g_auto(Job) job = {.trust = trust, .file = file};
    GError *error = NULL;
    bool is_good = find_parts(&job, &error) && check_signature(&job, &error);
    if (json) {
        json_builder_begin_object(json);
        p11d_json_add_string(json, "file", file);
        p11d_json_add_string(json, "signature", job.signature);
        p11d_judgement_add(&job.finding, trust, error, json);
    }
    if (asked.checksums)
        check_list(&job, is_good, json, is_good ? &error : NULL);
    if (json) {
        p11d_json_add_number(json, "code", p11d_exitcode_of(error));
        if (p11d_exitcode_of(error) > 1)
            p11d_json_add_node(json, "error", p11d_console_json_of_error(error));
        json_builder_end_object(json);
    }
    if (error)
        p11d_console_tell(error);
    return error;
}

static gboolean check_all(const P11dTrust *trust, char **files, const P11dOptions *options,
                          GError **error)
{
    g_autoptr(JsonBuilder) json = p11d_json_begin();
    GError *worst = NULL;
    p11d_json_add_array(json, "results");
    for (char **file = files; *file; file++)
        p11d_exitcode_keep_worst(&worst, check_file(trust, *file, options->json ? json : NULL));
    json_builder_end_array(json);
    if (options->json)
        p11d_console_print_json(p11d_json_end(json));
    if (!worst)
        return TRUE;
    g_propagate_error(error, worst);
    return FALSE;
}

static gboolean run(const P11dOptions *options, char **files, GError **error)
{
    g_autoptr(P11dTarget) target = p11d_target_new(options->key, options, error);
    if (!target || !p11d_target_check_whole(target, options, error) ||
        !p11d_question_check(&asked, target, options, files, error))
        return FALSE;
    g_auto(P11dTrust) trust = {0};
    if (!read_trust(&trust, target, options, error))
        return FALSE;
    return asked.signature && !asked.checksums ? check_one(&trust, *files, options, error)
                                               : check_all(&trust, files, options, error);
}

const P11dCommand p11d_command_verify = {
    .name = "verify",
    .synopsis = "{--pubkey FILE | --cert CERT | --CAfile FILE [-I ID] | --allowed-signers FILE -I "
                "ID | "
                "-k URI} [-s SIGNATURE] [--checksums] [FILE…]",
    .summary =
        "Checks the signature of each FILE (or of standard input), and by lists of checksums the "
        "files in them. Exit code 1 means that something is bad, and nothing else does.",
    .examples = "Examples:\n"
                "  p11dbus verify --pubkey web.pub.pem -s report.pdf.sig report.pdf\n"
                "  p11dbus verify --pubkey release.pem --checksums SHA256SUMS",
    .groups = P11D_OPTIONS_KEY | P11D_OPTIONS_CHOICE | P11D_OPTIONS_MODULE | P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "FILE",
    .run = run,
};
