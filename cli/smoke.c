// SPDX-License-Identifier: MIT
/* p11dbus smoke: tells what a PKCS#11 module would do to a host. The module is loaded by the
 * processes of the checks, never by this one. */
#include <string.h>

#include "checker.h"
#include "commands.h"
#include "console.h"
#include "exitcode.h"
#include "failure.h"
#include "glob.h"
#include "known.h"
#include "modulename.h"
#include "pin.h"
#include "probe.h"
#include "report.h"
#include "runner.h"
#include "uri.h"

/* How long a check may take unless --timeout says otherwise, in seconds. */
#define USUAL_SECONDS 30

static struct {
    char *level;
    char **check;
    char **skip;
    gboolean list_checks;
    gboolean tap;
    gboolean junit;
    gboolean strict;
    char *known;
    int jobs;
} asked = {.jobs = 1};

static const GOptionEntry entries[] = {
    {"level", 0, 0, G_OPTION_ARG_FILENAME, &asked.level,
     "how far to go: write makes session objects, sign uses keys, read (the default) only looks",
     "load|read|sign|write"},
    {"check", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.check,
     "only checks whose name matches; can be given again", "GLOB"},
    {"skip", 0, 0, G_OPTION_ARG_FILENAME_ARRAY, &asked.skip,
     "no checks whose name matches; can be given again", "GLOB"},
    {"list-checks", 0, 0, G_OPTION_ARG_NONE, &asked.list_checks, "print what checks there are",
     NULL},
    {"strict", 0, 0, G_OPTION_ARG_NONE, &asked.strict,
     "skip and warn fail too: whatever is no pass", NULL},
    {"known", 0, 0, G_OPTION_ARG_FILENAME, &asked.known,
     "findings that are known, a line each, with a reason", "FILE"},
    {"tap", 0, 0, G_OPTION_ARG_NONE, &asked.tap, "print TAP, for test harnesses", NULL},
    {"junit", 0, 0, G_OPTION_ARG_NONE, &asked.junit, "print JUnit XML, for build servers", NULL},
    {"jobs", 'j', 0, G_OPTION_ARG_INT, &asked.jobs,
     "how many checks run side by side (default: 1, as many modules need)", "N"},
    {NULL},
};

static const char hint[] = "p11dbus smoke --help";

/* What the arguments say: a module, a URI, or both. */
typedef struct Subject {
    const char *module;
    const char *uri;
} Subject;

static gboolean parse_arguments(const P11dOptions *options, char **arguments, Subject *subject,
                                GError **error)
{
    *subject = (Subject){.module = options->module};
    for (char **argument = arguments; *argument; argument++) {
        bool is_uri = p11d_uri_is(*argument);
        const char **place = is_uri ? &subject->uri : &subject->module;
        if (*place && is_uri) /* without its text: there may be a PIN in it */
            p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "smoke takes one URI");
        else if (*place)
            p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "smoke takes one module: \"%s\"",
                             *argument);
        if (*place)
            return FALSE;
        *place = *argument;
    }
    return TRUE;
}

static gboolean check_usage(const P11dOptions *options, P11dCheckLevel level, GError **error)
{
    if (level == P11D_CHECK_LEVELS)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--level is load, read, sign or write");
    else if (asked.jobs < 1 || asked.jobs > 64)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "--jobs is a number from 1 to 64");
    else if (asked.tap + asked.junit + options->json > 1)
        p11d_failure_set(error, P11D_FAILURE_USAGE, hint, "give one of --tap, --junit and --json");
    else
        return TRUE;
    return FALSE;
}

static const char *name_of_check(size_t i)
{
    return i < p11d_check_count ? p11d_checks[i].id : NULL;
}

static gboolean check_globs(const char *option, char **globs, GError **error)
{
    return p11d_glob_check(option, globs, name_of_check, "check", "p11dbus smoke --list-checks",
                           error);
}

static GPtrArray *choose_checks(P11dCheckLevel level, GError **error)
{
    if (!check_globs("check", asked.check, error) || !check_globs("skip", asked.skip, error))
        return NULL;
    g_autoptr(GPtrArray) checks = g_ptr_array_new();
    for (size_t i = 0; i < p11d_check_count; i++)
        if (p11d_checks[i].level <= level &&
            (!asked.check || p11d_glob_matches_any(asked.check, p11d_checks[i].id)) &&
            !p11d_glob_matches_any(asked.skip, p11d_checks[i].id))
            g_ptr_array_add(checks, (void *)&p11d_checks[i]);
    if (checks->len > 0)
        return g_steal_pointer(&checks);
    p11d_failure_set(error, P11D_FAILURE_USAGE, "p11dbus smoke --list-checks says what needs which",
                     "at --level %s no check is left", p11d_check_level_name(level));
    return NULL;
}

/* The text that follows word in one of the lines, or NULL. */
static const char *find_line(char **lines, const char *word)
{
    size_t length = strlen(word);
    for (; *lines; lines++)
        if (strncmp(*lines, word, length) == 0 && (*lines)[length] == ' ')
            return *lines + length + 1;
    return NULL;
}

static unsigned count_lines(char **lines, const char *word)
{
    unsigned count = 0;
    for (; *lines; lines++)
        count += g_str_has_prefix(*lines, word) ? 1 : 0;
    return count;
}

/* Gets the PIN of the one token that needs one. Without it those checks are skipped that do. */
static gboolean get_pin(const P11dRunner *runner, const P11dTarget *target, char **lines,
                        P11dSecret *pin, GError **error)
{
    const char *source = p11_kit_uri_get_pin_source(target->uri);
    if (!p11d_pin_read(pin, runner->options, source, error))
        return FALSE;
    if (pin->data || runner->options->no_input)
        return TRUE;
    if (find_line(lines, P11D_CHECKER_KEYPAD))
        p11d_console_note("a token asks for its PIN on a keypad of its own: checks that log in to "
                          "it are skipped");
    if (count_lines(lines, P11D_CHECKER_PIN " ") != 1)
        return TRUE;
    g_autofree char *whose = g_strdup_printf("token \"%s\"", find_line(lines, P11D_CHECKER_PIN));
    g_autoptr(GError) nobody = NULL;
    if (!p11d_pin_ask(pin, runner->options, whose, &nobody))
        p11d_console_note("%s: checks that log in are skipped", nobody->message);
    return TRUE;
}

/* Tries the PIN once, before many checks would each try a wrong one and lock the token. Returns
 * what was told, or NULL with error set; the caller frees it. */
static char **try_pin(const P11dRunner *runner, GError **error)
{
    g_auto(GStrv) lines = p11d_runner_preflight(runner, error);
    if (!lines)
        return NULL;
    const char *refused = find_line(lines, P11D_CHECKER_REFUSED);
    const char *died = find_line(lines, P11D_CHECKER_DIED);
    char *why = NULL;
    guint64 kind = refused ? g_ascii_strtoull(refused, &why, 10) : 0;
    if (refused)
        p11d_failure_set(error, kind < P11D_FAILURE_COUNT ? (P11dFailure)kind : P11D_FAILURE_PIN,
                         "no check was run", "%s", g_strchug(why));
    else if (died) /* nobody knows whether the PIN is right */
        p11d_failure_set(error, P11D_FAILURE_DEVICE, "without a PIN the other checks can be run",
                         "the module does not live through a login: %s", died);
    return refused || died ? NULL : g_steal_pointer(&lines);
}

static bool any_logs_in(const GPtrArray *checks)
{
    for (guint i = 0; i < checks->len; i++)
        if (((const P11dCheck *)checks->pdata[i])->level >= P11D_CHECK_SIGN)
            return true;
    return false;
}

/* Takes over what the module says of itself and what is missing, as far as it is known now. */
static void take_over(P11dReport *report, char **lines)
{
    const char *info = find_line(lines, P11D_CHECKER_INFO);
    g_clear_pointer(&report->info, json_node_unref);
    report->info = info ? json_from_string(info, NULL) : NULL;
    if (report->info && !JSON_NODE_HOLDS_OBJECT(report->info))
        g_clear_pointer(&report->info, json_node_unref);
    g_clear_pointer(&report->lacks, g_ptr_array_unref);
    report->lacks = p11d_runner_lacks(lines);
    report->died = g_strdup(find_line(lines, P11D_CHECKER_DIED));
}

/* The probe unloads the module for the checks that have nothing to do with it in their process. */
static void look_for_probe(P11dReport *report, const GPtrArray *checks)
{
    g_autofree char *missing = p11d_probe_missing();
    bool wanted = false;
    for (guint i = 0; i < checks->len; i++)
        wanted = wanted || ((const P11dCheck *)checks->pdata[i])->need == P11D_CHECK_NEEDS_NOTHING;
    if (missing && wanted)
        p11d_report_lack(report, P11D_FAILURE_DEVICE, missing);
}

/* Whether the module can be loaded at all; the PIN, if it is going to be needed; and what is
 * missing for the checks. */
static gboolean prepare(P11dRunner *runner, const GPtrArray *checks, const P11dTarget *target,
                        P11dSecret *pin, P11dReport *report, GError **error)
{
    g_auto(GStrv) lines = p11d_runner_preflight(runner, error);
    if (!lines)
        return FALSE;
    const char *why = find_line(lines, P11D_CHECKER_UNLOADABLE);
    if (why) {
        g_autofree char *near = p11d_modulename_hint(runner->module);
        p11d_failure_set(error, P11D_FAILURE_DEVICE, near, "cannot load the module: %s", why);
        return FALSE;
    }
    take_over(report, lines);
    runner->members = p11d_runner_members(lines);
    bool lives = !find_line(lines, P11D_CHECKER_DIED);
    if (any_logs_in(checks) && !get_pin(runner, target, lines, pin, error))
        return FALSE;
    /* Where it does not even initialise there is nothing to log in to; the checks say so. */
    if (pin->data && lives) {
        runner->pin = pin;
        g_auto(GStrv) with_pin = try_pin(runner, error);
        if (!with_pin)
            return FALSE;
        take_over(report, with_pin);
    }
    look_for_probe(report, checks);
    return TRUE;
}

/* A result, and what the run makes of it. */
typedef struct Run {
    P11dReport report;
    P11dKnown *known;
    GPtrArray *elsewhere; /* of char *: checks that say nothing of what is known */
    bool partly;          /* a URI narrows what checks look at */
} Run;

static gboolean ended(P11dResult *result, void *data, GError **error)
{
    Run *run = data;
    if (result->status == P11D_CHECK_SKIP || result->status == P11D_CHECK_CRASH ||
        result->status == P11D_CHECK_HANG) /* it did not come to its end */
        g_ptr_array_add(run->elsewhere, g_strdup(result->check->id));
    if (result->status != P11D_CHECK_PASS)
        result->known = p11d_known_find(run->known, result->check->id, result->detail);
    return p11d_report_add(&run->report, result, error);
}

/* Sets error to how many checks the module did not pass, or to what was missing for a check,
 * whichever has the higher exit code. The report has told it already, if there was one. */
static gboolean judge(const GPtrArray *results, const P11dReport *report, GError **error)
{
    unsigned bad = 0;
    g_autoptr(GError) worst = NULL;
    for (guint i = 0; i < results->len; i++)
        bad += p11d_report_is_bad(report, results->pdata[i]) ? 1 : 0;
    if (bad > 0)
        p11d_failure_set(&worst, P11D_FAILURE_CHECK, NULL, "%s did not pass %u of %u checks",
                         report->module, bad, results->len);
    for (guint i = 0; i < report->lacks->len; i++) {
        const GError *lack = report->lacks->pdata[i];
        if (p11d_exitcode_of(lack) <= p11d_exitcode_of(worst))
            continue;
        g_clear_error(&worst);
        p11d_failure_set(&worst, (P11dFailure)lack->code, NULL, "not all was tested: %s",
                         lack->message);
    }
    /* The checks that were made say so themselves, where they come so far. */
    if (!worst && report->died)
        p11d_failure_set(&worst, P11D_FAILURE_DEVICE, NULL, "nothing was tested: %s", report->died);
    if (!worst)
        return TRUE;
    if (bad > 0 || !report->quiet || report->form != P11D_REPORT_TABLE)
        p11d_failure_mark_told(worst);
    g_propagate_error(error, g_steal_pointer(&worst));
    return FALSE;
}

/* What is known and not there any more, of what was looked for: all checks that were made, but
 * those that look at tokens only where they looked at all tokens. */
static void look_for_gone(Run *run, const GPtrArray *checks)
{
    for (size_t i = 0; i < p11d_check_count; i++)
        if (!g_ptr_array_find((GPtrArray *)checks, &p11d_checks[i], NULL) ||
            (run->partly && p11d_checks[i].need >= P11D_CHECK_NEEDS_TOKEN))
            g_ptr_array_add(run->elsewhere, g_strdup(p11d_checks[i].id));
    g_ptr_array_add(run->elsewhere, NULL);
    run->report.gone = p11d_known_tell_gone(run->known, (char **)run->elsewhere->pdata, NULL, NULL);
}

static gboolean run_checks(P11dRunner *runner, const GPtrArray *checks, Run *run, GError **error)
{
    P11dReport *report = &run->report;
    runner->begins = p11d_report_progress;
    runner->ended = ended;
    runner->data = run;
    p11d_report_begin(report, checks->len);
    g_autoptr(GPtrArray) results = p11d_runner_run(runner, checks, error);
    if (!results)
        return FALSE;
    look_for_gone(run, checks);
    p11d_report_end(report, results);
    return judge(results, report, error);
}

static P11dCheckNeed most_needed(const GPtrArray *checks)
{
    P11dCheckNeed need = P11D_CHECK_NEEDS_NOTHING;
    for (guint i = 0; i < checks->len; i++)
        need = MAX(need, ((const P11dCheck *)checks->pdata[i])->need);
    return need;
}

static gboolean prepare_and_run(P11dRunner *runner, const GPtrArray *checks,
                                const P11dTarget *target, GError **error)
{
    const P11dOptions *options = runner->options;
    Run run = {.report = {.form = asked.tap       ? P11D_REPORT_TAP
                                  : asked.junit   ? P11D_REPORT_JUNIT
                                  : options->json ? P11D_REPORT_JSON
                                                  : P11D_REPORT_TABLE,
                          .module = runner->module,
                          .quiet = options->quiet,
                          .strict = asked.strict}};
    run.known = p11d_known_read(asked.known, name_of_check, "check", error);
    if (!run.known)
        return FALSE;
    run.elsewhere = g_ptr_array_new_with_free_func(g_free);
    run.partly = !p11d_target_is_empty(target);
    P11dSecret pin = P11D_SECRET_INIT;
    p11d_pin_keep_variable();
    gboolean ok = prepare(runner, checks, target, &pin, &run.report, error) &&
                  run_checks(runner, checks, &run, error);
    p11d_secret_clear(&pin);
    p11d_report_clear(&run.report);
    g_clear_pointer(&runner->members, g_ptr_array_unref);
    g_ptr_array_unref(run.elsewhere);
    p11d_known_free(run.known);
    return ok;
}

static gboolean run(const P11dOptions *options, char **arguments, GError **error)
{
    P11dCheckLevel level = P11D_CHECK_READ;
    if (asked.level)
        level = p11d_check_parse_level(asked.level);
    else if (asked.list_checks)
        level = P11D_CHECK_WRITE;
    Subject subject;
    if (!parse_arguments(options, arguments, &subject, error) ||
        !check_usage(options, level, error))
        return FALSE;
    g_autoptr(GPtrArray) checks = choose_checks(level, error);
    if (!checks)
        return FALSE;
    if (asked.list_checks) {
        p11d_report_list(checks, options->json);
        return TRUE;
    }

    P11dOptions resolved = *options;
    resolved.module = (char *)subject.module;
    g_autofree char *path = NULL;
    g_autofree char *reserved = NULL;
    g_autoptr(P11dTarget) target = p11d_target_new(subject.uri, options, error);
    if (!target || !p11d_modulename_resolve(&resolved, &path, &reserved, error))
        return FALSE;
    P11dRunner runner = {.module = path,
                         .named = subject.module,
                         .uri = subject.uri,
                         .options = options,
                         .level = level,
                         .need = most_needed(checks),
                         .seconds =
                             options->timeout > 0 ? (unsigned)options->timeout : USUAL_SECONDS,
                         .jobs = (unsigned)asked.jobs};
    return prepare_and_run(&runner, checks, target, error);
}

const P11dCommand p11d_command_smoke = {
    .name = "smoke",
    .synopsis = "[MODULE] [URI]",
    .summary = "Tells what a PKCS#11 module would do to a program that loads it.",
    .examples = "Examples:\n"
                "  p11dbus smoke /usr/lib/softhsm/libsofthsm2.so\n"
                "  p11dbus smoke --level sign --pin-file pin -m softhsm2 pkcs11:token=demo --json",
    .groups = P11D_OPTIONS_CHOICE | P11D_OPTIONS_PIN | P11D_OPTIONS_MODULE | P11D_OPTIONS_JSON,
    .entries = entries,
    .arguments = "LIBRARY",
    .run = run,
    .times_itself = true,
};
