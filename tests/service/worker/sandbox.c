// SPDX-License-Identifier: MIT
#include "sandbox.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs what in a child inside the sandbox; its errno, 0 for success. */
static int try_inside(int (*what)(void))
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        p11d_sandbox_enter(STDERR_FILENO);
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
