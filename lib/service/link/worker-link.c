// SPDX-License-Identifier: MIT
#include "worker-link.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "log.h"
#include "token-path.h"

/* The messages of a link that are not D-Bus's own. */
#define WORKER_INTERFACE "org.p11dbus.Worker1"
static const P11dSignal hello_signal = {"Hello", "ua{sv}"}; /* version, nothing yet */
static const P11dSignal ready_signal = {"Ready", ""};
static const P11dSignal client_signal = {"Client", "a{sv}"}; /* pid u, uid u, groups au */

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

P11dStatus p11d_worker_link_queue_hello(P11dChannel *link)
{
    P11dWriter writer;
    begin_signal(link, &writer, P11D_ROOT_PATH, WORKER_INTERFACE, &hello_signal, 0);
    p11d_writer_uint32(&writer, P11D_WORKER_LINK_VERSION);
    p11d_writer_array_end(&writer, p11d_writer_array_begin(&writer, 8));
    return p11d_channel_queue(link, &writer);
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
    P11dArray fields = p11d_writer_array_begin(&writer, 8);
    p11d_writer_entry(&writer, "pid", "u");
    p11d_writer_uint32(&writer, (uint32_t)credentials->pid);
    p11d_writer_entry(&writer, "uid", "u");
    p11d_writer_uint32(&writer, credentials->uid);
    p11d_writer_entry(&writer, "groups", "au");
    P11dArray groups = p11d_writer_array_begin(&writer, 4);
    for (size_t i = 0; i < credentials->group_count; i++)
        p11d_writer_uint32(&writer, credentials->groups[i]);
    p11d_writer_array_end(&writer, groups);
    p11d_writer_array_end(&writer, fields);
    return p11d_channel_send(link, &writer, fd, deadline, NULL);
}

static bool is(const P11dMessage *message, const char *interface, const P11dSignal *signal)
{
    return message->type == P11D_MESSAGE_SIGNAL && message->interface && message->member &&
           strcmp(message->interface, interface) == 0 &&
           strcmp(message->member, signal->name) == 0 &&
           strcmp(message->signature, signal->signature) == 0;
}

static bool is_standard(const P11dMessage *message, const P11dInterface *interface,
                        const char *name)
{
    return is(message, interface->name, p11d_interface_signal(interface, name));
}

static P11dWorkerLinkKind find_kind(const P11dMessage *message, const char **path)
{
    P11dReader body = message->body;
    P11dWorkerLinkKind kind = P11D_WORKER_LINK_NOTHING;

    if (is(message, WORKER_INTERFACE, &ready_signal))
        return P11D_WORKER_LINK_READY;
    if (is_standard(message, &p11d_interface_object_manager, "InterfacesAdded"))
        kind = P11D_WORKER_LINK_TOKEN_ADDED;
    else if (is_standard(message, &p11d_interface_object_manager, "InterfacesRemoved"))
        kind = P11D_WORKER_LINK_TOKEN_REMOVED;
    if (kind != P11D_WORKER_LINK_NOTHING) {
        p11d_reader_object_path(&body, path);
    } else {
        if (is_standard(message, &p11d_interface_properties, "PropertiesChanged"))
            kind = P11D_WORKER_LINK_TOKEN_CHANGED;
        else if (is(message, WORKER_INTERFACE, &client_signal))
            kind = P11D_WORKER_LINK_CLIENT;
        *path = message->path;
    }
    /* A worker may speak of tokens alone, whatever else it says. */
    if (*path && p11d_token_path_name(*path))
        return kind;
    *path = NULL;
    return P11D_WORKER_LINK_NOTHING;
}

static void take_version(P11dWorkerLinkPeer *peer, uint32_t version)
{
    peer->greeted = true;
    if (version != P11D_WORKER_LINK_VERSION)
        p11d_log("%s is of another version (its link is version %" PRIu32 ", not %d): what one of "
                 "them does not understand is left out; start the service again",
                 peer->name, version, P11D_WORKER_LINK_VERSION);
}

static void tell_unknown(P11dWorkerLinkPeer *peer, const char *message, const char *field)
{
    if (!peer->told)
        p11d_log("%s says %s%s%s, which is not understood and left out; start the service again if "
                 "it was updated",
                 peer->name, message ? message : "something", field ? " with " : "",
                 field ? field : "");
    peer->told = true;
}

P11dWorkerLinkKind p11d_worker_link_kind(P11dWorkerLinkPeer *peer, const P11dMessage *message,
                                         const char **path)
{
    P11dReader body = message->body;
    uint32_t version = 0;

    *path = NULL;
    if (is(message, WORKER_INTERFACE, &hello_signal)) {
        p11d_reader_uint32(&body, &version);
        if (!peer->greeted)
            take_version(peer, version);
        return P11D_WORKER_LINK_NOTHING;
    }
    if (!peer->greeted) /* versions begin with 1 */
        take_version(peer, version);
    P11dWorkerLinkKind kind = find_kind(message, path);
    if (kind == P11D_WORKER_LINK_NOTHING)
        tell_unknown(peer, message->member, NULL);
    return kind;
}

static bool read_groups(P11dReader *fields, P11dCredentials *credentials)
{
    P11dReader groups;
    uint32_t group;
    if (credentials->groups || !p11d_reader_array(fields, 4, &groups))
        return false;
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

bool p11d_worker_link_read_client(P11dWorkerLinkPeer *peer, const P11dMessage *message,
                                  P11dCredentials *credentials)
{
    P11dReader body = message->body, fields;
    const char *name, *signature;
    uint32_t pid = 0, uid = 0;
    bool ok = true, has_user = false;

    memset(credentials, 0, sizeof *credentials);
    p11d_reader_array(&body, 8, &fields);
    while (ok && p11d_reader_entry(&fields, &name, &signature)) {
        bool number = strcmp(signature, "u") == 0;
        if (number && strcmp(name, "pid") == 0) {
            ok = p11d_reader_uint32(&fields, &pid);
        } else if (number && strcmp(name, "uid") == 0) {
            has_user = ok = p11d_reader_uint32(&fields, &uid);
        } else if (strcmp(name, "groups") == 0 && strcmp(signature, "au") == 0) {
            ok = read_groups(&fields, credentials);
        } else {
            tell_unknown(peer, message->member, name);
            ok = p11d_reader_skip(&fields, signature);
        }
    }
    credentials->pid = (pid_t)pid;
    credentials->uid = uid;
    return ok && has_user;
}
