// SPDX-License-Identifier: MIT
#include "client.h"

#include <string.h>

#include "connect.h"
#include "lock.h"
#include "token.h"
#include "trace.h"

/* The most signals read at one look. */
#define SIGNALS_AT_ONCE 1000
/* How often one call loses its connection before it gives up. */
#define ATTEMPTS 3

void p11d_client_init(P11dClient *client)
{
    *client = (P11dClient){.most = P11D_CLIENT_CHANNELS};
}

static void close_idle(P11dClient *client)
{
    while (client->idle_count > 0) {
        client->open--;
        p11d_peer_release(client->idle[--client->idle_count]);
    }
}

/* Hangs up what is not in use; what is in use is not used again. */
static void detach(P11dClient *client)
{
    close_idle(client);
    p11d_peer_release(client->control);
    client->control = NULL;
    client->on_bus = false;
    client->epoch++;
    client->open = 0;
    client->most = P11D_CLIENT_CHANNELS;
}

void p11d_client_clear(P11dClient *client)
{
    detach(client);
}

void p11d_client_lost(P11dToken *token)
{
    p11d_trace(P11D_TRACE_STATE, "token %s: connection lost", token->name);
    detach(&token->client);
    if (token->login != P11D_NOBODY && !token->login_idle)
        token->client.broken_logins++;
    p11d_token_end_sessions(token);
    p11d_lock_wake();
}

static bool is_attached(const P11dToken *token)
{
    const P11dService *service = &token->instance->service;
    if (token->client.on_bus)
        return service->peer && service->attempts == token->client.attempt;
    return token->client.control != NULL;
}

static void on_control_signal(const P11dMessage *message, P11dToken *token)
{
    const P11dSignal *row = p11d_interface_signal(&p11d_interface_token, "ObjectsChanged");
    if (message->interface && message->member &&
        strcmp(message->interface, p11d_interface_token.name) == 0 &&
        strcmp(message->member, row->name) == 0)
        token->stale = true;
}

/* The same, while a request is performed on the control channel: without the lock. */
static void on_signal(const P11dMessage *message, void *data)
{
    p11d_lock_take();
    on_control_signal(message, data);
    p11d_lock_give();
}

void p11d_client_look(P11dToken *token)
{
    P11dPeer *control = token->client.control;
    if (!control || control->busy)
        return;
    for (int i = 0; i < SIGNALS_AT_ONCE; i++) {
        P11dMessage message;
        const P11dStatus status =
            p11d_channel_receive(&control->bus.channel, p11d_deadline_now(), &message);
        if (status == P11D_TIMEOUT)
            return;
        if (status != P11D_OK || message.type != P11D_MESSAGE_SIGNAL) {
            p11d_client_lost(token);
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
    CK_RV value = p11d_service_look(instance);
    if (value != CKR_OK)
        return value;
    if (!token->present) {
        *trouble = P11D_TROUBLE_NOBODY;
        return CKR_TOKEN_NOT_PRESENT;
    }
    if (!instance->configuration.channels)
        return CKR_OK;
    P11dPeer *service = p11d_peer_reference(instance->service.peer);
    P11dRequest request;
    p11d_request_open_channel(&request, &p11d_interface_token, token->path, deadline, channel);
    request.on_signal = p11d_service_on_signal;
    request.signal_data = instance;
    P11dAnswer answer;
    p11d_request_exchange(&request, service, &answer);
    value = answer.value;
    const bool absent = answer.trouble == P11D_TROUBLE_ABSENT;
    if (answer.status != P11D_OK) {
        p11d_service_lost(instance, service);
        /* What loses a descriptor loses the next one too. */
        if (!service->bus.channel.missed_descriptors)
            *trouble = P11D_TROUBLE_BUSY;
    } else if (absent && service->on_bus) {
        value = CKR_OK;
    } else {
        *trouble = absent ? P11D_TROUBLE_NOBODY : answer.trouble;
    }
    p11d_peer_release(service);
    return value;
}

static CK_RV get_control(P11dToken *token, P11dDescriptor **channel)
{
    const P11dDeadline deadline = p11d_deadline_in(P11D_CONNECT_TIMEOUT);
    int64_t pause = 0;
    for (;;) {
        P11dTrouble trouble;
        const CK_RV value = ask_for_control(token, deadline, channel, &trouble);
        const bool again =
            trouble == P11D_TROUBLE_NOBODY ? token->client.patient : trouble != P11D_TROUBLE_NONE;
        if (value == CKR_OK || !again || !p11d_connect_pause(token->instance, &pause, deadline))
            return value;
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
                                 .on_signal = on_signal,
                                 .signal_data = token,
                                 .deadline = p11d_deadline_in(P11D_CONNECT_TIMEOUT)};
    P11dAnswer answer;
    p11d_request_exchange(&request, control, &answer);
    if (answer.status == P11D_OK && answer.value != CKR_OK)
        token->properties.run.known = false; /* then it counts as another one */
    return answer.status == P11D_OK ? CKR_OK : answer.value;
}

/* Enters the new connection. */
static void settle(P11dToken *token, P11dPeer *control)
{
    P11dClient *client = &token->client;
    const bool same_run = client->run.known && token->properties.run.known &&
                          client->run.number == token->properties.run.number;
    if (client->known && !same_run)
        p11d_snapshot_detach(&token->snapshot);
    token->snapshot.generation = 0; /* it belonged to the client that we were */
    token->stale = true;
    client->run.known = token->properties.run.known;
    client->run.number = token->properties.run.number;
    client->control = control;
    client->on_bus = !control;
    client->attempt = token->instance->service.attempts;
    client->known = client->patient = true;
    client->epoch++;
    p11d_trace(P11D_TRACE_STATE, "token %s: connected%s", token->name,
               control ? "" : " on the bus");
}

static CK_RV attach(P11dToken *token)
{
    P11dClient *client = &token->client;
    P11dDescriptor *channel = NULL;
    P11dPeer *control = NULL;
    CK_RV value = get_control(token, &channel);
    if (value == CKR_OK && channel) {
        control = p11d_peer_new(token->instance, channel, true);
        value = control ? CKR_OK : CKR_HOST_MEMORY;
        if (control && client->known)
            value = ask_for_run(token, control);
    }
    if (value == CKR_OK) {
        settle(token, control);
    } else {
        client->patient = false; /* it was in vain once: from now on absence is the normal case */
        p11d_peer_release(control);
    }
    return value;
}

CK_RV p11d_client_attach(P11dToken *token, P11dDeadline deadline)
{
    P11dClient *client = &token->client;
    while (client->attaching && !token->instance->finalized) {
        if (!p11d_lock_wait(deadline))
            return CKR_DEVICE_ERROR;
    }
    if (token->instance->finalized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    if (is_attached(token))
        return CKR_OK;
    client->attaching = true;
    const CK_RV value = attach(token);
    client->attaching = false;
    p11d_lock_wake();
    return value;
}

/* Opens one more call channel. *again: nothing came of it, but the next try may go another way. */
static CK_RV open_channel(P11dToken *token, P11dDeadline deadline, P11dPeer **channel, bool *again)
{
    P11dClient *client = &token->client;
    P11dPeer *control = p11d_peer_reference(client->control);
    const uint64_t epoch = client->epoch;
    P11dDescriptor *descriptor;
    P11dRequest request;
    p11d_request_open_channel(&request, &p11d_interface_token, token->path, deadline, &descriptor);
    request.on_signal = on_signal;
    request.signal_data = token;
    client->open++;
    P11dAnswer answer;
    p11d_request_exchange(&request, control, &answer);
    p11d_peer_release(control);

    *again = client->epoch != epoch;
    if (!*again && answer.value != CKR_OK) {
        client->open--;
        if (answer.status != P11D_OK) {
            p11d_client_lost(token);
            *again = true;
        } else if (answer.trouble == P11D_TROUBLE_BUSY && client->open > 0) {
            client->most = client->open; /* so many it allows: wait for one of them */
            *again = true;
        }
    }
    if (*again || answer.value != CKR_OK) {
        p11d_descriptor_close(descriptor);
        return answer.value;
    }
    *channel = p11d_peer_new(token->instance, descriptor, false);
    if (!*channel) {
        client->open--;
        return CKR_HOST_MEMORY;
    }
    (*channel)->epoch = epoch;
    if (!token->instance->finalized)
        return CKR_OK;
    p11d_client_give(token, *channel, false); /* C_Finalize did not see it: nobody would wake us */
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV take_bus(P11dToken *token, P11dDeadline deadline, P11dPeer **channel)
{
    if (!token->instance->service.peer)
        return CKR_DEVICE_ERROR; /* lost by another thread while this one attached */
    P11dPeer *bus = p11d_peer_reference(token->instance->service.peer);
    const CK_RV value = p11d_peer_claim(bus, deadline);
    if (value == CKR_OK)
        *channel = bus;
    else
        p11d_peer_release(bus);
    return value;
}

CK_RV p11d_client_take(P11dToken *token, bool fresh, P11dDeadline deadline, P11dPeer **channel)
{
    P11dClient *client = &token->client;
    const uint64_t broken_logins = client->broken_logins;
    if (fresh)
        close_idle(client); /* the one that failed is hardly the only one */
    for (int failures = 0; failures < ATTEMPTS;) {
        CK_RV value = p11d_client_attach(token, deadline);
        if (client->broken_logins != broken_logins)
            return CKR_SESSION_HANDLE_INVALID;
        if (value != CKR_OK)
            return value;
        if (client->on_bus)
            return take_bus(token, deadline, channel);
        if (client->idle_count > 0) {
            *channel = client->idle[--client->idle_count];
            return CKR_OK;
        }
        if (client->open < client->most) {
            bool again;
            value = open_channel(token, deadline, channel, &again);
            if (!again)
                return value;
            failures++;
        } else if (!p11d_lock_wait(deadline)) {
            return CKR_DEVICE_ERROR;
        }
    }
    return CKR_DEVICE_ERROR;
}

void p11d_client_give(P11dToken *token, P11dPeer *channel, bool good)
{
    P11dClient *client = &token->client;
    if (channel->on_bus) {
        p11d_peer_yield(channel);
        if (!good)
            p11d_service_lost(token->instance, channel);
        p11d_peer_release(channel);
        return;
    }
    const bool current = channel->epoch == client->epoch;
    if (good && current) {
        client->idle[client->idle_count++] = channel;
    } else {
        if (current)
            client->open--;
        p11d_peer_release(channel);
    }
    p11d_lock_wake();
}

/* PINs and streams are not for the message bus. */
static CK_RV check_way(const P11dRequest *request, const P11dPeer *channel)
{
    if (!channel->on_bus ||
        !p11d_interface_method(request->interface, request->method)->channels_only)
        return CKR_OK;
    p11d_trace(P11D_TRACE_STATE, "%s is for channels, and never sent over the bus",
               request->method);
    return CKR_FUNCTION_REJECTED;
}

CK_RV p11d_client_call(P11dToken *token, P11dRequest *request, P11dClientPrepare prepare)
{
    const uint64_t broken_logins = token->client.broken_logins;
    request->path = token->path;
    for (int attempt = 0;; attempt++) {
        P11dPeer *channel;
        if (token->client.broken_logins != broken_logins)
            return CKR_SESSION_HANDLE_INVALID;
        CK_RV value = p11d_client_take(token, attempt > 0, request->deadline, &channel);
        if (value != CKR_OK)
            return value;
        value = check_way(request, channel);
        if (value == CKR_OK && prepare)
            value = prepare(token, channel, request->data);
        if (value != CKR_OK) {
            p11d_client_give(token, channel, true);
            return value;
        }
        P11dAnswer answer;
        p11d_lock_give();
        p11d_request_perform(request, channel, &answer);
        p11d_lock_take();
        if (request->keep && answer.status == P11D_OK && answer.value == CKR_OK) {
            *request->keep = channel;
            return CKR_OK;
        }
        p11d_client_give(token, channel, answer.status == P11D_OK);
        if (answer.status == P11D_OK)
            return answer.value;
        p11d_client_look(token); /* is it only the channel, or all of the connection? */
        if (answer.sent)
            return CKR_DEVICE_ERROR;
        if (attempt > 0 || token->instance->finalized)
            return answer.value;
    }
}
