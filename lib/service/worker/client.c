// SPDX-License-Identifier: MIT
#include "client.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "interface.h"
#include "trail.h"

P11dClient *p11d_client_of(P11dEndpoint *endpoint)
{
    return (P11dClient *)(void *)endpoint->group; /* its first member */
}

/* Puts endpoint into its client's list. With the client's lock held, or nobody else knowing it. */
static void link_endpoint(P11dClient *client, P11dEndpoint *endpoint)
{
    endpoint->next = client->endpoints;
    if (endpoint->next)
        endpoint->next->previous = endpoint;
    client->endpoints = endpoint;
    client->endpoint_count++;
    atomic_fetch_add(&client->clients->channels, 1);
}

static void unlink_endpoint(P11dClient *client, P11dEndpoint *endpoint)
{
    if (endpoint->previous)
        endpoint->previous->next = endpoint->next;
    else
        client->endpoints = endpoint->next;
    if (endpoint->next)
        endpoint->next->previous = endpoint->previous;
    client->endpoint_count--;
    atomic_fetch_sub(&client->clients->channels, 1);
}

/* Whether there is a descriptor for one more channel: where the last one is gone, the link loses
 * clients on the way, and files of keys are not read. */
static bool has_descriptor(const P11dClients *clients)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
           atomic_load(&clients->channels) + P11D_CLIENTS_SPARE_DESCRIPTORS < limit.rlim_cur;
}

static void wake_main_thread(P11dClients *clients)
{
    eventfd_write(clients->loop.wake, 1);
}

static void free_client(P11dClient *client)
{
    if (client->view)
        client->clients->token->operations->close(client->view);
    pthread_mutex_destroy(&client->group.lock);
    free(client);
}

/* Takes endpoint out of the client, and with the last one the client out of the worker. True: it is
 * the caller's to free. */
static bool take_out(P11dClient *client, P11dEndpoint *endpoint)
{
    P11dClients *clients = client->clients;

    pthread_mutex_lock(&clients->lock);
    pthread_mutex_lock(&client->group.lock);
    unlink_endpoint(client, endpoint);
    if (endpoint->control)
        client->control = NULL;
    bool last = client->endpoint_count == 0;
    pthread_mutex_unlock(&client->group.lock);
    if (last) {
        if (client->previous)
            client->previous->next = client->next;
        else
            clients->first = client->next;
        if (client->next)
            client->next->previous = client->previous;
        clients->count--;
    }
    pthread_mutex_unlock(&clients->lock);
    return last;
}

/* One of the client's channels was closed. With the control channel the client is gone, with the
 * last one it is freed. */
static void close_endpoint(P11dEndpoint *endpoint)
{
    P11dClient *client = p11d_client_of(endpoint);
    P11dClients *clients = client->clients;
    bool control = endpoint->control;

    if (control) {
        atomic_store(&client->group.gone, true);
        P11dTrailEntry entry = {.method = "Logout",
                                .uid = client->uid,
                                .pid = client->pid,
                                .token = clients->token->name};
        if (clients->token->operations->forget(client->view))
            p11d_trail_add(&entry);
    }
    if (clients->token->operations->hang_up)
        clients->token->operations->hang_up(client->view, endpoint->number);
    bool last = take_out(client, endpoint);
    p11d_endpoint_free(endpoint);
    if (last)
        free_client(client);
    if (control || last)
        wake_main_thread(clients);
}

static P11dClient *new_client(P11dClients *clients, const P11dCredentials *credentials)
{
    P11dClient *client = calloc(1, sizeof *client);
    if (!client)
        return NULL;
    client->clients = clients;
    client->uid = credentials->uid;
    client->pid = credentials->pid;
    client->group.loop = &clients->loop;
    client->group.handler = clients->handler;
    client->group.close = close_endpoint;
    atomic_init(&client->group.gone, false);
    pthread_mutex_init(&client->group.lock, NULL);
    client->view = clients->token->operations->open(clients->token, credentials);
    if (client->view)
        return client;
    free_client(client);
    return NULL;
}

/* With the lock held. */
static bool is_full(const P11dClients *clients, uid_t uid)
{
    size_t count = 0;
    for (const P11dClient *client = clients->first; client; client = client->next)
        count += client->uid == uid;
    return clients->count >= P11D_CLIENTS || count >= P11D_CLIENTS_OF_USER ||
           !has_descriptor(clients);
}

/* With the lock held. */
static void link_client(P11dClients *clients, P11dClient *client)
{
    client->next = clients->first;
    if (client->next)
        client->next->previous = client;
    clients->first = client;
    clients->count++;
}

void p11d_clients_add(P11dClients *clients, P11dDescriptor *control,
                      const P11dCredentials *credentials)
{
    pthread_mutex_lock(&clients->lock);
    bool full = is_full(clients, credentials->uid);
    pthread_mutex_unlock(&clients->lock);

    P11dClient *client = full ? NULL : new_client(clients, credentials);
    if (!client) {
        p11d_descriptor_close(control);
        return;
    }
    client->control = p11d_endpoint_new(&client->group, control, true);
    if (!client->control) {
        free_client(client);
        return;
    }
    link_endpoint(client, client->control);
    pthread_mutex_lock(&clients->lock);
    link_client(clients, client);
    pthread_mutex_lock(&client->group.lock);
    bool parked = p11d_endpoint_park(client->control);
    pthread_mutex_unlock(&client->group.lock);
    pthread_mutex_unlock(&clients->lock);
    if (!parked)
        close_endpoint(client->control);
}

void p11d_clients_notify(P11dClients *clients)
{
    pthread_mutex_lock(&clients->lock);
    for (P11dClient *client = clients->first; client; client = client->next)
        p11d_client_notify(client);
    pthread_mutex_unlock(&clients->lock);
}

void p11d_clients_sweep(P11dClients *clients, bool all)
{
    pthread_mutex_lock(&clients->lock);
    for (P11dClient *client = clients->first; client; client = client->next) {
        if (all)
            atomic_store(&client->group.gone, true);
        if (!atomic_load(&client->group.gone))
            continue;
        pthread_mutex_lock(&client->group.lock);
        for (P11dEndpoint *endpoint = client->endpoints; endpoint; endpoint = endpoint->next) {
            p11d_endpoint_abandon(endpoint);
        }
        pthread_mutex_unlock(&client->group.lock);
    }
    pthread_mutex_unlock(&clients->lock);
}

bool p11d_clients_is_empty(P11dClients *clients)
{
    pthread_mutex_lock(&clients->lock);
    bool empty = clients->count == 0;
    pthread_mutex_unlock(&clients->lock);
    return empty;
}

/* With the client's lock held. False: the client does not read. */
static bool send_changed(P11dClient *client, uint64_t generation)
{
    const P11dSignal *signal = p11d_interface_signal(&p11d_interface_token, "ObjectsChanged");
    P11dChannel *channel = &client->control->channel;
    P11dMessage message = {
        .type = P11D_MESSAGE_SIGNAL,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .path = client->clients->path,
        .interface = p11d_interface_token.name,
        .member = signal->name,
        .signature = signal->signature,
    };
    P11dWriter writer;
    /* Behind a reply that is still being sent it goes with that. */
    bool behind = channel->out_ready > 0;
    p11d_channel_begin(channel, &writer, &message);
    p11d_writer_uint64(&writer, generation);
    return p11d_channel_queue(channel, &writer) == P11D_OK && (behind || channel->out_ready == 0);
}

void p11d_client_notify(P11dClient *client)
{
    uint64_t generation = client->clients->token->operations->generation(client->view);

    pthread_mutex_lock(&client->group.lock);
    if (client->control && !client->told && !atomic_load(&client->group.gone)) {
        client->told = true;
        if (!send_changed(client, generation)) {
            atomic_store(&client->group.gone, true);
            wake_main_thread(client->clients);
        }
    }
    pthread_mutex_unlock(&client->group.lock);
}

void p11d_client_lists(P11dClient *client)
{
    pthread_mutex_lock(&client->group.lock);
    client->told = false;
    pthread_mutex_unlock(&client->group.lock);
}

int p11d_client_open_channel(P11dClient *client)
{
    int pair[2];

    if (!has_descriptor(client->clients)) {
        errno = EMFILE;
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return -1;
    P11dDescriptor *descriptor = p11d_descriptor_adopt(pair[0]);
    P11dEndpoint *endpoint = NULL;
    if (descriptor)
        endpoint = p11d_endpoint_new(&client->group, descriptor, false);
    if (!endpoint) {
        close(pair[1]);
        return -1;
    }
    pthread_mutex_lock(&client->group.lock);
    /* The control channel is one more. */
    bool full = client->endpoint_count > P11D_CLIENT_CHANNELS || atomic_load(&client->group.gone);
    bool parked = !full && p11d_endpoint_park(endpoint);
    if (parked)
        link_endpoint(client, endpoint);
    pthread_mutex_unlock(&client->group.lock);
    if (parked)
        return pair[1];
    p11d_endpoint_free(endpoint);
    close(pair[1]);
    errno = EMFILE;
    return -1;
}
