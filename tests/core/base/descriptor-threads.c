// SPDX-License-Identifier: MIT
/* Threads open and close descriptors while the process forks: no child ever holds one. A plain
 * program, so that it runs under ThreadSanitizer. */
#include "descriptor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "open-files.h"

#define THREADS 3
#define CHILDREN 100

static atomic_bool stop;
static atomic_uint failures;

static void *open_and_close(void *unused)
{
    (void)unused;
    while (!atomic_load(&stop)) {
        P11dDescriptor *few[5];
        for (size_t i = 0; i < 5; i++)
            few[i] = p11d_descriptor_socket();
        for (size_t i = 0; i < 5; i++) {
            if (p11d_descriptor_number(few[i]) < 0)
                atomic_fetch_add(&failures, 1);
            p11d_descriptor_close(few[i]);
        }
    }
    return NULL;
}

static bool child_is_clean(unsigned expected)
{
    pid_t child = fork();
    if (child == 0)
        _exit(open_files(true) == expected ? 0 : 1);
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

int main(void)
{
    unsigned before = open_files(true);
    pthread_atfork(p11d_descriptor_before_fork, p11d_descriptor_after_fork_in_parent,
                   p11d_descriptor_after_fork_in_child);
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, open_and_close, NULL);
    for (size_t i = 0; i < CHILDREN; i++)
        if (!child_is_clean(before))
            atomic_fetch_add(&failures, 1);
    atomic_store(&stop, true);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    if (open_files(true) != before)
        atomic_fetch_add(&failures, 1);
    printf("%u failures\n", atomic_load(&failures));
    return atomic_load(&failures) == 0 ? 0 : 1;
}
