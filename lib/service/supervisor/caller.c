// SPDX-License-Identifier: MIT
#include "caller.h"

#include <stdlib.h>
#include <string.h>

/* How long the bus itself may take to answer, in milliseconds. */
#define LOOK_UP_TIMEOUT 10000

void p11d_caller_look_up(GDBusConnection *bus, const char *unique_name, GCancellable *cancellable,
                         GAsyncReadyCallback callback, void *data)
{
    g_dbus_connection_call(
        bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus",
        "GetConnectionCredentials", g_variant_new("(s)", unique_name), G_VARIANT_TYPE("(a{sv})"),
        G_DBUS_CALL_FLAGS_NO_AUTO_START, LOOK_UP_TIMEOUT, cancellable, callback, data);
}

static gboolean copy_groups(GVariant *known, P11dCredentials *credentials)
{
    g_autoptr(GVariant) groups =
        g_variant_lookup_value(known, "UnixGroupIDs", G_VARIANT_TYPE("au"));
    gsize count = 0;

    if (!groups)
        return TRUE;
    const guint32 *ids = g_variant_get_fixed_array(groups, &count, sizeof *ids);
    if (count == 0)
        return TRUE;
    credentials->groups = calloc(count, sizeof *credentials->groups);
    if (!credentials->groups)
        return FALSE;
    for (gsize i = 0; i < count; i++)
        credentials->groups[i] = ids[i];
    credentials->group_count = count;
    return TRUE;
}

gboolean p11d_caller_finish(GDBusConnection *bus, GAsyncResult *result,
                            P11dCredentials *credentials, GError **error)
{
    guint32 uid = 0, pid = 0;

    memset(credentials, 0, sizeof *credentials);
    g_autoptr(GVariant) reply = g_dbus_connection_call_finish(bus, result, error);
    if (!reply)
        return FALSE;
    g_autoptr(GVariant) known = g_variant_get_child_value(reply, 0);
    if (!g_variant_lookup(known, "UnixUserID", "u", &uid)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_ACCESS_DENIED,
                    "the bus does not know which user is calling");
        return FALSE;
    }
    g_variant_lookup(known, "ProcessID", "u", &pid);
    credentials->uid = uid;
    credentials->pid = (pid_t)pid;
    if (!copy_groups(known, credentials)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_MEMORY, "out of memory");
        return FALSE;
    }
    return TRUE;
}
