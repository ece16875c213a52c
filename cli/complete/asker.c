// SPDX-License-Identifier: MIT
#include "asker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long tokens have to answer, in milliseconds: who presses a key does not wait longer. */
#define PATIENCE 1500
/* Nobody looks through more than that. */
#define MAX_ANSWER (4UL << 20)

G_NORETURN static void ask(P11dAskerWork *work, gconstpointer data, int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int standard = STDIN_FILENO; standard <= STDERR_FILENO; standard++)
        dup2(null, standard);
    setsid();
    FILE *out = fdopen(fd, "w");
    if (null >= 0 && out) {
        work(data, out);
        fflush(out);
    }
    _exit(0);
}

/* Reads lines from fd until there are no more, or patience ends. */
static GString *read_lines(int fd)
{
    GString *lines = g_string_new(NULL);
    gint64 end = g_get_monotonic_time() + PATIENCE * G_TIME_SPAN_MILLISECOND;
    for (;;) {
        gint64 left = (end - g_get_monotonic_time()) / G_TIME_SPAN_MILLISECOND;
        struct pollfd wait = {fd, POLLIN, 0};
        char some[65536];
        ssize_t size = left > 0 && poll(&wait, 1, (int)left) > 0 ? read(fd, some, sizeof some) : 0;
        if (size <= 0 || lines->len > MAX_ANSWER)
            break;
        g_string_append_len(lines, some, size);
    }
    const char *newline = g_strrstr(lines->str, "\n");
    return g_string_truncate(lines, newline ? (gsize)(newline + 1 - lines->str) : 0);
}

void p11d_asker_run(P11dAskerWork *work, gconstpointer data, FILE *stream)
{
    int ends[2];
    fflush(stream); /* or the process would have a copy of what is not written yet */
    if (pipe2(ends, O_CLOEXEC) != 0)
        return;
    pid_t child = fork();
    if (child == 0)
        ask(work, data, ends[1]);
    close(ends[1]);
    if (child > 0) {
        GString *lines = read_lines(ends[0]);
        kill(child, SIGKILL);
        waitpid(child, NULL, 0);
        fputs(lines->str, stream);
        g_string_free(lines, TRUE);
    }
    close(ends[0]);
}
