// SPDX-License-Identifier: MIT
#include "operation.h"

#include <stdlib.h>
#include <string.h>

#include "listing.h"
#include "lock.h"
#include "plan.h"
#include "stream.h"

/* The longest signature that is taken from a service where the key does not tell, in bytes. */
#define SIGNATURE_MAX ((size_t)1 << 20)

typedef struct Operation {
    P11dOperation operation;
    P11dPlan plan;
    bool parts;        /* C_…Update was called: the whole may not come any more */
    P11dDigest digest; /* of the parts, where this process hashes */
    P11dBuffer data;   /* the parts, where it does not; what result is for, where that is kept */
    P11dBuffer result; /* the finished output, until it is fetched */
    bool finished;
    P11dBuffer signature; /* that was given when it began */
    P11dStream stream;    /* that holds the login */
} Operation;

/* What a host brings to the end of an operation. */
typedef struct End {
    bool whole;      /* and not only the end of parts */
    P11dBytes input; /* where it is whole */
    CK_BYTE *output; /* NULL: how large is it? */
    CK_ULONG *output_size;
    P11dBytes signature; /* to be judged */
} End;

static void free_operation(P11dOperation *freed)
{
    Operation *operation = (Operation *)freed;
    p11d_stream_end(&operation->stream, false);
    p11d_digest_wipe(&operation->digest);
    p11d_plan_clear(&operation->plan);
    p11d_buffer_clear(&operation->data);
    p11d_buffer_clear(&operation->result);
    p11d_buffer_clear(&operation->signature);
    free(operation);
}

static bool is_judged(const P11dPlan *plan)
{
    return plan->row->output == P11D_OUTPUT_VERDICT || plan->row->output == P11D_OUTPUT_GIVEN;
}

/* What is wrong with a signature that the host brings to be judged. */
static CK_RV check_signature(const P11dPlan *plan, P11dBytes signature)
{
    if (!signature.data && signature.size > 0)
        return CKR_ARGUMENTS_BAD;
    const bool fits = signature.size <= SIGNATURE_MAX &&
                      (plan->key_size == 0 || signature.size == plan->key_size);
    return fits ? CKR_OK : CKR_SIGNATURE_LEN_RANGE;
}

/* Keeps the signature that the operation begins with. */
static CK_RV keep_signature(Operation *operation, P11dBytes signature)
{
    if (operation->plan.row->output != P11D_OUTPUT_GIVEN)
        return CKR_OK;
    const CK_RV rv = check_signature(&operation->plan, signature);
    if (rv != CKR_OK)
        return rv;
    return p11d_buffer_append(&operation->signature, signature.data, signature.size)
               ? CKR_OK
               : CKR_HOST_MEMORY;
}

CK_RV p11d_operation_init_given(P11dInstance *instance, const P11dOperationRow *row,
                                CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism,
                                CK_OBJECT_HANDLE key, P11dBytes signature)
{
    if (!mechanism)
        return p11d_session_cancel(instance, handle, row->kind);
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    Operation *operation = calloc(1, sizeof *operation);
    if (!operation)
        return CKR_HOST_MEMORY;
    operation->operation.free = free_operation;
    operation->stream.token = session->token;
    p11d_buffer_init(&operation->data, P11D_INTERFACE_DATA_MAX);
    p11d_buffer_init(&operation->result, P11D_INTERFACE_DATA_MAX);
    p11d_buffer_init(&operation->signature, SIGNATURE_MAX);
    CK_RV rv = p11d_plan_make(&operation->plan, row, session->token, mechanism, key);
    if (rv == CKR_OK)
        rv = keep_signature(operation, signature);
    if (rv == CKR_OK) {
        p11d_digest_init(&operation->digest, operation->plan.hash);
        return p11d_session_begin(instance, handle, row->kind, &operation->operation);
    }
    free_operation(&operation->operation);
    return rv;
}

CK_RV p11d_operation_init(P11dInstance *instance, const P11dOperationRow *row,
                          CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key)
{
    return p11d_operation_init_given(instance, row, session, mechanism, key, (P11dBytes){NULL, 0});
}

static CK_RV take(P11dInstance *instance, const P11dOperationRow *row, CK_SESSION_HANDLE session,
                  Operation **operation)
{
    P11dOperation *taken = NULL;
    const CK_RV rv = p11d_session_take(instance, session, row->kind, &taken);
    *operation = (Operation *)taken;
    if (rv != CKR_OK || (*operation)->plan.row == row)
        return rv;
    p11d_session_put(instance, session, row->kind, taken); /* begun by another function */
    return CKR_OPERATION_NOT_INITIALIZED;
}

/* Puts it back, or ends it; returns rv. */
static CK_RV put(P11dInstance *instance, CK_SESSION_HANDLE session, Operation *operation,
                 bool goes_on, CK_RV rv)
{
    p11d_session_put(instance, session, operation->plan.row->kind,
                     goes_on ? &operation->operation : NULL);
    if (!goes_on)
        free_operation(&operation->operation);
    return rv;
}

/* Keeps what came of the operation, if that can be it. */
static CK_RV take_output(const P11dArguments *results, void *data)
{
    Operation *operation = data;
    bool exact;
    const P11dBytes output = results->bytes[0];
    const bool signature = operation->plan.row->output == P11D_OUTPUT_SIGNATURE;
    const CK_ULONG size = p11d_plan_output_size(&operation->plan, P11D_INTERFACE_DATA_MAX, &exact);
    if (size > 0 && (exact ? output.size != size : output.size > size))
        return CKR_DEVICE_ERROR;
    if (signature && (output.size == 0 || output.size > SIGNATURE_MAX))
        return CKR_DEVICE_ERROR;
    p11d_buffer_reset(&operation->result);
    return p11d_buffer_append(&operation->result, output.data, output.size) ? CKR_OK
                                                                            : CKR_HOST_MEMORY;
}

/* The rv of a call about an object that is a key. */
static CK_RV about_key(CK_RV rv)
{
    return rv == CKR_OBJECT_HANDLE_INVALID ? CKR_KEY_HANDLE_INVALID : rv;
}

/* Asks the service: once, and never again. */
static CK_RV ask(Operation *operation, P11dBytes input, P11dBytes signature)
{
    const P11dPlan *plan = &operation->plan;
    const CK_OBJECT_HANDLE keys[P11D_ARGUMENTS_EACH] = {plan->key};
    P11dArguments arguments = {.mechanism.kept = &plan->mechanism, .bytes = {input, signature}};
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = plan->row->method,
                           .arguments = &arguments,
                           .take = is_judged(plan) ? NULL : take_output,
                           .data = operation,
                           .deadline = p11d_deadline_in(P11D_CALL_TIMEOUT)};
    if (!plan->authenticates)
        return about_key(p11d_listing_call(operation->stream.token, keys, &request, NULL));
    if (!operation->stream.channel)
        return CKR_USER_NOT_LOGGED_IN;
    request.method = "FinishStream";
    const CK_RV rv = p11d_stream_call(&operation->stream, &request);
    p11d_stream_end(&operation->stream, true);
    return rv;
}

/* What is worked on, before anything is hashed: the input, or the parts. Without any, data is what
 * a result was kept for when the input was whole. */
static P11dBytes given(const Operation *operation, const End *end)
{
    const P11dBytes parts = {operation->data.data, operation->parts ? operation->data.size : 0};
    return end->whole ? end->input : parts;
}

/* What is worked on: the input, or, where this process hashes, the digest of parts and input, for
 * which there is room in storage. */
static P11dBytes prepare_input(const Operation *operation, const End *end,
                               uint8_t storage[P11D_DIGEST_INFO_MAX])
{
    P11dDigest digest;
    uint8_t bytes[P11D_HASH_MAX_SIZE];
    if (operation->plan.hash == P11D_MECHANISM_NONE)
        return given(operation, end);
    p11d_lock_give();
    p11d_digest_copy(&digest, &operation->digest);
    p11d_digest_update(&digest, end->input.data, end->input.size);
    size_t size = p11d_digest_final(&digest, bytes);
    p11d_lock_take();
    if (operation->plan.digest_info)
        size = p11d_digest_info(operation->plan.hash, bytes, size, storage);
    else
        memcpy(storage, bytes, size);
    return (P11dBytes){storage, size};
}

/* Makes sure that operation->result is what comes of input. */
static CK_RV provide_result(Operation *operation, P11dBytes input, P11dBytes signature)
{
    bool exact;
    const P11dBuffer *kept = &operation->data;
    const bool same = input.size == kept->size &&
                      (input.size == 0 || memcmp(input.data, kept->data, input.size) == 0);
    if (operation->finished && same)
        return CKR_OK;
    if (!operation->plan.row->method)
        return p11d_buffer_append(&operation->result, input.data, input.size) ? CKR_OK
                                                                              : CKR_HOST_MEMORY;
    const CK_RV rv = ask(operation, input, signature);
    if (rv != CKR_OK)
        return rv;
    operation->finished = true;
    if (same || (p11d_plan_output_size(&operation->plan, 0, &exact) > 0 && exact))
        return CKR_OK;
    /* The result may have to wait until there is room for it: remember what it is for. */
    p11d_buffer_reset(&operation->data);
    return p11d_buffer_append(&operation->data, input.data, input.size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* Ends the operation with what comes of input, or answers how large that is. */
static CK_RV deliver(P11dInstance *instance, CK_SESSION_HANDLE session, Operation *operation,
                     P11dBytes input, const End *end)
{
    const CK_RV rv = provide_result(operation, input, end->signature);
    if (rv != CKR_OK || is_judged(&operation->plan))
        return put(instance, session, operation, false, rv);
    const P11dBuffer *result = &operation->result;
    const CK_ULONG room = *end->output_size;
    *end->output_size = result->size;
    if (!end->output || room < result->size)
        return put(instance, session, operation, true, end->output ? CKR_BUFFER_TOO_SMALL : CKR_OK);
    if (result->size > 0)
        memcpy(end->output, result->data, result->size);
    return put(instance, session, operation, false, CKR_OK);
}

/* True if the size is known and that is all that can be answered: *rv. */
static bool is_size_query(const Operation *operation, const End *end, CK_RV *rv)
{
    bool exact;
    const CK_ULONG size =
        p11d_plan_output_size(&operation->plan, given(operation, end).size, &exact);
    if (size == 0 || (end->output && (!exact || *end->output_size >= size)))
        return false;
    *end->output_size = size;
    *rv = end->output ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return true;
}

/* What is wrong with what the host brings, so that the operation ends. */
static CK_RV check_end(const Operation *operation, const End *end)
{
    const bool judged = is_judged(&operation->plan);
    if ((!end->input.data && end->input.size > 0) || !(judged || end->output_size))
        return CKR_ARGUMENTS_BAD;
    return judged ? check_signature(&operation->plan, end->signature) : CKR_OK;
}

static CK_RV conclude(P11dInstance *instance, const P11dOperationRow *row,
                      CK_SESSION_HANDLE session, End *end)
{
    Operation *operation;
    uint8_t storage[P11D_DIGEST_INFO_MAX];
    CK_RV rv = take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (row->output == P11D_OUTPUT_GIVEN)
        end->signature = (P11dBytes){operation->signature.data, operation->signature.size};
    if (end->whole && operation->parts)
        return put(instance, session, operation, true, CKR_OPERATION_ACTIVE);
    rv = check_end(operation, end);
    if (rv != CKR_OK)
        return put(instance, session, operation, false, rv);
    if (is_size_query(operation, end, &rv))
        return put(instance, session, operation, true, rv);
    if (operation->plan.hash == P11D_MECHANISM_NONE && end->input.size > P11D_INTERFACE_DATA_MAX)
        return put(instance, session, operation, false, CKR_DATA_LEN_RANGE);
    return deliver(instance, session, operation, prepare_input(operation, end, storage), end);
}

CK_RV p11d_operation_whole(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                           CK_BYTE *output, CK_ULONG *output_size)
{
    End end = {.whole = true, .input = {input, size}, .output = output, .output_size = output_size};
    return conclude(instance, row, session, &end);
}

CK_RV p11d_operation_final(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, CK_BYTE *output, CK_ULONG *output_size)
{
    End end = {.output = output, .output_size = output_size};
    return conclude(instance, row, session, &end);
}

CK_RV p11d_operation_judge(P11dInstance *instance, const P11dOperationRow *row,
                           CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                           const CK_BYTE *signature, CK_ULONG signature_size)
{
    End end = {.whole = true, .input = {input, size}, .signature = {signature, signature_size}};
    return conclude(instance, row, session, &end);
}

CK_RV p11d_operation_judge_final(P11dInstance *instance, const P11dOperationRow *row,
                                 CK_SESSION_HANDLE session, const CK_BYTE *signature,
                                 CK_ULONG signature_size)
{
    End end = {.signature = {signature, signature_size}};
    return conclude(instance, row, session, &end);
}

/* Takes one more part. What was finished before was for other data. */
static CK_RV add_part(Operation *operation, const CK_BYTE *input, CK_ULONG size)
{
    if (!operation->parts) /* what a result was kept for */
        p11d_buffer_reset(&operation->data);
    operation->parts = true;
    operation->finished = false;
    if (operation->plan.hash == P11D_MECHANISM_NONE)
        return p11d_buffer_append(&operation->data, input, size) ? CKR_OK
               : operation->data.no_memory                       ? CKR_HOST_MEMORY
                                                                 : CKR_DATA_LEN_RANGE;
    p11d_lock_give();
    p11d_digest_update(&operation->digest, input, size);
    p11d_lock_take();
    return CKR_OK;
}

CK_RV p11d_operation_update(P11dInstance *instance, const P11dOperationRow *row,
                            CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size)
{
    Operation *operation;
    CK_RV rv = take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    rv = !input && size > 0 ? CKR_ARGUMENTS_BAD : add_part(operation, input, size);
    return put(instance, session, operation, rv == CKR_OK, rv);
}

CK_RV p11d_operation_transform(P11dInstance *instance, const P11dOperationRow *row,
                               CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                               const CK_BYTE *output, CK_ULONG *output_size)
{
    Operation *operation;
    CK_RV rv = take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (!output_size || (!input && size > 0))
        return put(instance, session, operation, false, CKR_ARGUMENTS_BAD);
    if (output) /* else it is asked how much comes of it, and the part will come again */
        rv = add_part(operation, input, size);
    if (rv == CKR_OK)
        *output_size = 0;
    return put(instance, session, operation, rv == CKR_OK, rv);
}

static CK_RV login(Operation *operation, const P11dLogin *pin)
{
    const P11dPlan *plan = &operation->plan;
    P11dArguments begin = {.purpose = plan->row->purpose, .mechanism.kept = &plan->mechanism};
    P11dArguments arguments = p11d_login_arguments(pin);
    P11dRequest request = {.method = "Login", .arguments = &arguments};
    if (operation->stream.channel)
        return CKR_USER_ALREADY_LOGGED_IN;
    CK_RV rv = p11d_login_check(operation->stream.token, pin);
    if (rv == CKR_OK)
        rv = about_key(p11d_stream_begin(&operation->stream, plan->key, &begin));
    if (rv != CKR_OK)
        return rv;
    rv = p11d_stream_call(&operation->stream, &request);
    if (rv != CKR_OK)
        p11d_stream_end(&operation->stream, false);
    return rv;
}

CK_RV p11d_operation_login(P11dInstance *instance, CK_SESSION_HANDLE session, const P11dLogin *pin)
{
    CK_RV rv = CKR_OPERATION_NOT_INITIALIZED; /* none that wants a login */
    for (size_t i = 0; i < p11d_operation_count; i++) {
        Operation *operation;
        const CK_RV taken = take(instance, p11d_operations[i], session, &operation);
        if (taken == CKR_OPERATION_ACTIVE && rv == CKR_OPERATION_NOT_INITIALIZED)
            rv = taken;
        if (taken != CKR_OK)
            continue;
        const bool wanted = operation->plan.authenticates;
        if (wanted)
            rv = login(operation, pin);
        put(instance, session, operation, true, rv);
        if (wanted && rv != CKR_USER_ALREADY_LOGGED_IN)
            break;
    }
    return rv;
}
