// SPDX-License-Identifier: MIT
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "console.h"
#include "failure.h"
#include "standard.h"

static gboolean fail(const char *path, int number, GError **error)
{
    p11d_failure_set(error, P11D_FAILURE_FILE, number == EEXIST ? "--force replaces it" : NULL,
                     "cannot write %s: %s", path, g_strerror(number));
    return FALSE;
}

/* What is at path, which may mean standard input. */
static gboolean look(const char *path, struct stat *status)
{
    return (p11d_standard_is_input(path) ? fstat(STDIN_FILENO, status) : stat(path, status)) == 0;
}

gboolean p11d_output_check_input(const char *path, const char *input, GError **error)
{
    struct stat there, read;
    if (p11d_standard_is_output(path) || stat(path, &there) < 0 || !S_ISREG(there.st_mode) ||
        !look(input, &read) || there.st_dev != read.st_dev || there.st_ino != read.st_ino)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE, "name another output",
                     "%s is what is read; it would be lost", path);
    return FALSE;
}

static gboolean check_terminal(gboolean is_terminal, gboolean text, GError **error)
{
    if (text || !is_terminal)
        return TRUE;
    p11d_failure_set(error, P11D_FAILURE_USAGE,
                     "name a file with -o, redirect the output, or take --encoding base64",
                     "binary is not written to a terminal");
    return FALSE;
}

/* 0 if whoever started this program may have meant descriptor, or the number of an error: what is
 * open for this program's own use is no such kind of file. */
static int check_descriptor(int descriptor)
{
    struct stat status;
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || fstat(descriptor, &status) < 0)
        return errno;
    if ((flags & O_ACCMODE) == O_RDONLY)
        return EBADF;
    bool is_file = S_ISREG(status.st_mode) || S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode);
    return is_file || descriptor == STDERR_FILENO ? 0 : ENXIO;
}

gboolean p11d_output_check(const char *path, gboolean text, gboolean force, GError **error)
{
    if (p11d_standard_is_output(path))
        return check_terminal(p11d_console_result_is_terminal(), text, error);
    if (p11d_standard_is_input(path)) {
        p11d_failure_set(error, P11D_FAILURE_USAGE, "- is standard output, as an output",
                         "nothing is written to standard input, which %s is", path);
        return FALSE;
    }
    int descriptor = p11d_standard_descriptor(path);
    if (descriptor >= 0) {
        int number = check_descriptor(descriptor);
        return number == 0 ? check_terminal(isatty(descriptor), text, error)
                           : fail(path, number, error);
    }
    struct stat status;
    if (stat(path, &status) == 0) {
        if (S_ISDIR(status.st_mode))
            return fail(path, EISDIR, error);
        if (!S_ISREG(status.st_mode))
            return access(path, W_OK) == 0 ? TRUE : fail(path, errno, error);
    }
    if (!force && lstat(path, &status) == 0)
        return fail(path, EEXIST, error);
    g_autofree char *directory = g_path_get_dirname(path);
    return access(directory, W_OK | X_OK) == 0 ? TRUE : fail(path, errno, error);
}

/* Returns 0 or the number of the error. */
static int write_all(int fd, GBytes *bytes)
{
    gsize left;
    const guint8 *p = g_bytes_get_data(bytes, &left);
    while (left > 0) {
        ssize_t count = write(fd, p, left);
        if (count < 0 && errno != EINTR)
            return errno;
        p += count > 0 ? count : 0;
        left -= count > 0 ? (gsize)count : 0;
    }
    return 0;
}

/* Gives the finished file its name. */
static int publish(const char *temporary, const char *path, gboolean force)
{
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, force ? 0 : RENAME_NOREPLACE) == 0)
        return 0;
    if (force || errno != EINVAL) /* EINVAL: a file system that cannot do it in one step */
        return errno;
    if (link(temporary, path) < 0)
        return errno;
    unlink(temporary);
    return 0;
}

/* A device or a pipe is written to, not replaced. */
static int write_special(const char *path, GBytes *bytes)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return errno;
    int number = write_all(fd, bytes);
    return close(fd) < 0 && number == 0 ? errno : number;
}

static int write_regular(const char *path, GBytes *bytes, gboolean force)
{
    /* A name of its own: that of the output may be as long as names can be. */
    g_autofree char *directory = g_path_get_dirname(path);
    g_autofree char *temporary = g_build_filename(directory, ".p11dbus.XXXXXX", NULL);
    struct stat old;
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return errno;
    mode_t mask = umask(0);
    umask(mask);
    /* What is replaced may be there for its owner only, and so is what replaces it. */
    fchmod(fd, stat(path, &old) == 0 ? old.st_mode & 0777 : 0666 & ~mask);
    int number = write_all(fd, bytes);
    if (close(fd) < 0 && number == 0)
        number = errno;
    if (number == 0)
        number = publish(temporary, path, force);
    if (number != 0)
        unlink(temporary);
    return number;
}

gboolean p11d_output_write(const char *path, GBytes *bytes, gboolean force, GError **error)
{
    if (p11d_standard_is_output(path)) {
        gsize size;
        const void *data = g_bytes_get_data(bytes, &size);
        fwrite(data, 1, size, p11d_console_result());
        return p11d_console_flush(error);
    }
    int descriptor = p11d_standard_descriptor(path);
    if (descriptor >= 0) { /* what it leads to is written to, not its name */
        int failed = check_descriptor(descriptor);
        failed = failed == 0 ? write_all(descriptor, bytes) : failed;
        return failed == 0 ? TRUE : fail(path, failed, error);
    }
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISREG(status.st_mode)) {
        int special = write_special(path, bytes);
        return special == 0 ? TRUE : fail(path, special, error);
    }
    /* Nobody may interrupt between here and the rename, or the temporary file would stay. */
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    int number = write_regular(path, bytes, force);
    sigprocmask(SIG_SETMASK, &old, NULL);
    return number == 0 ? TRUE : fail(path, number, error);
}
