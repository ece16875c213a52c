// SPDX-License-Identifier: MIT
/* Messages that are signed or verified: with the parameters that the mechanism had at the
 * beginning. */
#include "messages-row.h"

#include "kept-mechanism.h"

/* Keeps the mechanism in a form that points at nothing of the host's. */
static CK_RV keep(P11dMessages *messages, const CK_MECHANISM *mechanism, CK_MECHANISM *first)
{
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&messages->wire, P11D_KEPT_PARAMETERS_MAX);
    p11d_writer_init(&writer, &messages->wire);
    const P11dArray entries = p11d_writer_array_begin(&writer, 8);
    CK_RV rv = p11d_mechanism_write_parameters(&writer, mechanism);
    p11d_writer_array_end(&writer, entries);
    if (rv != CKR_OK)
        return rv;
    if (!p11d_writer_ok(&writer))
        return messages->wire.no_memory ? CKR_HOST_MEMORY : CKR_MECHANISM_PARAM_INVALID;
    p11d_reader_init(&reader, messages->wire.data, messages->wire.size, false);
    rv = p11d_mechanism_read_parameters(&reader, mechanism->mechanism, &messages->parameters);
    *first = messages->parameters.mechanism;
    return rv;
}

static CK_RV ready(const P11dMessagesWork *work)
{
    if (p11d_messages_is_active(work))
        return CKR_OK;
    return p11d_operation_init(work->instance, work->row->each, work->session,
                               &work->messages->parameters.mechanism, work->messages->key);
}

static CK_RV whole(const P11dMessagesWork *work)
{
    const P11dMessageData *message = work->message;
    const P11dOperationRow *each = work->row->each;
    const P11dBytes input = message->input;
    CK_RV rv = message->parameter_size > 0 ? CKR_MECHANISM_PARAM_INVALID : ready(work);
    if (rv != CKR_OK)
        return rv;
    if (each->output == P11D_OUTPUT_VERDICT)
        return p11d_operation_judge(work->instance, each, work->session, input.data, input.size,
                                    message->signature.data, message->signature.size);
    return p11d_operation_whole(work->instance, each, work->session, input.data, input.size,
                                message->output, message->output_size);
}

static CK_RV begin(const P11dMessagesWork *work)
{
    return work->message->parameter_size > 0 ? CKR_MECHANISM_PARAM_INVALID : ready(work);
}

static CK_RV part(const P11dMessagesWork *work)
{
    const P11dBytes input = work->message->input;
    if (work->message->parameter_size == 0)
        return p11d_operation_update(work->instance, work->row->each, work->session, input.data,
                                     input.size);
    p11d_messages_end(work);
    return CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV last(const P11dMessagesWork *work)
{
    const P11dMessageData *message = work->message;
    const P11dOperationRow *each = work->row->each;
    const CK_RV rv = work->messages->whole ? CKR_OK : part(work);
    if (rv != CKR_OK)
        return rv;
    work->messages->whole = true; /* it comes again if there is no room for the signature */
    if (each->output == P11D_OUTPUT_VERDICT)
        return p11d_operation_judge_final(work->instance, each, work->session,
                                          message->signature.data, message->signature.size);
    return p11d_operation_final(work->instance, each, work->session, message->output,
                                message->output_size);
}

const P11dMessagesWay p11d_messages_signed = {
    .keep = keep, .ready = ready, .whole = whole, .begin = begin, .part = part, .last = last};
