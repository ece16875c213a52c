// SPDX-License-Identifier: MIT
/* The largest table is looked up by name by many threads at once, for the first time, while the
 * process forks: everyone finds what is there, and no child waits for a thread that it does not
 * have. A plain program, so that it runs under ThreadSanitizer. */
#include "name-index.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attribute.h"
#include "mechanism.h"

#define THREADS 4
#define CHILDREN 20

/* A child of fork has its parent's threads no more, which ThreadSanitizer would call a leak. */
const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

static atomic_uint failures;

static unsigned look_up_all(void)
{
    unsigned wrong = 0;
    for (size_t i = 0; i < p11d_mechanism_count; i++) {
        CK_MECHANISM_TYPE type = 0;
        if (!p11d_mechanism_parse_name(p11d_mechanisms[i].name, &type) ||
            type != p11d_mechanisms[i].type)
            wrong++;
    }
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        CK_ATTRIBUTE_TYPE type = 0;
        if (!p11d_attribute_parse_name(p11d_attributes[i].name, &type) ||
            type != p11d_attributes[i].type)
            wrong++;
    }
    CK_MECHANISM_TYPE type;
    return wrong + p11d_mechanism_parse_name("no-such-mechanism", &type) +
           p11d_attribute_parse_name("", &type);
}

static void *look_up(void *unused)
{
    (void)unused;
    atomic_fetch_add(&failures, look_up_all());
    return NULL;
}

static bool child_finds_all(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(look_up_all() == 0 ? 0 : 1);
    int status;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
           WEXITSTATUS(status) == 0;
}

int main(void)
{
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, look_up, NULL);
    for (size_t i = 0; i < CHILDREN; i++)
        if (!child_finds_all())
            atomic_fetch_add(&failures, 1);
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);

    /* Every search ends: half of the slots stay free. */
    if (p11d_mechanism_count > P11D_NAME_INDEX_SLOTS / 2 ||
        p11d_attribute_count > P11D_NAME_INDEX_SLOTS / 2)
        atomic_fetch_add(&failures, 1);
    if (atomic_load(&failures) > 0)
        printf("%u failures\n", atomic_load(&failures));
    return atomic_load(&failures) == 0 ? 0 : 1;
}
