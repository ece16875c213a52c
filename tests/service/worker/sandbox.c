// SPDX-License-Identifier: MIT
#include "sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The directory that may be written to; NULL: none. */
static char *writable;

/* Runs what in a child inside the sandbox; its errno, 0 for success. */
static int try_inside(int (*what)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        p11d_sandbox_enter(STDERR_FILENO, writable);
        errno = 0;
        _exit(what() < 0 ? errno : 0);
    }
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int read_a_file(void)
{
    char byte;
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
    return fd < 0 ? fd : (int)read(fd, &byte, 1);
}

static int write_a_file(void)
{
    return open("/tmp/p11dbus-must-not-be-there", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static int append_to_a_file(void)
{
    return open("/dev/null", O_WRONLY | O_CLOEXEC);
}

static int run_a_program(void)
{
    return execl("/bin/true", "true", (char *)NULL);
}

static int use_an_inherited_descriptor(void)
{
    return fcntl(100, F_GETFD);
}

static void need_landlock(void)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1)
        cr_skip_test("this kernel has no Landlock");
}

Test(sandbox, reading_goes_on)
{
    cr_assert_eq(try_inside(read_a_file), 0);
}

Test(sandbox, nothing_is_written)
{
    need_landlock();
    cr_assert_eq(try_inside(write_a_file), EACCES);
    cr_assert_eq(try_inside(append_to_a_file), EACCES);
}

static int at(const char *name, int flags)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", writable, name);
    return open(path, flags | O_CLOEXEC, 0600);
}

static int write_where_it_may(void)
{
    char path[256], other[256];
    int fd = at("draft", O_WRONLY | O_CREAT | O_EXCL);
    if (fd < 0 || write(fd, "x", 1) != 1 || close(fd) != 0)
        return -1;
    snprintf(path, sizeof path, "%s/draft", writable);
    snprintf(other, sizeof other, "%s/file", writable);
    return rename(path, other) == 0 && at("file", O_WRONLY | O_TRUNC) >= 0 ? unlink(other) : -1;
}

static int make_a_directory(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/directory", writable);
    return mkdir(path, 0700);
}

static int move_out(void)
{
    char path[256];
    int fd = at("file", O_WRONLY | O_CREAT);
    snprintf(path, sizeof path, "%s/file", writable);
    return fd < 0 ? fd : rename(path, "/tmp/p11dbus-must-not-be-there");
}

static int link_in(void)
{
    char path[256];
    snprintf(path, sizeof path, "%s/passwd", writable);
    return symlink("/etc/passwd", path);
}

Test(sandbox, one_directory_is_written_to_and_nothing_else)
{
    char path[] = "/tmp/p11dbus-sandbox-XXXXXX";
    need_landlock();
    writable = mkdtemp(path);
    cr_assert_eq(try_inside(write_where_it_may), 0);
    cr_assert_eq(try_inside(write_a_file), EACCES);
    cr_assert_eq(try_inside(append_to_a_file), EACCES);
    cr_assert_eq(try_inside(make_a_directory), EACCES);
    cr_assert_eq(try_inside(link_in), EACCES);
    int error = try_inside(move_out);
    cr_assert(error == EACCES || error == EXDEV);
    cr_assert_eq(try_inside(run_a_program), EACCES);
    char name[64];
    snprintf(name, sizeof name, "%s/file", path);
    cr_assert_eq(unlink(name), 0);
    cr_assert_eq(rmdir(path), 0);
}

Test(sandbox, nothing_is_executed)
{
    need_landlock();
    cr_assert_eq(try_inside(run_a_program), EACCES);
}

Test(sandbox, inherited_descriptors_are_closed)
{
    cr_assert_eq(dup2(STDERR_FILENO, 100), 100);
    cr_assert_eq(try_inside(use_an_inherited_descriptor), EBADF);
}
