// SPDX-License-Identifier: MIT
#include "endpoint.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>

#include "client.h"
#include "dispatcher.h"

/* How long a thread stays with a call channel on which nothing happens. Long enough that a host
 * that signs now and then finds it there; when threads get short, much less. */
#define LINGER_NS (1000L * 1000 * 1000)
#define LINGER_SHORT_NS (10L * 1000 * 1000)
/* A part of a message that stops coming keeps this much memory at most, in bytes. */
#define PARTIAL_MAX ((size_t)64 << 10)
#define PARTIAL_WAIT_MS 1000

static void serve(P11dJob *job);

P11dEndpoint *p11d_endpoint_new(P11dClient *client, int epoll, P11dDescriptor *descriptor,
                                bool control)
{
    P11dEndpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint) {
        p11d_descriptor_close(descriptor);
        return NULL;
    }
    endpoint->job.run = serve;
    endpoint->client = client;
    endpoint->control = control;
    endpoint->fd = p11d_descriptor_number(descriptor);
    p11d_channel_init(&endpoint->channel, descriptor, P11D_MESSAGE_MAX);
    endpoint->channel.overhead = P11D_MESSAGE_OVERHEAD;

    struct epoll_event event = {.events = EPOLLONESHOT, .data.ptr = endpoint};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, endpoint->fd, &event) == 0)
        return endpoint;
    int error = errno;
    p11d_endpoint_free(endpoint);
    errno = error;
    return NULL;
}

void p11d_endpoint_free(P11dEndpoint *endpoint)
{
    /* Closing takes it out of epoll. */
    p11d_channel_clear(&endpoint->channel);
    free(endpoint);
}

static bool has_unsent(const P11dEndpoint *endpoint)
{
    return endpoint->channel.out_ready > endpoint->channel.out_sent;
}

void p11d_endpoint_park(P11dEndpoint *endpoint)
{
    struct epoll_event event = {
        .events = EPOLLONESHOT | (uint32_t)(has_unsent(endpoint) ? EPOLLOUT : EPOLLIN),
        .data.ptr = endpoint,
    };
    endpoint->parked = true;
    epoll_ctl(endpoint->client->clients->epoll, EPOLL_CTL_MOD, endpoint->fd, &event);
}

void p11d_endpoint_disarm(P11dEndpoint *endpoint)
{
    /* Once closed, its number may be another's. */
    if (!endpoint->channel.descriptor)
        return;
    struct epoll_event event = {.events = EPOLLONESHOT, .data.ptr = endpoint};
    epoll_ctl(endpoint->client->clients->epoll, EPOLL_CTL_MOD, endpoint->fd, &event);
}

void p11d_endpoint_unpark(P11dEndpoint *endpoint)
{
    endpoint->parked = false;
    p11d_pool_push(endpoint->client->clients->pool, &endpoint->job);
}

void p11d_endpoint_begin(P11dEndpoint *endpoint, P11dWriter *writer, P11dMessage *message)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->client->lock);
    p11d_channel_begin(&endpoint->channel, writer, message);
}

P11dStatus p11d_endpoint_finish(P11dEndpoint *endpoint, P11dWriter *writer, int fd)
{
    P11dChannel *channel = &endpoint->channel;
    P11dStatus status = fd < 0 ? p11d_channel_queue(channel, writer)
                               : p11d_channel_send(channel, writer, fd, p11d_deadline_now(), NULL);
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->client->lock);
    return status;
}

/* Sends what an earlier reply left. P11D_TIMEOUT: not all of it. */
static P11dStatus flush(P11dEndpoint *endpoint)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->client->lock);
    P11dStatus status = has_unsent(endpoint) ? p11d_channel_flush(&endpoint->channel) : P11D_OK;
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->client->lock);
    return status;
}

/* Waits until something arrives on a call channel, a while has passed, or the worker ends. Control
 * channels do not hold a thread. */
static void linger(const P11dEndpoint *endpoint)
{
    const P11dClients *clients = endpoint->client->clients;
    if (endpoint->control || endpoint->channel.in.size > 0 || has_unsent(endpoint))
        return;
    struct pollfd events[] = {{.fd = endpoint->fd, .events = POLLIN},
                              {.fd = clients->stop, .events = POLLIN}};
    struct timespec time = {.tv_sec = LINGER_NS / 1000000000, .tv_nsec = LINGER_NS % 1000000000};
    if (p11d_pool_is_short(clients->pool))
        time = (struct timespec){.tv_nsec = LINGER_SHORT_NS};
    ppoll(events, 2, &time, NULL);
}

/* Takes what is there. Others write to a control channel, and an error closes it under us, so it is
 * not touched without the client's lock. */
static P11dStatus receive_now(P11dEndpoint *endpoint, P11dMessage *message)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->client->lock);
    P11dStatus status = p11d_channel_receive(&endpoint->channel, p11d_deadline_now(), message);
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->client->lock);
    return status;
}

/* A large message must keep coming: memory for it is not held for somebody who stops. */
static P11dStatus receive(P11dEndpoint *endpoint, P11dMessage *message)
{
    size_t before = 0;
    P11dStatus status = receive_now(endpoint, message);
    while (status == P11D_TIMEOUT && endpoint->channel.in.size > PARTIAL_MAX) {
        if (endpoint->channel.in.size == before)
            return P11D_CLOSED;
        before = endpoint->channel.in.size;
        struct pollfd event = {.fd = endpoint->fd, .events = POLLIN};
        poll(&event, 1, PARTIAL_WAIT_MS);
        status = receive_now(endpoint, message);
    }
    return status;
}

static void close_endpoint(P11dEndpoint *endpoint)
{
    p11d_client_remove(endpoint->client, endpoint);
}

/* Gives the channel back to epoll, without memory that it does not need, unless its client is
 * gone. */
static void rest(P11dEndpoint *endpoint)
{
    P11dClient *client = endpoint->client;
    pthread_mutex_lock(&client->lock);
    bool gone = atomic_load(&client->gone) || !endpoint->channel.descriptor;
    if (!gone) {
        if (endpoint->channel.in.size == 0)
            p11d_buffer_clear(&endpoint->channel.in);
        if (!has_unsent(endpoint))
            p11d_buffer_clear(&endpoint->channel.out);
        p11d_endpoint_park(endpoint);
    }
    pthread_mutex_unlock(&client->lock);
    if (gone)
        close_endpoint(endpoint);
}

static void serve(P11dJob *job)
{
    P11dEndpoint *endpoint = (P11dEndpoint *)(void *)job; /* its first member */
    P11dClient *client = endpoint->client;
    P11dPool *pool = client->clients->pool;

    for (;;) {
        P11dMessage message;
        P11dStatus status = flush(endpoint);
        if (status == P11D_OK)
            status = receive(endpoint, &message);
        if (status == P11D_TIMEOUT) {
            rest(endpoint);
            return;
        }
        if (status != P11D_OK || atomic_load(&client->gone) || !p11d_dispatch(endpoint, &message)) {
            close_endpoint(endpoint);
            return;
        }
        p11d_channel_done(&endpoint->channel); /* wipes the PIN that may have been in it */
        if (p11d_pool_is_short(pool)) {
            /* Others wait: to the end of the queue, where this channel's next call is no worse
             * off than theirs. */
            p11d_pool_push(pool, job);
            return;
        }
        linger(endpoint);
    }
}
