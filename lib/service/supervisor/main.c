// SPDX-License-Identifier: MIT
/*
 * p11dbus-supervisor: the service. "p11dbus serve", which knows the options and checks what it is
 * given, becomes this program: [-q] [-v] [-n NAME] [-r READY_FD] -b BUS
 * [-w WRITABLE_DIRECTORY]... [DIRECTORY...]
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <gio/gio.h>

#include "log.h"
#include "supervisor.h"

/* The worker lies beside this program, installed or built. */
#define WORKER "p11dbus-keys"

/* As p11dbus-exit-codes(7) has them. */
#define EXIT_USAGE 2
#define EXIT_DEVICE 7

typedef struct Asked {
    P11dSupervisorOptions options;
    gboolean quiet;
    gboolean verbose;
    GArray *directories; /* of P11dSupervisorDirectory */
    int ready_fd;        /* -1: none */
} Asked;

/* What to do about an error of the supervisor. */
static const struct {
    GIOErrorEnum code;
    const char *hint;
} steps[] = {
    {G_IO_ERROR_NOT_CONNECTED,
     "run it and its clients in one session (dbus-run-session starts one), "
     "or name a bus with --bus system or --bus ADDRESS"},
    {G_IO_ERROR_EXISTS, "end that service, which takes several --keys itself, or own another name "
                        "with --name NAME (clients find it by P11DBUS_NAME)"},
    {G_IO_ERROR_CONNECTION_CLOSED,
     "this is how a session ends, or dbus-run-session; start it again when the bus is back"},
};

static void tell(const GError *failure)
{
    bool served = g_error_matches(failure, G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED);
    p11d_log("%s: %s", served ? "the service ends" : "cannot serve", failure->message);
    for (size_t i = 0; i < G_N_ELEMENTS(steps); i++) {
        if (g_error_matches(failure, G_IO_ERROR, (int)steps[i].code))
            p11d_log_note("  hint: %s", steps[i].hint);
    }
}

static void ready(void *data)
{
    const Asked *asked = data;
    for (const P11dSupervisorDirectory *each = asked->options.directories;
         each->path && !asked->quiet; each++)
        p11d_log_note("serving %s on the %s bus", each->path, asked->options.bus);
    if (asked->ready_fd < 0)
        return;
    if (write(asked->ready_fd, "\n", 1) < 0 && !asked->quiet)
        p11d_log_note("nobody waits on descriptor %d", asked->ready_fd);
    close(asked->ready_fd);
}

/* What GLib finds strange in the surroundings is told where it matters, and not by GLib: who has no
 * HOME and no entry in the passwd database, as in containers, would hear of it all the time. */
static GLogWriterOutput write_log(GLogLevelFlags level, const GLogField *fields, gsize count,
                                  gpointer data)
{
    if (level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL) || g_getenv("G_MESSAGES_DEBUG"))
        return g_log_writer_default(level, fields, count, data);
    return G_LOG_WRITER_HANDLED;
}

static void add_directory(Asked *asked, const char *path, gboolean writable)
{
    const P11dSupervisorDirectory directory = {.path = path, .writable = writable};
    g_array_append_val(asked->directories, directory);
}

static gboolean parse(Asked *asked, int argc, char **argv)
{
    for (int option; (option = getopt(argc, argv, "qvw:b:n:r:")) != -1;) {
        switch (option) {
        case 'q':
            asked->quiet = TRUE;
            break;
        case 'v':
            asked->verbose = TRUE;
            break;
        case 'w':
            add_directory(asked, optarg, TRUE);
            break;
        case 'b':
            asked->options.bus = optarg;
            break;
        case 'n':
            asked->options.name = optarg;
            break;
        case 'r':
            asked->ready_fd = atoi(optarg);
            break;
        default:
            return FALSE;
        }
    }
    for (int i = optind; i < argc; i++)
        add_directory(asked, argv[i], FALSE);
    asked->options.directories = (const P11dSupervisorDirectory *)(void *)asked->directories->data;
    return asked->options.bus != NULL;
}

/* Found when the service starts: later another version may have taken the place of this one. */
static char *find_worker(void)
{
    g_autofree char *program = g_file_read_link("/proc/self/exe", NULL);
    g_autofree char *directory = g_path_get_dirname(program ? program : "");
    return g_build_filename(directory, WORKER, NULL);
}

static int serve(Asked *asked)
{
    const char *arguments[] = {asked->verbose ? "-v" : NULL, NULL};
    g_autoptr(GError) failure = NULL;
    g_autofree char *worker = find_worker();
    asked->options.worker_program = worker;
    asked->options.worker_arguments = arguments;
    if (access(worker, X_OK) != 0) {
        p11d_log("cannot serve: %s cannot be run: %s", worker, g_strerror(errno));
        p11d_log_note("  hint: it belongs to p11dbus; install that again");
        return EXIT_DEVICE;
    }
    if (p11d_supervisor_run(&asked->options, &failure))
        return EXIT_SUCCESS;
    tell(failure);
    return EXIT_DEVICE;
}

int main(int argc, char **argv)
{
    Asked asked = {.ready_fd = -1,
                   .options.ready = ready,
                   .options.data = &asked,
                   .directories = g_array_new(TRUE, TRUE, sizeof(P11dSupervisorDirectory))};
    setlocale(LC_ALL, "");
    g_log_set_writer_func(write_log, NULL, NULL);
    signal(SIGPIPE, SIG_IGN); /* who writes checks */
    if (!parse(&asked, argc, argv)) {
        p11d_log("this program is not to be started by hand");
        p11d_log_note("  hint: p11dbus serve --help");
        return EXIT_USAGE;
    }
    if (asked.ready_fd >= 0)
        fcntl(asked.ready_fd, F_SETFD, FD_CLOEXEC);
    return serve(&asked);
}
