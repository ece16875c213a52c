// SPDX-License-Identifier: MIT
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buildtree.h"
#include "crash.h"
#include "error-name.h"

#define PROGRAM "p11dbus-unload-probe"
/* How much of what a module writes is kept, in bytes. */
#define MAX_TEXT 200

static GPtrArray *arguments_of(const P11dCheckRun *run, const char *program, const char *steps)
{
    GPtrArray *arguments = g_ptr_array_new_with_free_func(g_free);
    g_ptr_array_add(arguments, g_strdup(program));
    g_ptr_array_add(arguments, g_strdup("--journal"));
    g_ptr_array_add(arguments, g_strdup_printf("%d", run->journal_fd));
    if (run->reserved) {
        g_ptr_array_add(arguments, g_strdup("--reserved"));
        g_ptr_array_add(arguments, g_strdup(run->reserved));
    }
    g_ptr_array_add(arguments, g_strdup(run->options->module));
    g_auto(GStrv) words = g_strsplit(steps, " ", -1);
    for (char **word = words; *word; word++)
        if (**word)
            g_ptr_array_add(arguments, g_strdup(*word));
    g_ptr_array_add(arguments, NULL);
    return arguments;
}

static pid_t start(const P11dCheckRun *run, char **arguments, int write_ends[3])
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++)
        dup2(write_ends[fd], fd);
    fcntl(run->journal_fd, F_SETFD, 0);
    signal(P11D_CRASH_WHERE, SIG_DFL);
    if (!getenv("LC_ALL"))
        setenv("LANG", "C.UTF-8", 0); /* a locale to be seen by whoever sets it */
    execv(arguments[0], arguments);
    _exit(127);
}

/* Takes what is there to be read. False at the end of it. */
static bool drain(P11dProbe *probe, int fd, int number)
{
    char piece[16 * 1024];
    ssize_t size = read(fd, piece, sizeof piece);
    if (size <= 0)
        return size < 0 && (errno == EAGAIN || errno == EINTR);
    probe->written[number] += (guint64)size;
    if (probe->text->len < MAX_TEXT)
        g_string_append_len(probe->text, piece,
                            MIN((gssize)size, (gssize)(MAX_TEXT - probe->text->len)));
    return true;
}

/* Reads both until the process has ended; others may have them open for longer. */
static void listen_to(P11dProbe *probe, pid_t pid, const int read_ends[3])
{
    int process = pidfd_open(pid, 0);
    struct pollfd waited[] = {{process, POLLIN, 0},
                              {read_ends[STDOUT_FILENO], POLLIN, 0},
                              {read_ends[STDERR_FILENO], POLLIN, 0}};
    while (poll(waited, G_N_ELEMENTS(waited), -1) >= 0 || errno == EINTR) {
        bool more = false;
        for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
            if (!waited[i].revents)
                continue;
            if (drain(probe, waited[i].fd, i))
                more = waited[i].revents & POLLIN;
            else
                waited[i].fd = -1;
        }
        if (waited[0].revents && !more)
            break;
    }
    if (process >= 0)
        close(process);
}

static void take_report(const P11dCheckRun *run, P11dProbe *probe, size_t from)
{
    g_autofree P11dJournal *copy = g_new(P11dJournal, 1);
    p11d_journal_read(run->journal, copy);
    probe->lines = g_strsplit(copy->lines + MIN(from, copy->used), "\n", -1);
    probe->last = g_strdup(copy->call);
    const char *crash = p11d_journal_crashed(copy);
    probe->crash = *crash ? g_strdup(crash) : NULL;
    CK_RV value;
    probe->whole =
        probe->signal == 0 && probe->code == 0 && p11d_probe_step(probe, "exit", &value, NULL);
}

static void run_program(P11dCheckRun *run, P11dProbe *probe, char **arguments)
{
    int read_ends[3], write_ends[3];
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++) {
        int ends[2] = {-1, -1};
        if (pipe2(ends, O_CLOEXEC) == 0)
            fcntl(ends[0], F_SETFL, O_NONBLOCK);
        read_ends[i] = ends[0];
        write_ends[i] = ends[1];
    }
    size_t from = run->journal->used;
    p11d_journal_forget_crashes(run->journal);
    /* Where it hangs is for the probe to say. */
    void (*old)(int) = signal(P11D_CRASH_WHERE, SIG_IGN);
    pid_t pid = start(run, arguments, write_ends);
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        close(write_ends[i]);
    if (pid > 0) {
        listen_to(probe, pid, read_ends);
        int status = 0;
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        probe->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        probe->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    }
    for (int i = STDOUT_FILENO; i <= STDERR_FILENO; i++)
        close(read_ends[i]);
    signal(P11D_CRASH_WHERE, old);
    take_report(run, probe, from);
}

static char *find_program(void)
{
    return p11d_buildtree_find("unload-probe/" PROGRAM, P11D_INSTALLED_PROBE);
}

char *p11d_probe_missing(void)
{
    g_autofree char *program = find_program();
    return access(program, X_OK) == 0
               ? NULL
               : g_strdup_printf("%s is not there: %s", program, g_strerror(errno));
}

/* As it is typed to see the same again. */
static void tell_command(P11dCheckRun *run, const char *steps)
{
    g_autofree char *module = g_shell_quote(run->options->module);
    g_autofree char *reserved = run->reserved ? g_shell_quote(run->reserved) : NULL;
    p11d_journal_add(run->journal, P11D_CHECK_RAN " " PROGRAM "%s%s %s %s",
                     reserved ? " --reserved " : "", reserved ? reserved : "", module, steps);
}

/* What a module does that was never initialised is no pass, whatever else is told of it. */
static void tell_uninitialized(P11dCheckRun *run, const P11dProbe *probe)
{
    char scratch[P11D_NAME_SIZE];
    CK_RV first = CKR_OK;
    g_autoptr(GPtrArray) steps = p11d_probe_texts(probe, "step initialize");
    if (steps->len > 0)
        first = strtoul(steps->pdata[0], NULL, 10);
    if (first != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_SKIP, "the module could not be initialised: %s",
                        p11d_error_ckr(first, scratch));
}

P11dProbe *p11d_probe_run(P11dCheckRun *run, const char *steps)
{
    g_autofree char *missing = p11d_probe_missing();
    if (missing) {
        p11d_check_lack(run, P11D_FAILURE_DEVICE, "%s", missing);
        return NULL;
    }
    g_autofree char *program = find_program();
    P11dProbe *probe = g_new0(P11dProbe, 1);
    probe->text = g_string_new(NULL);
    g_autoptr(GPtrArray) arguments = arguments_of(run, program, steps);
    run_program(run, probe, (char **)arguments->pdata);
    tell_command(run, steps);
    tell_uninitialized(run, probe);
    return probe;
}

void p11d_probe_free(P11dProbe *probe)
{
    if (!probe)
        return;
    g_strfreev(probe->lines);
    g_free(probe->last);
    g_free(probe->crash);
    g_string_free(probe->text, TRUE);
    g_free(probe);
}

const char *p11d_probe_use(const P11dCheckRun *run)
{
    return run->level >= P11D_CHECK_READ ? "load initialize slots search" : "load initialize slots";
}

bool p11d_probe_survived(P11dCheckRun *run, const P11dProbe *probe, const char *after)
{
    if (probe->whole)
        return true;
    const char *what = probe->crash && probe->signal ? probe->crash
                       : probe->signal               ? p11d_crash_signal_name(probe->signal)
                                                     : NULL;
    if (what)
        p11d_check_tell(run, P11D_CHECK_CRASH, "%s, at %s%s", what, probe->last, after);
    else
        p11d_check_tell(run, P11D_CHECK_CRASH, "the module ended the process with code %d, at %s%s",
                        probe->code, probe->last, after);
    return false;
}

static bool is_line(const char *line, const char *what, const char **text)
{
    size_t length = strlen(what);
    if (strncmp(line, what, length) != 0 || line[length] != ' ')
        return false;
    *text = line + length + 1;
    return true;
}

bool p11d_probe_step(const P11dProbe *probe, const char *name, CK_RV *value, guint64 *microseconds)
{
    bool found = false;
    for (char **line = probe->lines; *line; line++) {
        const char *rest;
        char *end;
        if (!is_line(*line, "step", &rest) || !is_line(rest, name, &rest))
            continue;
        found = true;
        *value = strtoul(rest, &end, 10);
        if (microseconds)
            *microseconds = g_ascii_strtoull(end, NULL, 10);
    }
    return found;
}

bool p11d_probe_did(P11dCheckRun *run, const P11dProbe *probe, const char *name)
{
    CK_RV value;
    char scratch[P11D_NAME_SIZE];
    if (!p11d_probe_step(probe, name, &value, NULL))
        p11d_check_tell(run, P11D_CHECK_SKIP, "the module did not get as far as %s", name);
    else if (value != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_SKIP, "%s: %s", name, p11d_error_ckr(value, scratch));
    else
        return true;
    return false;
}

GPtrArray *p11d_probe_texts(const P11dProbe *probe, const char *what)
{
    GPtrArray *texts = g_ptr_array_new();
    for (char **line = probe->lines; *line; line++) {
        const char *text;
        if (is_line(*line, what, &text))
            g_ptr_array_add(texts, (char *)text);
    }
    return texts;
}

char *p11d_probe_joined(const P11dProbe *probe, const char *what)
{
    g_autoptr(GPtrArray) texts = p11d_probe_texts(probe, what);
    if (texts->len == 0)
        return NULL;
    g_ptr_array_add(texts, NULL);
    return g_strjoinv(", ", (char **)texts->pdata);
}
