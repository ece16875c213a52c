// SPDX-License-Identifier: MIT
#include "supervisor.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>

#include "bus-object.h"
#include "interface.h"
#include "registry.h"

/* D-Bus Specification, "org.freedesktop.DBus.RequestName". */
#define NAME_DO_NOT_QUEUE 0x4
#define NAME_PRIMARY_OWNER 1

typedef struct Supervisor {
    const P11dSupervisorOptions *options;
    const char *name;
    GDBusConnection *bus;
    P11dRegistry *registry;
    P11dBusObjects *objects;
    gboolean ended;
    GError *error; /* why, unless it was asked for */
} Supervisor;

/* The end of the main loop. The first reason counts. */
static void end(Supervisor *self, GError *error)
{
    if (self->ended)
        g_clear_error(&error);
    else
        self->error = error;
    self->ended = TRUE;
    g_main_context_wakeup(NULL);
}

static gboolean on_terminate(gpointer data)
{
    end(data, NULL);
    return G_SOURCE_CONTINUE;
}

/* CONNECTION_CLOSED tells it apart from a name that was lost. What GLib says of it, bytes that were
 * not read, is no news. */
static void on_closed(GDBusConnection *bus G_GNUC_UNUSED, gboolean remote G_GNUC_UNUSED,
                      GError *why G_GNUC_UNUSED, gpointer data)
{
    end(data, g_error_new(G_IO_ERROR, G_IO_ERROR_CONNECTION_CLOSED, "the message bus has ended"));
}

static void on_name_lost(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                         const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                         const char *signal G_GNUC_UNUSED, GVariant *arguments, gpointer data)
{
    Supervisor *self = data;
    const char *name;
    g_variant_get(arguments, "(&s)", &name);
    if (strcmp(name, self->name) == 0)
        end(self, g_error_new(G_IO_ERROR, G_IO_ERROR_CLOSED,
                              "another service has taken the name %s over", name));
}

static void on_settled(void *data)
{
    Supervisor *self = data;
    if (self->options->ready && !self->ended)
        self->options->ready(self->options->data);
}

/* Every host costs a descriptor, and the soft limit is made for programs that use select(2). */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

/* GLib speaks of starting a bus by X11 where it means that it found none. */
static char *session_address(GError **error)
{
    char *address = g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SESSION, NULL, error);
    if (!address)
        g_prefix_error(error, "DBUS_SESSION_BUS_ADDRESS is not set, and XDG_RUNTIME_DIR leads to "
                              "none: ");
    return address;
}

static char *address_of(const char *bus, GError **error)
{
    const char *session = g_getenv("DBUS_SESSION_BUS_ADDRESS");
    if (session && !*session) /* clients look on as if it was not set */
        g_unsetenv("DBUS_SESSION_BUS_ADDRESS");
    if (strcmp(bus, "session") == 0)
        return session_address(error);
    if (strcmp(bus, "system") == 0)
        return g_dbus_address_get_for_bus_sync(G_BUS_TYPE_SYSTEM, NULL, error);
    return g_strdup(bus);
}

static gboolean connect_to_bus(Supervisor *self, GError **error)
{
    g_autoptr(GError) reason = NULL;
    g_autofree char *address = address_of(self->options->bus, &reason);
    if (address)
        self->bus = g_dbus_connection_new_for_address_sync(
            address,
            G_DBUS_CONNECTION_FLAGS_AUTHENTICATION_CLIENT |
                G_DBUS_CONNECTION_FLAGS_MESSAGE_BUS_CONNECTION,
            NULL, NULL, &reason);
    if (!self->bus) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_CONNECTED,
                    address ? "the message bus at %s cannot be reached: %s"
                            : "the %s bus cannot be found: %s",
                    address ? address : self->options->bus, reason->message);
        return FALSE;
    }
    if (g_dbus_connection_get_capabilities(self->bus) & G_DBUS_CAPABILITY_FLAGS_UNIX_FD_PASSING)
        return TRUE;
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED,
                "the message bus at %s does not pass descriptors; use a unix: address", address);
    return FALSE;
}

/* The process that owns our name, or 0 if the bus does not tell. */
static guint32 find_owner(const Supervisor *self)
{
    guint32 process = 0;
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetConnectionUnixProcessID", g_variant_new("(s)", self->name), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, NULL);
    if (reply)
        g_variant_get(reply, "(u)", &process);
    return process;
}

static gboolean own_name(Supervisor *self, GError **error)
{
    /* Never to be replaced: whoever took the name over would be told the PINs meant for us. */
    const guint32 flags = NAME_DO_NOT_QUEUE;
    guint32 answer = 0;
    g_autoptr(GVariant) reply = g_dbus_connection_call_sync(
        self->bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "RequestName", g_variant_new("(su)", self->name, flags), G_VARIANT_TYPE("(u)"),
        G_DBUS_CALL_FLAGS_NONE, -1, NULL, error);
    if (!reply) {
        if (error)
            g_dbus_error_strip_remote_error(*error);
        g_prefix_error(error, "the name %s cannot be had: ", self->name);
        return FALSE;
    }
    g_variant_get(reply, "(u)", &answer);
    if (answer == NAME_PRIMARY_OWNER)
        return TRUE;
    guint32 owner = find_owner(self);
    g_autofree char *process = owner ? g_strdup_printf(" (process %u)", owner) : g_strdup("");
    g_set_error(error, G_IO_ERROR, G_IO_ERROR_EXISTS,
                "the name %s is taken: another service is running on this bus%s", self->name,
                process);
    return FALSE;
}

static P11dRegistry *make_registry(const P11dSupervisorOptions *options)
{
    P11dRegistry *registry = p11d_registry_new();
    const char *writers = strcmp(options->bus, "session") == 0 ? P11D_WORKER_LINK_WRITERS_ALL
                                                               : P11D_WORKER_LINK_WRITERS_OWNER;
    for (const P11dSupervisorDirectory *directory = options->directories; directory->path;
         directory++)
        p11d_registry_add_provider(registry, directory->path, directory->writable ? writers : NULL,
                                   options->worker_program, options->worker_arguments);
    return registry;
}

static gboolean start(Supervisor *self, GError **error)
{
    if (!connect_to_bus(self, error))
        return FALSE;
    g_signal_connect(self->bus, "closed", G_CALLBACK(on_closed), self);
    g_dbus_connection_signal_subscribe(self->bus, "org.freedesktop.DBus", "org.freedesktop.DBus",
                                       "NameLost", "/org/freedesktop/DBus", self->name,
                                       G_DBUS_SIGNAL_FLAGS_NONE, on_name_lost, self, NULL);
    /* What is exported is there before the name, so that nobody finds the name without it. */
    self->registry = make_registry(self->options);
    self->objects = p11d_bus_objects_new(self->bus, self->registry, error);
    if (!self->objects || !own_name(self, error))
        return FALSE;
    p11d_registry_start(self->registry);
    p11d_registry_when_settled(self->registry, on_settled, self);
    return TRUE;
}

/* Gives the name back first: from then on the bus may start another service. */
static void stop(Supervisor *self)
{
    self->ended = TRUE;
    if (self->bus) {
        g_signal_handlers_disconnect_by_data(self->bus, self);
        g_dbus_connection_close_sync(self->bus, NULL, NULL);
    }
    if (self->registry)
        p11d_registry_stop(self->registry);
    g_clear_pointer(&self->objects, p11d_bus_objects_free);
    g_clear_pointer(&self->registry, p11d_registry_free);
    /* Answers to questions that were cancelled arrive once more, and are freed there. */
    while (g_main_context_iteration(NULL, FALSE))
        continue;
    g_clear_object(&self->bus);
}

gboolean p11d_supervisor_run(const P11dSupervisorOptions *options, GError **error)
{
    Supervisor self = {.options = options, .name = options->name ? options->name : P11D_BUS_NAME};

    raise_descriptor_limit();
    guint on_term = g_unix_signal_add(SIGTERM, on_terminate, &self);
    guint on_int = g_unix_signal_add(SIGINT, on_terminate, &self);
    gboolean ok = start(&self, error);
    while (ok && !self.ended)
        g_main_context_iteration(NULL, TRUE);
    stop(&self);
    g_source_remove(on_term);
    g_source_remove(on_int);
    if (self.error) {
        g_propagate_error(error, self.error);
        return FALSE;
    }
    return ok;
}
