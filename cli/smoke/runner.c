// SPDX-License-Identifier: MIT
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "checker.h"
#include "crash.h"
#include "failure.h"
#include "members.h"
#include "warden.h"

/* What is said of one check is not longer than this, in bytes. */
#define MAX_DETAIL 2000

/* A check that runs. */
typedef struct Job {
    pid_t warden;
    gint64 started;
    P11dJournal *journal;
} Job;

void p11d_result_free(gpointer data)
{
    P11dResult *result = data;
    if (!result)
        return;
    g_ptr_array_unref(result->lacks);
    g_free(result->reproduce);
    g_free(result->detail);
    g_free(result);
}

static void add_option(GPtrArray *arguments, const char *name, const char *value)
{
    if (!value)
        return;
    g_ptr_array_add(arguments, g_strdup(name));
    g_ptr_array_add(arguments, g_strdup(value));
}

static void add_number(GPtrArray *arguments, const char *name, int value)
{
    g_ptr_array_add(arguments, g_strdup(name));
    g_ptr_array_add(arguments, g_strdup_printf("%d", value));
}

static GPtrArray *arguments_of(const P11dRunner *runner, const char *id, int journal_fd, int pin_fd)
{
    const P11dOptions *options = runner->options;
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(arguments, g_strdup("p11dbus"));
    g_ptr_array_add(arguments, g_strdup(P11D_CHECKER_COMMAND));
    add_number(arguments, "--journal-fd", journal_fd);
    add_number(arguments, "--seconds", (int)runner->seconds);
    add_number(arguments, "--need", (int)runner->need);
    add_option(arguments, "--level", p11d_check_level_name(runner->level));
    add_option(arguments, "--module", runner->named);
    add_option(arguments, "--init-reserved", options->init_reserved);
    add_option(arguments, "--bus", options->bus);
    add_option(arguments, "--token", options->token);
    add_option(arguments, "--label", options->label);
    add_option(arguments, "--id", options->id);
    if (pin_fd >= 0)
        add_number(arguments, "--pin-fd", pin_fd);
    if (options->last_try)
        g_ptr_array_add(arguments, g_strdup("--last-try"));
    g_ptr_array_add(arguments, g_strdup("--no-input")); /* who asks is us */
    g_ptr_array_add(arguments, g_strdup(options->verbose ? "--verbose" : "--quiet"));
    g_ptr_array_add(arguments, g_strdup("--"));
    g_ptr_array_add(arguments, g_strdup(id));
    if (runner->uri)
        g_ptr_array_add(arguments, g_strdup(runner->uri));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

/* A pipe with the PIN in it, which is short enough for one; -1 for no PIN. */
static int pin_pipe(const P11dSecret *pin)
{
    int ends[2];
    if (!pin || !pin->data || pipe2(ends, O_CLOEXEC) != 0)
        return -1;
    ssize_t size = write(ends[1], pin->data, pin->size);
    close(ends[1]);
    if (size == (ssize_t)pin->size)
        return ends[0];
    close(ends[0]);
    return -1;
}

static gboolean start(const P11dRunner *runner, const char *id, Job *job, GError **error)
{
    int journal_fd;
    job->journal = p11d_journal_new(&journal_fd);
    if (!job->journal) {
        p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "no memory for a check: %s",
                         g_strerror(errno));
        return FALSE;
    }
    int pin_fd = pin_pipe(runner->pin);
    g_autoptr(GPtrArray) arguments = arguments_of(runner, id, journal_fd, pin_fd);
    const int keep[] = {journal_fd, pin_fd, -1};
    P11dWard ward = {.arguments = (char *const *)arguments->pdata,
                     .keep = keep,
                     .seconds = runner->seconds,
                     .silent = !runner->options->verbose,
                     .journal = job->journal};
    job->started = g_get_monotonic_time();
    job->warden = p11d_warden_start(&ward);
    int reason = errno;
    close(journal_fd);
    if (pin_fd >= 0)
        close(pin_fd);
    if (job->warden > 0)
        return TRUE;
    g_clear_pointer(&job->journal, p11d_journal_unmap);
    p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "cannot start a process for a check: %s",
                     g_strerror(reason));
    return FALSE;
}

/* "STATUS TEXT" taken apart. */
static P11dCheckStatus parse_line(const char *line, const char **text)
{
    const char *blank = strchr(line, ' ');
    if (!blank)
        return P11D_CHECK_STATUSES;
    g_autofree char *word = g_strndup(line, (gsize)(blank - line));
    *text = blank + 1;
    return p11d_check_parse_status(word);
}

/* The worst that was told, and all texts of that kind. */
static P11dCheckStatus worst_told(char **lines, GString *detail)
{
    P11dCheckStatus worst = P11D_CHECK_PASS;
    for (char **line = lines; *line; line++) {
        const char *text;
        P11dCheckStatus status = parse_line(*line, &text);
        if (status == P11D_CHECK_STATUSES || status < worst)
            continue;
        if (status > worst)
            g_string_truncate(detail, 0);
        worst = status;
        if (strstr(detail->str, text))
            continue;
        g_string_append_printf(detail, "%s%s", detail->len > 0 ? "; " : "", text);
    }
    return worst;
}

/* How the process ended that did not come to the end of its check. */
static P11dCheckStatus violent_end(const P11dJournal *journal, GString *detail)
{
    const char *call = journal->call;
    const char *sep = *call ? ", in " : "";
    const char *crash = p11d_journal_crashed(journal);
    bool told = *crash != '\0';
    bool hangs = journal->end == P11D_JOURNAL_LATE && (!told || g_str_has_prefix(crash, "hangs"));
    g_string_truncate(detail, 0);
    if (hangs)
        g_string_printf(detail, "%s%s%s", told ? crash : "hangs", sep, call);
    else if (told)
        g_string_printf(detail, "%s%s%s", crash, sep, call);
    else if (journal->end == P11D_JOURNAL_RUNNING)
        g_string_printf(detail, "the module ended the process that watches over it%s%s", sep, call);
    else if (journal->end == P11D_JOURNAL_KILLED)
        g_string_printf(detail, "%s%s%s", p11d_crash_signal_name(journal->end_value), sep, call);
    else
        g_string_printf(detail, "the module ended the process with code %d%s%s", journal->end_value,
                        sep, call);
    return hangs ? P11D_CHECK_HANG : P11D_CHECK_CRASH;
}

GPtrArray *p11d_runner_lacks(char **lines)
{
    GPtrArray *lacks = g_ptr_array_new_with_free_func((GDestroyNotify)g_error_free);
    for (; *lines; lines++) {
        char *text;
        if (!g_str_has_prefix(*lines, P11D_CHECK_LACK " "))
            continue;
        guint64 kind = g_ascii_strtoull(*lines + strlen(P11D_CHECK_LACK " "), &text, 10);
        GError *error = NULL;
        p11d_failure_set(&error,
                         kind < P11D_FAILURE_COUNT ? (P11dFailure)kind : P11D_FAILURE_DEVICE, NULL,
                         "%s", g_strchug(text));
        g_ptr_array_add(lacks, error);
    }
    return lacks;
}

static bool came_to_its_end(const P11dJournal *journal, char **lines)
{
    return journal->end == P11D_JOURNAL_EXITED && journal->end_value == 0 &&
           g_strv_contains((const char *const *)lines, P11D_CHECKER_DONE);
}

/* The commands that the check ran, each once; where it ran none: the calls that it makes. */
static char *how_to_reproduce(const P11dCheck *check, char **lines)
{
    g_autoptr(GString) commands = g_string_new(NULL);
    for (; !check->how && *lines; lines++) {
        if (!g_str_has_prefix(*lines, P11D_CHECK_RAN " "))
            continue;
        const char *command = *lines + strlen(P11D_CHECK_RAN " ");
        if (!strstr(commands->str, command))
            g_string_append_printf(commands, "%s%s", commands->len > 0 ? "; " : "", command);
    }
    return g_utf8_make_valid(check->how ? check->how : commands->str, -1);
}

static P11dResult *conclude(const Job *job, const P11dCheck *check)
{
    g_autofree P11dJournal *journal = g_new(P11dJournal, 1);
    p11d_journal_read(job->journal, journal);
    g_auto(GStrv) lines = g_strsplit(journal->lines, "\n", -1);
    g_autoptr(GString) detail = g_string_new(NULL);
    P11dResult *result = g_new0(P11dResult, 1);
    result->check = check;
    result->lacks = p11d_runner_lacks(lines);
    result->reproduce = how_to_reproduce(check, lines);
    result->milliseconds = (unsigned)((g_get_monotonic_time() - job->started) / 1000);
    result->status =
        came_to_its_end(journal, lines) ? worst_told(lines, detail) : violent_end(journal, detail);
    g_string_truncate(detail, MIN(detail->len, MAX_DETAIL));
    result->detail = g_utf8_make_valid(detail->str, (gssize)detail->len);
    return result;
}

GPtrArray *p11d_runner_members(char **lines)
{
    GPtrArray *members = g_ptr_array_new_with_free_func(g_free);
    for (; *lines; lines++)
        if (g_str_has_prefix(*lines, P11D_CHECKER_MEMBER " "))
            g_ptr_array_add(members, g_strdup(*lines + strlen(P11D_CHECKER_MEMBER " ")));
    return members;
}

/* The same check on one of the modules that it loads. NULL if that could not be started. */
static P11dResult *run_on_member(const P11dRunner *runner, const P11dCheck *check, const char *path)
{
    Job job;
    g_autofree char *name = p11d_members_name(path);
    P11dOptions options = *runner->options;
    options.init_reserved = options.bus = NULL; /* they were for the other */
    P11dRunner alone = *runner;
    alone.named = name;
    alone.options = &options;
    alone.pin = NULL;
    if (!start(&alone, check->id, &job, NULL))
        return NULL;
    while (waitpid(job.warden, NULL, 0) < 0 && errno == EINTR)
        continue;
    P11dResult *result = conclude(&job, check);
    p11d_journal_unmap(job.journal);
    return result;
}

/* Whose doing it is, as far as that is told by what each does alone. What needs a login is not
 * tried: a PIN is for one token, and that of another must not be locked. */
static void blame_members(const P11dRunner *runner, P11dResult *result)
{
    if (!runner->members || runner->members->len == 0 || result->status < P11D_CHECK_WARN ||
        result->check->level >= P11D_CHECK_SIGN)
        return;
    g_autoptr(GString) detail = g_string_new(result->detail);
    g_autoptr(GString) passing = g_string_new(NULL);
    bool found = false;
    for (guint i = 0; i < runner->members->len; i++) {
        const char *path = runner->members->pdata[i];
        P11dResult *other = run_on_member(runner, result->check, path);
        g_autofree char *file = g_path_get_basename(path);
        if (other && other->status >= P11D_CHECK_WARN) {
            p11d_members_add(detail, result->detail, path, other->detail);
            found = true;
        } else if (other && other->status == P11D_CHECK_PASS) {
            g_string_append_printf(passing, "%s%s", passing->len > 0 ? ", " : "", file);
        }
        p11d_result_free(other);
    }
    if (!found && passing->len > 0)
        g_string_append_printf(detail, "; what it loads does not do so by itself (%s)",
                               passing->str);
    g_free(result->detail);
    result->detail = g_strdup(detail->str);
}

/* Tells all results that are there and whose predecessors are. */
static gboolean tell(const P11dRunner *runner, const GPtrArray *results, guint *told,
                     GError **error)
{
    while (*told < results->len && results->pdata[*told])
        if (!runner->ended(results->pdata[(*told)++], runner->data, error))
            return FALSE;
    return TRUE;
}

static Job *find_job(GArray *jobs, pid_t warden)
{
    for (guint i = 0; i < jobs->len; i++)
        if (g_array_index(jobs, Job, i).warden == warden)
            return &g_array_index(jobs, Job, i);
    return NULL;
}

/* Whoever started us may have had no interest in children. */
static void care_for_children(void)
{
    signal(SIGCHLD, SIG_DFL);
}

static pid_t wait_for_any(void)
{
    pid_t warden;
    do
        warden = waitpid(-1, NULL, 0);
    while (warden < 0 && errno == EINTR);
    return warden;
}

/* How many run beside a check, with it. What logs in has the token for itself: to many a login is a
 * change, and whoever looks at that moment sees no token. */
static unsigned most_beside(const P11dRunner *runner, const P11dCheck *check)
{
    return check->level < P11D_CHECK_SIGN ? runner->jobs : 1;
}

GPtrArray *p11d_runner_run(const P11dRunner *runner, const GPtrArray *checks, GError **error)
{
    g_autoptr(GArray) jobs = g_array_new(FALSE, TRUE, sizeof(Job));
    GPtrArray *results = g_ptr_array_new_with_free_func(p11d_result_free);
    g_ptr_array_set_size(results, (int)checks->len);
    g_array_set_size(jobs, checks->len);
    care_for_children();
    guint started = 0, ended = 0, told = 0;
    gboolean ok = TRUE;
    while (ended < started || (ok && started < checks->len)) {
        const P11dCheck *check = started < checks->len ? checks->pdata[started] : NULL;
        if (ok && check && started - ended < most_beside(runner, check)) {
            runner->begins(check->id, started + 1, checks->len);
            ok = start(runner, check->id, &g_array_index(jobs, Job, started), error);
            started += ok ? 1 : 0;
            continue;
        }
        Job *job = find_job(jobs, wait_for_any());
        if (!job)
            continue;
        guint i = (guint)(job - (Job *)(void *)jobs->data);
        results->pdata[i] = conclude(job, checks->pdata[i]);
        blame_members(runner, results->pdata[i]);
        g_clear_pointer(&job->journal, p11d_journal_unmap);
        ended++;
        ok = ok && tell(runner, results, &told, error);
    }
    if (ok)
        return results;
    g_ptr_array_unref(results);
    return NULL;
}

char **p11d_runner_preflight(const P11dRunner *runner, GError **error)
{
    Job job;
    care_for_children();
    if (!start(runner, P11D_CHECKER_PREFLIGHT, &job, error))
        return NULL;
    while (wait_for_any() != job.warden)
        continue;
    g_autofree P11dJournal *journal = g_new(P11dJournal, 1);
    p11d_journal_read(job.journal, journal);
    p11d_journal_unmap(job.journal);
    g_autofree char *valid = g_utf8_make_valid(journal->lines, -1);
    g_auto(GStrv) lines = g_strsplit(valid, "\n", -1);
    if (came_to_its_end(journal, lines))
        return g_steal_pointer(&lines);
    g_autoptr(GString) detail = g_string_new(NULL);
    violent_end(journal, detail);
    g_autofree char *died = g_utf8_make_valid(detail->str, (gssize)detail->len);
    g_autofree char *more = g_strconcat(valid, P11D_CHECKER_DIED " ", died, NULL);
    return g_strsplit(more, "\n", -1);
}
