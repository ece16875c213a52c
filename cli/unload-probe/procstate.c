// SPDX-License-Identifier: MIT
#include "procstate.h"

#include <dirent.h>
#include <fcntl.h>
#include <locale.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

/* Calls found, if there is one, with each name in a directory of numbers; returns how many. */
static size_t each_number(const char *path, void (*found)(P11dProcstate *, int),
                          P11dProcstate *state)
{
    DIR *directory = opendir(path);
    size_t count = 0;
    if (!directory)
        return 0;
    for (struct dirent *entry; (entry = readdir(directory));) {
        char *end;
        long number = strtol(entry->d_name, &end, 10);
        if (*end != '\0' || end == entry->d_name || number == dirfd(directory))
            continue;
        count++;
        if (found)
            found(state, (int)number);
    }
    closedir(directory);
    return count;
}

static void add_thread(P11dProcstate *state, int id)
{
    if (state->threads == P11D_PROCSTATE_THREADS)
        return;
    char path[64];
    char *name = state->thread[state->threads].name;
    snprintf(path, sizeof path, "/proc/self/task/%d/comm", id);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, name, sizeof state->thread[0].name - 1) : -1;
    if (fd >= 0)
        close(fd);
    if (size < 0) /* it has ended in the meantime */
        return;
    name[size] = '\0';
    name[strcspn(name, "\n")] = '\0';
    state->thread[state->threads++].id = id;
}

static void add_descriptor(P11dProcstate *state, int number)
{
    if (state->descriptors == P11D_PROCSTATE_DESCRIPTORS)
        return;
    char path[64];
    char *target = state->descriptor[state->descriptors].target;
    snprintf(path, sizeof path, "/proc/self/fd/%d", number);
    ssize_t size = readlink(path, target, sizeof state->descriptor[0].target - 1);
    int flags = fcntl(number, F_GETFD);
    if (size < 0 || flags < 0)
        return;
    target[size] = '\0';
    state->descriptor[state->descriptors].number = number;
    state->descriptor[state->descriptors++].close_on_exec = (flags & FD_CLOEXEC) != 0;
}

static char **copy_environment(void)
{
    size_t count = 0;
    while (environ && environ[count])
        count++;
    char **copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy && i < count; i++)
        copy[i] = strdup(environ[i]);
    return copy;
}

void p11d_procstate_take(P11dProcstate *state)
{
    memset(state, 0, sizeof *state);
    each_number("/proc/self/task", add_thread, state);
    each_number("/proc/self/fd", add_descriptor, state);
    for (int i = 1; i < P11D_PROCSTATE_SIGNALS; i++)
        sigaction(i, NULL, &state->handler[i]);
    sigprocmask(SIG_SETMASK, NULL, &state->blocked);
    state->umask = umask(0);
    umask(state->umask);
    if (!getcwd(state->directory, sizeof state->directory))
        snprintf(state->directory, sizeof state->directory, "(none)");
    const char *locale = setlocale(LC_ALL, NULL);
    snprintf(state->locale, sizeof state->locale, "%s", locale ? locale : "(none)");
    state->environment = copy_environment();
}

void p11d_procstate_clear(P11dProcstate *state)
{
    for (size_t i = 0; state->environment && state->environment[i]; i++)
        free(state->environment[i]);
    free(state->environment);
    memset(state, 0, sizeof *state);
}

static bool has_thread(const P11dProcstate *state, pid_t id)
{
    for (size_t i = 0; i < state->threads; i++)
        if (state->thread[i].id == id)
            return true;
    return false;
}

static bool has_descriptor(const P11dProcstate *state, int number, const char *target)
{
    for (size_t i = 0; i < state->descriptors; i++)
        if (state->descriptor[i].number == number)
            return strcmp(state->descriptor[i].target, target) == 0;
    return false;
}

static void tell_signal(const char *what, int number, const char *how, P11dProcstateTell *tell)
{
    char text[32];
    const char *name = sigabbrev_np(number);
    snprintf(text, sizeof text, "SIG%s%s", name ? name : "?", how);
    tell(what, text);
}

static void compare_signals(const P11dProcstate *before, const P11dProcstate *after,
                            P11dProcstateTell *tell)
{
    for (int i = 1; i < P11D_PROCSTATE_SIGNALS; i++) {
        const struct sigaction *old = &before->handler[i];
        const struct sigaction *new = &after->handler[i];
        if (old->sa_handler != new->sa_handler)
            tell_signal(new->sa_handler == SIG_IGN ? "ignored" : "handler", i, "", tell);
        if (sigismember(&before->blocked, i) != sigismember(&after->blocked, i))
            tell_signal("blocked", i, sigismember(&after->blocked, i) ? "" : " (no more)", tell);
    }
}

static const char *find_variable(char **environment, const char *variable)
{
    size_t length = strcspn(variable, "=");
    for (; environment && *environment; environment++)
        if (strncmp(*environment, variable, length + 1) == 0)
            return *environment;
    return NULL;
}

/* Tells the names of what is in one and not the same in other. */
static void tell_variables(char **one, char **other, bool only_missing, P11dProcstateTell *tell)
{
    for (; one && *one; one++) {
        const char *there = find_variable(other, *one);
        if (there && (only_missing || strcmp(there, *one) == 0))
            continue;
        char name[128];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*one, "="), *one);
        tell("environment", name);
    }
}

static void compare_text(const char *what, const char *before, const char *after,
                         P11dProcstateTell *tell)
{
    if (strcmp(before, after) == 0)
        return;
    char text[2 * P11D_PROCSTATE_TEXT + 16];
    snprintf(text, sizeof text, "%s (was %s)", after, before);
    tell(what, text);
}

static void tell_descriptor(const P11dProcstate *state, size_t i, const char *what,
                            P11dProcstateTell *tell)
{
    char text[96];
    snprintf(text, sizeof text, "%d (%s)", state->descriptor[i].number,
             state->descriptor[i].target);
    tell(what, text);
}

static void compare_descriptors(const P11dProcstate *before, const P11dProcstate *after,
                                P11dProcstateTell *tell)
{
    for (size_t i = 0; i < before->descriptors; i++)
        if (!has_descriptor(after, before->descriptor[i].number, before->descriptor[i].target))
            tell_descriptor(before, i, "closed", tell);
    for (size_t i = 0; i < after->descriptors; i++) {
        if (has_descriptor(before, after->descriptor[i].number, after->descriptor[i].target))
            continue;
        tell_descriptor(after, i, "descriptor", tell);
        if (!after->descriptor[i].close_on_exec)
            tell_descriptor(after, i, "inherited", tell);
    }
}

void p11d_procstate_compare(const P11dProcstate *before, const P11dProcstate *after,
                            P11dProcstateTell *tell)
{
    for (size_t i = 0; i < after->threads; i++)
        if (!has_thread(before, after->thread[i].id)) {
            /* Until it gets a name of its own a thread is called as the program is. */
            bool named = strcmp(after->thread[i].name, after->thread[0].name) != 0;
            tell("thread", named ? after->thread[i].name : "a thread without a name");
        }
    compare_descriptors(before, after, tell);
    compare_signals(before, after, tell);
    char old[8], new[8];
    snprintf(old, sizeof old, "%04o", before->umask);
    snprintf(new, sizeof new, "%04o", after->umask);
    compare_text("umask", old, new, tell);
    compare_text("directory", before->directory, after->directory, tell);
    compare_text("locale", before->locale, after->locale, tell);
    tell_variables(after->environment, before->environment, false, tell);
    tell_variables(before->environment, after->environment, true, tell);
}

size_t p11d_procstate_count_descriptors(void)
{
    return each_number("/proc/self/fd", NULL, NULL);
}

size_t p11d_procstate_count_mappings(void)
{
    char piece[4096];
    size_t lines = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    for (ssize_t size; fd >= 0 && (size = read(fd, piece, sizeof piece)) > 0;)
        for (ssize_t i = 0; i < size; i++)
            lines += piece[i] == '\n';
    if (fd >= 0)
        close(fd);
    return lines;
}

size_t p11d_procstate_count_heap(void)
{
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}
