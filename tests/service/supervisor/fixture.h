// SPDX-License-Identifier: MIT
/*
 * The fixture of the service's tests: a directory of its own, a private message bus, the service on
 * it with real workers, and a connection to it. What goes wrong here ends the test.
 */
#ifndef P11D_TEST_FIXTURE_H
#define P11D_TEST_FIXTURE_H

#include <gio/gio.h>

#include "channel.h"
#include "interface.h"

#define FIXTURE_DBUS_ERROR "org.freedesktop.DBus.Error."
#define TOKEN_PATH(name) P11D_TOKENS_PATH "/" name

typedef struct Fixture {
    char *directory; /* temporary; key directories are in it */
    char *address;   /* of the bus */
    GPid bus_pid;
    GPid service_pid;     /* 0: not running */
    GDBusConnection *bus; /* of the test */
    int ready;            /* says that the service is ready, then ends */
    int log;              /* of the service, a file in directory */
} Fixture;

/* Starts a bus, and the service for directories named names (space-separated; "" for none), which
 * get a P-256 key each unless they are unruly (p11dbus-keys.c here). Does not wait until the
 * service is ready. The program is $SUPERVISOR. */
void fixture_start(Fixture *fixture, const char *names);
/* The same, and waits. */
void fixture_run(Fixture *fixture, const char *names);
/* Waits until the service says that it is ready. FALSE: it ended without saying so. */
gboolean fixture_wait_ready(Fixture *fixture);
/* Ends the service by a signal if it runs, and returns its wait status. */
int fixture_end_service(Fixture *fixture, int signal);
/* Ends everything and removes the directory. */
void fixture_stop(Fixture *fixture);

/* Runs one more service on the same bus until it ends by itself; returns its wait status. */
int fixture_run_another(Fixture *fixture, const char *names);
/* Ends the bus, and waits until the service has ended; returns the service's wait status. */
int fixture_end_bus(Fixture *fixture);

/* What the service and its workers have logged so far. The caller frees it. */
char *fixture_log(const Fixture *fixture);

/* The path of a file in the directory. */
char *fixture_path(const Fixture *fixture, const char *name);
/* Runs openssl with arguments (space-separated) in the directory, and expects success. */
void fixture_openssl(const Fixture *fixture, const char *arguments);

/* Calls a method of the service on the bus, with all of the reply's time. */
GVariant *fixture_call(Fixture *fixture, GDBusConnection *bus, const char *path,
                       const P11dInterface *interface, const char *method, GVariant *arguments,
                       GError **error);
/* GetManagedObjects: its one result. */
GVariant *fixture_managed_objects(Fixture *fixture);
/* Calls OpenChannel; returns the descriptor, or -1 with error set. */
int fixture_open(GDBusConnection *bus, const char *path, const P11dInterface *interface,
                 GError **error);
/* The same as a channel; ends the test if it is refused. */
void fixture_open_channel(GDBusConnection *bus, const char *path, const P11dInterface *interface,
                          P11dChannel *channel);
/* Opens a manager channel. */
void fixture_open_manager(Fixture *fixture, P11dChannel *channel);
/* Expects a reply to be that D-Bus error, and clears it. */
void fixture_expect_error(GError **error, const char *name);
/* One more connection to the bus. */
GDBusConnection *fixture_connect(Fixture *fixture);

/* Begins a call on a channel. */
void fixture_begin(P11dChannel *channel, P11dWriter *writer, const char *path,
                   const P11dInterface *interface, const char *method);
/* Sends it and expects a reply (or, if error_name, that error). The reply is valid until the next
 * call on the channel. */
P11dMessage fixture_finish(P11dChannel *channel, P11dWriter *writer, const char *error_name);
/* OpenChannel on a manager channel or control channel. */
void fixture_open_over(P11dChannel *through, const char *path, P11dChannel *channel);

/* Signs 32 bytes with the first private key that ListObjects gives, and expects openssl to find the
 * signature good by the public key of the directory name. */
void fixture_sign_on_bus(Fixture *fixture, GDBusConnection *bus, const char *name);
void fixture_sign_over(Fixture *fixture, P11dChannel *channel, const char *name);

/* The worker of the directory name. */
GPid fixture_worker(const Fixture *fixture, const char *name);
/* The pids of the children of pid, zero-terminated; and the number of its descriptors. */
GArray *fixture_children(GPid pid);
guint fixture_descriptors(GPid pid);

#endif
