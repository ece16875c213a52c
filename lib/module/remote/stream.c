// SPDX-License-Identifier: MIT
#include "stream.h"

#include "attachment.h"
#include "callchannel.h"
#include "listing.h"
#include "lock.h"

CK_RV p11d_stream_begin(P11dStream *stream, CK_OBJECT_HANDLE key, uint64_t *id,
                        P11dRequest *request)
{
    request->keep = &stream->channel;
    return p11d_listing_call(stream->token, key, id, request);
}

CK_RV p11d_stream_call(P11dStream *stream, P11dRequest *request)
{
    P11dAnswer answer;
    request->path = stream->token->path;
    request->interface = &p11d_interface_token;
    request->deadline = p11d_deadline_in(P11D_PERSON_TIMEOUT);
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
