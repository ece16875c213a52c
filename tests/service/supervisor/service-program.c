// SPDX-License-Identifier: MIT
/*
 * The service without the command line, for tests.
 * usage: service-program serve BUS DIRECTORY...  says "ready" on descriptor 4 when it is
 *        service-program worker DIRECTORY        started by itself
 * A directory whose name begins with "unruly-" gets a worker that does what no worker should.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "keyworker.h"
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
    return p11d_worker_main(&p11d_keyworker, argv + 2);
}
