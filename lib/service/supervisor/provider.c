// SPDX-License-Identifier: MIT
#include "provider.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "body.h"
#include "channel-source.h"
#include "interface.h"
#include "log.h"

/* All milliseconds. */
#define FIRST_WORD_TIMEOUT 10000
#define RESTART_DELAY_MIN 100
#define RESTART_DELAY_MAX 30000
#define TERMINATE_DELAY 1000
#define KILL_DELAY 2000
#define HAND_OVER_TIMEOUT 1000
/* A worker that lived this long starts with the shortest delay again. */
#define STEADY_AFTER 30000

/* The largest message on a link, in bytes: the properties of one token, or one client's groups. */
#define LINK_LIMIT ((size_t)512 << 10)

struct P11dProvider {
    char *directory;
    const char *program;
    const char *const *arguments;
    const char *writers; /* NULL: nobody */
    const P11dProviderEvents *events;
    void *data;

    GPid pid; /* 0: no process */
    P11dChannel link;
    char *peer_name;
    P11dWorkerLinkPeer peer;
    GSource *link_source; /* NULL: no link */
    gint64 started;       /* g_get_monotonic_time */
    gboolean ready;       /* this worker said so */
    gboolean stopping;
    guint restart_delay;

    guint child_watch;
    guint pending_timer; /* 0: not pending */
    guint restart_timer;
    guint kill_timer;
};

static void clear_timer(guint *timer)
{
    if (*timer)
        g_source_remove(*timer);
    *timer = 0;
}

static gboolean on_pending_too_long(gpointer data)
{
    P11dProvider *self = data;
    self->pending_timer = 0;
    p11d_log("%s: its worker has not announced its tokens in %d seconds; going on without "
             "them until it does",
             self->directory, FIRST_WORD_TIMEOUT / 1000);
    self->events->settled(self, self->data);
    return G_SOURCE_REMOVE;
}

static void begin_pending(P11dProvider *self)
{
    if (!self->pending_timer)
        self->pending_timer = g_timeout_add(FIRST_WORD_TIMEOUT, on_pending_too_long, self);
}

static void end_pending(P11dProvider *self)
{
    if (!self->pending_timer)
        return;
    clear_timer(&self->pending_timer);
    self->events->settled(self, self->data);
}

static gboolean on_kill(gpointer data)
{
    P11dProvider *self = data;
    self->kill_timer = 0;
    p11d_log("%s: its worker (pid %d) does not end; killing it", self->directory, (int)self->pid);
    kill(self->pid, SIGKILL);
    return G_SOURCE_REMOVE;
}

static gboolean on_terminate(gpointer data)
{
    P11dProvider *self = data;
    kill(self->pid, SIGTERM);
    self->kill_timer = g_timeout_add(KILL_DELAY, on_kill, self);
    return G_SOURCE_REMOVE;
}

/* Without a link a worker ends by itself: a signal, which might hit somebody else who got the pid
 * since, is only for one that does not. */
static void end_process(P11dProvider *self)
{
    if (self->pid && !self->kill_timer)
        self->kill_timer = g_timeout_add(TERMINATE_DELAY, on_terminate, self);
}

static void close_link(P11dProvider *self)
{
    if (!self->link_source)
        return;
    /* Who asks for the tokens from now on waits for the next worker, but only for one that is
     * likely to be there soon. */
    if (!self->stopping && self->ready && self->restart_delay < 1000)
        begin_pending(self);
    p11d_channel_source_remove(&self->link_source);
    p11d_channel_clear(&self->link);
    self->events->lost(self, self->data);
}

/* A worker without a link is of no use: it ends, and the child watch starts the next. */
static void on_link_end(P11dStatus why, void *data)
{
    P11dProvider *self = data;
    if (why != P11D_CLOSED)
        p11d_log("%s: its worker (pid %d) sent something that is no message; ending it",
                 self->directory, (int)self->pid);
    close_link(self);
    end_process(self);
}

static GVariant *received_properties(P11dProvider *self)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) body = p11d_body_received(&self->link, &error);
    if (!body) {
        p11d_log("%s: %s", self->directory, error->message);
        return NULL;
    }
    g_autoptr(GVariant) second = g_variant_get_child_value(body, 1);
    if (g_variant_is_of_type(second, G_VARIANT_TYPE_VARDICT))
        return g_steal_pointer(&second);
    return g_variant_lookup_value(second, p11d_interface_token.name, G_VARIANT_TYPE_VARDICT);
}

static void on_link_message(const P11dMessage *message, void *data)
{
    P11dProvider *self = data;
    const char *path;
    P11dWorkerLinkKind kind = p11d_worker_link_kind(&self->peer, message, &path);
    g_autoptr(GVariant) properties = NULL;

    if (kind == P11D_WORKER_LINK_TOKEN_ADDED || kind == P11D_WORKER_LINK_TOKEN_CHANGED)
        properties = received_properties(self);
    if (kind == P11D_WORKER_LINK_TOKEN_ADDED && properties) {
        self->events->added(self, path, properties, self->data);
    } else if (kind == P11D_WORKER_LINK_TOKEN_CHANGED && properties) {
        self->events->changed(self, path, properties, self->data);
    } else if (kind == P11D_WORKER_LINK_TOKEN_REMOVED) {
        self->events->removed(self, path, self->data);
    } else if (kind == P11D_WORKER_LINK_READY) {
        self->ready = TRUE;
        end_pending(self);
    }
}

static const P11dChannelHandler link_handler = {.message = on_link_message, .end = on_link_end};

static gboolean on_restart(gpointer data)
{
    P11dProvider *self = data;
    self->restart_timer = 0;
    p11d_provider_start(self);
    return G_SOURCE_REMOVE;
}

static void restart_later(P11dProvider *self, const char *why)
{
    if (self->started && g_get_monotonic_time() - self->started > (gint64)STEADY_AFTER * 1000)
        self->restart_delay = RESTART_DELAY_MIN;
    /* Nobody waits for one that has ended twice without a word. */
    if (!self->ready && self->restart_delay > RESTART_DELAY_MIN)
        end_pending(self);
    p11d_log("%s: its worker %s; starting it again in %.1f seconds", self->directory, why,
             self->restart_delay / 1000.0);
    self->restart_timer = g_timeout_add(self->restart_delay, on_restart, self);
    self->restart_delay = MIN(self->restart_delay * 2, RESTART_DELAY_MAX);
}

static void on_child_end(GPid pid, gint status, gpointer data)
{
    P11dProvider *self = data;
    g_autofree char *why = NULL;

    self->child_watch = 0;
    self->pid = 0;
    g_spawn_close_pid(pid);
    clear_timer(&self->kill_timer);
    close_link(self);
    if (self->stopping)
        return;
    if (WIFEXITED(status) && WEXITSTATUS(status) == P11D_WORKER_LINK_ANEW) {
        self->restart_delay = RESTART_DELAY_MIN;
        why = g_strdup_printf("(pid %d) has ended for the next one", (int)pid);
    } else if (WIFSIGNALED(status))
        why = g_strdup_printf("(pid %d) was ended by signal %d (%s)", (int)pid, WTERMSIG(status),
                              strsignal(WTERMSIG(status)));
    else
        why = g_strdup_printf("(pid %d) ended with exit status %d", (int)pid, WEXITSTATUS(status));
    restart_later(self, why);
}

/*
 * Runs between fork and exec. What a module in the worker prints must not get into the output of
 * the service; and the signals that a terminal sends are for the supervisor, which ends the worker
 * in order.
 */
static void prepare_child(gpointer data G_GNUC_UNUSED)
{
    dup2(STDERR_FILENO, STDOUT_FILENO);
    setpgid(0, 0);
}

static gboolean spawn(P11dProvider *self, int link_fd, GError **error)
{
    const int target = P11D_WORKER_LINK_DESCRIPTOR;
    g_autoptr(GPtrArray) argv = g_ptr_array_new();

    g_ptr_array_add(argv, (gpointer)self->program);
    for (const char *const *a = self->arguments; *a; a++)
        g_ptr_array_add(argv, (gpointer)*a);
    if (self->writers)
        g_ptr_array_add(argv, (gpointer)self->writers);
    g_ptr_array_add(argv, self->directory);
    g_ptr_array_add(argv, NULL);
    return g_spawn_async_with_pipes_and_fds(
        NULL, (const char *const *)argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD, prepare_child,
        NULL, -1, -1, -1, &link_fd, &target, 1, &self->pid, NULL, NULL, NULL, error);
}

/* Starts the process with one end of a new link; ours is in self->link then. */
static gboolean launch(P11dProvider *self, GError **error)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "socketpair: %s", g_strerror(errno));
        return FALSE;
    }
    P11dDescriptor *ours = p11d_descriptor_adopt(ends[0]);
    gboolean ok = ours && spawn(self, ends[1], error);
    close(ends[1]);
    if (!ours)
        g_set_error(error, G_IO_ERROR, G_IO_ERROR_FAILED, "out of memory");
    if (!ok) {
        p11d_descriptor_close(ours);
        return FALSE;
    }
    /* Room for clients that come all at once; as much of it as the kernel allows. */
    const int room = LINK_LIMIT;
    setsockopt(p11d_descriptor_number(ours), SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    p11d_channel_init(&self->link, ours, LINK_LIMIT);
    p11d_worker_link_queue_hello(&self->link);
    self->peer = (P11dWorkerLinkPeer){.name = self->peer_name};
    return TRUE;
}

void p11d_provider_start(P11dProvider *provider)
{
    g_autoptr(GError) error = NULL;

    if (provider->started == 0)
        begin_pending(provider);
    provider->started = g_get_monotonic_time();
    provider->ready = FALSE;
    if (!launch(provider, &error)) {
        g_autofree char *why = g_strdup_printf("cannot be started (%s)", error->message);
        restart_later(provider, why);
        return;
    }
    provider->link_source = p11d_channel_source_add(&provider->link, &link_handler, provider);
    provider->child_watch = g_child_watch_add(provider->pid, on_child_end, provider);
    if (!provider->link_source) {
        p11d_channel_clear(&provider->link);
        end_process(provider);
    }
}

P11dProvider *p11d_provider_new(const char *directory, const char *writers, const char *program,
                                const char *const *arguments, const P11dProviderEvents *events,
                                void *data)
{
    P11dProvider *self = g_new0(P11dProvider, 1);
    self->directory = g_strdup(directory);
    self->peer_name = g_strdup_printf("%s: its worker", directory);
    self->program = program;
    self->arguments = arguments;
    self->writers = writers;
    self->events = events;
    self->data = data;
    self->restart_delay = RESTART_DELAY_MIN;
    return self;
}

const char *p11d_provider_name(const P11dProvider *provider)
{
    return provider->directory;
}

gboolean p11d_provider_is_pending(const P11dProvider *provider)
{
    return provider->pending_timer != 0;
}

static int refuse(int ends[2], GError **error, const char *why)
{
    close(ends[0]);
    close(ends[1]);
    g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED, "%s; try again later", why);
    return -1;
}

int p11d_provider_open_client(P11dProvider *provider, const char *path,
                              const P11dCredentials *credentials, GError **error)
{
    int ends[2];
    if (!provider->link_source) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_UNKNOWN_OBJECT, "this token is gone");
        return -1;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0) {
        g_set_error(error, G_DBUS_ERROR, G_DBUS_ERROR_LIMITS_EXCEEDED,
                    "no descriptor is left (%s); try again later", g_strerror(errno));
        return -1;
    }
    /* A stream socket that is writable takes more than this message at once: nobody waits here
     * unless the worker stops in the middle of it. */
    struct pollfd link = {.fd = p11d_descriptor_number(provider->link.descriptor),
                          .events = POLLOUT};
    if (poll(&link, 1, 0) != 1 || !(link.revents & POLLOUT))
        return refuse(ends, error, "the worker does not keep up");

    errno = 0;
    P11dStatus status = p11d_worker_link_send_client(&provider->link, path, credentials, ends[1],
                                                     p11d_deadline_in(HAND_OVER_TIMEOUT));
    if (status == P11D_SYSTEM && errno == ETOOMANYREFS)
        return refuse(ends, error, "too many clients are on their way to the worker");
    if (status != P11D_OK) {
        /* Half a message may be on the link: it ends, but not before the caller is done. */
        p11d_descriptor_shutdown(provider->link.descriptor);
        p11d_channel_source_wake(provider->link_source);
        return refuse(ends, error, "the worker does not answer");
    }
    close(ends[1]);
    return ends[0];
}

void p11d_provider_stop(P11dProvider *provider)
{
    provider->stopping = TRUE;
    clear_timer(&provider->restart_timer);
    clear_timer(&provider->pending_timer);
    close_link(provider);
    end_process(provider);
}

gboolean p11d_provider_is_running(const P11dProvider *provider)
{
    return provider->pid != 0;
}

void p11d_provider_free(P11dProvider *provider)
{
    p11d_provider_stop(provider);
    clear_timer(&provider->kill_timer);
    clear_timer(&provider->child_watch);
    g_free(provider->directory);
    g_free(provider->peer_name);
    g_free(provider);
}
