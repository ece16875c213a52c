// SPDX-License-Identifier: MIT
#include "warden.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crash.h"
#include "deadline.h"

/* How long a program that hangs, and its children, may take to say where: a bound for those that
 * take no signal. */
#define LAST_WORDS_MILLISECONDS 3000
/* How often what is left is looked for: something that starts processes faster than they are ended
 * is given up. */
#define MAX_ROUNDS 20000
/* No process: all of them are waited for. */
#define EVERYBODY 0

/* In the child: becomes the program. */
__attribute__((noreturn)) static void become(const P11dWard *ward, const sigset_t *mask)
{
    setsid(); /* a group to end at once, and no terminal to write to or to stop on */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    dup2(nowhere, STDIN_FILENO);
    if (ward->silent) {
        dup2(nowhere, STDOUT_FILENO);
        dup2(nowhere, STDERR_FILENO);
    }
    for (const int *fd = ward->keep; *fd >= 0; fd++)
        fcntl(*fd, F_SETFD, 0);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv("/proc/self/exe", ward->arguments);
    _exit(127);
}

/* Sends SIGKILL to every child of this process; returns whether it reached any, which those that
 * have become somebody else's are not. */
static bool kill_children(void)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    FILE *file = fopen(path, "re");
    bool found = false;
    for (int pid; file && fscanf(file, "%d", &pid) == 1;)
        found = kill(pid, SIGKILL) == 0 || found;
    if (file)
        fclose(file);
    return found;
}

/* Ends all that is left. The children of those that end become ours. */
static void kill_all(pid_t group)
{
    kill(-group, SIGKILL);
    for (int round = 0; round < MAX_ROUNDS; round++) {
        bool found = kill_children();
        if (waitpid(-1, NULL, found ? 0 : WNOHANG) <= 0 && !found)
            return;
    }
}

/* Waits for the end of the program, or of EVERYBODY, until the deadline or until we are told to
 * end. Returns whether the program ended. */
static bool wait_for(pid_t program, const sigset_t *signals, P11dDeadline deadline, int *status)
{
    for (;;) {
        pid_t ended;
        while ((ended = waitpid(-1, status, WNOHANG)) > 0)
            if (ended == program)
                return true;
        if (ended < 0)
            return false; /* none is left */
        struct timespec left;
        int number = sigtimedwait(signals, NULL, p11d_deadline_left(deadline, &left));
        if (number != SIGCHLD && (number > 0 || errno == EAGAIN))
            return false;
    }
}

static void note_end(P11dJournal *journal, bool ended, int status)
{
    journal->end = !ended              ? P11D_JOURNAL_LATE
                   : WIFEXITED(status) ? P11D_JOURNAL_EXITED
                                       : P11D_JOURNAL_KILLED;
    journal->end_value = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
}

__attribute__((noreturn)) static void guard(const P11dWard *ward, pid_t parent)
{
    static const int ending[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
    sigset_t signals, mask;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof ending / sizeof *ending; i++)
        sigaddset(&signals, ending[i]);
    sigprocmask(SIG_BLOCK, &signals, &mask);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);

    pid_t program = fork();
    if (program == 0)
        become(ward, &mask);
    if (program < 0)
        _exit(1);
    int status = 0;
    P11dDeadline deadline = p11d_deadline_in((int64_t)ward->seconds * 1000);
    bool ended = wait_for(program, &signals, deadline, &status);
    if (!ended) {
        kill(-program, P11D_CRASH_WHERE);
        wait_for(EVERYBODY, &signals, p11d_deadline_in(LAST_WORDS_MILLISECONDS), &status);
    }
    kill_all(program);
    note_end(ward->journal, ended, status);
    _exit(0);
}

pid_t p11d_warden_start(const P11dWard *ward)
{
    pid_t self = getpid();
    fflush(NULL);
    pid_t warden = fork();
    if (warden == 0)
        guard(ward, self);
    return warden;
}
