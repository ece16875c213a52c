// SPDX-License-Identifier: MIT
#include "question.h"

#include <string.h>

#include "certname.h"
#include "failure.h"
#include "format.h"
#include "output.h"
#include "standard.h"
#include "uri.h"

static bool is_empty(const char *value)
{
    return value && !*value;
}

/* All files that the options name to be read, but for --cert, which may be a URI. The
 * caller frees the array. */
static GPtrArray *named_files(const P11dQuestion *asked)
{
    char *const one_each[] = {asked->signature, asked->signers, asked->public_key,
                              asked->authorities};
    GPtrArray *files = g_ptr_array_new();
    for (size_t i = 0; i < G_N_ELEMENTS(one_each); i++)
        if (one_each[i])
            g_ptr_array_add(files, one_each[i]);
    for (char **crl = asked->crls; crl && *crl; crl++)
        g_ptr_array_add(files, *crl);
    return files;
}

/* A URI is no file, and is not shown as one: there may be a PIN in it. */
static gboolean refuse_uris(const P11dQuestion *asked, char **arguments, GError **error)
{
    g_autoptr(GPtrArray) files = named_files(asked);
    for (char **argument = arguments; *argument; argument++)
        g_ptr_array_add(files, *argument);
    for (guint i = 0; i < files->len; i++)
        if (p11d_uri_is(files->pdata[i])) {
            p11d_failure_set(error, P11D_FAILURE_USAGE, "a key on a token is named with -k URI",
                             "a URI stands where a file is named");
            return FALSE;
        }
    return TRUE;
}

int p11d_question_count_standard(const P11dQuestion *asked)
{
    g_autoptr(GPtrArray) files = named_files(asked);
    int count = asked->certificate && p11d_standard_is_input(asked->certificate) ? 1 : 0;
    for (guint i = 0; i < files->len; i++)
        count += p11d_standard_is_input(files->pdata[i]) ? 1 : 0;
    return count;
}

/* Whether what is signed is read from standard input. Without FILE that is not known yet: the
 * signature may hold it, but for SSH's. */
static bool reads_standard(const P11dQuestion *asked, const char *file)
{
    return file ? p11d_standard_is_input(file) : asked->signers != NULL;
}

/* Where the signature of a file would be found beside it, the file must have a name. */
static gboolean check_names(char **files, GError **error)
{
    for (char **file = files; *file; file++)
        if (p11d_standard_is_input(*file) || p11d_standard_descriptor(*file) >= 0) {
            p11d_failure_set(error, P11D_FAILURE_USAGE, "name the signature: -s SIGNATURE",
                             "%s is no file that a signature can be beside", *file);
            return FALSE;
        }
    return TRUE;
}

/* What is said of signatures and of files that have them. */
static gboolean check_files(const P11dQuestion *asked, char **files, GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    const bool several = *files && files[1];
    if (asked->checksums && !*files)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "name the list: --checksums SHA256SUMS; or - with -s SIGNATURE");
    else if (!asked->signature && !*files)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "name the signature: -s SIGNATURE; or a file with one beside it");
    else if (asked->signature && several)
        p11d_failure_set(error, P11D_FAILURE_USAGE,
                         "leave -s out: signatures are found beside files, as FILE.sig",
                         "-s is for one file");
    else if (asked->signature && asked->suffix)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "-s and --suffix both say which the signature is");
    else if (asked->suffix && (!*asked->suffix || strchr(asked->suffix, '/')))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--suffix is the end of a file's name, such as .sig");
    else if (asked->output && (several || asked->checksums))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "-o is for one file that was signed");
    else if (asked->ignore_missing && !asked->checksums)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--ignore-missing is about files that a list names: --checksums");
    else if (asked->prehashed && asked->checksums)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--checksums needs the list itself, and not its digest");
    else
        return asked->signature || check_names(files, error);
    return FALSE;
}

/* What is said of who must have signed. */
static gboolean check_trust(const P11dQuestion *asked, const P11dTarget *target, GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    int trusts = !!asked->public_key + !!asked->certificate + !!asked->authorities +
                 !!asked->signers + !p11d_target_is_empty(target);
    if (trusts != 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "say whom to trust: one of --pubkey, --cert, --CAfile, --allowed-signers, "
                         "-k");
    else if (asked->signers && !asked->identity)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--allowed-signers and -I ID, who must have signed, go together");
    else if (asked->identity && !asked->signers && !asked->authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "-I ID goes with --allowed-signers or --CAfile, which say who that is");
    else if (is_empty(asked->identity))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "-I ID is not empty");
    else if ((asked->purpose || asked->crls) && !asked->authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "%s is about certificates that --CAfile vouches for",
                         asked->crls ? "--crl" : "--purpose");
    else if (asked->at && !asked->signers && !asked->authorities)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--at is about who is vouched for by --CAfile or --allowed-signers");
    else
        return TRUE;
    return FALSE;
}

/* What else there is, each for itself. */
static gboolean check_values(const P11dQuestion *asked, const P11dOptions *options, char **files,
                             GError **error)
{
    static const char hint[] = "p11dbus verify --help";
    P11dEncoding encoding;
    if (is_empty(asked->namespace))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "a namespace is not empty");
    else if (p11d_question_count_standard(asked) + reads_standard(asked, *files) > 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "standard input can be read once");
    else if (options->json && asked->output && p11d_standard_is_output(asked->output))
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint,
                         "--json and -o - both write to standard output");
    else
        return refuse_uris(asked, files, error) &&
               (!asked->certificate || p11d_certname_check(asked->certificate, error)) &&
               (!asked->encoding || p11d_encoding_find(&encoding, asked->encoding, error)) &&
               (!asked->output ||
                ((!asked->signature ||
                  p11d_output_check_input(asked->output, asked->signature, error)) &&
                 p11d_output_check(asked->output, FALSE, asked->force, error))) &&
               (!asked->format || p11d_format_find(asked->format, error)) &&
               (!asked->algorithm || p11d_algorithm_check_name(asked->algorithm, error));
    return FALSE;
}

gboolean p11d_question_check(const P11dQuestion *asked, const P11dTarget *target,
                             const P11dOptions *options, char **files, GError **error)
{
    return check_files(asked, files, error) && check_trust(asked, target, error) &&
           check_values(asked, options, files, error);
}
