// SPDX-License-Identifier: MIT
#include "callchannel.h"

#include "attachment.h"
#include "discovery.h"
#include "lock.h"
#include "trace.h"

/* How often one call loses its connection before it gives up. */
#define ATTEMPTS 3

/* Opens one more call channel. *again: nothing came of it, but the next try may go another way. */
static CK_RV open_channel(P11dToken *token, P11dDeadline deadline, P11dPeer **channel, bool *again)
{
    P11dConnection *connection = &token->connection;
    P11dPeer *control = p11d_peer_reference(connection->control);
    const uint64_t epoch = connection->epoch;
    P11dDescriptor *descriptor;
    P11dRequest request;
    p11d_request_open_channel(&request, &p11d_interface_token, token->path, deadline, &descriptor);
    request.on_signal = p11d_attachment_on_signal;
    request.signal_data = token;
    connection->open++;
    P11dAnswer answer;
    p11d_request_exchange(&request, control, &answer);
    p11d_peer_release(control);

    *again = connection->epoch != epoch;
    if (!*again && answer.rv != CKR_OK) {
        connection->open--;
        if (answer.status != P11D_OK) {
            p11d_attachment_lost(token);
            *again = true;
        } else if (answer.trouble == P11D_TROUBLE_BUSY && connection->open + connection->held > 0) {
            /* So many it allows: wait for one of them, but never for a host to end its streams. */
            connection->most = connection->open > 0 ? connection->open : 1;
            *again = connection->open > 0;
        }
    }
    if (*again || answer.rv != CKR_OK) {
        p11d_descriptor_close(descriptor);
        return answer.rv;
    }
    *channel = p11d_peer_new(token->instance, descriptor, false);
    if (!*channel) {
        connection->open--;
        return CKR_HOST_MEMORY;
    }
    (*channel)->epoch = epoch;
    if (!token->instance->finalized)
        return CKR_OK;
    p11d_callchannel_give(token, *channel,
                          false); /* C_Finalize did not see it: nobody would wake us */
    return CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV take_bus(P11dToken *token, P11dDeadline deadline, P11dPeer **channel)
{
    if (!token->instance->service.peer)
        return CKR_DEVICE_ERROR; /* lost by another thread while this one attached */
    P11dPeer *bus = p11d_peer_reference(token->instance->service.peer);
    const CK_RV rv = p11d_request_claim(bus, deadline);
    if (rv == CKR_OK)
        *channel = bus;
    else
        p11d_peer_release(bus);
    return rv;
}

CK_RV p11d_callchannel_take(P11dToken *token, bool fresh, P11dDeadline deadline, P11dPeer **channel)
{
    P11dConnection *connection = &token->connection;
    const uint64_t broken_logins = connection->broken_logins;
    if (fresh)
        p11d_connection_close_idle(connection); /* the one that failed is hardly the only one */
    for (int failures = 0; failures < ATTEMPTS;) {
        CK_RV rv = p11d_attachment_make(token, deadline);
        if (connection->broken_logins != broken_logins)
            return CKR_SESSION_HANDLE_INVALID;
        if (rv != CKR_OK)
            return rv;
        if (connection->on_bus)
            return take_bus(token, deadline, channel);
        if (connection->idle_count > 0) {
            *channel = connection->idle[--connection->idle_count];
            return CKR_OK;
        }
        if (connection->open < connection->most) {
            bool again;
            rv = open_channel(token, deadline, channel, &again);
            if (!again)
                return rv;
            failures++;
        } else if (!p11d_lock_wait(deadline)) {
            return CKR_DEVICE_ERROR;
        }
    }
    return CKR_DEVICE_ERROR;
}

/* What a stream held is none of the calls' channels, so that these never have to wait for a host
 * to go on with its streams. */
static void hold(P11dConnection *connection, P11dPeer *channel)
{
    channel->held = true;
    connection->held++;
    connection->open--;
    p11d_lock_wake();
}

/* A stream, if one did, holds channel no more. Returns whether the calls have room for it; good: it
 * may be used again. */
static bool take_back(P11dConnection *connection, P11dPeer *channel, bool good)
{
    if (!channel->held)
        return true;
    channel->held = false;
    connection->held--;
    connection->open++;
    /* So many more the service allows them, here or in the place of the one that is closed. */
    if ((!good || connection->open > connection->most) &&
        connection->most < P11D_CONNECTION_CHANNELS)
        connection->most++;
    return connection->open <= connection->most;
}

void p11d_callchannel_give(P11dToken *token, P11dPeer *channel, bool good)
{
    P11dConnection *connection = &token->connection;
    if (channel->on_bus) {
        p11d_peer_yield(channel);
        if (!good)
            p11d_discovery_lost(token->instance, channel);
        p11d_peer_release(channel);
        return;
    }
    const bool current = channel->epoch == connection->epoch;
    const bool room = current && take_back(connection, channel, good);
    if (good && room) {
        connection->idle[connection->idle_count++] = channel;
    } else {
        if (current)
            connection->open--;
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

CK_RV p11d_callchannel_call(P11dToken *token, P11dRequest *request, P11dPrepare prepare, void *data)
{
    const uint64_t broken_logins = token->connection.broken_logins;
    request->path = token->path;
    for (int attempt = 0;; attempt++) {
        P11dPeer *channel;
        if (token->connection.broken_logins != broken_logins)
            return CKR_SESSION_HANDLE_INVALID;
        CK_RV rv = p11d_callchannel_take(token, attempt > 0, request->deadline, &channel);
        if (rv != CKR_OK)
            return rv;
        rv = check_way(request, channel);
        if (rv == CKR_OK && prepare)
            rv = prepare(token, data);
        if (rv != CKR_OK) {
            p11d_callchannel_give(token, channel, true);
            return rv;
        }
        P11dAnswer answer;
        p11d_lock_give();
        p11d_request_perform(request, channel, &answer);
        p11d_lock_take();
        if (request->keep && answer.status == P11D_OK && answer.rv == CKR_OK) {
            *request->keep = channel;
            if (channel->epoch == token->connection.epoch)
                hold(&token->connection, channel);
            return CKR_OK;
        }
        p11d_callchannel_give(token, channel, answer.status == P11D_OK);
        if (answer.status == P11D_OK)
            return answer.rv;
        p11d_attachment_look(token); /* is it only the channel, or all of the connection? */
        if (answer.sent)
            return CKR_DEVICE_ERROR;
        if (attempt > 0 || token->instance->finalized)
            return answer.rv;
    }
}
