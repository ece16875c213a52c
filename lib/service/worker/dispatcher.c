// SPDX-License-Identifier: MIT
#include "dispatcher.h"

#include <errno.h>
#include <string.h>

#include "client.h"
#include "perform.h"

static const char error_invalid_args[] = P11D_ERROR_BUS_PREFIX "InvalidArgs";
static const char error_limits_exceeded[] = P11D_ERROR_BUS_PREFIX "LimitsExceeded";
static const char error_no_memory[] = P11D_ERROR_BUS_PREFIX "NoMemory";
static const char error_not_supported[] = P11D_ERROR_BUS_PREFIX "NotSupported";
static const char error_unknown_interface[] = P11D_ERROR_BUS_PREFIX "UnknownInterface";
static const char error_unknown_method[] = P11D_ERROR_BUS_PREFIX "UnknownMethod";
static const char error_unknown_object[] = P11D_ERROR_BUS_PREFIX "UnknownObject";

/* A handler begins the reply, writes its body and returns NULL, or returns the name of an error. */
typedef const char *Handler(P11dClient *client, P11dReader *body, P11dReply *reply);

static const char *open_channel(P11dClient *client, P11dReader *body, P11dReply *reply)
{
    (void)body;
    if (!reply->wanted)
        return error_invalid_args;
    reply->fd = p11d_client_open_channel(client);
    if (reply->fd < 0)
        return errno == ENOMEM ? error_no_memory : error_limits_exceeded;
    p11d_writer_uint32(p11d_reply_begin(reply), 0); /* the index of the descriptor */
    return NULL;
}

static const char *list_objects(P11dClient *client, P11dReader *body, P11dReply *reply)
{
    uint64_t known = 0;
    p11d_reader_uint64(body, &known);
    p11d_client_lists(client);
    client->clients->token->operations->list(client->view, known, p11d_reply_begin(reply));
    return NULL;
}

static const char *get_all(P11dClient *client, P11dReader *body, P11dReply *reply)
{
    P11dWorkerToken *token = client->clients->token;
    const char *interface = "";
    p11d_reader_string(body, &interface, NULL);
    if (*interface && strcmp(interface, p11d_interface_token.name) != 0)
        return error_unknown_interface;
    P11dWriter *writer = p11d_reply_begin(reply);
    P11dArray elements = p11d_writer_array_begin(writer, 8);
    token->operations->write_properties(token, writer);
    p11d_writer_array_end(writer, elements);
    return NULL;
}

static const char *ping(P11dClient *client, P11dReader *body, P11dReply *reply)
{
    (void)client;
    (void)body;
    p11d_reply_begin(reply);
    return NULL;
}

static const struct {
    const P11dInterface *interface;
    const char *method;
    Handler *handler;
} handlers[] = {
    {&p11d_interface_token, "ListObjects", list_objects},
    {&p11d_interface_token, "OpenChannel", open_channel},
    {&p11d_interface_properties, "GetAll", get_all},
    {&p11d_interface_peer, "Ping", ping},
};

static const P11dInterface *const interfaces[] = {
    &p11d_interface_token,
    &p11d_interface_properties,
    &p11d_interface_peer,
};

/* Finds the method that message calls. A call may leave the interface out (D-Bus Specification,
 * "Message Types"). */
static const char *find_method(const P11dMessage *message, const P11dInterface **interface,
                               const P11dMethod **method)
{
    bool known = !message->interface;
    for (size_t i = 0; i < sizeof interfaces / sizeof interfaces[0]; i++) {
        if (message->interface && strcmp(message->interface, interfaces[i]->name) != 0)
            continue;
        known = true;
        *interface = interfaces[i];
        *method = p11d_interface_method(*interface, message->member);
        if (*method)
            return NULL;
    }
    return known ? error_unknown_method : error_unknown_interface;
}

static const P11dAct *find_act(const P11dWorkerToken *token, const P11dInterface *interface,
                               const P11dMethod *method)
{
    const P11dAct *act = interface == &p11d_interface_token ? token->acts : NULL;
    while (act && act->method && strcmp(act->method, method->name) != 0)
        act++;
    return act && act->method ? act : NULL;
}

static Handler *find_handler(const P11dInterface *interface, const P11dMethod *method)
{
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].interface == interface && strcmp(handlers[i].method, method->name) == 0)
            return handlers[i].handler;
    }
    return NULL;
}

/* Finds what message calls. Returns the name of an error, or NULL. */
static const char *find(const P11dClient *client, const P11dMessage *message,
                        const P11dInterface **interface, const P11dMethod **method)
{
    if (strcmp(message->path, client->clients->path) != 0)
        return error_unknown_object;
    const char *error = find_method(message, interface, method);
    if (!error && strcmp(message->signature, (*method)->in) != 0)
        return error_invalid_args;
    return error;
}

static P11dEndpointOutcome dispatch(P11dEndpoint *endpoint, const P11dMessage *message)
{
    P11dClient *client = p11d_client_of(endpoint);
    const P11dInterface *interface;
    P11dReader body = message->body;
    P11dReply reply;

    if (message->type != P11D_MESSAGE_CALL)
        return P11D_ENDPOINT_SERVED;
    p11d_reply_init(&reply, endpoint, message);
    const char *error = find(client, message, &interface, &reply.method);
    if (!error) {
        const P11dAct *act = find_act(client->clients->token, interface, reply.method);
        if (act)
            return p11d_perform(&reply, message, act);
        Handler *handler = find_handler(interface, reply.method);
        error = handler ? handler(client, &body, &reply) : error_not_supported;
    }
    return p11d_reply_end(&reply, error) ? P11D_ENDPOINT_SERVED : P11D_ENDPOINT_LOST;
}

const P11dEndpointHandler p11d_dispatcher = {
    .message = dispatch, .resume = p11d_perform_resume, .cancel = p11d_perform_cancel};
