// SPDX-License-Identifier: MIT
#include "procstate.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static P11dProcstate before, after;
static char told[4096];

static void tell(const char *what, const char *text)
{
    size_t used = strlen(told);
    snprintf(told + used, sizeof told - used, "%s %s\n", what, text);
}

static void set_up(void)
{
    p11d_procstate_take(&before);
}

static void compare(void)
{
    p11d_procstate_take(&after);
    p11d_procstate_compare(&before, &after, tell);
    p11d_procstate_clear(&after);
}

TestSuite(procstate, .init = set_up);

Test(procstate, nothing_happened)
{
    compare();
    cr_assert_str_eq(told, "");
}

Test(procstate, a_descriptor)
{
    char expected[128];
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    compare();
    snprintf(expected, sizeof expected, "descriptor %d (/dev/null)\n", fd);
    cr_assert_str_eq(told, expected);
}

Test(procstate, a_descriptor_that_programs_inherit)
{
    cr_assert_geq(open("/dev/null", O_RDONLY), 0);
    compare();
    cr_assert_not_null(strstr(told, "inherited "));
}

Test(procstate, a_descriptor_that_is_something_else_now)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    p11d_procstate_clear(&before);
    p11d_procstate_take(&before);
    int other = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    dup3(other, fd, O_CLOEXEC);
    close(other);
    compare();
    cr_assert_not_null(strstr(told, "closed "));
    cr_assert_not_null(strstr(told, "(/dev/zero)"));
}

Test(procstate, signals)
{
    sigset_t set;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGUSR2, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGWINCH);
    sigprocmask(SIG_BLOCK, &set, NULL);
    compare();
    cr_assert_not_null(strstr(told, "ignored SIGPIPE\n"));
    cr_assert_not_null(strstr(told, "blocked SIGWINCH\n"));
    cr_assert_null(strstr(told, "SIGUSR2"));
}

Test(procstate, umask_and_directory)
{
    umask(0123);
    cr_assert_eq(chdir("/"), 0);
    compare();
    cr_assert_not_null(strstr(told, "umask 0123 (was "));
    cr_assert_not_null(strstr(told, "directory / (was "));
}

Test(procstate, environment)
{
    setenv("P11D_NEW", "1", 1);
    unsetenv("PATH");
    compare();
    cr_assert_not_null(strstr(told, "environment P11D_NEW\n"));
    cr_assert_not_null(strstr(told, "environment PATH\n"));
}

static void *wait_for(void *mutex)
{
    pthread_mutex_lock(mutex);
    return NULL;
}

Test(procstate, a_thread)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t thread;
    pthread_mutex_lock(&mutex);
    pthread_create(&thread, NULL, wait_for, &mutex);
    pthread_setname_np(thread, "a name");
    compare();
    pthread_mutex_unlock(&mutex);
    pthread_join(thread, NULL);
    cr_assert_str_eq(told, "thread a name\n");
}

Test(procstate, counts)
{
    size_t descriptors = p11d_procstate_count_descriptors();
    size_t mappings = p11d_procstate_count_mappings();
    cr_assert_geq(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    void *memory = mmap(NULL, 4096, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq(memory, MAP_FAILED);
    cr_assert_eq(p11d_procstate_count_descriptors(), descriptors + 1);
    cr_assert_eq(p11d_procstate_count_mappings(), mappings + 1);
}
