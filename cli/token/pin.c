// SPDX-License-Identifier: MIT
#include "pin.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "failure.h"
#include "standard.h"
#include "text.h"

#define VARIABLE "P11DBUS_PIN"
#define MAX_PIN 1024

static gboolean no_memory(GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_DEVICE, NULL, "out of memory");
    return FALSE;
}

/* Drops the line end, LF or CR LF, that an editor or echo puts behind the PIN. */
static void drop_line_end(P11dSecret *pin)
{
    size_t size = pin->size;
    if (size == 0 || pin->data[size - 1] != '\n')
        return;
    size -= size > 1 && pin->data[size - 2] == '\r' ? 2 : 1;
    p11d_secret_truncate(pin, size);
}

/* Reads fd to its end straight into locked memory. */
static gboolean read_all(P11dSecret *pin, int fd, const char *name, GError **error)
{
    if (!p11d_secret_set(pin, NULL, MAX_PIN + 1))
        return no_memory(error);
    size_t size = 0;
    ssize_t got;
    do {
        got = read(fd, pin->data + size, pin->size - size);
        size += got > 0 ? (size_t)got : 0;
    } while (size <= MAX_PIN && (got > 0 || (got < 0 && errno == EINTR)));
    if (got >= 0 && size <= MAX_PIN) {
        p11d_secret_truncate(pin, size);
        drop_line_end(pin);
        return TRUE;
    }
    p11d_secret_clear(pin);
    p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read the PIN from %s: %s", name,
                     size > MAX_PIN ? "it is too long" : g_strerror(errno));
    return FALSE;
}

static gboolean read_file(P11dSecret *pin, const char *path, GError **error)
{
    int fd = p11d_standard_is_input(path) ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1)
                                          : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0) {
        p11d_failure_set(error, P11D_FAILURE_FILE, NULL, "cannot read the PIN from %s: %s", path,
                         g_strerror(errno));
        if (fd >= 0)
            close(fd);
        return FALSE;
    }
    gboolean ok = FALSE;
    if (S_ISREG(status.st_mode) && (status.st_mode & 077))
        p11d_failure_set(error, P11D_FAILURE_FILE, "chmod 600 on that file",
                         "the PIN file %s is open to others", path);
    else
        ok = read_all(pin, fd, path, error);
    close(fd);
    return ok;
}

/* $P11DBUS_PIN, once it is out of the environment. */
static P11dSecret kept = P11D_SECRET_INIT;

void p11d_pin_keep_variable(void)
{
    char *value = getenv(VARIABLE);
    if (!value)
        return;
    p11d_secret_set(&kept, value, strlen(value));
    explicit_bzero(value, strlen(value));
    unsetenv(VARIABLE);
}

/* Takes the PIN out of the environment, where everything started from here would see it. */
static gboolean read_variable(P11dSecret *pin, const char *name, GError **error)
{
    char *value = getenv(name);
    if (!value) {
        p11d_failure_set(error, P11D_FAILURE_PIN, "the URI's pin-source names it",
                         "the environment variable %s is not set", name);
        return FALSE;
    }
    gboolean ok = p11d_secret_set(pin, value, strlen(value));
    explicit_bzero(value, strlen(value));
    unsetenv(name);
    return ok ? TRUE : no_memory(error);
}

/* The file that a pin-source names, which does not begin with "env:". */
static const char *path_of_source(const char *source)
{
    if (g_str_has_prefix(source, "file://"))
        return source + strlen("file://");
    return g_str_has_prefix(source, "file:") ? source + strlen("file:") : source;
}

bool p11d_pin_is_on_standard(const P11dOptions *options, const char *source)
{
    if (options->pin_fd >= 0)
        return options->pin_fd == STDIN_FILENO;
    if (options->pin_file)
        return p11d_standard_is_input(options->pin_file);
    return source && !g_str_has_prefix(source, "env:") &&
           p11d_standard_is_input(path_of_source(source));
}

static gboolean read_source(P11dSecret *pin, const char *source, GError **error)
{
    if (g_str_has_prefix(source, "env:"))
        return read_variable(pin, source + strlen("env:"), error);
    const char *path = path_of_source(source);
    if (*path == '|') {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "use --pin-fd for what a program prints",
                         "a pin-source that is a program is not run");
        return FALSE;
    }
    return read_file(pin, path, error);
}

/* Reads from the first source that is named. */
static gboolean read_first(P11dSecret *pin, const P11dOptions *options, const char *source,
                           GError **error)
{
    if (options->pin_fd >= 0) {
        g_autofree char *name = g_strdup_printf("descriptor %d", options->pin_fd);
        return read_all(pin, options->pin_fd, name, error);
    }
    if (options->pin_file)
        return read_file(pin, options->pin_file, error);
    if (source)
        return read_source(pin, source, error);
    *pin = kept;
    kept = (P11dSecret)P11D_SECRET_INIT;
    return TRUE;
}

/* A program that should have printed the PIN and failed gives an empty one; trying that would only
 * bring the token nearer to being locked. */
static gboolean refuse_empty(P11dSecret *pin, const char *hint, GError **error)
{
    if (!pin->data || pin->size > 0)
        return TRUE;
    p11d_secret_clear(pin);
    p11d_failure_set(error, P11D_FAILURE_PIN, hint, "no PIN was given");
    return FALSE;
}

gboolean p11d_pin_read(P11dSecret *pin, const P11dOptions *options, const char *source,
                       GError **error)
{
    p11d_secret_clear(pin);
    return read_first(pin, options, source, error) &&
           refuse_empty(pin, "what was read is empty; it was not tried", error);
}

static const int caught[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
static volatile sig_atomic_t last_signal;

static void on_signal(int number)
{
    last_signal = number;
}

/* Reads a line from a terminal whose echo is off. The signals in mask come in only while it waits,
 * and end it, so that the terminal can be put right before they do their work. */
static ssize_t read_line(int tty, P11dSecret *pin, const sigset_t *mask)
{
    struct pollfd line = {tty, POLLIN, 0}; /* there is a whole line, as the terminal gives it */
    while (!last_signal) {
        int found = ppoll(&line, 1, NULL, mask);
        ssize_t got = found > 0 ? read(tty, pin->data, MAX_PIN) : -1;
        if (got >= 0 || (errno != EINTR && errno != EAGAIN))
            return got;
    }
    return -1;
}

static ssize_t ask_quietly(int tty, const char *whose, P11dSecret *pin, const sigset_t *mask)
{
    struct termios old;
    if (tcgetattr(tty, &old) < 0)
        return -1;
    struct termios silent = old;
    silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
    silent.c_cc[VSUSP] = _POSIX_VDISABLE; /* a stopped process would leave the echo off */
    if (tcsetattr(tty, TCSAFLUSH, &silent) < 0)
        return -1;
    dprintf(tty, "PIN of %s: ", whose);
    ssize_t size = read_line(tty, pin, mask);
    tcsetattr(tty, TCSAFLUSH, &old);
    dprintf(tty, "\n");
    return size;
}

static ssize_t ask(int tty, const char *whose, P11dSecret *pin)
{
    struct sigaction handlers[G_N_ELEMENTS(caught)];
    struct sigaction handler = {.sa_handler = on_signal};
    sigset_t blocked, mask;
    sigemptyset(&blocked);
    for (size_t i = 0; i < G_N_ELEMENTS(caught); i++)
        sigaddset(&blocked, caught[i]);
    last_signal = 0;
    sigprocmask(SIG_BLOCK, &blocked, &mask);
    for (size_t i = 0; i < G_N_ELEMENTS(caught); i++)
        sigaction(caught[i], &handler, &handlers[i]);
    ssize_t size = ask_quietly(tty, whose, pin, &mask);
    for (size_t i = 0; i < G_N_ELEMENTS(caught); i++)
        sigaction(caught[i], &handlers[i], NULL);
    if (last_signal)
        raise(last_signal);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    return size;
}

gboolean p11d_pin_ask(P11dSecret *pin, const P11dOptions *options, const char *whose,
                      GError **error)
{
    static const char hint[] = "give it with --pin-file, --pin-fd or $" VARIABLE;
    g_autofree char *shown = p11d_text_visible(whose, -1);
    int tty = options->no_input ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    if (tty < 0) {
        p11d_failure_set(error, P11D_FAILURE_PIN, hint, "the PIN of %s is needed, and %s", shown,
                         options->no_input ? "must not be asked for" : "there is no terminal");
        return FALSE;
    }
    if (!p11d_secret_set(pin, NULL, MAX_PIN)) {
        close(tty);
        return no_memory(error);
    }
    unsigned left = alarm(0); /* --timeout does not count while a person types */
    ssize_t size = ask(tty, shown, pin);
    alarm(left);
    close(tty);
    p11d_secret_truncate(pin, size > 0 ? (size_t)size : 0);
    drop_line_end(pin);
    return refuse_empty(pin, hint, error);
}
