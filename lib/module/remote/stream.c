// SPDX-License-Identifier: MIT
#include "stream.h"

#include "attachment.h"
#include "callchannel.h"
#include "listing.h"
#include "lock.h"

static CK_RV take_id(const P11dArguments *results, void *data)
{
    *(uint64_t *)data = results->stream;
    return CKR_OK;
}

/* Whether streams hold all channels that they may. Where the service allows so few that streams
 * have taken those of calls, the last one is not for them. */
static bool is_full(const P11dConnection *connection)
{
    const bool last = connection->most <= 1 && connection->open <= 1;
    return connection->held >= P11D_CONNECTION_STREAMS || (connection->held > 0 && last);
}

CK_RV p11d_stream_begin(P11dStream *stream, CK_OBJECT_HANDLE key, P11dArguments *arguments)
{
    const CK_OBJECT_HANDLE keys[P11D_ARGUMENTS_EACH] = {key};
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "BeginStream",
                           .arguments = arguments,
                           .take = take_id,
                           .data = &stream->id,
                           .keep = &stream->channel,
                           .deadline = p11d_deadline_in(P11D_CALL_TIMEOUT)};
    if (is_full(&stream->token->connection))
        return CKR_DEVICE_MEMORY;
    return p11d_listing_call(stream->token, keys, &request, NULL);
}

CK_RV p11d_stream_call(P11dStream *stream, P11dRequest *request)
{
    P11dAnswer answer;
    request->path = stream->token->path;
    request->arguments->stream = stream->id;
    request->interface = &p11d_interface_token;
    p11d_lock_give();
    p11d_request_perform(request, stream->channel, &answer);
    p11d_lock_take();
    if (answer.status == P11D_OK)
        return answer.rv;
    p11d_stream_end(stream, false);
    p11d_attachment_look(stream->token);
    return CKR_DEVICE_ERROR;
}

void p11d_stream_end(P11dStream *stream, bool finished)
{
    if (stream->channel)
        p11d_callchannel_give(stream->token, stream->channel, finished);
    stream->channel = NULL;
}
