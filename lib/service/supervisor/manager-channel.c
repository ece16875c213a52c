// SPDX-License-Identifier: MIT
#include "manager-channel.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "body.h"
#include "channel-source.h"
#include "interface.h"
#include "log.h"

/* All channels together: below half of the descriptors, and never more than this. */
#define TOTAL_LIMIT 4096
/* Bytes that wait for a host that does not read, and the largest request. */
#define QUEUE_LIMIT ((size_t)1 << 20)
#define REQUEST_LIMIT ((size_t)64 << 10)
/* Signals that wait for a host that does not read. */
#define SIGNAL_LIMIT 64

struct P11dManagerChannels {
    P11dRegistry *registry;
    GQueue open; /* of ManagerChannel */
    guint limit;
    gint64 quiet_until; /* g_get_monotonic_time */
};

typedef struct ManagerChannel {
    P11dManagerChannels *set;
    P11dCredentials credentials;
    P11dChannel channel;
    GSource *source;
    GList place;           /* in set->open */
    guint wait;            /* for the workers' first word; 0: none */
    uint32_t waiting_call; /* its serial */
    guint queued_signals;  /* since the host last had read everything */
} ManagerChannel;

static void drop(ManagerChannel *self)
{
    g_queue_unlink(&self->set->open, &self->place);
    if (self->wait)
        p11d_registry_cancel(self->set->registry, self->wait);
    p11d_channel_source_remove(&self->source);
    p11d_channel_clear(&self->channel);
    p11d_credentials_clear(&self->credentials);
    g_free(self);
}

/* Says so at most once a second: a host must not fill the log by doing it again and again. */
static void drop_because(ManagerChannel *self, const char *why)
{
    gint64 now = g_get_monotonic_time();
    if (now >= self->set->quiet_until) {
        p11d_log("process %d of user %u: %s; hanging up on it", (int)self->credentials.pid,
                 (unsigned)self->credentials.uid, why);
        self->set->quiet_until = now + G_USEC_PER_SEC;
    }
    drop(self);
}

/* A host that has gone by itself is no news. */
static void drop_unsent(ManagerChannel *self, P11dStatus status)
{
    if (status == P11D_CLOSED)
        drop(self);
    else
        drop_because(self, status == P11D_TOO_LARGE || status == P11D_TIMEOUT
                               ? "it does not read"
                               : "it cannot be written to");
}

/* Queues the message begun in writer. Self is gone where it returns FALSE. */
static gboolean queue(ManagerChannel *self, P11dWriter *writer)
{
    P11dStatus status = p11d_channel_queue(&self->channel, writer);
    if (status == P11D_OK) {
        p11d_channel_source_queued(self->source);
        return TRUE;
    }
    drop_unsent(self, status);
    return FALSE;
}

static void begin_reply(ManagerChannel *self, P11dWriter *writer, uint32_t call,
                        const char *signature, uint32_t descriptors)
{
    P11dMessage reply = {.type = P11D_MESSAGE_RETURN,
                         .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
                         .reply_serial = call,
                         .signature = signature,
                         .descriptors = descriptors};
    p11d_channel_begin(&self->channel, writer, &reply);
}

static void reply_error(ManagerChannel *self, uint32_t call, const GError *error)
{
    P11dWriter writer;
    g_autofree char *name = g_dbus_error_encode_gerror(error);
    P11dMessage reply = {.type = P11D_MESSAGE_ERROR,
                         .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
                         .reply_serial = call,
                         .error_name = name,
                         .signature = "s"};
    p11d_channel_begin(&self->channel, &writer, &reply);
    p11d_writer_string(&writer, error->message);
    queue(self, &writer);
}

static void refuse(ManagerChannel *self, uint32_t call, GDBusError code, const char *why)
{
    g_autoptr(GError) error = g_error_new_literal(G_DBUS_ERROR, (gint)code, why);
    reply_error(self, call, error);
}

static void reply_arguments(ManagerChannel *self, uint32_t call, const P11dMethod *method,
                            GVariant *arguments)
{
    P11dWriter writer;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = p11d_body_marshal(arguments, 0, &error);
    if (!body) {
        reply_error(self, call, error);
        return;
    }
    begin_reply(self, &writer, call, method->out, 0);
    p11d_body_write(&writer, body);
    queue(self, &writer);
}

static void on_settled(void *data)
{
    ManagerChannel *self = data;
    self->wait = 0;
    p11d_channel_source_pause(self->source, FALSE);
    reply_arguments(self, self->waiting_call,
                    p11d_interface_method(&p11d_interface_object_manager, "GetManagedObjects"),
                    p11d_registry_managed_objects(self->set->registry));
}

static void get_managed_objects(ManagerChannel *self, const P11dMessage *call,
                                const P11dMethod *method)
{
    if (strcmp(call->path, P11D_ROOT_PATH) != 0) {
        refuse(self, call->serial, G_DBUS_ERROR_UNKNOWN_OBJECT, "only " P11D_ROOT_PATH " has this");
        return;
    }
    if (p11d_registry_is_settled(self->set->registry)) {
        reply_arguments(self, call->serial, method,
                        p11d_registry_managed_objects(self->set->registry));
        return;
    }
    /* One call at a time: nothing is read from this host until then. */
    p11d_channel_source_pause(self->source, TRUE);
    self->waiting_call = call->serial;
    self->wait = p11d_registry_when_settled(self->set->registry, on_settled, self);
}

static void get_all(ManagerChannel *self, const P11dMessage *call, const P11dMethod *method)
{
    const P11dRegistryToken *token = p11d_registry_find(self->set->registry, call->path);
    P11dReader body = call->body;
    const char *interface;

    if (!p11d_reader_string(&body, &interface, NULL) ||
        strcmp(interface, p11d_interface_token.name) != 0)
        refuse(self, call->serial, G_DBUS_ERROR_UNKNOWN_INTERFACE, "only tokens have properties");
    else if (!token)
        refuse(self, call->serial, G_DBUS_ERROR_UNKNOWN_OBJECT, "there is no such token");
    else
        reply_arguments(self, call->serial, method, g_variant_new("(@a{sv})", token->properties));
}

static void open_channel(ManagerChannel *self, const P11dMessage *call, const P11dMethod *method)
{
    g_autoptr(GError) error = NULL;
    P11dWriter writer;
    const P11dRegistryToken *token = p11d_registry_find(self->set->registry, call->path);

    if (!token) {
        refuse(self, call->serial, G_DBUS_ERROR_UNKNOWN_OBJECT, "there is no such token");
        return;
    }
    int fd = p11d_provider_open_client(token->provider, token->path, &self->credentials, &error);
    if (fd < 0) {
        reply_error(self, call->serial, error);
        return;
    }
    /* Nothing is queued before it: a request is read only when everything was sent. */
    begin_reply(self, &writer, call->serial, method->out, 1);
    p11d_writer_uint32(&writer, 0); /* the first descriptor */
    P11dStatus status = p11d_channel_send(&self->channel, &writer, fd, p11d_deadline_now(), NULL);
    close(fd);
    if (status != P11D_OK)
        drop_unsent(self, status);
}

/* What a manager channel carries. */
static const struct {
    const P11dInterface *interface;
    const char *method;
    void (*answer)(ManagerChannel *self, const P11dMessage *call, const P11dMethod *method);
} answers[] = {
    {&p11d_interface_object_manager, "GetManagedObjects", get_managed_objects},
    {&p11d_interface_properties, "GetAll", get_all},
    {&p11d_interface_token, "OpenChannel", open_channel},
};

static void answer(ManagerChannel *self, const P11dMessage *call)
{
    for (size_t i = 0; i < G_N_ELEMENTS(answers); i++) {
        const P11dMethod *method;
        if (strcmp(call->interface, answers[i].interface->name) != 0 ||
            strcmp(call->member, answers[i].method) != 0)
            continue;
        method = p11d_interface_method(answers[i].interface, answers[i].method);
        if (strcmp(call->signature, method->in) != 0)
            refuse(self, call->serial, G_DBUS_ERROR_INVALID_ARGS, "wrong types of arguments");
        else
            answers[i].answer(self, call, method);
        return;
    }
    if (strcmp(call->interface, p11d_interface_token.name) == 0 &&
        p11d_interface_method(&p11d_interface_token, call->member))
        refuse(self, call->serial, G_DBUS_ERROR_NOT_SUPPORTED, "call OpenChannel for this first");
    else
        refuse(self, call->serial, G_DBUS_ERROR_UNKNOWN_METHOD,
               "a manager channel has no such "
               "method");
}

static void on_message(const P11dMessage *message, void *data)
{
    ManagerChannel *self = data;
    self->queued_signals = 0; /* a request is read only when everything was sent */
    if (message->type != P11D_MESSAGE_CALL || !message->path || !message->member ||
        !message->interface)
        drop_because(self, "it sent something else than a method call");
    else if (!(message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED)) /* without a reply: no effect */
        answer(self, message);
}

static void on_end(P11dStatus why, void *data)
{
    ManagerChannel *self = data;
    if (why == P11D_CLOSED)
        drop(self);
    else
        drop_because(self, "it sent something that is no message");
}

static const P11dChannelHandler handler = {.message = on_message, .end = on_end};

static void queue_signal(ManagerChannel *self, const char *path, const P11dInterface *interface,
                         const P11dSignal *signal, GBytes *body)
{
    P11dWriter writer;
    P11dMessage message = {.type = P11D_MESSAGE_SIGNAL,
                           .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
                           .path = path,
                           .interface = interface->name,
                           .member = signal->name,
                           .signature = signal->signature};
    if (self->channel.out.size == 0)
        self->queued_signals = 0;
    if (self->queued_signals++ == SIGNAL_LIMIT) {
        drop_because(self, "it does not read");
        return;
    }
    p11d_channel_begin(&self->channel, &writer, &message);
    p11d_body_write(&writer, body);
    queue(self, &writer);
}

static void broadcast(P11dManagerChannels *set, const char *path, const P11dInterface *interface,
                      const char *name, GVariant *arguments)
{
    const P11dSignal *signal = p11d_interface_signal(interface, name);
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = p11d_body_marshal(arguments, 0, &error);
    if (!body) {
        p11d_log("%s of %s cannot be sent: %s", name, path, error->message);
        return;
    }
    for (GList *place = set->open.head; place;) {
        ManagerChannel *channel = place->data;
        place = place->next; /* the channel may be dropped */
        queue_signal(channel, path, interface, signal, body);
    }
}

static void on_added(const P11dRegistryToken *token, void *data)
{
    broadcast(data, P11D_ROOT_PATH, &p11d_interface_object_manager, "InterfacesAdded",
              p11d_registry_addition(token));
}

static void on_changed(const P11dRegistryToken *token, GVariant *changed, void *data)
{
    broadcast(data, token->path, &p11d_interface_properties, "PropertiesChanged",
              p11d_registry_change(changed));
}

static void on_removed(const P11dRegistryToken *token, void *data)
{
    broadcast(data, P11D_ROOT_PATH, &p11d_interface_object_manager, "InterfacesRemoved",
              p11d_registry_removal(token));
}

static const P11dRegistryObserver observer = {
    .added = on_added, .changed = on_changed, .removed = on_removed};

P11dManagerChannels *p11d_manager_channels_new(P11dRegistry *registry)
{
    P11dManagerChannels *set = g_new0(P11dManagerChannels, 1);
    struct rlimit descriptors;

    set->registry = registry;
    set->limit = TOTAL_LIMIT;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        set->limit = (guint)MIN(descriptors.rlim_cur / 2, TOTAL_LIMIT);
    g_queue_init(&set->open);
    p11d_registry_observe(registry, &observer, set);
    return set;
}

static gboolean has_room_for(const P11dManagerChannels *set, const P11dCredentials *credentials)
{
    guint of_user = 0, of_process = 0;
    for (const GList *place = set->open.head; place; place = place->next) {
        const ManagerChannel *other = place->data;
        if (other->credentials.uid != credentials->uid)
            continue;
        of_user++;
        if (credentials->pid != 0 && other->credentials.pid == credentials->pid)
            of_process++;
    }
    return set->open.length < set->limit && of_user < P11D_MANAGER_CHANNELS_PER_USER &&
           of_process < P11D_MANAGER_CHANNELS_PER_PROCESS;
}

static ManagerChannel *add(P11dManagerChannels *set, P11dDescriptor *descriptor)
{
    ManagerChannel *self = g_new0(ManagerChannel, 1);
    self->set = set;
    self->place.data = self;
    p11d_channel_init(&self->channel, descriptor, QUEUE_LIMIT);
    self->channel.in.limit = REQUEST_LIMIT;
    self->source = p11d_channel_source_add(&self->channel, &handler, self);
    g_queue_push_tail_link(&set->open, &self->place);
    return self;
}

int p11d_manager_channels_open(P11dManagerChannels *channels, P11dCredentials *credentials,
                               GError **error)
{
    int ends[2];

    if (!has_room_for(channels, credentials)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                    "too many manager channels are open (%d for a user, %d for a process)",
                    P11D_MANAGER_CHANNELS_PER_USER, P11D_MANAGER_CHANNELS_PER_PROCESS);
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED, "no descriptor is left: %s",
                    g_strerror(errno));
        return -1;
    }
    P11dDescriptor *ours = p11d_descriptor_adopt(ends[0]);
    if (!ours) {
        close(ends[1]);
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_MEMORY, "out of memory");
        return -1;
    }
    ManagerChannel *self = add(channels, ours);
    self->credentials = *credentials;
    memset(credentials, 0, sizeof *credentials);
    return ends[1];
}

void p11d_manager_channels_free(P11dManagerChannels *channels)
{
    while (channels->open.head)
        drop(channels->open.head->data);
    g_free(channels);
}
