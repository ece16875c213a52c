// SPDX-License-Identifier: MIT
#include "agent.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clerk.h"
#include "console.h"
#include "failure.h"
#include "guard.h"
#include "parcel.h"

struct P11dAgent {
    char *module;
    pid_t process; /* 0: it has ended */
    int fd;        /* a socket to its clerk */
    int reason;    /* why there could be none, as errno has it, or 0 */
    GError *why;   /* why it has ended */
};

static const char hint[] = "the other modules were asked";
static const char configured[] = "the other modules were asked; disable-in: p11dbus in its .module "
                                 "file leaves it out (pkcs11.conf(5))";

/* Until when something may take that may take so long, and half of what is left of --timeout. */
static gint64 deadline_of(int seconds)
{
    struct itimerval timer = {0};
    gint64 most = seconds * G_TIME_SPAN_SECOND;
    getitimer(ITIMER_REAL, &timer);
    gint64 left = timer.it_value.tv_sec * G_TIME_SPAN_SECOND + timer.it_value.tv_usec;
    return g_get_monotonic_time() + (left > 0 ? MIN(most, left / 2) : most);
}

G_NORETURN static void work(const P11dOptions *options, int fd, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    p11d_guard_let_crash();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int closed[] = {STDIN_FILENO, STDOUT_FILENO, fileno(p11d_console_result())};
    for (size_t i = 0; i < G_N_ELEMENTS(closed); i++)
        dup2(null, closed[i]);
    setsid(); /* no terminal for the module to ask for a PIN on */
    p11d_clerk_run(options, fd);
    p11d_loader_finalize_all();
    _exit(EXIT_SUCCESS); /* the module's exit handlers have no say */
}

P11dAgent *p11d_agent_begin(const P11dOptions *options)
{
    P11dAgent *agent = g_new0(P11dAgent, 1);
    int ends[2];
    pid_t parent = getpid();
    agent->module = g_strdup(options->module);
    agent->fd = -1;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
        agent->reason = errno;
        return agent;
    }
    pid_t process = fork();
    if (process == 0) {
        close(ends[0]);
        work(options, ends[1], parent);
    }
    agent->reason = process < 0 ? errno : 0;
    agent->process = MAX(process, 0);
    close(ends[1]);
    agent->fd = ends[0];
    return agent;
}

/* Ends the process for good. Returns its status, as waitpid(2) has it. */
static int end_process(P11dAgent *agent)
{
    int status = 0;
    if (agent->process > 0) {
        kill(agent->process, SIGKILL);
        while (waitpid(agent->process, &status, 0) < 0 && errno == EINTR)
            continue;
    }
    agent->process = 0;
    if (agent->fd >= 0)
        close(agent->fd);
    agent->fd = -1;
    return status;
}

/* What becomes of an agent from which no answer came, for reason. */
static void give_up(P11dAgent *agent, int reason)
{
    bool late = reason == ETIMEDOUT;
    /* It has hung up because it ended: how it did is to be seen before it is ended. */
    siginfo_t info = {0};
    if (agent->process > 0 && reason == EPIPE)
        waitid(P_PID, (id_t)agent->process, &info, WEXITED | WNOWAIT);
    int status = end_process(agent);
    if (late)
        p11d_failure_set(&agent->why, P11D_FAILURE_TIMEOUT, hint,
                         "%s does not answer in time: left out", agent->module);
    else if (WIFSIGNALED(status) && reason == EPIPE)
        p11d_failure_set(&agent->why, P11D_FAILURE_DEVICE, hint, "%s crashed (%s): left out",
                         agent->module, strsignal(WTERMSIG(status)));
    else if (reason == EPIPE)
        p11d_failure_set(&agent->why, P11D_FAILURE_DEVICE, hint,
                         "%s ended the process it was loaded into: left out", agent->module);
    else
        p11d_failure_set(&agent->why, P11D_FAILURE_DEVICE, hint,
                         "%s cannot be asked in a process of its own (%s): left out", agent->module,
                         g_strerror(reason));
}

/* Gives the agent up for reason, unless that is done. Returns FALSE with error set. */
static gboolean lose(P11dAgent *agent, int reason, GError **error)
{
    if (!agent->why)
        give_up(agent, reason);
    g_propagate_error(error, g_error_copy(agent->why));
    return FALSE;
}

/* The next answer, of that type. The caller unrefs it. */
static GVariant *take_answer(P11dAgent *agent, const char *type, int seconds, GError **error)
{
    GError *refusal = NULL;
    g_autoptr(GVariant) answer = agent->why
                                     ? NULL
                                     : p11d_parcel_receive(agent->fd, P11D_PARCEL_ANSWER,
                                                           seconds > 0 ? deadline_of(seconds) : 0);
    int reason = errno;
    GVariant *result = answer ? p11d_parcel_open(answer, type, &refusal) : NULL;
    if (result)
        return result;
    if (refusal) {
        g_propagate_error(error, refusal);
        return NULL;
    }
    lose(agent, answer ? EPROTO : reason, error);
    return NULL;
}

/* Sends an errand with a parcel, which is consumed if it is floating. A clerk that is gone is
 * noticed by its answer. */
static GVariant *ask(P11dHostToken *token, P11dErrandKind kind, GVariant *sent, GError **error)
{
    P11dAgent *agent = token->agent;
    P11dErrand errand = {.kind = kind, .token = token->index};
    g_autoptr(GVariant) parcel = g_variant_ref_sink(sent);
    if (!agent->why && p11d_parcel_write(agent->fd, &errand, sizeof errand))
        p11d_parcel_send(agent->fd, parcel);
    return take_answer(agent, p11d_errand_types[kind].answered, P11D_AGENT_SECONDS, error);
}

static gboolean open_session(P11dHostToken *token, GError **error)
{
    g_autoptr(GVariant) done = ask(token, P11D_ERRAND_SESSION, g_variant_new("()"), error);
    token->session = done ? 1 : 0;
    return done != NULL;
}

static CK_FLAGS tell_flags(P11dHostToken *token)
{
    g_autoptr(GVariant) flags = ask(token, P11D_ERRAND_FLAGS, g_variant_new("()"), NULL);
    return flags ? g_variant_get_uint64(flags) : token->info.flags;
}

/* Whoever asks for the PIN on a keypad waits for people: no deadline but that of --timeout. */
static CK_RV log_in(P11dHostToken *token, CK_USER_TYPE user, const P11dSecret *pin)
{
    P11dErrand errand = {.kind = P11D_ERRAND_LOGIN,
                         .token = token->index,
                         .user = user,
                         .size = pin->size,
                         .has_pin = pin->data != NULL};
    P11dAgent *agent = token->agent;
    if (!agent->why && p11d_parcel_write(agent->fd, &errand, sizeof errand) && pin->data)
        p11d_parcel_write(agent->fd, pin->data, pin->size);
    g_autoptr(GVariant) rv = take_answer(agent, p11d_errand_types[P11D_ERRAND_LOGIN].answered,
                                         pin->data ? P11D_AGENT_SECONDS : 0, NULL);
    return rv ? g_variant_get_uint64(rv) : CKR_DEVICE_REMOVED;
}

static gboolean find(P11dHostToken *token, const CK_ATTRIBUTE *attributes, CK_ULONG count,
                     GPtrArray *items, GError **error)
{
    g_autoptr(GVariant) found =
        ask(token, P11D_ERRAND_FIND, p11d_parcel_attributes(attributes, count), error);
    return found &&
           (p11d_parcel_take_items(found, token, items) || lose(token->agent, EPROTO, error));
}

static gboolean look_closer(P11dItem *item, GError **error)
{
    g_autoptr(GPtrArray) one = g_ptr_array_new();
    g_autoptr(GPtrArray) items = p11d_item_array();
    g_ptr_array_add(one, item);
    g_autoptr(GVariant) found = ask(item->token, P11D_ERRAND_LOOK, p11d_parcel_items(one), error);
    if (!found)
        return FALSE;
    P11dItem *seen = p11d_parcel_take_items(found, item->token, items) && items->len == 1
                         ? items->pdata[0]
                         : NULL;
    return (seen && p11d_template_merge(&item->attributes, &seen->attributes) == CKR_OK) ||
           lose(item->token->agent, EPROTO, error);
}

static CK_RV list_mechanisms(P11dHostToken *token, GArray *mechanisms)
{
    g_autoptr(GVariant) found = ask(token, P11D_ERRAND_MECHANISMS, g_variant_new("()"), NULL);
    if (!found)
        return CKR_DEVICE_REMOVED;
    guint64 rv;
    g_autoptr(GVariant) bytes = NULL;
    g_variant_get(found, "(t@ay)", &rv, &bytes);
    gsize size = g_variant_get_size(bytes);
    g_array_set_size(mechanisms, (guint)(size / sizeof(P11dHostMechanism)));
    return p11d_parcel_take_bytes(bytes, mechanisms->data,
                                  mechanisms->len * sizeof(P11dHostMechanism))
               ? rv
               : CKR_GENERAL_ERROR;
}

/* Lets the module finalise, if it does that in time. */
static void end(P11dAgent *agent)
{
    char none;
    if (agent->fd >= 0 && shutdown(agent->fd, SHUT_WR) == 0)
        p11d_parcel_read(agent->fd, &none, 1, deadline_of(P11D_GUARD_FINALIZE_SECONDS));
    end_process(agent);
    g_clear_error(&agent->why);
    g_free(agent->module);
    g_free(agent);
}

static const P11dHostAway operations = {
    .session = open_session,
    .flags = tell_flags,
    .login = log_in,
    .find = find,
    .look_closer = look_closer,
    .mechanisms = list_mechanisms,
    .end = end,
};

/* Adds the tokens that the clerk greets with; false if they are none. */
static bool take_tokens(P11dHost *host, GVariant *tokens)
{
    GVariantIter iter;
    guint64 slot;
    GVariant *slot_info, *info;
    bool ok = true;
    g_variant_iter_init(&iter, tokens);
    while (g_variant_iter_next(&iter, "(t@ay@ay)", &slot, &slot_info, &info)) {
        P11dHostToken *token = p11d_host_add_token(host, slot);
        ok = p11d_parcel_take_bytes(slot_info, &token->slot_info, sizeof token->slot_info) &&
             p11d_parcel_take_bytes(info, &token->info, sizeof token->info) && ok;
        g_variant_unref(slot_info);
        g_variant_unref(info);
    }
    return ok;
}

/* The text in an array of bytes, which the caller frees. */
static char *take_text(GVariant *array)
{
    gsize size;
    const char *bytes = g_variant_get_fixed_array(array, &size, 1);
    return g_strndup(size > 0 ? bytes : "", size);
}

static bool take_greeting(P11dHost *host, GVariant *greeting)
{
    g_autoptr(GVariant) path = NULL, info = NULL, tokens = NULL, left_out = NULL;
    g_variant_get(greeting, "(@ay@ay@a(tayay)@ay)", &path, &info, &tokens, &left_out);
    host->path = take_text(path);
    host->left_out = g_variant_n_children(left_out) > 0 ? take_text(left_out) : NULL;
    return p11d_parcel_take_bytes(info, &host->info, sizeof host->info) &&
           take_tokens(host, tokens);
}

/* Passes on what the module says of itself, with its name. */
static void name_failure(const P11dAgent *agent, const GError *failure, GError **error)
{
    g_autofree char *message = g_strdup_printf("%s: %s", agent->module, failure->message);
    const char *step = p11d_failure_hint(failure);
    if (!step)
        step = strchr(agent->module, '/') ? hint : configured;
    p11d_failure_set_as(error, (P11dFailure)failure->code, p11d_failure_ckr(failure), step,
                        message);
}

P11dHost *p11d_agent_open(P11dAgent *agent, GError **error)
{
    g_autoptr(GError) failure = NULL;
    if (agent->reason)
        give_up(agent, agent->reason);
    g_autoptr(GVariant) greeting =
        take_answer(agent, P11D_CLERK_GREETING, P11D_AGENT_SECONDS, &failure);
    g_autoptr(P11dHost) host = p11d_host_new(&operations, agent);
    if (greeting && take_greeting(host, greeting))
        return g_steal_pointer(&host);
    if (!failure)
        p11d_failure_set(error, P11D_FAILURE_DEVICE, hint, "%s shows no tokens that are any",
                         agent->module);
    else if (agent->why)
        g_propagate_error(error, g_steal_pointer(&failure));
    else
        name_failure(agent, failure, error);
    return NULL;
}
