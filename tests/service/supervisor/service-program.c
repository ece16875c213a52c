// SPDX-License-Identifier: MIT
/*
 * The supervisor with workers of the test's choice.
 * usage: service-program serve BUS DIRECTORY...  says "ready" on descriptor 4 when it is
 *        service-program worker DIRECTORY        started by itself
 * A directory whose name begins with "unruly-" gets a worker that does what no worker should, the
 * others $KEYS_PROGRAM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "supervisor.h"
#include "unruly-worker.h"

#define READY_DESCRIPTOR 4

static void on_ready(void *data G_GNUC_UNUSED)
{
    if (write(READY_DESCRIPTOR, "ready\n", 6) == 6)
        close(READY_DESCRIPTOR);
}

static int serve(int argc, char **argv)
{
    static const char *const worker_arguments[] = {"worker", NULL};
    P11dSupervisorOptions options = {.bus = argv[2],
                                     .key_directories = (const char *const *)argv + 3,
                                     .worker_program = "/proc/self/exe",
                                     .worker_arguments = worker_arguments,
                                     .ready = on_ready};
    g_autoptr(GError) error = NULL;
    if (argc < 3 || p11d_supervisor_run(&options, &error))
        return 0;
    fprintf(stderr, "service-program: %s\n", error->message);
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    if (strcmp(argv[1], "worker") != 0)
        return serve(argc, argv);
    const char *name = strrchr(argv[2], '/');
    if (name && strncmp(name, "/unruly-", 8) == 0)
        return unruly_worker_main(name + 8);
    const char *program = getenv("KEYS_PROGRAM");
    execl(program, program, argv[2], NULL);
    return 2;
}
