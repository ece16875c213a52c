// SPDX-License-Identifier: MIT
#include "endpoint.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

/* How long a thread stays with a call channel on which nothing happens, in milliseconds: long
 * enough that a host that signs now and then finds it there, but less the more threads do so. */
static const struct {
    size_t busy; /* while no more threads than this run a job */
    int milliseconds;
} lingers[] = {{P11D_POOL_THREADS / 4, 1000}, {P11D_POOL_THREADS / 2, 100}, {P11D_POOL_THREADS, 5}};

/*
 * A message that is larger than this when it has only partly arrived is received at one go, by a
 * thread that stays with it, and only a few of those at a time: memory is not held for somebody who
 * stops, nor for many at once. Whoever is cut off here has not sent his call completely, and may
 * send it again.
 */
#define PARTIAL_MAX ((size_t)64 << 10)
#define LARGE_MESSAGES (P11D_POOL_THREADS / 2)
#define LARGE_MESSAGES_OF_CLIENT 8 /* as many as a module has call channels */
#define LARGE_DEADLINE_MS 10000
static atomic_int large_messages;

static void serve(P11dJob *job);

static atomic_uint_fast64_t last_number;

P11dEndpoint *p11d_endpoint_new(P11dEndpointGroup *group, P11dDescriptor *descriptor, bool control)
{
    P11dEndpoint *endpoint = calloc(1, sizeof *endpoint);
    if (!endpoint) {
        p11d_descriptor_close(descriptor);
        return NULL;
    }
    endpoint->job.run = serve;
    endpoint->group = group;
    endpoint->number = atomic_fetch_add(&last_number, 1) + 1;
    endpoint->control = control;
    endpoint->fd = p11d_descriptor_number(descriptor);
    p11d_channel_init(&endpoint->channel, descriptor, P11D_MESSAGE_MAX);
    endpoint->channel.overhead = P11D_MESSAGE_OVERHEAD;
    return endpoint;
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

bool p11d_endpoint_park(P11dEndpoint *endpoint)
{
    struct epoll_event event = {
        .events = EPOLLONESHOT | (uint32_t)(has_unsent(endpoint) ? EPOLLOUT : EPOLLIN),
        .data.ptr = endpoint,
    };
    int operation = endpoint->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
    /* Before the call: once armed it belongs to the main thread. */
    endpoint->registered = endpoint->parked = true;
    if (epoll_ctl(endpoint->group->loop->epoll, operation, endpoint->fd, &event) == 0)
        return true;
    endpoint->parked = false;
    return false;
}

/* Taken out, not disarmed: a hang-up is told even where no event is asked for. Once closed, it is
 * out already, and its number may be another's. */
static void take_out(P11dEndpoint *endpoint)
{
    if (endpoint->registered && p11d_channel_is_open(&endpoint->channel))
        epoll_ctl(endpoint->group->loop->epoll, EPOLL_CTL_DEL, endpoint->fd, NULL);
    endpoint->registered = false;
}

static void unpark(P11dEndpoint *endpoint)
{
    endpoint->parked = false;
    p11d_pool_push(endpoint->group->loop->pool, &endpoint->job);
}

static void wake_main_thread(P11dEndpointLoop *loop)
{
    eventfd_write(loop->wake, 1);
}

static void cancel(P11dEndpoint *endpoint)
{
    if (!endpoint->complete && !endpoint->canceled)
        endpoint->group->handler->cancel(endpoint);
    endpoint->canceled = true;
}

void p11d_endpoint_wake(P11dEndpoint *endpoint)
{
    if (!endpoint->suspended) {
        unpark(endpoint);
        return;
    }
    if (endpoint->control) { /* with it all others end */
        atomic_store(&endpoint->group->gone, true);
        wake_main_thread(endpoint->group->loop);
    }
    cancel(endpoint);
}

void p11d_endpoint_abandon(P11dEndpoint *endpoint)
{
    if (endpoint->suspended) {
        cancel(endpoint);
    } else if (endpoint->parked) {
        take_out(endpoint);
        unpark(endpoint);
    }
}

/* With the lock held. */
static void push_completed(P11dEndpoint *endpoint)
{
    P11dEndpointLoop *loop = endpoint->group->loop;
    P11dEndpoint *first = atomic_load(&loop->completed);
    do
        endpoint->next_completed = first;
    while (!atomic_compare_exchange_weak(&loop->completed, &first, endpoint));
    wake_main_thread(loop);
}

void p11d_endpoint_complete(P11dEndpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->group->lock);
    endpoint->complete = true;
    if (endpoint->suspended)
        push_completed(endpoint);
    pthread_mutex_unlock(&endpoint->group->lock);
}

void p11d_endpoint_resume_all(P11dEndpointLoop *loop)
{
    P11dEndpoint *endpoint = atomic_exchange(&loop->completed, NULL);
    while (endpoint) {
        P11dEndpoint *next = endpoint->next_completed;
        pthread_mutex_t *lock = &endpoint->group->lock;
        pthread_mutex_lock(lock);
        take_out(endpoint);
        endpoint->suspended = false;
        p11d_pool_push(loop->pool, &endpoint->job);
        pthread_mutex_unlock(lock);
        endpoint = next;
    }
}

/* Has epoll tell of a hang-up alone. False: the call is complete already. */
static bool suspend(P11dEndpoint *endpoint)
{
    pthread_mutex_lock(&endpoint->group->lock);
    bool waits = !endpoint->complete;
    if (waits) {
        struct epoll_event event = {.events = EPOLLONESHOT, .data.ptr = endpoint};
        int operation = endpoint->registered ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        endpoint->suspended = true;
        if (p11d_channel_is_open(&endpoint->channel) &&
            epoll_ctl(endpoint->group->loop->epoll, operation, endpoint->fd, &event) == 0)
            endpoint->registered = true;
    }
    pthread_mutex_unlock(&endpoint->group->lock);
    return waits;
}

void p11d_endpoint_begin(P11dEndpoint *endpoint, P11dWriter *writer, P11dMessage *message)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->group->lock);
    p11d_channel_begin(&endpoint->channel, writer, message);
}

P11dStatus p11d_endpoint_finish(P11dEndpoint *endpoint, P11dWriter *writer, int fd)
{
    P11dChannel *channel = &endpoint->channel;
    P11dStatus status = fd < 0 ? p11d_channel_queue(channel, writer)
                               : p11d_channel_send(channel, writer, fd, p11d_deadline_now(), NULL);
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->group->lock);
    return status;
}

void p11d_endpoint_drop(P11dEndpoint *endpoint)
{
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->group->lock);
}

/* Sends what an earlier reply left. P11D_TIMEOUT: not all of it. */
static P11dStatus flush(P11dEndpoint *endpoint)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->group->lock);
    P11dStatus status = has_unsent(endpoint) ? p11d_channel_flush(&endpoint->channel) : P11D_OK;
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->group->lock);
    return status;
}

/* Waits until something arrives on a call channel, a while has passed, or the worker ends. Control
 * channels do not hold a thread. */
static void linger(const P11dEndpoint *endpoint)
{
    const P11dEndpointLoop *loop = endpoint->group->loop;
    if (endpoint->control || endpoint->channel.in.size > 0 || has_unsent(endpoint))
        return;
    struct pollfd events[] = {{.fd = endpoint->fd, .events = POLLIN},
                              {.fd = loop->stop, .events = POLLIN}};
    size_t busy = p11d_pool_busy(loop->pool), i = 0;
    while (busy > lingers[i].busy)
        i++;
    poll(events, 2, lingers[i].milliseconds);
}

/* Takes what is there. Others write to a control channel, and an error closes it under us, so it is
 * not touched without the lock. */
static P11dStatus receive_now(P11dEndpoint *endpoint, P11dMessage *message)
{
    if (endpoint->control)
        pthread_mutex_lock(&endpoint->group->lock);
    P11dStatus status = p11d_channel_receive(&endpoint->channel, p11d_deadline_now(), message);
    if (endpoint->control)
        pthread_mutex_unlock(&endpoint->group->lock);
    return status;
}

/* Goes on with a message that is large. */
static P11dStatus receive_large(P11dEndpoint *endpoint, P11dMessage *message)
{
    P11dStatus status = P11D_TIMEOUT;
    P11dDeadline deadline = p11d_deadline_in(LARGE_DEADLINE_MS);
    while (status == P11D_TIMEOUT && !p11d_deadline_passed(deadline)) {
        struct timespec left;
        struct pollfd event = {.fd = endpoint->fd, .events = POLLIN};
        ppoll(&event, 1, p11d_deadline_left(deadline, &left), NULL);
        status = receive_now(endpoint, message);
    }
    return status == P11D_TIMEOUT ? P11D_CLOSED : status;
}

static P11dStatus receive(P11dEndpoint *endpoint, P11dMessage *message)
{
    P11dStatus status = receive_now(endpoint, message);
    if (status != P11D_TIMEOUT || endpoint->channel.in.size <= PARTIAL_MAX)
        return status;
    atomic_int *of_client = &endpoint->group->large_messages;
    bool own_share = atomic_fetch_add(of_client, 1) < LARGE_MESSAGES_OF_CLIENT;
    bool room = own_share && atomic_fetch_add(&large_messages, 1) < LARGE_MESSAGES;
    status = room ? receive_large(endpoint, message) : P11D_CLOSED;
    if (own_share)
        atomic_fetch_sub(&large_messages, 1);
    atomic_fetch_sub(of_client, 1);
    return status;
}

/* Gives the channel back to epoll, without memory that it does not need, unless its group is
 * gone. */
static void rest(P11dEndpoint *endpoint)
{
    P11dEndpointGroup *group = endpoint->group;
    pthread_mutex_lock(&group->lock);
    bool gone = atomic_load(&group->gone) || !p11d_channel_is_open(&endpoint->channel);
    if (!gone) {
        if (endpoint->channel.in.size == 0)
            p11d_buffer_clear(&endpoint->channel.in);
        if (!has_unsent(endpoint))
            p11d_buffer_clear(&endpoint->channel.out);
        gone = !p11d_endpoint_park(endpoint);
    }
    pthread_mutex_unlock(&group->lock);
    if (gone)
        group->close(endpoint);
}

/* Answers the pending call, if it is complete. */
static P11dEndpointOutcome resume(P11dEndpoint *endpoint)
{
    if (!endpoint->complete)
        return P11D_ENDPOINT_SERVED;
    endpoint->complete = endpoint->canceled = false;
    P11dEndpointOutcome outcome = endpoint->group->handler->resume(endpoint);
    p11d_channel_done(&endpoint->channel); /* wipes the PIN that may have been in it */
    return outcome;
}

/* Handles the message that arrived. A call that is pending for no time at all is none. */
static P11dEndpointOutcome handle(P11dEndpoint *endpoint, const P11dMessage *message)
{
    P11dEndpointOutcome outcome = endpoint->group->handler->message(endpoint, message);
    if (outcome == P11D_ENDPOINT_PENDING)
        return suspend(endpoint) ? P11D_ENDPOINT_PENDING : resume(endpoint);
    p11d_channel_done(&endpoint->channel);
    return outcome;
}

/* Serves the next message. Unless it is served, the endpoint is somebody else's. */
static P11dEndpointOutcome serve_next(P11dEndpoint *endpoint)
{
    P11dMessage message;
    P11dStatus status = flush(endpoint);
    if (status == P11D_OK)
        status = receive(endpoint, &message);
    if (status == P11D_TIMEOUT) {
        rest(endpoint);
        return P11D_ENDPOINT_PENDING;
    }
    P11dEndpointOutcome outcome = P11D_ENDPOINT_LOST;
    if (status == P11D_OK && !atomic_load(&endpoint->group->gone))
        outcome = handle(endpoint, &message);
    if (outcome == P11D_ENDPOINT_LOST)
        endpoint->group->close(endpoint);
    return outcome;
}

static void serve(P11dJob *job)
{
    P11dEndpoint *endpoint = (P11dEndpoint *)(void *)job; /* its first member */
    P11dPool *pool = endpoint->group->loop->pool;

    if (resume(endpoint) == P11D_ENDPOINT_LOST) {
        endpoint->group->close(endpoint);
        return;
    }
    while (serve_next(endpoint) == P11D_ENDPOINT_SERVED) {
        if (p11d_pool_is_short(pool)) {
            /* Others wait: to the end of the queue, where this channel's next call is no worse
             * off than theirs. */
            p11d_pool_push(pool, job);
            return;
        }
        linger(endpoint);
    }
}
