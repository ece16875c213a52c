// SPDX-License-Identifier: MIT
#include "worker.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client.h"
#include "dispatcher.h"
#include "log.h"
#include "sandbox.h"
#include "token-path.h"
#include "worker-link.h"

/* Events of epoll that are taken at once. */
#define EVENTS 64
/* The most properties of a token, marshalled, in bytes. */
#define PROPERTIES_MAX ((size_t)1 << 20)

typedef struct Worker {
    P11dChannel link;
    P11dWorkerLinkPeer supervisor;
    bool link_writing; /* epoll waits until the link takes more */
    P11dWorkerToken *token;
    char *path;
    P11dPool pool;
    P11dPool lane;
    P11dClients clients;
    bool failed;
    bool replaced; /* the token is, and this process of no use */
} Worker;

static bool watch_descriptor(Worker *worker, int fd, uint32_t events, void *what, int operation)
{
    struct epoll_event event = {.events = events, .data.ptr = what};
    return epoll_ctl(worker->clients.loop.epoll, operation, fd, &event) == 0;
}

typedef P11dStatus QueueToken(P11dChannel *link, const char *path, const void *properties,
                              size_t size);

static bool announce(Worker *worker, QueueToken *queue)
{
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, PROPERTIES_MAX);
    p11d_writer_init(&writer, &buffer);
    worker->token->operations->write_properties(worker->token, &writer);
    bool ok = p11d_writer_ok(&writer) &&
              queue(&worker->link, worker->path, buffer.data, buffer.size) == P11D_OK;
    p11d_buffer_clear(&buffer);
    return ok;
}

/* Lets epoll wait for room on the link while something is left to be sent. */
static void follow_link(Worker *worker)
{
    bool writing = worker->link.out_ready > 0;
    if (writing == worker->link_writing)
        return;
    worker->link_writing = writing;
    watch_descriptor(worker, P11D_WORKER_LINK_DESCRIPTOR,
                     EPOLLIN | (writing ? (uint32_t)EPOLLOUT : 0), &worker->link, EPOLL_CTL_MOD);
}

static void take_client(Worker *worker, const P11dMessage *message, const char *path)
{
    P11dCredentials credentials;
    bool ok = p11d_worker_link_read_client(&worker->supervisor, message, &credentials);
    P11dDescriptor *control = p11d_channel_take(&worker->link, 0);

    if (ok && control && strcmp(path, worker->path) == 0)
        p11d_clients_add(&worker->clients, control, &credentials);
    else
        p11d_descriptor_close(control);
    p11d_credentials_clear(&credentials);
}

/* False once the link is of no use. */
static bool serve_link(Worker *worker)
{
    P11dStatus status = p11d_channel_flush(&worker->link);
    if (status != P11D_OK && status != P11D_TIMEOUT)
        return false;
    for (;;) {
        P11dMessage message;
        const char *path;
        status = p11d_channel_receive(&worker->link, p11d_deadline_now(), &message);
        if (status != P11D_OK)
            break;
        if (p11d_worker_link_kind(&worker->supervisor, &message, &path) == P11D_WORKER_LINK_CLIENT)
            take_client(worker, &message, path);
    }
    worker->failed = worker->failed || (status != P11D_TIMEOUT && status != P11D_CLOSED);
    return status == P11D_TIMEOUT;
}

/* False once another process is to serve it: who asks the supervisor for it from now on waits for
 * that one. */
static bool serve_token(Worker *worker)
{
    unsigned change = worker->token->operations->dispatch(worker->token);
    if (change & P11D_WORKER_TOKEN_PROPERTIES)
        announce(worker, p11d_worker_link_queue_token_changed);
    if (change & P11D_WORKER_TOKEN_OBJECTS)
        p11d_clients_notify(&worker->clients);
    if (change & P11D_WORKER_TOKEN_REPLACED) {
        worker->replaced = true;
        p11d_descriptor_shutdown(worker->link.descriptor);
    }
    return !worker->replaced;
}

/* Handles one event; false once the worker is to end. */
static bool handle(Worker *worker, const struct epoll_event *event)
{
    void *what = event->data.ptr;
    if (what == &worker->link)
        return serve_link(worker);
    if (what == worker->token)
        return serve_token(worker);
    if (what == &worker->clients) {
        eventfd_t count;
        eventfd_read(worker->clients.loop.wake, &count);
    } else {
        P11dEndpoint *endpoint = what;
        pthread_mutex_lock(&endpoint->group->lock);
        p11d_endpoint_wake(endpoint);
        pthread_mutex_unlock(&endpoint->group->lock);
    }
    return true;
}

/* Serves until the link hangs up or the token is replaced, and then until every client is gone. */
static void run(Worker *worker)
{
    bool running = true;
    while (running || !p11d_clients_is_empty(&worker->clients)) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(worker->clients.loop.epoll, events, EVENTS, -1);
        if (count < 0 && errno != EINTR)
            break;
        bool go_on = true;
        for (int i = 0; i < count; i++)
            go_on = handle(worker, &events[i]) && go_on;
        if (!go_on && running) {
            running = false;
            epoll_ctl(worker->clients.loop.epoll, EPOLL_CTL_DEL, P11D_WORKER_LINK_DESCRIPTOR, NULL);
            eventfd_write(worker->clients.loop.stop, 1);
        }
        p11d_clients_sweep(&worker->clients, !running);
        p11d_endpoint_resume_all(&worker->clients.loop);
        if (running)
            follow_link(worker);
    }
}

static bool set_up(Worker *worker)
{
    P11dClients *clients = &worker->clients;

    worker->path = p11d_token_path_new(worker->token->name);
    clients->token = worker->token;
    clients->path = worker->path;
    clients->loop.pool = &worker->pool;
    clients->loop.lane = &worker->lane;
    clients->loop.epoll = epoll_create1(EPOLL_CLOEXEC);
    clients->loop.wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    clients->loop.stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    pthread_mutex_init(&clients->lock, NULL);
    return worker->path && clients->loop.epoll >= 0 && clients->loop.wake >= 0 &&
           clients->loop.stop >= 0 &&
           watch_descriptor(worker, P11D_WORKER_LINK_DESCRIPTOR, EPOLLIN, &worker->link,
                            EPOLL_CTL_ADD) &&
           watch_descriptor(worker, clients->loop.wake, EPOLLIN, clients, EPOLL_CTL_ADD) &&
           (worker->token->descriptor < 0 ||
            watch_descriptor(worker, worker->token->descriptor, EPOLLIN, worker->token,
                             EPOLL_CTL_ADD));
}

static void close_if_open(int fd)
{
    if (fd >= 0)
        close(fd);
}

static void tear_down(Worker *worker)
{
    p11d_channel_clear(&worker->link);
    close_if_open(worker->clients.loop.epoll);
    close_if_open(worker->clients.loop.wake);
    close_if_open(worker->clients.loop.stop);
    pthread_mutex_destroy(&worker->clients.lock);
    free(worker->path);
}

static bool serve(Worker *worker)
{
    if (!set_up(worker) || !p11d_pool_start(&worker->pool)) {
        p11d_log("%s: %s", worker->token->name, strerror(errno));
        return false;
    }
    p11d_pool_begin_lane(&worker->lane);
    bool ok = p11d_worker_link_queue_hello(&worker->link) == P11D_OK &&
              announce(worker, p11d_worker_link_queue_token_added) &&
              p11d_worker_link_queue_ready(&worker->link) == P11D_OK;
    if (ok) {
        follow_link(worker);
        run(worker);
    }
    p11d_pool_stop(&worker->lane);
    p11d_pool_stop(&worker->pool);
    return ok && !worker->failed;
}

/* Serves the token of source; returns the exit status. */
static int serve_source(const P11dWorkerKind *kind, P11dDescriptor *link, const char *source,
                        P11dWorkerTokenWriters writers)
{
    Worker worker = {
        .supervisor.name = "the service",
        .clients = {.loop = {.epoll = -1, .wake = -1, .stop = -1}, .handler = &p11d_dispatcher}};
    int code = P11D_WORKER_FAILED;
    p11d_channel_init(&worker.link, link, P11D_MESSAGE_MAX);
    worker.link.accepts_descriptors = true;
    worker.token = kind->open(source, writers);
    if (worker.token) {
        code = !serve(&worker)   ? P11D_WORKER_FAILED
               : worker.replaced ? P11D_WORKER_LINK_ANEW
                                 : P11D_WORKER_DONE;
        worker.token->operations->free(worker.token);
        tear_down(&worker);
    } else {
        code = errno == ENOMEM ? P11D_WORKER_FAILED : P11D_WORKER_SOURCE;
        p11d_channel_clear(&worker.link);
    }
    return code;
}

static P11dWorkerTokenWriters read_writers(char *const *arguments)
{
    if (!arguments[0] || !arguments[1])
        return P11D_WORKER_TOKEN_NOBODY;
    return strcmp(arguments[0], P11D_WORKER_LINK_WRITERS_ALL) == 0     ? P11D_WORKER_TOKEN_ALL
           : strcmp(arguments[0], P11D_WORKER_LINK_WRITERS_OWNER) == 0 ? P11D_WORKER_TOKEN_OWNER
                                                                       : P11D_WORKER_TOKEN_NOBODY;
}

int p11d_worker_main(const P11dWorkerKind *kind, char *const *arguments)
{
    bool verbose = arguments[0] && arguments[1] && strcmp(arguments[0], "-v") == 0;
    arguments += verbose ? 1 : 0;
    P11dWorkerTokenWriters writers = read_writers(arguments);
    const char *source = arguments[writers ? 1 : 0];

    p11d_sandbox_enter(P11D_WORKER_LINK_DESCRIPTOR, writers ? source : NULL);
    /* A few arenas serve many threads; one for each would keep memory that nobody uses. */
    mallopt(M_ARENA_MAX, 4);
    p11d_log_set_verbose(verbose);
    P11dDescriptor *link = source ? p11d_descriptor_adopt(P11D_WORKER_LINK_DESCRIPTOR) : NULL;
    if (!link) {
        p11d_log("no link to the service: this program is not to be started by hand");
        return P11D_WORKER_FAILED;
    }
    if (!kind->set_up()) {
        p11d_descriptor_close(link);
        return P11D_WORKER_FAILED;
    }
    int code = serve_source(kind, link, source, writers);
    kind->tear_down();
    p11d_sandbox_relax();
    return code;
}
