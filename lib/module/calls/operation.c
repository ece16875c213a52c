// SPDX-License-Identifier: MIT
#include "operation.h"

#include <stdlib.h>
#include <string.h>

#include "lock.h"
#include "running.h"

/* The longest signature that is judged where the key does not tell, in bytes. */
#define SIGNATURE_MAX ((size_t)1 << 20)

/* What a host brings to the end of an operation. */
typedef struct End {
    bool whole;      /* and not only the end of parts */
    P11dBytes input; /* where it is whole */
    CK_BYTE *output; /* NULL: how large is it? */
    CK_ULONG *output_size;
    P11dBytes signature; /* to be judged */
} End;

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
static CK_RV keep_signature(P11dRunning *operation, P11dBytes signature)
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

/* What a null mechanism asks for (PKCS#11 3.1, section 5.8.1 and others); without anything to end,
 * a mechanism is what is missing. */
static CK_RV cancel(P11dInstance *instance, const P11dOperationRow *row, CK_SESSION_HANDLE handle)
{
    if (p11d_session_check(instance, handle, row->kind) == CKR_OPERATION_NOT_INITIALIZED)
        return CKR_ARGUMENTS_BAD;
    return p11d_session_cancel(instance, handle, row->kind);
}

CK_RV p11d_operation_init_given(P11dInstance *instance, const P11dOperationRow *row,
                                CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism,
                                CK_OBJECT_HANDLE key, P11dBytes signature)
{
    if (!mechanism)
        return cancel(instance, row, handle);
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    P11dRunning *operation = calloc(1, sizeof *operation);
    if (!operation)
        return CKR_HOST_MEMORY;
    operation->operation.free = p11d_running_free;
    p11d_flow_init(&operation->flow, &operation->plan, session->token);
    p11d_buffer_init(&operation->kept_for, SIZE_MAX / 4);
    p11d_buffer_init(&operation->signature, SIGNATURE_MAX);
    CK_RV rv = p11d_plan_make(&operation->plan, row, session->token, mechanism, key);
    if (rv == CKR_OK)
        rv = keep_signature(operation, signature);
    if (rv == CKR_OK) {
        p11d_digest_init(&operation->digest, operation->plan.hash);
        return p11d_session_begin(instance, handle, row->kind, &operation->operation);
    }
    p11d_running_free(&operation->operation);
    return rv;
}

CK_RV p11d_operation_init(P11dInstance *instance, const P11dOperationRow *row,
                          CK_SESSION_HANDLE session, const CK_MECHANISM *mechanism,
                          CK_OBJECT_HANDLE key)
{
    return p11d_operation_init_given(instance, row, session, mechanism, key, (P11dBytes){NULL, 0});
}

/* What this process hashes, as a digest of parts and input, for which there is room in storage. */
static P11dBytes hash(const P11dRunning *operation, P11dBytes input,
                      uint8_t storage[P11D_DIGEST_INFO_MAX])
{
    P11dDigest digest;
    uint8_t bytes[P11D_HASH_MAX_SIZE];
    p11d_lock_give();
    p11d_digest_copy(&digest, &operation->digest);
    p11d_digest_update(&digest, input.data, input.size);
    size_t size = p11d_digest_final(&digest, bytes);
    p11d_lock_take();
    if (operation->plan.digest_info)
        size = p11d_digest_info(operation->plan.hash, bytes, size, storage);
    else
        memcpy(storage, bytes, size);
    return (P11dBytes){storage, size};
}

/* How much output is left, at most; *exact: neither more nor less. False: nobody knows. */
static bool output_left(const P11dRunning *operation, const End *end, CK_ULONG *size, bool *exact)
{
    const P11dFlow *flow = &operation->flow;
    const bool parts = !end->whole && operation->parts; /* else what flowed is of no account */
    const bool known =
        p11d_plan_output_size(&operation->plan, parts ? flow->taken : end->input.size, size, exact);
    if (parts && known)
        *size -= *size < flow->given ? *size : (CK_ULONG)flow->given;
    if (!parts || !operation->finished)
        return known;
    *size = flow->output.size;
    return *exact = true;
}

/* True if the size is known and that is all that can be answered: *rv. */
static bool is_size_query(const P11dRunning *operation, const End *end, CK_RV *rv)
{
    bool exact;
    CK_ULONG size;
    if (!output_left(operation, end, &size, &exact) ||
        (end->output && (!exact || *end->output_size >= size)))
        return false;
    *end->output_size = size;
    *rv = end->output ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return true;
}

static bool is_kept_for(const P11dRunning *operation, const P11dBytes *whole)
{
    const P11dBuffer *kept = &operation->kept_for;
    return !whole || (whole->size == kept->size &&
                      (kept->size == 0 || memcmp(whole->data, kept->data, kept->size) == 0));
}

/* Makes sure that all output is there: in the host's buffer, *written bytes, or else kept. */
static CK_RV provide_output(P11dRunning *operation, const P11dBytes *whole, const End *end,
                            CK_ULONG *written)
{
    bool exact;
    CK_ULONG size;
    P11dRoom room = {0};
    P11dFlow *flow = &operation->flow;
    *written = 0;
    if (operation->finished && is_kept_for(operation, whole))
        return CKR_OK;
    if (!operation->plan.row->method && !operation->plan.elsewhere)
        return p11d_buffer_append(&flow->output, whole->data, whole->size) ? CKR_OK
                                                                           : CKR_HOST_MEMORY;
    if (end->output && output_left(operation, end, &size, &exact) && *end->output_size >= size)
        room = (P11dRoom){end->output, *end->output_size};
    const CK_RV rv = p11d_flow_finish(flow, whole, end->signature, room, written);
    operation->finished = rv == CKR_OK;
    return rv;
}

/* Remembers what the output is kept for. */
static CK_RV keep_for(P11dRunning *operation, const P11dBytes *whole)
{
    if (!whole || is_kept_for(operation, whole))
        return CKR_OK;
    p11d_buffer_reset(&operation->kept_for);
    return p11d_buffer_append(&operation->kept_for, whole->data, whole->size) ? CKR_OK
                                                                              : CKR_HOST_MEMORY;
}

/* Ends the operation with what comes of the whole (NULL: of the parts), or answers how large that
 * is. */
static CK_RV deliver(P11dInstance *instance, CK_SESSION_HANDLE session, P11dRunning *operation,
                     const P11dBytes *whole, const End *end)
{
    CK_ULONG written;
    CK_RV rv = provide_output(operation, whole, end, &written);
    if (rv != CKR_OK || p11d_plan_judges(&operation->plan))
        return p11d_running_put(instance, session, operation, false, rv);
    const CK_ULONG left = operation->flow.output.size;
    if (end->output && *end->output_size - written >= left) {
        *end->output_size = written + p11d_flow_fetch(&operation->flow, end->output + written);
        return p11d_running_put(instance, session, operation, false, CKR_OK);
    }
    rv = keep_for(operation, whole);
    if (rv != CKR_OK)
        return p11d_running_put(instance, session, operation, false, rv);
    *end->output_size = left;
    return p11d_running_put(instance, session, operation, true,
                            end->output ? CKR_BUFFER_TOO_SMALL : CKR_OK);
}

/* What is wrong with what the host brings, so that the operation ends. */
static CK_RV check_end(const P11dRunning *operation, const End *end)
{
    const bool judged = p11d_plan_judges(&operation->plan);
    if ((!end->input.data && end->input.size > 0) || !(judged || end->output_size))
        return CKR_ARGUMENTS_BAD;
    return judged ? check_signature(&operation->plan, end->signature) : CKR_OK;
}

/* What was finished for a whole is nothing that parts are added to. */
static void forget_whole(P11dRunning *operation)
{
    if (operation->parts)
        return;
    p11d_flow_restart(&operation->flow);
    p11d_buffer_reset(&operation->kept_for);
    operation->finished = false;
}

/* From now on the whole may not come any more. */
static void begin_parts(P11dRunning *operation)
{
    forget_whole(operation);
    operation->parts = true;
}

static CK_RV conclude(P11dInstance *instance, const P11dOperationRow *row,
                      CK_SESSION_HANDLE session, End *end)
{
    P11dRunning *operation;
    uint8_t storage[P11D_DIGEST_INFO_MAX];
    CK_RV rv = p11d_running_take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (row->output == P11D_OUTPUT_GIVEN)
        end->signature = (P11dBytes){operation->signature.data, operation->signature.size};
    if (end->whole && operation->parts) /* which ends it too: PKCS#11 3.1, section 5.8 and others */
        return p11d_running_put(instance, session, operation, false, CKR_OPERATION_ACTIVE);
    rv = check_end(operation, end);
    if (rv != CKR_OK)
        return p11d_running_put(instance, session, operation, false, rv);
    if (is_size_query(operation, end, &rv))
        return p11d_running_put(instance, session, operation, true, rv);
    if (!end->whole)
        begin_parts(operation);
    P11dBytes whole = end->input;
    const bool hashes = p11d_plan_hashes(&operation->plan);
    if (hashes)
        whole = hash(operation, end->input, storage);
    return deliver(instance, session, operation, hashes || end->whole ? &whole : NULL, end);
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

CK_RV p11d_operation_update(P11dInstance *instance, const P11dOperationRow *row,
                            CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size)
{
    P11dRunning *operation;
    CK_ULONG written;
    CK_RV rv = p11d_running_take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (operation->parts && operation->finished) /* only its output is left to be fetched */
        return p11d_running_put(instance, session, operation, true, CKR_OPERATION_ACTIVE);
    if (!input && size > 0)
        return p11d_running_put(instance, session, operation, false, CKR_ARGUMENTS_BAD);
    begin_parts(operation);
    if (!p11d_plan_hashes(&operation->plan)) {
        rv = p11d_flow_add(&operation->flow, (P11dBytes){input, size}, (P11dRoom){0}, &written);
    } else {
        p11d_lock_give();
        p11d_digest_update(&operation->digest, input, size);
        p11d_lock_take();
    }
    return p11d_running_put(instance, session, operation, rv == CKR_OK, rv);
}

CK_RV p11d_operation_update_key(P11dInstance *instance, const P11dOperationRow *row,
                                CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    P11dRunning *operation;
    CK_RV rv = p11d_running_take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    P11dPlan *plan = &operation->plan;
    if (!plan->elsewhere) {
        rv = operation->parts ? CKR_KEY_INDIGESTIBLE
                              : p11d_plan_delegate(plan, operation->flow.stream.token);
        if (rv != CKR_OK)
            return p11d_running_put(instance, session, operation, true, rv);
    }
    begin_parts(operation);
    rv = p11d_flow_add_key(&operation->flow, key);
    return p11d_running_put(instance, session, operation, rv == CKR_OK, rv);
}

CK_RV p11d_operation_transform(P11dInstance *instance, const P11dOperationRow *row,
                               CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                               CK_BYTE *output, CK_ULONG *output_size)
{
    P11dRunning *operation;
    CK_RV rv = p11d_running_take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (operation->parts && operation->finished)
        return p11d_running_put(instance, session, operation, true, CKR_OPERATION_ACTIVE);
    if (!output_size || (!input && size > 0))
        return p11d_running_put(instance, session, operation, false, CKR_ARGUMENTS_BAD);
    forget_whole(operation);
    const CK_ULONG due = p11d_flow_due(&operation->flow, size);
    if (!output || *output_size < due) { /* nothing was taken: the part will come again */
        /* Never that there is no output, though more than there is may be told: a host has NULL for
         * a buffer of no bytes, and its part would be taken for the same question once more. */
        *output_size = due > 0 ? due : size;
        return p11d_running_put(instance, session, operation, true,
                                output ? CKR_BUFFER_TOO_SMALL : CKR_OK);
    }
    CK_ULONG written;
    operation->parts = true;
    rv = p11d_flow_add(&operation->flow, (P11dBytes){input, size}, (P11dRoom){output, *output_size},
                       &written);
    if (rv == CKR_OK)
        *output_size = written;
    return p11d_running_put(instance, session, operation, rv == CKR_OK, rv);
}

static CK_RV login(P11dFlow *flow, const P11dLogin *pin)
{
    P11dArguments arguments = p11d_login_arguments(pin);
    P11dRequest request = {.method = "Login",
                           .arguments = &arguments,
                           .deadline = p11d_deadline_in(P11D_PERSON_TIMEOUT)};
    if (flow->stream.channel)
        return CKR_USER_ALREADY_LOGGED_IN;
    CK_RV rv = p11d_login_check(flow->stream.token, pin);
    if (rv == CKR_OK)
        rv = p11d_flow_begin(flow);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_stream_call(&flow->stream, &request);
    if (rv != CKR_OK)
        p11d_stream_end(&flow->stream, false);
    return rv;
}

CK_RV p11d_operation_login(P11dInstance *instance, CK_SESSION_HANDLE session, const P11dLogin *pin)
{
    CK_RV rv = CKR_OPERATION_NOT_INITIALIZED; /* none that wants a login */
    for (size_t i = 0; i < p11d_operation_count; i++) {
        P11dRunning *operation;
        const CK_RV taken = p11d_running_take(instance, p11d_operations[i], session, &operation);
        if (taken == CKR_OPERATION_ACTIVE && rv == CKR_OPERATION_NOT_INITIALIZED)
            rv = taken;
        if (taken != CKR_OK)
            continue;
        const bool wanted = operation->plan.authenticates;
        if (wanted)
            rv = login(&operation->flow, pin);
        p11d_running_put(instance, session, operation, true, rv);
        if (wanted && rv != CKR_USER_ALREADY_LOGGED_IN)
            break;
    }
    return rv;
}
