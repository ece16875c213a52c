// SPDX-License-Identifier: MIT
#include "listed.h"

#include "checksums.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "json.h"
#include "tree.h"

typedef struct Run {
    const P11dListed *listed;
    P11dTree tree;
    JsonBuilder *json; /* NULL: nobody wants it */
    GError *worst;     /* of the files so far */
    guint missing;     /* files that are not there, which was no error */
} Run;

/* How the look at one file ended. */
typedef struct Look {
    const char *status; /* the word for it in JSON */
    char *algorithm;    /* owned */
    GError *error;      /* owned */
} Look;

static void compare(Look *look, const P11dChecksum *checksum, P11dInput *input)
{
    bool good = false;
    g_autofree char *algorithm = NULL;
    if (!p11d_checksum_check(checksum, input, &good, &algorithm, &look->error))
        return;
    look->status = good ? "good" : "mismatch";
    if (good) {
        p11d_console_verdict(true, "Good checksum of %s (%s)", input->name, algorithm);
        g_free(look->algorithm);
        look->algorithm = g_steal_pointer(&algorithm);
        return;
    }
    p11d_failure_set(&look->error, P11D_FAILURE_SIGNATURE, NULL,
                     "BAD checksum of %s (%s): it is not the file that was listed", input->name,
                     algorithm);
    p11d_console_verdict(false, "%s", look->error->message);
    p11d_failure_mark_told(look->error);
}

static void conclude_missing(Look *look, Run *run, const P11dChecksum *checksum)
{
    g_clear_error(&look->error);
    if (run->listed->ignore_missing) {
        run->missing++;
        p11d_console_detail("%s%s is not there", run->tree.prefix, checksum->name);
        return;
    }
    p11d_failure_set(&look->error, P11D_FAILURE_FILE,
                     "--ignore-missing passes over what is not there", "%s%s is not there",
                     run->tree.prefix, checksum->name);
}

static void add_result(const Run *run, const P11dChecksum *checksum, const Look *look)
{
    json_builder_begin_object(run->json);
    p11d_json_add_string(run->json, "file", checksum->name);
    p11d_json_add_number(run->json, "line", checksum->line);
    p11d_json_add_string(run->json, "algorithm", look->algorithm);
    p11d_json_add_string(run->json, "status", look->status);
    p11d_json_add_number(run->json, "code", p11d_exitcode_of(look->error));
    if (p11d_exitcode_of(look->error) > 1)
        p11d_json_add_node(run->json, "error", p11d_console_json_of_error(look->error));
    json_builder_end_object(run->json);
}

static void check_file(Run *run, const P11dChecksum *checksum)
{
    static const char *const words[] = {
        [P11D_TREE_FOUND] = "error",
        [P11D_TREE_MISSING] = "missing",
        [P11D_TREE_OUTSIDE] = "refused",
        [P11D_TREE_FAILED] = "error",
    };
    P11dTreeAnswer answer;
    Look look = {.algorithm = p11d_checksum_algorithm(checksum)};
    P11dInput *input = p11d_tree_open_file(&run->tree, checksum->name, &answer, &look.error);
    look.status = words[answer];
    if (input)
        compare(&look, checksum, input);
    else if (answer == P11D_TREE_MISSING)
        conclude_missing(&look, run, checksum);
    p11d_input_free(input);
    if (p11d_exitcode_of(look.error) > 1)
        g_prefix_error(&look.error, "%s, line %u: ", run->listed->path, checksum->line);
    if (run->json)
        add_result(run, checksum, &look);
    if (look.error)
        p11d_console_tell(look.error);
    p11d_exitcode_keep_worst(&run->worst, look.error);
    g_free(look.algorithm);
}

/* Says how many were passed over. That all were is an error. */
static void tell_missing(Run *run, guint count)
{
    if (run->missing == count) {
        GError *nothing = NULL;
        p11d_failure_set(&nothing, P11D_FAILURE_NO_MATCH,
                         "files lie in the directory of the list, or below it",
                         "none of the files that %s names is there", run->listed->path);
        p11d_exitcode_keep_worst(&run->worst, nothing);
    } else if (run->missing > 0) {
        p11d_console_note("%u of %u files that %s names are not there", run->missing, count,
                          run->listed->path);
    }
}

gboolean p11d_listed_check(const P11dListed *listed, JsonBuilder *json, GError **error)
{
    g_autoptr(GPtrArray) checksums = p11d_checksums_parse(listed->text, listed->path, error);
    Run run = {.listed = listed, .json = json};
    if (!checksums || !p11d_tree_open(&run.tree, listed->path, error))
        return FALSE;
    for (guint i = 0; i < checksums->len; i++)
        check_file(&run, checksums->pdata[i]);
    tell_missing(&run, checksums->len);
    p11d_tree_clear(&run.tree);
    if (!run.worst)
        return TRUE;
    g_propagate_error(error, run.worst);
    return FALSE;
}
