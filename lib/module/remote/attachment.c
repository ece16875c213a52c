// SPDX-License-Identifier: MIT
#include "attachment.h"

#include <string.h>

#include "connect.h"
#include "discovery.h"
#include "lock.h"
#include "request.h"
#include "session.h"
#include "trace.h"

/* The most signals read at one look. */
#define SIGNALS_AT_ONCE 1000

void p11d_attachment_lost(P11dToken *token)
{
    p11d_trace(P11D_TRACE_STATE, "token %s: connection lost", token->name);
    p11d_connection_clear(&token->connection);
    if (token->login != P11D_NOBODY && !token->login_idle)
        token->connection.broken_logins++;
    p11d_session_lose(token);
    p11d_lock_wake();
}

static bool is_attached(const P11dToken *token)
{
    const P11dInstance *instance = token->instance;
    if (token->connection.on_bus)
        return instance->service.peer && instance->service.attempts == token->connection.attempt;
    return token->connection.control;
}

static void on_control_signal(const P11dMessage *message, P11dToken *token)
{
    const P11dSignal *row = p11d_interface_signal(&p11d_interface_token, "ObjectsChanged");
    if (message->interface && message->member &&
        strcmp(message->interface, p11d_interface_token.name) == 0 &&
        strcmp(message->member, row->name) == 0)
        token->stale = true;
}

void p11d_attachment_on_signal(const P11dMessage *message, void *token)
{
    p11d_lock_take();
    on_control_signal(message, token);
    p11d_lock_give();
}

void p11d_attachment_look(P11dToken *token)
{
    P11dPeer *control = token->connection.control;
    if (!control || control->busy)
        return;
    for (int i = 0; i < SIGNALS_AT_ONCE; i++) {
        P11dMessage message;
        const P11dStatus status =
            p11d_channel_receive(&control->bus.channel, p11d_deadline_now(), &message);
        if (status == P11D_TIMEOUT)
            return;
        if (status != P11D_OK || message.type != P11D_MESSAGE_SIGNAL) {
            p11d_attachment_lost(token);
            return;
        }
        on_control_signal(&message, token);
        p11d_channel_done(&control->bus.channel);
    }
}

/* One try to get a control channel. *channel is NULL on CKR_OK if the service has none to give.
 * *trouble: whether another try makes sense. */
static CK_RV ask_for_control(P11dToken *token, P11dDeadline deadline, P11dDescriptor **channel,
                             P11dTrouble *trouble)
{
    P11dInstance *instance = token->instance;
    *trouble = P11D_TROUBLE_NONE;
    CK_RV rv = p11d_discovery_look(instance);
    if (rv != CKR_OK)
        return rv;
    if (!token->present) {
        *trouble = P11D_TROUBLE_NOBODY;
        return CKR_TOKEN_NOT_PRESENT;
    }
    if (!instance->configuration.channels)
        return CKR_OK;
    P11dPeer *service = p11d_peer_reference(instance->service.peer);
    P11dRequest request;
    p11d_request_open_channel(&request, &p11d_interface_token, token->path, deadline, channel);
    request.on_signal = p11d_discovery_on_signal;
    request.signal_data = instance;
    P11dAnswer answer;
    p11d_request_exchange(&request, service, &answer);
    rv = answer.rv;
    const bool absent = answer.trouble == P11D_TROUBLE_ABSENT;
    if (answer.status != P11D_OK) {
        p11d_discovery_lost(instance, service);
        /* What loses a descriptor loses the next one too. */
        if (!service->bus.channel.missed_descriptors)
            *trouble = P11D_TROUBLE_BUSY;
    } else if (absent && service->on_bus) {
        rv = CKR_OK;
    } else {
        *trouble = absent ? P11D_TROUBLE_NOBODY : answer.trouble;
    }
    p11d_peer_release(service);
    return rv;
}

static CK_RV get_control(P11dToken *token, P11dDescriptor **channel)
{
    const P11dDeadline deadline = p11d_deadline_in(P11D_CONNECT_TIMEOUT);
    int64_t pause = 0;
    for (;;) {
        P11dTrouble trouble;
        const CK_RV rv = ask_for_control(token, deadline, channel, &trouble);
        const bool again = trouble == P11D_TROUBLE_NOBODY ? token->connection.patient
                                                          : trouble != P11D_TROUBLE_NONE;
        if (rv == CKR_OK || !again || !p11d_connect_pause(token->instance, &pause, deadline))
            return rv;
    }
}

static void write_token_interface(P11dWriter *writer, void *data)
{
    (void)data;
    p11d_writer_string(writer, p11d_interface_token.name);
}

static CK_RV read_properties(P11dChannel *channel, P11dReader *body, void *data)
{
    (void)channel;
    P11dReader elements;
    if (!p11d_reader_array(body, 8, &elements))
        return CKR_DEVICE_ERROR;
    p11d_lock_take();
    p11d_token_appear(data, elements);
    p11d_lock_give();
    return CKR_OK;
}

/* Asks on the new control channel itself which run of the service it leads to: what the manager
 * channel said may be older. */
static CK_RV ask_for_run(P11dToken *token, P11dPeer *control)
{
    const P11dRequest request = {.interface = &p11d_interface_properties,
                                 .method = "GetAll",
                                 .path = token->path,
                                 .write = write_token_interface,
                                 .read = read_properties,
                                 .data = token,
                                 .on_signal = p11d_attachment_on_signal,
                                 .signal_data = token,
                                 .deadline = p11d_deadline_in(P11D_CONNECT_TIMEOUT)};
    P11dAnswer answer;
    p11d_request_exchange(&request, control, &answer);
    if (answer.status == P11D_OK && answer.rv != CKR_OK)
        token->properties.run.known = false; /* then it counts as another one */
    return answer.status == P11D_OK ? CKR_OK : answer.rv;
}

/* Enters the new connection. */
static void settle(P11dToken *token, P11dPeer *control)
{
    P11dConnection *connection = &token->connection;
    const bool same_run = connection->run.known && token->properties.run.known &&
                          connection->run.number == token->properties.run.number;
    if (connection->known && !same_run)
        p11d_snapshot_detach(&token->snapshot);
    token->snapshot.generation = 0; /* it belonged to the client that we were */
    token->stale = true;
    connection->run.known = token->properties.run.known;
    connection->run.number = token->properties.run.number;
    connection->control = control;
    connection->on_bus = !control;
    connection->attempt = token->instance->service.attempts;
    connection->known = connection->patient = true;
    connection->epoch++;
    p11d_trace(P11D_TRACE_STATE, "token %s: connected%s", token->name,
               control ? "" : " on the bus");
}

static CK_RV attach(P11dToken *token)
{
    P11dConnection *connection = &token->connection;
    P11dDescriptor *channel = NULL;
    P11dPeer *control = NULL;
    CK_RV rv = get_control(token, &channel);
    if (rv == CKR_OK && channel) {
        control = p11d_peer_new(token->instance, channel, true);
        rv = control ? CKR_OK : CKR_HOST_MEMORY;
        if (control && connection->known)
            rv = ask_for_run(token, control);
    }
    if (rv == CKR_OK) {
        settle(token, control);
    } else {
        connection->patient =
            false; /* it was in vain once: from now on absence is the normal case */
        p11d_peer_release(control);
    }
    return rv;
}

CK_RV p11d_attachment_make(P11dToken *token, P11dDeadline deadline)
{
    P11dConnection *connection = &token->connection;
    while (connection->attaching && !token->instance->finalized) {
        if (!p11d_lock_wait(deadline))
            return CKR_DEVICE_ERROR;
    }
    if (token->instance->finalized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (is_attached(token))
        return CKR_OK;
    connection->attaching = true;
    const CK_RV rv = attach(token);
    connection->attaching = false;
    p11d_lock_wake();
    return rv;
}
