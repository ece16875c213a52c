// SPDX-License-Identifier: MIT
#include "dispatcher.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "activity.h"
#include "client.h"
#include "error.h"
#include "interface.h"

static const char error_invalid_args[] = P11D_ERROR_BUS_PREFIX "InvalidArgs";
static const char error_limits_exceeded[] = P11D_ERROR_BUS_PREFIX "LimitsExceeded";
static const char error_no_memory[] = P11D_ERROR_BUS_PREFIX "NoMemory";
static const char error_not_supported[] = P11D_ERROR_BUS_PREFIX "NotSupported";
static const char error_unknown_interface[] = P11D_ERROR_BUS_PREFIX "UnknownInterface";
static const char error_unknown_method[] = P11D_ERROR_BUS_PREFIX "UnknownMethod";
static const char error_unknown_object[] = P11D_ERROR_BUS_PREFIX "UnknownObject";

/* One call while it is handled. */
typedef struct Call {
    P11dEndpoint *endpoint;
    P11dClient *client;
    const P11dWorkerTokenOperations *token;
    const P11dMessage *message;
    const P11dMethod *method;
    P11dReader body;
    P11dWriter writer;  /* of the reply, from begin on */
    P11dBuffer unasked; /* takes the reply if none is wanted */
    bool begun;
    int fd; /* to be sent with the reply, and closed; or -1 */
    char error[P11D_ERROR_SIZE];
} Call;

/* A handler returns NULL after it has begun the reply and written its body, or else the name of an
 * error. */
typedef const char *Handler(Call *call);

/* The error that a PKCS#11 result is; NULL for CKR_OK. */
static const char *result(Call *call, CK_RV rv)
{
    return rv == CKR_OK ? NULL : p11d_error_name(rv, call->error);
}

/* Begins the reply. On a control channel the client's lock is held from here on. */
static void begin(Call *call)
{
    P11dMessage reply = {
        .type = P11D_MESSAGE_RETURN,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .reply_serial = call->message->serial,
        .signature = call->method->out,
        .descriptors = call->fd >= 0 ? 1 : 0,
    };
    if (call->message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED) {
        p11d_buffer_init(&call->unasked, P11D_MESSAGE_MAX);
        p11d_writer_init(&call->writer, &call->unasked);
    } else {
        p11d_endpoint_begin(call->endpoint, &call->writer, &reply);
    }
    call->begun = true;
}

static P11dStatus finish(Call *call)
{
    if (!(call->message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED))
        return p11d_endpoint_finish(call->endpoint, &call->writer, call->fd);
    p11d_buffer_clear(&call->unasked);
    return P11D_OK;
}

/* An empty reply, for what returns nothing. */
static const char *done(Call *call, CK_RV rv)
{
    if (rv == CKR_OK)
        begin(call);
    return result(call, rv);
}

static const char *open_channel(Call *call)
{
    if (call->message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED)
        return error_invalid_args;
    call->fd = p11d_client_open_channel(call->client);
    if (call->fd < 0)
        return errno == ENOMEM ? error_no_memory : error_limits_exceeded;
    begin(call);
    p11d_writer_uint32(&call->writer, 0); /* the index of the descriptor */
    return NULL;
}

static const char *list_objects(Call *call)
{
    uint64_t known = 0;
    p11d_reader_uint64(&call->body, &known);
    p11d_client_lists(call->client);
    begin(call);
    call->token->list(call->client->view, known, &call->writer);
    return NULL;
}

/* True if the a{sv} that elements reads has a true value of that name. */
static bool is_set(P11dReader elements, const char *name)
{
    const char *key, *signature;
    while (p11d_reader_entry(&elements, &key, &signature)) {
        bool value = false;
        if (strcmp(key, name) == 0)
            return strcmp(signature, "b") == 0 && p11d_reader_boolean(&elements, &value) && value;
        p11d_reader_skip(&elements, signature);
    }
    return false;
}

static const char *log_in(Call *call)
{
    const char *user;
    const uint8_t *pin;
    size_t size;
    P11dReader options;
    CK_ULONG type;

    if (!call->token->login)
        return error_not_supported;
    if (!p11d_reader_string(&call->body, &user, NULL) ||
        !p11d_reader_bytes(&call->body, &pin, &size) ||
        !p11d_reader_array(&call->body, 8, &options))
        return error_invalid_args;
    if (!p11d_name_parse(&p11d_names_user, user, &type))
        return result(call, CKR_USER_TYPE_INVALID);
    if (is_set(options, "no-pin"))
        pin = NULL;
    CK_RV rv = CKR_PIN_LEN_RANGE;
    if (size <= P11D_WORKER_TOKEN_PIN_MAX)
        rv = call->token->login(call->client->view, type, pin, pin ? size : 0);
    p11d_activity_login(call->client, rv);
    if (rv == CKR_OK)
        p11d_client_notify(call->client);
    return done(call, rv);
}

static const char *log_out(Call *call)
{
    if (!call->token->logout)
        return error_not_supported;
    CK_RV rv = call->token->logout(call->client->view);
    p11d_activity_logout(call->client, rv);
    if (rv == CKR_OK)
        p11d_client_notify(call->client);
    return done(call, rv);
}

/* Reads mechanism and parameters, which every operation with a key has. *name: what the client
 * calls the mechanism, valid as long as the message. */
static CK_RV read_mechanism(P11dReader *body, const char **name, P11dParameters *parameters)
{
    CK_MECHANISM_TYPE type;

    if (!p11d_reader_string(body, name, NULL))
        return CKR_ARGUMENTS_BAD;
    if (!p11d_mechanism_parse_name(*name, &type))
        return CKR_MECHANISM_INVALID;
    return p11d_mechanism_read_parameters(body, type, parameters);
}

static const char *sign(Call *call)
{
    uint64_t key;
    const char *mechanism = "";
    const uint8_t *data = NULL;
    size_t size = 0;
    P11dParameters parameters;
    P11dBuffer signature;

    if (!p11d_reader_uint64(&call->body, &key))
        return error_invalid_args;
    CK_RV rv = read_mechanism(&call->body, &mechanism, &parameters);
    if (rv == CKR_OK && !p11d_reader_bytes(&call->body, &data, &size))
        return error_invalid_args;
    if (rv == CKR_OK && size > P11D_INTERFACE_DATA_MAX)
        rv = CKR_DATA_LEN_RANGE;

    p11d_buffer_init(&signature, P11D_INTERFACE_DATA_MAX);
    if (rv == CKR_OK)
        rv = call->token->sign(call->client->view, key, &parameters, data, size, &signature);
    p11d_activity_sign(call->client, key, mechanism, rv);
    if (rv == CKR_OK) {
        begin(call);
        p11d_writer_bytes(&call->writer, signature.data, signature.size);
    }
    p11d_buffer_clear(&signature);
    return result(call, rv);
}

static const char *get_all(Call *call)
{
    const char *interface = "";
    p11d_reader_string(&call->body, &interface, NULL);
    if (*interface && strcmp(interface, p11d_interface_token.name) != 0)
        return error_unknown_interface;
    begin(call);
    P11dArray elements = p11d_writer_array_begin(&call->writer, 8);
    call->client->clients->token->operations->write_properties(call->client->clients->token,
                                                               &call->writer);
    p11d_writer_array_end(&call->writer, elements);
    return NULL;
}

static const char *ping(Call *call)
{
    return done(call, CKR_OK);
}

static const struct {
    const P11dInterface *interface;
    const char *method;
    Handler *handler;
} handlers[] = {
    {&p11d_interface_token, "Sign", sign},
    {&p11d_interface_token, "ListObjects", list_objects},
    {&p11d_interface_token, "OpenChannel", open_channel},
    {&p11d_interface_token, "Login", log_in},
    {&p11d_interface_token, "Logout", log_out},
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

static const char *handle(Call *call)
{
    const P11dInterface *interface;
    const P11dMessage *message = call->message;

    if (strcmp(message->path, call->client->clients->path) != 0)
        return error_unknown_object;
    const char *error = find_method(message, &interface, &call->method);
    if (error)
        return error;
    if (strcmp(message->signature, call->method->in) != 0)
        return error_invalid_args;
    for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++) {
        if (handlers[i].interface == interface &&
            strcmp(handlers[i].method, call->method->name) == 0)
            return handlers[i].handler(call);
    }
    return error_not_supported;
}

/* Answers with the error of that name. The text for people is its last part. */
static P11dStatus fail(Call *call, const char *name)
{
    P11dMessage reply = {
        .type = P11D_MESSAGE_ERROR,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .reply_serial = call->message->serial,
        .error_name = name,
        .signature = "s",
    };
    if (call->message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED)
        return P11D_OK;
    p11d_endpoint_begin(call->endpoint, &call->writer, &reply);
    p11d_writer_string(&call->writer, strrchr(name, '.') + 1);
    return p11d_endpoint_finish(call->endpoint, &call->writer, -1);
}

bool p11d_dispatch(P11dEndpoint *endpoint, const P11dMessage *message)
{
    if (message->type != P11D_MESSAGE_CALL)
        return true;

    P11dClient *client = p11d_client_of(endpoint);
    Call call = {
        .endpoint = endpoint,
        .client = client,
        .token = client->clients->token->operations,
        .message = message,
        .body = message->body,
        .fd = -1,
    };
    const char *error = handle(&call);
    P11dStatus status = P11D_OK;
    if (call.begun)
        status = finish(&call);
    if (call.fd >= 0)
        close(call.fd);
    /* A reply that cannot be made leaves the channel as it was; say so at least. */
    if (status == P11D_TOO_LARGE || status == P11D_MALFORMED)
        error = error_limits_exceeded;
    else if (status == P11D_NO_MEMORY)
        error = error_no_memory;
    else if (status != P11D_OK)
        return false;
    return !error || fail(&call, error) == P11D_OK;
}
