// SPDX-License-Identifier: MIT
#include "reply.h"

#include <string.h>
#include <unistd.h>

#include "act.h"

static const char limits_exceeded[] = P11D_ERROR_BUS_PREFIX "LimitsExceeded";
static const char no_memory[] = P11D_ERROR_BUS_PREFIX "NoMemory";

void p11d_reply_init(P11dReply *reply, P11dEndpoint *endpoint, const P11dMessage *message)
{
    reply->endpoint = endpoint;
    reply->method = NULL;
    reply->serial = message->serial;
    reply->wanted = !(message->flags & P11D_MESSAGE_NO_REPLY_EXPECTED);
    reply->fd = -1;
    reply->begun = false;
}

P11dWriter *p11d_reply_begin(P11dReply *reply)
{
    P11dMessage message = {
        .type = P11D_MESSAGE_RETURN,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .reply_serial = reply->serial,
        .signature = reply->method->out,
        .descriptors = reply->fd >= 0 ? 1 : 0,
    };
    if (reply->wanted) {
        p11d_endpoint_begin(reply->endpoint, &reply->writer, &message);
    } else {
        p11d_buffer_init(&reply->unasked, P11D_MESSAGE_MAX);
        p11d_writer_init(&reply->writer, &reply->unasked);
    }
    reply->begun = true;
    return &reply->writer;
}

/* Sends what was begun, or drops it. */
static P11dStatus finish(P11dReply *reply, bool drop)
{
    if (!reply->wanted) {
        p11d_buffer_clear(&reply->unasked);
        return P11D_OK;
    }
    if (!drop)
        return p11d_endpoint_finish(reply->endpoint, &reply->writer, reply->fd);
    p11d_endpoint_drop(reply->endpoint);
    return P11D_OK;
}

/* The text for people is the last part of the name. */
static P11dStatus fail(P11dReply *reply, const char *name)
{
    P11dMessage message = {
        .type = P11D_MESSAGE_ERROR,
        .flags = P11D_MESSAGE_NO_REPLY_EXPECTED,
        .reply_serial = reply->serial,
        .error_name = name,
        .signature = "s",
    };
    if (!reply->wanted)
        return P11D_OK;
    p11d_endpoint_begin(reply->endpoint, &reply->writer, &message);
    p11d_writer_string(&reply->writer, strrchr(name, '.') + 1);
    return p11d_endpoint_finish(reply->endpoint, &reply->writer, -1);
}

bool p11d_reply_end(P11dReply *reply, const char *error)
{
    P11dStatus status = P11D_OK;
    if (reply->begun)
        status = finish(reply, error);
    if (reply->fd >= 0)
        close(reply->fd);
    /* A reply that cannot be made leaves the channel as it was; say so at least. */
    if (status == P11D_TOO_LARGE || status == P11D_MALFORMED)
        error = limits_exceeded;
    else if (status == P11D_NO_MEMORY)
        error = no_memory;
    else if (status != P11D_OK)
        return false;
    return !error || fail(reply, error) == P11D_OK;
}

const char *p11d_reply_error(P11dReply *reply, CK_RV rv)
{
    if (rv == P11D_ACT_LIMIT)
        return limits_exceeded;
    return rv == CKR_OK ? NULL : p11d_error_name(rv, reply->scratch);
}
