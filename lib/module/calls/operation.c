// SPDX-License-Identifier: MIT
#include "operation.h"

#include <stdlib.h>
#include <string.h>

#include "flow.h"
#include "lock.h"

/* The longest signature that is judged where the key does not tell, in bytes. */
#define SIGNATURE_MAX ((size_t)1 << 20)

typedef struct Operation {
    P11dOperation operation;
    P11dPlan plan;
    bool parts;           /* C_…Update was called: the whole may not come any more */
    P11dDigest digest;    /* of the parts, where this process hashes */
    P11dFlow flow;        /* of the data, where it does not; all output until it is fetched */
    bool finished;        /* nothing is left to be asked for */
    P11dBuffer kept_for;  /* the whole, or its digest, that a finished output is kept for */
    P11dBuffer signature; /* that was given when it began */
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
    p11d_flow_clear(&operation->flow);
    p11d_digest_wipe(&operation->digest);
    p11d_plan_clear(&operation->plan);
    p11d_buffer_clear(&operation->kept_for);
    p11d_buffer_clear(&operation->signature);
    free(operation);
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
    operation->operation.streams = operation->flow.stream.channel;
    p11d_session_put(instance, session, operation->plan.row->kind,
                     goes_on ? &operation->operation : NULL);
    if (!goes_on)
        free_operation(&operation->operation);
    return rv;
}

/* What this process hashes, as a digest of parts and input, for which there is room in storage. */
static P11dBytes hash(const Operation *operation, P11dBytes input,
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
static bool output_left(const Operation *operation, const End *end, CK_ULONG *size, bool *exact)
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
static bool is_size_query(const Operation *operation, const End *end, CK_RV *rv)
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

static bool is_kept_for(const Operation *operation, const P11dBytes *whole)
{
    const P11dBuffer *kept = &operation->kept_for;
    return !whole || (whole->size == kept->size &&
                      (kept->size == 0 || memcmp(whole->data, kept->data, kept->size) == 0));
}

/* Makes sure that all output is there: in the host's buffer, *written bytes, or else kept. */
static CK_RV provide_output(Operation *operation, const P11dBytes *whole, const End *end,
                            CK_ULONG *written)
{
    bool exact;
    CK_ULONG size;
    P11dRoom room = {0};
    P11dFlow *flow = &operation->flow;
    *written = 0;
    if (operation->finished && is_kept_for(operation, whole))
        return CKR_OK;
    if (!operation->plan.row->method)
        return p11d_buffer_append(&flow->output, whole->data, whole->size) ? CKR_OK
                                                                           : CKR_HOST_MEMORY;
    if (end->output && output_left(operation, end, &size, &exact) && *end->output_size >= size)
        room = (P11dRoom){end->output, *end->output_size};
    const CK_RV rv = p11d_flow_finish(flow, whole, end->signature, room, written);
    operation->finished = rv == CKR_OK;
    return rv;
}

/* Remembers what the output is kept for. */
static CK_RV keep_for(Operation *operation, const P11dBytes *whole)
{
    if (!whole || is_kept_for(operation, whole))
        return CKR_OK;
    p11d_buffer_reset(&operation->kept_for);
    return p11d_buffer_append(&operation->kept_for, whole->data, whole->size) ? CKR_OK
                                                                              : CKR_HOST_MEMORY;
}

/* Ends the operation with what comes of the whole (NULL: of the parts), or answers how large that
 * is. */
static CK_RV deliver(P11dInstance *instance, CK_SESSION_HANDLE session, Operation *operation,
                     const P11dBytes *whole, const End *end)
{
    CK_ULONG written;
    CK_RV rv = provide_output(operation, whole, end, &written);
    if (rv != CKR_OK || p11d_plan_judges(&operation->plan))
        return put(instance, session, operation, false, rv);
    const CK_ULONG left = operation->flow.output.size;
    if (end->output && *end->output_size - written >= left) {
        *end->output_size = written + p11d_flow_fetch(&operation->flow, end->output + written);
        return put(instance, session, operation, false, CKR_OK);
    }
    rv = keep_for(operation, whole);
    if (rv != CKR_OK)
        return put(instance, session, operation, false, rv);
    *end->output_size = left;
    return put(instance, session, operation, true, end->output ? CKR_BUFFER_TOO_SMALL : CKR_OK);
}

/* What is wrong with what the host brings, so that the operation ends. */
static CK_RV check_end(const Operation *operation, const End *end)
{
    const bool judged = p11d_plan_judges(&operation->plan);
    if ((!end->input.data && end->input.size > 0) || !(judged || end->output_size))
        return CKR_ARGUMENTS_BAD;
    return judged ? check_signature(&operation->plan, end->signature) : CKR_OK;
}

/* What was finished for a whole is nothing that parts are added to. */
static void forget_whole(Operation *operation)
{
    if (operation->parts)
        return;
    p11d_flow_restart(&operation->flow);
    p11d_buffer_reset(&operation->kept_for);
    operation->finished = false;
}

/* From now on the whole may not come any more. */
static void begin_parts(Operation *operation)
{
    forget_whole(operation);
    operation->parts = true;
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
    if (!end->whole)
        begin_parts(operation);
    P11dBytes whole = end->input;
    const bool hashes = operation->plan.hash != P11D_MECHANISM_NONE;
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
    Operation *operation;
    CK_ULONG written;
    CK_RV rv = take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (operation->parts && operation->finished) /* only its output is left to be fetched */
        return put(instance, session, operation, true, CKR_OPERATION_ACTIVE);
    if (!input && size > 0)
        return put(instance, session, operation, false, CKR_ARGUMENTS_BAD);
    begin_parts(operation);
    if (operation->plan.hash == P11D_MECHANISM_NONE) {
        rv = p11d_flow_add(&operation->flow, (P11dBytes){input, size}, (P11dRoom){0}, &written);
    } else {
        p11d_lock_give();
        p11d_digest_update(&operation->digest, input, size);
        p11d_lock_take();
    }
    return put(instance, session, operation, rv == CKR_OK, rv);
}

CK_RV p11d_operation_transform(P11dInstance *instance, const P11dOperationRow *row,
                               CK_SESSION_HANDLE session, const CK_BYTE *input, CK_ULONG size,
                               CK_BYTE *output, CK_ULONG *output_size)
{
    Operation *operation;
    CK_RV rv = take(instance, row, session, &operation);
    if (rv != CKR_OK)
        return rv;
    if (operation->parts && operation->finished)
        return put(instance, session, operation, true, CKR_OPERATION_ACTIVE);
    if (!output_size || (!input && size > 0))
        return put(instance, session, operation, false, CKR_ARGUMENTS_BAD);
    forget_whole(operation);
    const CK_ULONG due = p11d_flow_due(&operation->flow, size);
    if (!output || *output_size < due) { /* nothing was taken: the part will come again */
        *output_size = due;
        return put(instance, session, operation, true, output ? CKR_BUFFER_TOO_SMALL : CKR_OK);
    }
    CK_ULONG written;
    operation->parts = true;
    rv = p11d_flow_add(&operation->flow, (P11dBytes){input, size}, (P11dRoom){output, *output_size},
                       &written);
    if (rv == CKR_OK)
        *output_size = written;
    return put(instance, session, operation, rv == CKR_OK, rv);
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
        Operation *operation;
        const CK_RV taken = take(instance, p11d_operations[i], session, &operation);
        if (taken == CKR_OPERATION_ACTIVE && rv == CKR_OPERATION_NOT_INITIALIZED)
            rv = taken;
        if (taken != CKR_OK)
            continue;
        const bool wanted = operation->plan.authenticates;
        if (wanted)
            rv = login(&operation->flow, pin);
        put(instance, session, operation, true, rv);
        if (wanted && rv != CKR_USER_ALREADY_LOGGED_IN)
            break;
    }
    return rv;
}

/* What a saved state begins with; that of the digest follows. */
typedef struct Saved {
    CK_MECHANISM_TYPE mechanism;
    CK_ULONG parts; /* not 0: there were some */
} Saved;

/* Whether a digest is all that goes on in session. A search is no cryptography. */
static CK_RV check_savable(const P11dSession *session)
{
    bool any = false;
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    for (int kind = 0; kind < P11D_OPERATION_KINDS; kind++) {
        if (!session->operations[kind] && !session->taken[kind])
            continue;
        if (kind != P11D_OPERATION_SEARCH && kind != P11D_OPERATION_DIGEST)
            return CKR_STATE_UNSAVEABLE;
        any = any || kind == P11D_OPERATION_DIGEST;
    }
    return any ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV p11d_operation_save(P11dInstance *instance, CK_SESSION_HANDLE session, CK_BYTE *state,
                          CK_ULONG *size)
{
    Operation *operation;
    uint8_t bytes[P11D_DIGEST_STATE_MAX];
    CK_RV rv = check_savable(p11d_session_find(instance, session));
    if (rv == CKR_OK && !size)
        rv = CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK)
        rv = take(instance, &p11d_operation_digest, session, &operation);
    if (rv != CKR_OK)
        return rv;
    const Saved saved = {operation->plan.hash, operation->parts};
    const size_t digest_size = p11d_digest_save(&operation->digest, bytes);
    const CK_ULONG room = *size;
    *size = sizeof saved + digest_size;
    if (state && room < *size) {
        rv = CKR_BUFFER_TOO_SMALL;
    } else if (state) {
        memcpy(state, &saved, sizeof saved);
        memcpy(state + sizeof saved, bytes, digest_size);
    }
    explicit_bzero(bytes, sizeof bytes);
    return put(instance, session, operation, true, rv);
}

/* Begins the digest in session that was saved. */
static CK_RV resume(P11dInstance *instance, CK_SESSION_HANDLE session, const Saved *saved,
                    const P11dDigest *digest)
{
    const CK_MECHANISM mechanism = {saved->mechanism, NULL, 0};
    Operation *operation;
    CK_RV rv = p11d_session_cancel(instance, session, P11D_OPERATION_DIGEST);
    if (rv == CKR_OK)
        rv = p11d_operation_init(instance, &p11d_operation_digest, session, &mechanism, 0);
    if (rv == CKR_OK)
        rv = take(instance, &p11d_operation_digest, session, &operation);
    if (rv != CKR_OK)
        return rv;
    operation->parts = saved->parts != 0;
    p11d_digest_copy(&operation->digest, digest);
    return put(instance, session, operation, true, CKR_OK);
}

CK_RV p11d_operation_restore(P11dInstance *instance, CK_SESSION_HANDLE session,
                             const CK_BYTE *state, CK_ULONG size, bool keys)
{
    Saved saved;
    P11dDigest digest;
    if (!p11d_session_find(instance, session))
        return CKR_SESSION_HANDLE_INVALID;
    if (!state)
        return CKR_ARGUMENTS_BAD;
    if (keys)
        return CKR_KEY_NOT_NEEDED;
    if (size < sizeof saved)
        return CKR_SAVED_STATE_INVALID;
    memcpy(&saved, state, sizeof saved);
    if (!p11d_digest_restore(&digest, saved.mechanism, state + sizeof saved, size - sizeof saved))
        return CKR_SAVED_STATE_INVALID;
    const CK_RV rv = resume(instance, session, &saved, &digest);
    p11d_digest_wipe(&digest);
    return rv;
}
