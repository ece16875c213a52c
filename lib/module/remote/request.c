// SPDX-License-Identifier: MIT
#include "request.h"

#include <stdio.h>
#include <string.h>

#include "lock.h"
#include "trace.h"

/* What no service can know: these are about the state of this module, and a host that got them
 * from a service would draw the wrong conclusion. */
static const CK_RV not_from_services[] = {
    CKR_CRYPTOKI_NOT_INITIALIZED, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_SESSION_HANDLE_INVALID,
    CKR_OPERATION_ACTIVE,         CKR_FUNCTION_NOT_PARALLEL,        CKR_SLOT_ID_INVALID,
};

static CK_RV rv_of_error(const char *name)
{
    const CK_RV rv = name ? p11d_error_parse_name(name) : CKR_DEVICE_ERROR;
    for (size_t i = 0; i < sizeof not_from_services / sizeof not_from_services[0]; i++) {
        if (rv == not_from_services[i])
            return CKR_DEVICE_ERROR;
    }
    return rv;
}

/* True if the message was never begun to be sent, for a reason of its own: the peer is as good as
 * before. */
static bool is_our_own_failure(const P11dAnswer *answer)
{
    return !answer->sent && (answer->status == P11D_TOO_LARGE || answer->status == P11D_NO_MEMORY ||
                             answer->status == P11D_MALFORMED);
}

static void take_error(const P11dPeer *peer, const char *name, P11dAnswer *answer)
{
    answer->rv = rv_of_error(name);
    snprintf(answer->error, sizeof answer->error, "%s", name ? name : "");
    answer->trouble = p11d_error_trouble(answer->error);
    /* One run of the service, on the bus, is what a channel is elsewhere: it can be lost. */
    const bool is_lost =
        peer->on_bus && peer->destination[0] == ':' &&
        (answer->trouble == P11D_TROUBLE_NOBODY || answer->trouble == P11D_TROUBLE_GONE);
    if (is_lost) {
        answer->status = P11D_CLOSED;
        answer->sent = answer->trouble != P11D_TROUBLE_NOBODY;
    }
}

static CK_RV read_results(const P11dRequest *request, const P11dMethod *method, P11dPeer *peer,
                          P11dReader *body)
{
    P11dArguments results;
    if (request->read)
        return request->read(&peer->bus.channel, body, request->data);
    if (!request->take)
        return CKR_OK;
    CK_RV rv = p11d_arguments_read(&results, &method->results, body);
    if (rv == CKR_OK)
        rv = request->take(&results, request->data);
    else if (rv != CKR_HOST_MEMORY)
        rv = CKR_DEVICE_ERROR;
    p11d_arguments_clear(&results);
    return rv;
}

static void take_reply(const P11dRequest *request, const P11dMethod *method, P11dPeer *peer,
                       P11dMessage *reply, P11dAnswer *answer)
{
    if (peer->on_bus)
        snprintf(answer->sender, sizeof answer->sender, "%s", reply->sender ? reply->sender : "");
    if (reply->type == P11D_MESSAGE_ERROR) {
        take_error(peer, reply->error_name, answer);
    } else if (strcmp(reply->signature, method->out) != 0) {
        answer->rv = CKR_DEVICE_ERROR;
        answer->status = P11D_MALFORMED;
    } else {
        answer->rv = read_results(request, method, peer, &reply->body);
    }
    p11d_channel_done(&peer->bus.channel);
}

/* Begins the message to peer and writes the arguments. */
static CK_RV write_call(const P11dRequest *request, const P11dMethod *method, P11dPeer *peer,
                        P11dWriter *writer)
{
    if (peer->on_bus) {
        p11d_bus_begin(&peer->bus, writer, peer->destination, request->path,
                       request->interface->name, method->name, method->in, request->auto_start);
    } else {
        P11dMessage call = {.type = P11D_MESSAGE_CALL,
                            .path = request->path,
                            .interface = request->interface->name,
                            .member = method->name,
                            .signature = method->in};
        p11d_channel_begin(&peer->bus.channel, writer, &call);
    }
    if (request->write)
        request->write(writer, request->data);
    else if (request->arguments)
        return p11d_arguments_write(request->arguments, &method->arguments, writer);
    return CKR_OK;
}

void p11d_request_perform(const P11dRequest *request, P11dPeer *peer, P11dAnswer *answer)
{
    const P11dMethod *method = p11d_interface_method(request->interface, request->method);
    P11dChannel *channel = &peer->bus.channel;
    P11dWriter writer;
    P11dMessage reply;
    *answer = (P11dAnswer){.rv = write_call(request, method, peer, &writer)};
    if (answer->rv != CKR_OK)
        return; /* nothing is sent, and nothing is wrong with the peer */
    p11d_trace(P11D_TRACE_WIRE, "wire %s.%s %zu bytes", request->interface->name, method->name,
               channel->out.size);
    if (peer->on_bus)
        answer->status =
            p11d_bus_call(&peer->bus, &writer, request->deadline, &reply, &answer->sent);
    else
        answer->status = p11d_channel_call(channel, &writer, request->deadline, request->on_signal,
                                           request->signal_data, &reply, &answer->sent);
    if (answer->status == P11D_OK) {
        take_reply(request, method, peer, &reply, answer);
        return;
    }
    if (peer->on_bus && channel->missed_descriptors)
        p11d_trace(P11D_TRACE_STATE,
                   "%s: the reply lost its descriptor on the way: this bus is forwarded (by ssh or "
                   "socat, from another machine perhaps); channels=no uses the service without",
                   method->name);
    answer->rv = p11d_error_of_status(answer->status);
    if (is_our_own_failure(answer))
        answer->status = P11D_OK;
}

CK_RV p11d_request_claim(P11dPeer *peer, P11dDeadline deadline)
{
    while (peer->busy) {
        if (!p11d_lock_wait(deadline))
            return CKR_DEVICE_ERROR;
    }
    if (peer->instance->finalized)
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    peer->busy = true;
    return CKR_OK;
}

void p11d_request_exchange(const P11dRequest *request, P11dPeer *peer, P11dAnswer *answer)
{
    const CK_RV claimed = p11d_request_claim(peer, request->deadline);
    if (claimed != CKR_OK) {
        *answer = (P11dAnswer){.rv = claimed}; /* nothing is wrong with the peer */
        return;
    }
    p11d_lock_give();
    p11d_request_perform(request, peer, answer);
    p11d_lock_take();
    p11d_peer_yield(peer);
}

static void write_no_options(P11dWriter *writer, void *data)
{
    (void)data;
    p11d_writer_array_end(writer, p11d_writer_array_begin(writer, 8));
}

static CK_RV read_descriptor(P11dChannel *channel, P11dReader *body, void *data)
{
    P11dDescriptor **descriptor = data;
    uint32_t index;
    if (!p11d_reader_uint32(body, &index))
        return CKR_DEVICE_ERROR;
    *descriptor = p11d_channel_take(channel, index);
    return *descriptor ? CKR_OK : CKR_DEVICE_ERROR;
}

void p11d_request_open_channel(P11dRequest *request, const P11dInterface *interface,
                               const char *path, P11dDeadline deadline, P11dDescriptor **channel)
{
    *channel = NULL;
    *request = (P11dRequest){.interface = interface,
                             .method = "OpenChannel",
                             .path = path,
                             .write = write_no_options,
                             .read = read_descriptor,
                             .data = channel,
                             .deadline = deadline};
}
