// SPDX-License-Identifier: MIT
#include "bus-call.h"

#include <string.h>

#include "body.h"
#include "caller.h"
#include "channel-source.h"
#include "log.h"

/* Calls of one caller to one token, and bytes of all requests, that wait for their turn. */
#define CALL_LIMIT 64
#define WAITING_LIMIT ((size_t)128 << 20)
/* Callers that are remembered, for each token, and channels that are kept for those of one user. */
#define CLIENT_LIMIT 4096
#define CHANNELS_PER_USER 256
/* The largest message on such a channel: one that is too large for the bus is refused, and the
 * channel lives, unless it is larger by more than this. */
#define CHANNEL_LIMIT (P11D_MESSAGE_MAX_ON_BUS + P11D_MESSAGE_OVERHEAD)

/* Bytes of a reply outside of byte arrays: a GVariant of them takes sixty times as many. */
#define REPLY_OVERHEAD ((size_t)4 << 20)

struct P11dBusCalls {
    GDBusConnection *bus;
    P11dRegistry *registry;
    GHashTable *clients; /* of Client, by caller and path; owns them */
    size_t waiting;      /* bytes of requests in all queues */
};

typedef struct Call {
    const P11dMethod *method;
    GDBusMethodInvocation *invocation; /* NULL once it was answered */
    GBytes *body;
} Call;

/* One caller's channel to one token. */
typedef struct Client {
    P11dBusCalls *set;
    char *caller; /* unique name */
    char *path;
    guint name_watch;
    GCancellable *looking_up; /* NULL: the credentials are known, or were not asked for yet */
    gboolean known;
    P11dCredentials credentials;
    P11dChannel channel;
    GSource *source; /* NULL: no channel */
    GQueue calls;
    gboolean sent; /* the first of calls is on its way */
} Client;

static guint client_hash(gconstpointer key)
{
    const Client *client = key;
    return g_str_hash(client->caller) * 31 + g_str_hash(client->path);
}

static gboolean client_equal(gconstpointer a, gconstpointer b)
{
    const Client *one = a, *other = b;
    return strcmp(one->caller, other->caller) == 0 && strcmp(one->path, other->path) == 0;
}

static void close_channel(Client *self)
{
    p11d_channel_source_remove(&self->source);
    p11d_channel_clear(&self->channel);
    self->sent = FALSE;
}

static void call_free(P11dBusCalls *set, Call *call)
{
    set->waiting -= g_bytes_get_size(call->body);
    g_clear_object(&call->invocation);
    g_bytes_unref(call->body);
    g_free(call);
}

/* Ends the first call with error, which is not taken over. */
static void fail_first(Client *self, const GError *error)
{
    Call *call = g_queue_pop_head(&self->calls);
    g_dbus_method_invocation_return_gerror(g_steal_pointer(&call->invocation), error);
    call_free(self->set, call);
    self->sent = FALSE;
}

static void client_free(gpointer data)
{
    Client *self = data;
    close_channel(self);
    while (!g_queue_is_empty(&self->calls))
        call_free(self->set, g_queue_pop_head(&self->calls));
    if (self->looking_up) {
        g_cancellable_cancel(self->looking_up);
        g_object_unref(self->looking_up);
    }
    if (self->name_watch)
        g_dbus_connection_signal_unsubscribe(self->set->bus, self->name_watch);
    p11d_credentials_clear(&self->credentials);
    g_free(self->caller);
    g_free(self->path);
    g_free(self);
}

static void answer(Client *self, const P11dMessage *reply, GVariant *arguments)
{
    Call *call = g_queue_pop_head(&self->calls);
    GDBusMethodInvocation *invocation = g_steal_pointer(&call->invocation);
    const char *text = "";

    self->sent = FALSE;
    if (reply->type == P11D_MESSAGE_RETURN) {
        g_dbus_method_invocation_return_value(invocation, arguments);
    } else {
        if (g_variant_n_children(arguments) > 0 &&
            g_str_has_prefix(g_variant_get_type_string(arguments), "(s"))
            g_variant_get_child(arguments, 0, "&s", &text);
        g_dbus_method_invocation_return_dbus_error(invocation, reply->error_name, text);
    }
    call_free(self->set, call);
}

static void advance(Client *self);

/* The worker did something that it should not: the channel and the call under way are lost. */
static void give_up(Client *self, GDBusError code, const char *why)
{
    gboolean was_sent = self->sent;
    g_autoptr(GError) error = g_error_new_literal(G_DBUS_ERROR, (gint)code, why);
    close_channel(self);
    if (was_sent)
        fail_first(self, error);
    advance(self);
}

static gboolean is_reply_to_first(Client *self, const P11dMessage *message)
{
    const Call *call = g_queue_peek_head(&self->calls);
    if (!self->sent || message->reply_serial != self->channel.serial)
        return FALSE;
    if (message->type == P11D_MESSAGE_RETURN)
        return strcmp(message->signature, call->method->out) == 0;
    return message->type == P11D_MESSAGE_ERROR && message->error_name &&
           g_dbus_is_interface_name(message->error_name);
}

static void on_message(const P11dMessage *message, void *data)
{
    Client *self = data;
    g_autoptr(GError) error = NULL;

    if (message->type == P11D_MESSAGE_SIGNAL) /* ObjectsChanged: lists are asked for anew here */
        return;
    if (!is_reply_to_first(self, message)) {
        give_up(self, G_DBUS_ERROR_NO_REPLY, "the worker's answer is no answer to this call");
        return;
    }
    if (self->channel.message_size > P11D_MESSAGE_MAX_ON_BUS) {
        error = g_error_new(G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                            "the reply is too large for the bus; use OpenChannel");
        fail_first(self, error);
    } else {
        g_autoptr(GVariant) arguments = p11d_body_received(&self->channel, &error);
        if (arguments)
            answer(self, message, arguments);
        else
            fail_first(self, error);
    }
    advance(self);
}

static void on_end(P11dStatus why, void *data)
{
    if (why == P11D_TOO_LARGE || why == P11D_MALFORMED) /* or over REPLY_OVERHEAD */
        give_up(data, G_DBUS_ERROR_LIMITS_EXCEEDED,
                "the reply is too large for the bus; use OpenChannel");
    else
        give_up(data, G_DBUS_ERROR_NO_REPLY, "the worker ended before it answered");
}

static const P11dChannelHandler handler = {.message = on_message, .end = on_end};

static gboolean has_room_for(P11dBusCalls *set, uid_t uid)
{
    GHashTableIter iterator;
    gpointer other;
    guint count = 0;

    g_hash_table_iter_init(&iterator, set->clients);
    while (g_hash_table_iter_next(&iterator, &other, NULL))
        count += ((Client *)other)->source && ((Client *)other)->credentials.uid == uid;
    return count < CHANNELS_PER_USER;
}

static gboolean open_channel(Client *self, GError **error)
{
    if (!has_room_for(self->set, self->credentials.uid)) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                    "too many callers of this user (%d); use OpenChannel", CHANNELS_PER_USER);
        return FALSE;
    }
    const P11dRegistryToken *token = p11d_registry_find(self->set->registry, self->path);
    if (!token) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT, "this token is gone");
        return FALSE;
    }
    int fd = p11d_provider_open_client(token->provider, self->path, &self->credentials, error);
    if (fd < 0)
        return FALSE;
    P11dDescriptor *descriptor = p11d_descriptor_adopt(fd);
    p11d_channel_init(&self->channel, descriptor, CHANNEL_LIMIT);
    self->channel.overhead = REPLY_OVERHEAD;
    self->source = p11d_channel_source_add(&self->channel, &handler, self);
    if (!self->source) {
        close_channel(self);
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_MEMORY, "out of memory");
        return FALSE;
    }
    return TRUE;
}

static gboolean send_first(Client *self, GError **error)
{
    const Call *call = g_queue_peek_head(&self->calls);
    P11dWriter writer;
    P11dMessage request = {.type = P11D_MESSAGE_CALL,
                           .path = self->path,
                           .interface = p11d_interface_token.name,
                           .member = call->method->name,
                           .signature = call->method->in};
    p11d_channel_begin(&self->channel, &writer, &request);
    p11d_body_write(&writer, call->body);
    P11dStatus status = p11d_channel_queue(&self->channel, &writer);
    if (status == P11D_OK) {
        p11d_channel_source_queued(self->source);
        self->sent = TRUE;
        return TRUE;
    }
    if (status == P11D_TOO_LARGE)
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                    "the request is larger than %zu bytes", (size_t)CHANNEL_LIMIT);
    else
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY, "the worker hung up");
    if (status != P11D_TOO_LARGE)
        close_channel(self);
    return FALSE;
}

static void on_caller_known(GObject *source, GAsyncResult *result, gpointer data)
{
    Client *self = data;
    g_autoptr(GError) error = NULL;
    P11dCredentials credentials;

    gboolean known = p11d_caller_finish(G_DBUS_CONNECTION(source), result, &credentials, &error);
    if (g_error_matches(error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) { /* self is gone */
        p11d_credentials_clear(&credentials);
        return;
    }
    g_clear_object(&self->looking_up);
    self->known = known;
    self->credentials = credentials;
    if (known) {
        advance(self);
        return;
    }
    while (!g_queue_is_empty(&self->calls))
        fail_first(self, error);
    g_hash_table_remove(self->set->clients, self); /* most likely it has left */
}

static void look_up(Client *self)
{
    self->looking_up = g_cancellable_new();
    p11d_caller_look_up(self->set->bus, self->caller, self->looking_up, on_caller_known, self);
}

/* Does what can be done for the first call in the queue. */
static void advance(Client *self)
{
    while (!self->sent && !self->looking_up && !g_queue_is_empty(&self->calls)) {
        g_autoptr(GError) error = NULL;
        if (!self->known) {
            look_up(self);
            return;
        }
        if ((!self->source && !open_channel(self, &error)) || !send_first(self, &error))
            fail_first(self, error);
    }
}

static void on_owner_changed(GDBusConnection *bus G_GNUC_UNUSED, const char *sender G_GNUC_UNUSED,
                             const char *path G_GNUC_UNUSED, const char *interface G_GNUC_UNUSED,
                             const char *signal G_GNUC_UNUSED, GVariant *arguments, gpointer data)
{
    Client *self = data;
    const char *new_owner;
    g_variant_get_child(arguments, 2, "&s", &new_owner);
    if (new_owner[0] == '\0')
        g_hash_table_remove(self->set->clients, self);
}

static Client *find_or_add(P11dBusCalls *set, const char *caller, const char *path)
{
    Client key = {.caller = (char *)caller, .path = (char *)path};
    Client *self = g_hash_table_lookup(set->clients, &key);
    if (self || g_hash_table_size(set->clients) >= CLIENT_LIMIT)
        return self;
    self = g_new0(Client, 1);
    self->set = set;
    self->caller = g_strdup(caller);
    self->path = g_strdup(path);
    p11d_channel_init(&self->channel, NULL, CHANNEL_LIMIT);
    g_queue_init(&self->calls);
    /* Before the question for the credentials: a caller that has left since is noticed by either.
     */
    self->name_watch = g_dbus_connection_signal_subscribe(
        set->bus, "org.freedesktop.DBus", "org.freedesktop.DBus", "NameOwnerChanged",
        "/org/freedesktop/DBus", caller, G_DBUS_SIGNAL_FLAGS_NONE, on_owner_changed, self, NULL);
    g_hash_table_add(set->clients, self);
    return self;
}

void p11d_bus_calls_pass_on(P11dBusCalls *calls, const P11dMethod *method,
                            GDBusMethodInvocation *invocation)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = p11d_body_marshal(g_dbus_method_invocation_get_parameters(invocation),
                                               P11D_MESSAGE_OVERHEAD, &error);
    if (!body) {
        g_dbus_method_invocation_return_gerror(invocation, error);
        return;
    }
    Client *client = find_or_add(calls, g_dbus_method_invocation_get_sender(invocation),
                                 g_dbus_method_invocation_get_object_path(invocation));
    if (!client || client->calls.length >= CALL_LIMIT ||
        calls->waiting + g_bytes_get_size(body) > WAITING_LIMIT) {
        g_dbus_method_invocation_return_error(invocation, G_DBUS_ERROR,
                                              G_DBUS_ERROR_LIMITS_EXCEEDED,
                                              "too many calls are waiting; try again later");
        return;
    }
    Call *call = g_new0(Call, 1);
    call->method = method;
    call->invocation = invocation;
    call->body = g_steal_pointer(&body);
    calls->waiting += g_bytes_get_size(call->body);
    g_queue_push_tail(&client->calls, call);
    advance(client);
}

static gboolean is_of_path(gpointer client, gpointer value G_GNUC_UNUSED, gpointer path)
{
    Client *self = client;
    g_autoptr(GError) error = NULL;

    if (strcmp(self->path, path) != 0)
        return FALSE;
    error = g_error_new_literal(G_DBUS_ERROR, G_DBUS_ERROR_NO_REPLY,
                                "the token went away before it answered");
    while (!g_queue_is_empty(&self->calls))
        fail_first(self, error);
    return TRUE;
}

static void on_removed(const P11dRegistryToken *token, void *data)
{
    P11dBusCalls *set = data;
    g_hash_table_foreach_remove(set->clients, is_of_path, token->path);
}

static const P11dRegistryObserver observer = {.removed = on_removed};

P11dBusCalls *p11d_bus_calls_new(GDBusConnection *bus, P11dRegistry *registry)
{
    P11dBusCalls *set = g_new0(P11dBusCalls, 1);
    set->bus = bus;
    set->registry = registry;
    set->clients = g_hash_table_new_full(client_hash, client_equal, client_free, NULL);
    p11d_registry_observe(registry, &observer, set);
    return set;
}

void p11d_bus_calls_free(P11dBusCalls *calls)
{
    g_hash_table_unref(calls->clients);
    g_free(calls);
}
