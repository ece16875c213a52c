// SPDX-License-Identifier: MIT
/*
 * The supervisor owns the bus name, exports the tokens there and checks who asks; it holds no key
 * and reads no key directory. For each key directory it keeps one worker process running, and it
 * hands the channels of clients over to the workers.
 */
#ifndef P11D_SUPERVISOR_H
#define P11D_SUPERVISOR_H

#include <glib.h>

/* What a worker serves. */
typedef struct P11dSupervisorDirectory {
    const char *path;
    gboolean writable; /* applications may change it: on the session bus all that use it, on any
                        * other those of the service's own user, and root */
} P11dSupervisorDirectory;

typedef struct P11dSupervisorOptions {
    const char *bus;                            /* "session", "system" or an address */
    const char *name;                           /* to own on the bus; NULL: P11D_BUS_NAME */
    const P11dSupervisorDirectory *directories; /* the last has no path; one worker each */
    /* How a worker is started: the path of its program, and its arguments without argv[0],
     * NULL-terminated; who may write, and the directory, are put behind them. The worker finds its
     * link as descriptor P11D_WORKER_LINK_DESCRIPTOR. */
    const char *worker_program;
    const char *const *worker_arguments;
    /* Called once, when the name is owned and every worker has announced its tokens (or had 10
     * seconds to do so). May be NULL. */
    void (*ready)(void *data);
    void *data;
} P11dSupervisorOptions;

/*
 * Runs the service until SIGTERM or SIGINT, then ends the workers and returns TRUE. Returns FALSE
 * with error set if the bus cannot be reached (G_IO_ERROR_NOT_CONNECTED), the name is taken
 * (G_IO_ERROR_EXISTS), the bus or the name is lost later (G_IO_ERROR_CLOSED), or something else
 * fails. No process and no descriptor is left behind in either case.
 * Runs on the default main context; one supervisor a process.
 */
gboolean p11d_supervisor_run(const P11dSupervisorOptions *options, GError **error);

#endif
