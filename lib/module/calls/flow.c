// SPDX-License-Identifier: MIT
#include "flow.h"

#include <string.h>

#include "listing.h"
#include "lock.h"

/* The most that is sent in one message, in bytes: what comes of it may be longer by what was held
 * back before, and a tag. */
#define PART (P11D_INTERFACE_DATA_MAX - 4096)
/* So much is gathered before a stream begins, in bytes. */
#define GATHERED ((size_t)1 << 20)
/* The longest signature that is taken from a service where the key does not tell, and the most by
 * which other output of unknown size is longer than the input, in bytes. */
#define EXCESS_MAX ((size_t)1 << 20)
/* What is copied with the lock held, in bytes. */
#define SHORT ((size_t)64 << 10)

void p11d_flow_init(P11dFlow *flow, const P11dPlan *plan, P11dToken *token)
{
    *flow = (P11dFlow){.plan = plan, .stream.token = token};
    p11d_buffer_init(&flow->gathered, P11D_INTERFACE_DATA_MAX);
    p11d_buffer_init(&flow->output, SIZE_MAX / 4);
}

void p11d_flow_clear(P11dFlow *flow)
{
    p11d_stream_end(&flow->stream, false);
    p11d_buffer_clear(&flow->gathered);
    p11d_buffer_clear(&flow->output);
}

void p11d_flow_restart(P11dFlow *flow)
{
    p11d_buffer_reset(&flow->gathered);
    p11d_buffer_reset(&flow->output);
    flow->taken = flow->given = 0;
}

/* Whether parts may go through a stream. */
static bool streams(const P11dFlow *flow)
{
    return flow->stream.channel ||
           (flow->stream.token->properties.features.streams && !flow->refused);
}

/* Whether the host gets no output before the end. */
static bool withholds(const P11dFlow *flow)
{
    const P11dCipher *cipher = flow->plan->cipher;
    return cipher && cipher->tagged && flow->plan->row->output == P11D_OUTPUT_PLAINTEXT;
}

static uint64_t came(const P11dFlow *flow)
{
    return flow->given + flow->output.size;
}

/* How much output the service owes for so many bytes more. */
static uint64_t owed(const P11dFlow *flow, uint64_t size)
{
    const P11dPlan *plan = flow->plan;
    if (!plan->cipher || !streams(flow))
        return 0;
    const bool encrypts = plan->row->output == P11D_OUTPUT_CIPHERTEXT;
    const uint64_t flown = p11d_cipher_flown(plan->cipher, encrypts, flow->taken + size);
    return flown > came(flow) ? flown - came(flow) : 0;
}

CK_ULONG p11d_flow_due(const P11dFlow *flow, CK_ULONG size)
{
    return withholds(flow) ? 0 : flow->output.size + (CK_ULONG)owed(flow, size);
}

/* Whether a message can have so many bytes of output. */
static bool is_plausible(const P11dFlow *flow, size_t size)
{
    bool exact;
    CK_ULONG right;
    const uint64_t all = came(flow) + size;
    const bool is_signature = flow->plan->row->output == P11D_OUTPUT_SIGNATURE;
    if (is_signature && !flow->last)
        return size == 0;
    if (p11d_plan_output_size(flow->plan, flow->taken, &right, &exact))
        return flow->last && exact ? all == right : all <= right;
    return is_signature ? size > 0 && size <= EXCESS_MAX : all <= EXCESS_MAX + flow->taken;
}

/* Gives the host what it has room for; returns how many bytes. */
static size_t give(P11dFlow *flow, P11dBytes output)
{
    const size_t fits = output.size < flow->room.size ? output.size : flow->room.size;
    if (withholds(flow) || !flow->room.place || fits == 0)
        return 0;
    memcpy(flow->room.place, output.data, fits);
    flow->room.place += fits;
    flow->room.size -= fits;
    flow->given += fits;
    return fits;
}

/* The same with what was kept before. */
static void give_kept(P11dFlow *flow)
{
    P11dBuffer *output = &flow->output;
    p11d_buffer_consume(output, give(flow, (P11dBytes){output->data, output->size}));
}

/* Gives the host what came, and keeps the rest: all of it where something was kept already. */
static CK_RV take_output(const P11dArguments *results, void *data)
{
    P11dFlow *flow = data;
    const P11dBytes output = results->bytes[0];
    if (!is_plausible(flow, output.size))
        return CKR_DEVICE_ERROR;
    const size_t given = flow->output.size > 0 ? 0 : give(flow, output);
    return output.size == given ||
                   p11d_buffer_append(&flow->output, output.data + given, output.size - given)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

/* The rv of a call about an object that is a key. */
static CK_RV about_key(CK_RV rv)
{
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

CK_RV p11d_flow_begin(P11dFlow *flow)
{
    const P11dPlan *plan = flow->plan;
    P11dArguments arguments = {.purpose = plan->row->purpose, .mechanism.kept = &plan->mechanism};
    return about_key(p11d_stream_begin(&flow->stream, plan->key, &arguments));
}

/* Makes sure that there is a stream, unless the service has none for this: flow->refused. */
static CK_RV provide_stream(P11dFlow *flow)
{
    if (flow->stream.channel)
        return CKR_OK;
    if (flow->plan->authenticates)
        return CKR_USER_NOT_LOGGED_IN;
    const CK_RV rv = p11d_flow_begin(flow);
    flow->refused = rv == CKR_MECHANISM_INVALID || rv == CKR_FUNCTION_NOT_SUPPORTED ||
                    (rv == CKR_FUNCTION_REJECTED && flow->stream.token->connection.on_bus);
    return flow->refused && !flow->plan->row->streamed ? CKR_OK : rv;
}

static P11dRequest make_request(P11dFlow *flow, P11dArguments *arguments, const char *method,
                                bool last)
{
    const P11dPlan *plan = flow->plan;
    flow->last = last;
    const int64_t timeout = plan->authenticates ? P11D_PERSON_TIMEOUT : P11D_CALL_TIMEOUT;
    return (P11dRequest){.interface = &p11d_interface_token,
                         .method = method,
                         .arguments = arguments,
                         .take = p11d_plan_judges(plan) ? NULL : take_output,
                         .data = flow,
                         .deadline = p11d_deadline_in(timeout)};
}

/* One message of the stream. What fails ends it. */
static CK_RV exchange_all(P11dFlow *flow, P11dArguments *arguments, bool last)
{
    P11dRequest request =
        make_request(flow, arguments, last ? "FinishStream" : "UpdateStream", last);
    const CK_RV rv = p11d_stream_call(&flow->stream, &request);
    if (last || rv != CKR_OK)
        p11d_stream_end(&flow->stream, last);
    return rv;
}

static CK_RV exchange(P11dFlow *flow, P11dBytes data, P11dBytes signature, bool last)
{
    P11dArguments arguments = {.bytes = {data, signature}};
    return exchange_all(flow, &arguments, last);
}

/* Sends all of it but for what fits into the last message. */
static CK_RV cut(P11dFlow *flow, P11dBytes *input)
{
    CK_RV rv = CKR_OK;
    for (; rv == CKR_OK && input->size > PART; input->data += PART, input->size -= PART)
        rv = exchange(flow, (P11dBytes){input->data, PART}, (P11dBytes){0}, false);
    return rv;
}

static CK_RV gather(P11dFlow *flow, P11dBytes part)
{
    if (p11d_buffer_append(&flow->gathered, part.data, part.size))
        return CKR_OK;
    return flow->gathered.no_memory ? CKR_HOST_MEMORY : CKR_DATA_LEN_RANGE;
}

/* Sends what was gathered, and part. */
static CK_RV send_part(P11dFlow *flow, P11dBytes part)
{
    P11dBuffer *gathered = &flow->gathered;
    CK_RV rv = provide_stream(flow);
    if (rv != CKR_OK || flow->refused)
        return rv == CKR_OK ? gather(flow, part) : rv;
    if (gathered->size > 0) { /* together with as much of part as is copied soon */
        const size_t left = GATHERED - gathered->size;
        const size_t more = part.size < left ? part.size : left;
        rv = gather(flow, (P11dBytes){part.data, more});
        if (more > 0)
            part = (P11dBytes){part.data + more, part.size - more};
        if (rv == CKR_OK)
            rv = exchange(flow, (P11dBytes){gathered->data, gathered->size}, (P11dBytes){0}, false);
        p11d_buffer_reset(gathered);
    }
    if (rv == CKR_OK)
        rv = cut(flow, &part);
    return rv == CKR_OK && part.size > 0 ? exchange(flow, part, (P11dBytes){0}, false) : rv;
}

/* Whether output of earlier parts would overwrite what is still to be sent: hosts may have both in
 * the same place. */
static bool is_in_the_way(const P11dFlow *flow, P11dBytes part, P11dRoom room)
{
    const uintptr_t from = (uintptr_t)part.data, to = (uintptr_t)room.place;
    return (flow->gathered.size > 0 || flow->output.size > 0) && to < from + part.size &&
           from < to + room.size;
}

CK_RV p11d_flow_add(P11dFlow *flow, P11dBytes part, P11dRoom room, CK_ULONG *written)
{
    const bool in_the_way = is_in_the_way(flow, part, room);
    const uint64_t before = flow->given;
    const bool waits = owed(flow, part.size) == 0 &&
                       (!streams(flow) || part.size <= GATHERED - flow->gathered.size);
    if (!in_the_way)
        flow->room = room;
    give_kept(flow);
    flow->taken += part.size;
    const CK_RV rv = waits ? gather(flow, part) : send_part(flow, part);
    if (in_the_way && rv == CKR_OK) {
        flow->room = room;
        give_kept(flow);
    }
    flow->room = (P11dRoom){0};
    *written = (CK_ULONG)(flow->given - before);
    return rv;
}

CK_RV p11d_flow_add_key(P11dFlow *flow, CK_OBJECT_HANDLE key)
{
    CK_RV rv = send_part(flow, (P11dBytes){NULL, 0}); /* what was before it */
    if (rv == CKR_OK && !flow->stream.channel)
        rv = CKR_KEY_INDIGESTIBLE;
    const P11dObject *object = p11d_listing_find(flow->stream.token, key);
    if (rv == CKR_OK && !object)
        rv = CKR_KEY_HANDLE_INVALID;
    if (rv != CKR_OK)
        return rv;
    P11dArguments arguments = {.objects = {object->id}};
    return about_key(exchange_all(flow, &arguments, false));
}

/* Does it all by one message. */
static CK_RV call_once(P11dFlow *flow, P11dBytes input, P11dBytes signature)
{
    const P11dPlan *plan = flow->plan;
    const CK_OBJECT_HANDLE keys[P11D_ARGUMENTS_EACH] = {plan->key};
    P11dArguments arguments = {.mechanism.kept = &plan->mechanism, .bytes = {input, signature}};
    P11dRequest request = make_request(flow, &arguments, plan->row->method, true);
    return about_key(p11d_listing_call(flow->stream.token, keys, &request, NULL));
}

static CK_RV finish(P11dFlow *flow, P11dBytes input, P11dBytes signature)
{
    const P11dPlan *plan = flow->plan;
    const bool fits =
        input.size <= (plan->cipher && streams(flow) ? PART : P11D_INTERFACE_DATA_MAX);
    const bool begun = flow->stream.channel;
    if (!begun && !plan->authenticates && !plan->row->streamed && fits)
        return call_once(flow, input, signature);
    if (!begun && !fits && !streams(flow))
        return CKR_DATA_LEN_RANGE;
    CK_RV rv = provide_stream(flow);
    if (rv == CKR_OK && flow->refused)
        return CKR_DATA_LEN_RANGE;
    if (rv == CKR_OK)
        rv = cut(flow, &input);
    return rv == CKR_OK ? exchange(flow, input, signature, true) : rv;
}

CK_RV p11d_flow_finish(P11dFlow *flow, const P11dBytes *whole, P11dBytes signature, P11dRoom room,
                       CK_ULONG *written)
{
    if (whole) {
        p11d_flow_restart(flow);
        flow->taken = whole->size;
    }
    const P11dBytes gathered = {flow->gathered.data, flow->gathered.size};
    const uint64_t before = flow->given;
    flow->room = room;
    give_kept(flow);
    const CK_RV rv = finish(flow, whole ? *whole : gathered, signature);
    flow->room = (P11dRoom){0};
    *written = (CK_ULONG)(flow->given - before);
    return rv;
}

CK_ULONG p11d_flow_fetch(P11dFlow *flow, CK_BYTE *place)
{
    const size_t size = flow->output.size;
    const bool is_short = size <= SHORT;
    if (size == 0)
        return 0;
    if (!is_short)
        p11d_lock_give();
    memcpy(place, flow->output.data, size);
    if (!is_short)
        p11d_lock_take();
    flow->given += size;
    p11d_buffer_reset(&flow->output);
    return size;
}
