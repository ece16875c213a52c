// SPDX-License-Identifier: MIT
#include "worker-link.h"

#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "token-path.h"

/* The two messages of a link that are not D-Bus's own. They never leave this program. */
#define WORKER_INTERFACE "org.p11dbus.Worker1"
static const P11dSignal ready_signal = {"Ready", ""};
static const P11dSignal client_signal = {"Client", "uuau"}; /* pid, uid, groups */

static void begin_signal(P11dChannel *link, P11dWriter *writer, const char *path,
                         const char *interface, const P11dSignal *signal, uint32_t descriptors)
{
    P11dMessage message = {
        .type = P11D_MESSAGE_SIGNAL,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .path = path,
        .interface = interface,
        .member = signal->name,
        .signature = signal->signature,
        .descriptors = descriptors,
    };
    p11d_channel_begin(link, writer, &message);
}

static void begin_standard(P11dChannel *link, P11dWriter *writer, const char *path,
                           const P11dInterface *interface, const char *name)
{
    begin_signal(link, writer, path, interface->name, p11d_interface_signal(interface, name), 0);
}

static void write_properties(P11dWriter *writer, const void *properties, size_t size)
{
    P11dArray elements = p11d_writer_array_begin(writer, 8);
    p11d_writer_raw(writer, properties, size);
    p11d_writer_array_end(writer, elements);
}

P11dStatus p11d_worker_link_queue_token_added(P11dChannel *link, const char *path,
                                              const void *properties, size_t size)
{
    P11dWriter writer;
    begin_standard(link, &writer, P11D_ROOT_PATH, &p11d_interface_object_manager,
                   "InterfacesAdded");
    p11d_writer_string(&writer, path);
    P11dArray interfaces = p11d_writer_array_begin(&writer, 8);
    p11d_writer_struct(&writer);
    p11d_writer_string(&writer, p11d_interface_token.name);
    write_properties(&writer, properties, size);
    p11d_writer_array_end(&writer, interfaces);
    return p11d_channel_queue(link, &writer);
}

P11dStatus p11d_worker_link_queue_token_removed(P11dChannel *link, const char *path)
{
    P11dWriter writer;
    begin_standard(link, &writer, P11D_ROOT_PATH, &p11d_interface_object_manager,
                   "InterfacesRemoved");
    p11d_writer_string(&writer, path);
    P11dArray interfaces = p11d_writer_array_begin(&writer, 4);
    p11d_writer_string(&writer, p11d_interface_token.name);
    p11d_writer_array_end(&writer, interfaces);
    return p11d_channel_queue(link, &writer);
}

P11dStatus p11d_worker_link_queue_token_changed(P11dChannel *link, const char *path,
                                                const void *properties, size_t size)
{
    P11dWriter writer;
    begin_standard(link, &writer, path, &p11d_interface_properties, "PropertiesChanged");
    p11d_writer_string(&writer, p11d_interface_token.name);
    write_properties(&writer, properties, size);
    P11dArray invalidated = p11d_writer_array_begin(&writer, 4);
    p11d_writer_array_end(&writer, invalidated);
    return p11d_channel_queue(link, &writer);
}

P11dStatus p11d_worker_link_queue_ready(P11dChannel *link)
{
    P11dWriter writer;
    begin_signal(link, &writer, P11D_ROOT_PATH, WORKER_INTERFACE, &ready_signal, 0);
    return p11d_channel_queue(link, &writer);
}

P11dStatus p11d_worker_link_send_client(P11dChannel *link, const char *path,
                                        const P11dCredentials *credentials, int fd,
                                        P11dDeadline deadline)
{
    P11dWriter writer;
    begin_signal(link, &writer, path, WORKER_INTERFACE, &client_signal, 1);
    p11d_writer_uint32(&writer, (uint32_t)credentials->pid);
    p11d_writer_uint32(&writer, credentials->uid);
    P11dArray groups = p11d_writer_array_begin(&writer, 4);
    for (size_t i = 0; i < credentials->group_count; i++)
        p11d_writer_uint32(&writer, credentials->groups[i]);
    p11d_writer_array_end(&writer, groups);
    return p11d_channel_send(link, &writer, fd, deadline, NULL);
}

static bool is(const P11dMessage *message, const char *interface, const P11dSignal *signal)
{
    return strcmp(message->interface, interface) == 0 &&
           strcmp(message->member, signal->name) == 0 &&
           strcmp(message->signature, signal->signature) == 0;
}

static bool is_standard(const P11dMessage *message, const P11dInterface *interface,
                        const char *name)
{
    return is(message, interface->name, p11d_interface_signal(interface, name));
}

P11dWorkerLinkKind p11d_worker_link_kind(const P11dMessage *message, const char **path)
{
    P11dReader body = message->body;
    P11dWorkerLinkKind kind = P11D_WORKER_LINK_UNKNOWN;

    *path = NULL;
    if (message->type != P11D_MESSAGE_SIGNAL || !message->interface || !message->member)
        return P11D_WORKER_LINK_UNKNOWN;
    if (is(message, WORKER_INTERFACE, &ready_signal))
        return P11D_WORKER_LINK_READY;

    if (is_standard(message, &p11d_interface_object_manager, "InterfacesAdded"))
        kind = P11D_WORKER_LINK_TOKEN_ADDED;
    else if (is_standard(message, &p11d_interface_object_manager, "InterfacesRemoved"))
        kind = P11D_WORKER_LINK_TOKEN_REMOVED;
    if (kind != P11D_WORKER_LINK_UNKNOWN) {
        p11d_reader_object_path(&body, path);
    } else {
        if (is_standard(message, &p11d_interface_properties, "PropertiesChanged"))
            kind = P11D_WORKER_LINK_TOKEN_CHANGED;
        else if (is(message, WORKER_INTERFACE, &client_signal))
            kind = P11D_WORKER_LINK_CLIENT;
        *path = message->path;
    }
    /* A worker may speak of tokens alone, whatever else it says. */
    if (!*path || !p11d_token_path_name(*path)) {
        *path = NULL;
        return P11D_WORKER_LINK_UNKNOWN;
    }
    return kind;
}

bool p11d_worker_link_read_client(const P11dMessage *message, P11dCredentials *credentials)
{
    P11dReader body = message->body;
    P11dReader groups;
    uint32_t pid = 0, uid = 0, group;

    memset(credentials, 0, sizeof *credentials);
    if (!p11d_reader_uint32(&body, &pid) || !p11d_reader_uint32(&body, &uid) ||
        !p11d_reader_array(&body, 4, &groups))
        return false;
    credentials->pid = (pid_t)pid;
    credentials->uid = uid;

    size_t count = (groups.end - groups.position) / sizeof group;
    if (count == 0)
        return true;
    credentials->groups = calloc(count, sizeof *credentials->groups);
    if (!credentials->groups)
        return false;
    while (credentials->group_count < count && p11d_reader_uint32(&groups, &group))
        credentials->groups[credentials->group_count++] = group;
    return true;
}
