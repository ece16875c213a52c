// SPDX-License-Identifier: MIT
#include "perform.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "access.h"
#include "client.h"
#include "log.h"
#include "trail.h"

/* Of threads that do what takes long; see setpriority(2). */
#define SLOW_NICENESS 10

/* A call while it is performed; pending, it is the endpoint's. */
typedef struct Performance {
    P11dActCall call;
    P11dJob job; /* where the act is slow */
    const P11dAct *act;
    P11dClient *client;
    const P11dMethod *method;
    P11dArguments arguments;
    P11dReply reply;
    bool has_label;
    char label[P11D_WORKER_TOKEN_LABEL_SIZE]; /* of the object, for the log */
} Performance;

static CK_RV check_limits(const P11dArguments *arguments)
{
    for (size_t i = 0; i < P11D_ARGUMENTS_EACH; i++) {
        if (arguments->pins[i].size > P11D_WORKER_TOKEN_PIN_MAX)
            return CKR_PIN_LEN_RANGE;
    }
    return arguments->length <= P11D_INTERFACE_DATA_MAX ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static CK_RV check_access(const Performance *self)
{
    P11dRight right = self->method->right;
    if (right == P11D_RIGHT_PURPOSE)
        right = p11d_purpose_right(self->arguments.purpose);
    return p11d_access_check(self->client, right, self->arguments.objects[0]);
}

static bool has(const P11dMethod *method, P11dArgumentKind kind)
{
    for (size_t i = 0; i < method->arguments.count; i++) {
        if (method->arguments.rows[i].kind == kind && !method->arguments.rows[i].option)
            return true;
    }
    return false;
}

/* Before the act, which may destroy the object. */
static void look_up_label(Performance *self)
{
    const P11dClient *client = self->client;
    self->has_label = p11d_log_is_verbose() && has(self->method, P11D_ARGUMENT_OBJECT) &&
                      client->clients->token->operations->label(
                          client->view, self->arguments.objects[0], self->label);
}

static void leave_trail(const Performance *self, CK_RV rv)
{
    const P11dClient *client = self->client;
    P11dTrailEntry entry = {.method = self->method->name,
                            .uid = client->uid,
                            .pid = client->pid,
                            .token = client->clients->token->name,
                            .rv = rv};
    if (!p11d_trail_wants(&entry))
        return;
    if (has(self->method, P11D_ARGUMENT_MECHANISM))
        entry.mechanism = self->arguments.mechanism.name ? self->arguments.mechanism.name : "";
    entry.has_object = has(self->method, P11D_ARGUMENT_OBJECT);
    entry.object = self->arguments.objects[0];
    entry.label = self->has_label ? self->label : NULL;
    p11d_trail_add(&entry);
}

/* Sends the results or the error, and frees self. */
static P11dEndpointOutcome conclude(Performance *self, CK_RV rv)
{
    leave_trail(self, rv);
    if (rv == CKR_OK && self->call.changed)
        p11d_client_notify(self->client);
    if (rv == CKR_OK) {
        P11dBytes output = {self->call.output.data, self->call.output.size};
        self->call.results.bytes[0] = output;
        rv = p11d_arguments_write(&self->call.results, &self->method->results,
                                  p11d_reply_begin(&self->reply));
    }
    bool ok = p11d_reply_end(&self->reply, p11d_reply_error(&self->reply, rv));
    self->reply.endpoint->pending = NULL;
    p11d_arguments_clear(&self->arguments);
    p11d_buffer_clear(&self->call.output);
    free(self);
    return ok ? P11D_ENDPOINT_SERVED : P11D_ENDPOINT_LOST;
}

static void on_completed(P11dActCall *call)
{
    p11d_endpoint_complete(((Performance *)(void *)call)->reply.endpoint); /* its first member */
}

/* Other threads come first: no signature waits for a processor because of it. */
static void run_slowly(P11dJob *job)
{
    Performance *self = (Performance *)(void *)((char *)job - offsetof(Performance, job));
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), SLOW_NICENESS);
    CK_RV rv = atomic_load(&self->call.canceled)
                   ? CKR_FUNCTION_CANCELED
                   : self->act->perform(self->client->view, &self->call);
    if (rv != P11D_ACT_PENDING)
        p11d_act_complete(&self->call, rv);
}

static void cancel_slow(void *data)
{
    Performance *self = data;
    atomic_store(&self->call.canceled, true);
}

/* Performs the act here, or has it performed by the lane. */
static CK_RV begin(Performance *self)
{
    P11dPool *lane = self->reply.endpoint->group->loop->lane;
    if (lane && self->act->is_slow && self->act->is_slow(&self->arguments)) {
        self->job.run = run_slowly;
        p11d_act_pend(&self->call, cancel_slow, self);
        if (p11d_pool_push(lane, &self->job))
            return P11D_ACT_PENDING;
    }
    return self->act->perform(self->client->view, &self->call);
}

P11dEndpointOutcome p11d_perform(const P11dReply *reply, const P11dMessage *message,
                                 const P11dAct *act)
{
    P11dReader body = message->body;
    Performance *self = malloc(sizeof *self);
    if (!self) {
        P11dReply refusal = *reply;
        return p11d_reply_end(&refusal, p11d_reply_error(&refusal, CKR_HOST_MEMORY))
                   ? P11D_ENDPOINT_SERVED
                   : P11D_ENDPOINT_LOST;
    }
    self->client = p11d_client_of(reply->endpoint);
    self->method = reply->method;
    self->reply = *reply;
    self->act = act;
    self->call = (P11dActCall){.arguments = &self->arguments,
                               .channel = reply->endpoint->number,
                               .completed = on_completed};
    p11d_buffer_init(&self->call.output, P11D_INTERFACE_DATA_MAX);
    reply->endpoint->pending = self;

    CK_RV rv = p11d_arguments_read(&self->arguments, &self->method->arguments, &body);
    look_up_label(self);
    if (rv == CKR_OK)
        rv = check_limits(&self->arguments);
    if (rv == CKR_OK)
        rv = check_access(self);
    if (rv == CKR_OK)
        rv = begin(self);
    return rv == P11D_ACT_PENDING ? P11D_ENDPOINT_PENDING : conclude(self, rv);
}

P11dEndpointOutcome p11d_perform_resume(P11dEndpoint *endpoint)
{
    Performance *self = endpoint->pending;
    return conclude(self, self->call.rv);
}

void p11d_perform_cancel(P11dEndpoint *endpoint)
{
    const Performance *self = endpoint->pending;
    if (self->call.cancel)
        self->call.cancel(self->call.cancel_data);
}
