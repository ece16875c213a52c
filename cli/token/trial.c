// SPDX-License-Identifier: MIT
#include "trial.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "console.h"
#include "failure.h"
#include "target.h"

struct P11dTrial {
    char *module;
    pid_t process; /* -1: there could be none */
    int end;       /* of a pipe: closed when the process has ended */
    gint64 last;   /* until when it may take, as g_get_monotonic_time has it */
};

/* What the process says when it comes to its end. */
#define CAME_BACK 'y'

static void search_all(const P11dOptions *options)
{
    g_autoptr(P11dHost) host = p11d_host_open(options, NULL);
    g_autoptr(P11dTarget) target = host ? p11d_target_new(NULL, &(P11dOptions){0}, NULL) : NULL;
    for (guint i = 0; target && i < host->tokens->len; i++) {
        g_autoptr(GPtrArray) items = p11d_item_array();
        p11d_target_search(target, host->tokens->pdata[i], CK_UNAVAILABLE_INFORMATION, items, NULL);
    }
}

G_NORETURN static void run(const P11dOptions *options, int end)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int closed[] = {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, fileno(p11d_console_result())};
    for (size_t i = 0; i < G_N_ELEMENTS(closed); i++)
        dup2(null, closed[i]);
    setsid(); /* no terminal to ask for a PIN on */
    alarm(0);
    search_all(options);
    static const char word = CAME_BACK;
    _exit(write(end, &word, 1) == 1 ? EXIT_SUCCESS : EXIT_FAILURE);
}

P11dTrial *p11d_trial_begin(const P11dOptions *options)
{
    P11dTrial *trial = g_new0(P11dTrial, 1);
    int ends[2];
    gint64 most = P11D_TRIAL_SECONDS * G_TIME_SPAN_SECOND;
    if (options->timeout > 0)
        most = MIN(most, options->timeout * G_TIME_SPAN_SECOND / 2);
    trial->module = g_strdup(options->module);
    trial->last = g_get_monotonic_time() + most;
    trial->process = -1;
    trial->end = -1;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return trial;
    trial->process = fork();
    if (trial->process == 0)
        run(options, ends[1]);
    close(ends[1]);
    trial->end = ends[0];
    return trial;
}

/* True if the process says in time that it came back. */
static bool comes_back(const P11dTrial *trial, bool *late)
{
    char word = 0;
    gint64 left = (trial->last - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
    struct pollfd wait = {trial->end, POLLIN, 0};
    *late = poll(&wait, 1, (int)MAX(left, 0)) == 0;
    return !*late && read(trial->end, &word, 1) == 1 && word == CAME_BACK;
}

gboolean p11d_trial_end(P11dTrial *trial, GError **error)
{
    bool late = false;
    bool good = trial->process < 0 || comes_back(trial, &late);
    if (trial->process > 0) {
        kill(trial->process, SIGKILL); /* and the module's exit handlers have had no say */
        waitpid(trial->process, NULL, 0);
    }
    if (late)
        p11d_failure_set(error, P11D_FAILURE_TIMEOUT, "the other modules were asked",
                         "%s does not answer in time: left out", trial->module);
    else if (!good)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, "the other modules were asked",
                         "%s crashed, or ended the process it was loaded into: left out",
                         trial->module);
    if (trial->end >= 0)
        close(trial->end);
    g_free(trial->module);
    g_free(trial);
    return good;
}
