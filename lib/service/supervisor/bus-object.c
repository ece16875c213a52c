// SPDX-License-Identifier: MIT
#include "bus-object.h"

#include <gio/gunixfdlist.h>
#include <string.h>
#include <unistd.h>

#include "bus-call.h"
#include "caller.h"
#include "interface.h"
#include "log.h"
#include "manager-channel.h"

struct P11dBusObjects {
    GDBusConnection *bus;
    P11dRegistry *registry;
    P11dManagerChannels *managers;
    P11dBusCalls *calls;
    GDBusNodeInfo *interfaces;
    GDBusNodeInfo *standard;
    GHashTable *tokens; /* path → registration, as GUINT_TO_POINTER */
    GCancellable *cancellable;
    guint manager_registration;
    guint object_manager_registration;
};

/* An OpenChannel between the question to the bus and the reply. */
typedef struct Opening {
    P11dBusObjects *objects;
    GDBusMethodInvocation *invocation;
} Opening;

/* Sends fd, which it owns, as the reply. */
static void return_channel(GDBusMethodInvocation *invocation, int fd)
{
    g_autoptr(GUnixFDList) list = g_unix_fd_list_new_from_array(&fd, 1);
    g_dbus_method_invocation_return_value_with_unix_fd_list(invocation, g_variant_new("(h)", 0),
                                                            list);
}

static int open_channel(P11dBusObjects *self, GDBusMethodInvocation *invocation,
                        P11dCredentials *credentials, GError **error)
{
    const char *path = g_dbus_method_invocation_get_object_path(invocation);
    if (strcmp(path, P11D_ROOT_PATH) == 0)
        return p11d_manager_channels_open(self->managers, credentials, error);

    const P11dRegistryToken *token = p11d_registry_find(self->registry, path);
    if (!token) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT, "this token is gone");
        return -1;
    }
    return p11d_provider_open_client(token->provider, path, credentials, error);
}

static void on_caller_known(GObject *source, GAsyncResult *result, gpointer data)
{
    g_autofree Opening *opening = data;
    g_autoptr(GError) error = NULL;
    P11dCredentials credentials;
    int fd = -1;

    gboolean known = p11d_caller_finish(G_DBUS_CONNECTION(source), result, &credentials, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) { /* objects are gone */
        g_object_unref(opening->invocation);
        return;
    }
    if (known)
        fd = open_channel(opening->objects, opening->invocation, &credentials, &error);
    p11d_credentials_clear(&credentials);
    if (fd >= 0)
        return_channel(opening->invocation, fd);
    else
        g_dbus_method_invocation_return_gerror(opening->invocation, error);
}

static void begin_opening(P11dBusObjects *self, GDBusMethodInvocation *invocation)
{
    Opening *opening = g_new0(Opening, 1);
    opening->objects = self;
    opening->invocation = invocation;
    p11d_caller_look_up(self->bus, g_dbus_method_invocation_get_sender(invocation),
                        self->cancellable, on_caller_known, opening);
}

static void on_manager_call(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                            const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                            const char *method G_GNUC_UNUSED, GVariant *arguments G_GNUC_UNUSED,
                            GDBusMethodInvocation *invocation, gpointer data)
{
    begin_opening(data, invocation); /* Manager1 has no other method */
}

static void on_token_call(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                          const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                          const char *name, GVariant *arguments G_GNUC_UNUSED,
                          GDBusMethodInvocation *invocation, gpointer data)
{
    P11dBusObjects *self = data;
    const P11dMethod *method = p11d_interface_method(&p11d_interface_token, name);

    if (strcmp(name, "OpenChannel") == 0)
        begin_opening(self, invocation);
    else if (method->channels_only)
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR, G_DBUS_ERROR_NOT_SUPPORTED,
                                              "%s works on a private channel only; call "
                                              "OpenChannel first",
                                              name);
    else
        p11d_bus_calls_pass_on(self->calls, method, invocation);
}

/* GDBus leaves properties out of GetAll that are not there. */
static GVariant *on_get_property(GDBusConnection *bus G_GNUC_UNUSED,
                                 const char *sender G_GNUC_UNUSED, const char *path,
                                 const char *interface G_GNUC_UNUSED, const char *name,
                                 GError **error, gpointer data)
{
    P11dBusObjects *self = data;
    const P11dRegistryToken *token = p11d_registry_find(self->registry, path);
    GVariant *value = token ? g_variant_lookup_value(token->properties, name, NULL) : NULL;
    if (!value)
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_PROPERTY, "%s has no %s", path, name);
    return value;
}

typedef struct Listing {
    P11dBusObjects *objects;
    GDBusMethodInvocation *invocation;
} Listing;

static void on_settled(void *data)
{
    g_autofree Listing *listing = data;
    g_dbus_method_invocation_return_value(
        listing->invocation, p11d_registry_managed_objects(listing->objects->registry));
}

static void on_object_manager_call(GDBusConnection *bus G_GNUC_UNUSED,
                                   const char *sender G_GNUC_UNUSED, const char *path G_GNUC_UNUSED,
                                   const char *interface G_GNUC_UNUSED,
                                   const char *method G_GNUC_UNUSED,
                                   GVariant *arguments G_GNUC_UNUSED,
                                   GDBusMethodInvocation *invocation, gpointer data)
{
    P11dBusObjects *self = data;
    Listing *listing = g_new0(Listing, 1);
    listing->objects = self;
    listing->invocation = invocation;
    p11d_registry_when_settled(self->registry, on_settled, listing);
}

static const GDBusInterfaceVTable manager_calls = {.method_call = on_manager_call};
static const GDBusInterfaceVTable object_manager_calls = {.method_call = on_object_manager_call};
static const GDBusInterfaceVTable token_calls = {.method_call = on_token_call,
                                                 .get_property = on_get_property};

/* Nobody listens to a signal that cannot be sent: the bus is gone, and the supervisor ends. */
static void emit(P11dBusObjects *self, const char *path, const P11dInterface *interface,
                 const char *signal, GVariant *arguments)
{
    g_dbus_connection_emit_signal(self->bus, NULL, path, interface->name, signal, arguments, NULL);
}

static void on_added(const P11dRegistryToken *token, void *data)
{
    P11dBusObjects *self = data;
    g_autoptr(GError) error = NULL;
    GDBusInterfaceInfo *info =
        g_dbus_node_info_lookup_interface(self->interfaces, p11d_interface_token.name);
    guint registration = g_dbus_connection_register_object(self->bus, token->path, info,
                                                           &token_calls, self, NULL, &error);
    if (registration == 0) {
        p11d_log("%s: %s", token->path, error->message);
        return;
    }
    g_hash_table_insert(self->tokens, g_strdup(token->path), GUINT_TO_POINTER(registration));
    emit(self, P11D_ROOT_PATH, &p11d_interface_object_manager, "InterfacesAdded",
         p11d_registry_addition(token));
}

static void on_changed(const P11dRegistryToken *token, GVariant *changed, void *data)
{
    emit(data, token->path, &p11d_interface_properties, "PropertiesChanged",
         p11d_registry_change(changed));
}

static void on_removed(const P11dRegistryToken *token, void *data)
{
    P11dBusObjects *self = data;
    gpointer registration = g_hash_table_lookup(self->tokens, token->path);
    if (!registration)
        return;
    g_dbus_connection_unregister_object(self->bus, GPOINTER_TO_UINT(registration));
    g_hash_table_remove(self->tokens, token->path);
    emit(self, P11D_ROOT_PATH, &p11d_interface_object_manager, "InterfacesRemoved",
         p11d_registry_removal(token));
}

static const P11dRegistryObserver observer = {
    .added = on_added, .changed = on_changed, .removed = on_removed};

static guint export_root(P11dBusObjects *self, GDBusNodeInfo *document,
                         const P11dInterface *interface, const GDBusInterfaceVTable *calls,
                         GError **error)
{
    GDBusInterfaceInfo *info = g_dbus_node_info_lookup_interface(document, interface->name);
    return g_dbus_connection_register_object(self->bus, P11D_ROOT_PATH, info, calls, self, NULL,
                                             error);
}

P11dBusObjects *p11d_bus_objects_new(GDBusConnection *bus, P11dRegistry *registry, GError **error)
{
    P11dBusObjects *self = g_new0(P11dBusObjects, 1);
    self->bus = bus;
    self->registry = registry;
    self->tokens = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    self->cancellable = g_cancellable_new();
    self->managers = p11d_manager_channels_new(registry);
    self->calls = p11d_bus_calls_new(bus, registry);
    self->interfaces = g_dbus_node_info_new_for_xml(p11d_interface_xml, error);
    if (self->interfaces)
        self->standard = g_dbus_node_info_new_for_xml(p11d_interface_standard_xml, error);
    if (self->standard)
        self->manager_registration =
            export_root(self, self->interfaces, &p11d_interface_manager, &manager_calls, error);
    if (self->manager_registration)
        self->object_manager_registration = export_root(
            self, self->standard, &p11d_interface_object_manager, &object_manager_calls, error);
    if (!self->object_manager_registration) {
        p11d_bus_objects_free(self);
        return NULL;
    }
    p11d_registry_observe(registry, &observer, self);
    return self;
}

static void unregister(P11dBusObjects *self, guint registration)
{
    if (registration)
        g_dbus_connection_unregister_object(self->bus, registration);
}

void p11d_bus_objects_free(P11dBusObjects *objects)
{
    g_cancellable_cancel(objects->cancellable);
    unregister(objects, objects->manager_registration);
    unregister(objects, objects->object_manager_registration);
    p11d_manager_channels_free(objects->managers);
    p11d_bus_calls_free(objects->calls);
    g_clear_pointer(&objects->interfaces, g_dbus_node_info_unref);
    g_clear_pointer(&objects->standard, g_dbus_node_info_unref);
    g_hash_table_unref(objects->tokens);
    g_object_unref(objects->cancellable);
    g_free(objects);
}
