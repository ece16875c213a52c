// SPDX-License-Identifier: MIT
#include "messages.h"

#include <stdlib.h>
#include <string.h>

#include "gcm.h"
#include "plan.h"

struct P11dMessagesRow {
    P11dOperationKind kind;
    const P11dOperationRow *each; /* the operation that each message is */
    bool sealed;                  /* by a cipher with a tag; else signatures are made or judged */
};

const P11dMessagesRow p11d_messages_encrypt = {P11D_OPERATION_MESSAGES_ENCRYPT,
                                               &p11d_operation_message_encrypt, true};
const P11dMessagesRow p11d_messages_decrypt = {P11D_OPERATION_MESSAGES_DECRYPT,
                                               &p11d_operation_message_decrypt, true};
const P11dMessagesRow p11d_messages_sign = {P11D_OPERATION_MESSAGES_SIGN,
                                            &p11d_operation_message_sign, false};
const P11dMessagesRow p11d_messages_verify = {P11D_OPERATION_MESSAGES_VERIFY,
                                              &p11d_operation_message_verify, false};

static const P11dMessagesRow *const rows[] = {&p11d_messages_encrypt, &p11d_messages_decrypt,
                                              &p11d_messages_sign, &p11d_messages_verify};

/* What a session has of them. */
typedef struct Messages {
    P11dOperation operation;
    CK_OBJECT_HANDLE key;
    P11dBuffer wire;           /* the mechanism's parameters, which the host's need not outlive */
    P11dParameters parameters; /* what they say; those of sealed messages come with each */
    bool authenticates;        /* the key wants a login for each message, for which one is ready */
    bool begun;                /* a message in parts */
    bool whole;                /* all of its parts were taken; its output is left to be fetched */
    P11dGcmSource source;      /* of IVs */
    size_t tag_size;           /* of a sealed message in parts */
    CK_ULONG taken;            /* bytes of its input */
    CK_ULONG given;            /* bytes of its output */
} Messages;

/* A call that works on them. */
typedef struct Work {
    P11dInstance *instance;
    const P11dMessagesRow *row;
    CK_SESSION_HANDLE session;
    const P11dMessageData *message;
    Messages *messages;
} Work;

static void free_messages(P11dOperation *freed)
{
    Messages *messages = (Messages *)freed;
    p11d_buffer_clear(&messages->wire);
    free(messages);
}

static bool encrypts(const P11dMessagesRow *row)
{
    return row->each->output == P11D_OUTPUT_CIPHERTEXT;
}

/* Whether the operation of one message is active. */
static bool is_active(const Work *work)
{
    const P11dSession *session = p11d_session_find(work->instance, work->session);
    return session && session->operations[work->row->each->kind];
}

/* --- C_Message…Init --- */

/* Keeps the mechanism in a form that points at nothing of the host's. */
static CK_RV keep(Messages *messages, const CK_MECHANISM *mechanism)
{
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&messages->wire, P11D_KEPT_PARAMETERS_MAX);
    p11d_writer_init(&writer, &messages->wire);
    const P11dArray entries = p11d_writer_array_begin(&writer, 8);
    const CK_RV rv = p11d_mechanism_write_parameters(&writer, mechanism);
    p11d_writer_array_end(&writer, entries);
    if (rv != CKR_OK)
        return rv;
    if (!p11d_writer_ok(&writer))
        return messages->wire.no_memory ? CKR_HOST_MEMORY : CKR_MECHANISM_PARAM_INVALID;
    p11d_reader_init(&reader, messages->wire.data, messages->wire.size, false);
    return p11d_mechanism_read_parameters(&reader, mechanism->mechanism, &messages->parameters);
}

/* The same of a cipher: its parameters come with each message, and what comes now is looked at no
 * further. */
static CK_RV keep_sealed(Messages *messages, const CK_MECHANISM *mechanism)
{
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    messages->parameters.mechanism.mechanism = mechanism->mechanism;
    if (!row || row->shape != &p11d_parameters_gcm)
        return CKR_MECHANISM_INVALID;
    return mechanism->ulParameterLen == 0 ||
                   mechanism->ulParameterLen == sizeof(CK_GCM_MESSAGE_PARAMS)
               ? CKR_OK
               : CKR_MECHANISM_PARAM_INVALID;
}

/* Begins the operation of a message, unless it is there already. */
static CK_RV make_ready(const Work *work)
{
    if (is_active(work))
        return CKR_OK;
    return p11d_operation_init(work->instance, work->row->each, work->session,
                               &work->messages->parameters.mechanism, work->messages->key);
}

static CK_RV cancel(P11dInstance *instance, const P11dMessagesRow *row, CK_SESSION_HANDLE session)
{
    CK_RV rv = p11d_session_cancel(instance, session, row->kind);
    if (rv == CKR_OK)
        rv = p11d_session_cancel(instance, session, row->each->kind);
    return rv == CKR_OPERATION_ACTIVE ? CKR_OPERATION_CANCEL_FAILED : rv;
}

/* Whether key and mechanism are fit for messages, by the plan for one of them. */
static CK_RV check(Messages *messages, const P11dMessagesRow *row, P11dToken *token,
                   const CK_MECHANISM *mechanism)
{
    static CK_BYTE iv[12];
    CK_GCM_PARAMS any = {.pIv = iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
    P11dPlan plan;
    CK_RV rv = row->sealed ? keep_sealed(messages, mechanism) : keep(messages, mechanism);
    if (rv != CKR_OK)
        return rv;
    CK_MECHANISM first = messages->parameters.mechanism;
    if (row->sealed)
        first = (CK_MECHANISM){first.mechanism, &any, sizeof any};
    rv = p11d_plan_make(&plan, row->each, token, &first, messages->key);
    messages->authenticates = plan.authenticates && !row->sealed;
    p11d_plan_clear(&plan);
    return rv;
}

CK_RV p11d_messages_init(P11dInstance *instance, const P11dMessagesRow *row,
                         CK_SESSION_HANDLE handle, const CK_MECHANISM *mechanism,
                         CK_OBJECT_HANDLE key)
{
    if (!mechanism)
        return cancel(instance, row, handle);
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    Messages *messages = calloc(1, sizeof *messages);
    if (!messages)
        return CKR_HOST_MEMORY;
    const Work work = {instance, row, handle, NULL, messages};
    messages->operation.free = free_messages;
    messages->key = key;
    CK_RV rv = check(messages, row, session->token, mechanism);
    if (rv != CKR_OK) {
        free_messages(&messages->operation);
        return rv;
    }
    rv = p11d_session_begin(instance, handle, row->kind, &messages->operation);
    return rv == CKR_OK && messages->authenticates ? make_ready(&work) : rv;
}

/* --- sealed messages --- */

/* Begins the operation of a message with parameters of its own. */
static CK_RV begin_sealed(const Work *work, P11dGcm *gcm)
{
    CK_MECHANISM mechanism = {work->messages->parameters.mechanism.mechanism, &gcm->params,
                              sizeof gcm->params};
    CK_RV rv = encrypts(work->row) ? p11d_gcm_generate(gcm, &work->messages->source) : CKR_OK;
    if (rv == CKR_OK)
        rv = p11d_operation_init(work->instance, work->row->each, work->session, &mechanism,
                                 work->messages->key);
    return rv;
}

/* Passes input, the whole or the last part, through the operation and ends it. size: the room at
 * output, and then how much came. */
static CK_RV pass(const Work *work, P11dBytes input, CK_BYTE *output, CK_ULONG *size)
{
    const P11dOperationRow *each = work->row->each;
    if (!work->messages->begun)
        return p11d_operation_whole(work->instance, each, work->session, input.data, input.size,
                                    output, size);
    CK_ULONG first = *size;
    CK_RV rv = p11d_operation_transform(work->instance, each, work->session, input.data, input.size,
                                        output, &first);
    if (rv != CKR_OK)
        return rv;
    CK_ULONG rest = *size - first;
    rv = p11d_operation_final(work->instance, each, work->session, output + first, &rest);
    *size = first + rest;
    return rv;
}

static CK_RV seal(const Work *work, const P11dGcm *gcm, CK_ULONG due, P11dBuffer *whole)
{
    CK_ULONG size = due + gcm->tag_size;
    CK_BYTE *place = p11d_buffer_reserve(whole, size);
    if (!place)
        return CKR_HOST_MEMORY;
    const CK_RV rv = pass(work, work->message->input, place, &size);
    if (rv != CKR_OK)
        return rv;
    if (size != due + gcm->tag_size)
        return CKR_DEVICE_ERROR;
    if (due > 0)
        memcpy(work->message->output, place, due);
    memcpy(gcm->tag, place + due, gcm->tag_size);
    return CKR_OK;
}

static CK_RV unseal(const Work *work, const P11dGcm *gcm, CK_ULONG due, P11dBuffer *whole)
{
    CK_ULONG size = due;
    const P11dBytes input = work->message->input;
    if (!p11d_buffer_append(whole, input.data, input.size) ||
        !p11d_buffer_append(whole, gcm->tag, gcm->tag_size))
        return CKR_HOST_MEMORY;
    const CK_RV rv =
        pass(work, (P11dBytes){whole->data, whole->size}, work->message->output, &size);
    if (rv == CKR_ENCRYPTED_DATA_INVALID)
        return CKR_AEAD_DECRYPT_FAILED;
    return rv == CKR_OK && size != due ? CKR_DEVICE_ERROR : rv;
}

/* Ends a message whose output, without the tag, is due bytes. */
static CK_RV finish_sealed(const Work *work, const P11dGcm *gcm, CK_ULONG due)
{
    P11dBuffer whole;
    p11d_buffer_init(&whole, SIZE_MAX / 4);
    CK_RV rv = encrypts(work->row) ? seal(work, gcm, due, &whole) : unseal(work, gcm, due, &whole);
    p11d_buffer_clear(&whole);
    /* There was room for all that it may be. */
    if (rv == CKR_BUFFER_TOO_SMALL)
        rv = CKR_DEVICE_ERROR;
    p11d_session_cancel(work->instance, work->session, work->row->each->kind);
    if (rv == CKR_OK)
        *work->message->output_size = due;
    return rv;
}

static CK_RV check_pointers(const P11dMessageData *message)
{
    return !message->output_size || (!message->input.data && message->input.size > 0)
               ? CKR_ARGUMENTS_BAD
               : CKR_OK;
}

/* True if the host asks how much is due, or has no room for it: *rv. */
static bool is_size_query(const P11dMessageData *message, CK_ULONG due, CK_RV *rv)
{
    if (message->output && *message->output_size >= due)
        return false;
    *message->output_size = due;
    *rv = message->output ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return true;
}

static CK_RV sealed_whole(const Work *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    CK_RV rv = check_pointers(message);
    if (rv == CKR_OK)
        rv = p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv != CKR_OK || is_size_query(message, message->input.size, &rv))
        return rv;
    rv = begin_sealed(work, &gcm);
    if (rv == CKR_OK)
        rv = finish_sealed(work, &gcm, message->input.size);
    if (rv == CKR_OK && encrypts(work->row))
        p11d_gcm_give_iv(&gcm);
    return rv;
}

static CK_RV sealed_begin(const Work *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    CK_RV rv =
        p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv == CKR_OK)
        rv = begin_sealed(work, &gcm);
    if (rv != CKR_OK)
        return rv;
    work->messages->tag_size = gcm.tag_size;
    work->messages->taken = work->messages->given = 0;
    if (encrypts(work->row))
        p11d_gcm_give_iv(&gcm);
    return CKR_OK;
}

static CK_RV sealed_part(const Work *work)
{
    const P11dMessageData *message = work->message;
    Messages *messages = work->messages;
    const CK_RV rv = p11d_operation_transform(work->instance, work->row->each, work->session,
                                              message->input.data, message->input.size,
                                              message->output, message->output_size);
    if (rv == CKR_OK && message->output) {
        messages->taken += message->input.size;
        messages->given += *message->output_size;
    }
    return rv;
}

static CK_RV sealed_last(const Work *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    const Messages *messages = work->messages;
    CK_RV rv = check_pointers(message);
    if (rv == CKR_OK)
        rv = p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv == CKR_OK && gcm.tag_size != messages->tag_size)
        rv = CKR_MECHANISM_PARAM_INVALID;
    const CK_ULONG due = messages->taken - messages->given + message->input.size;
    if (rv == CKR_OK && is_size_query(message, due, &rv))
        return rv;
    if (rv == CKR_OK)
        return finish_sealed(work, &gcm, due);
    p11d_session_cancel(work->instance, work->session, work->row->each->kind);
    return rv;
}

/* --- signatures --- */

static CK_RV signed_whole(const Work *work)
{
    const P11dMessageData *message = work->message;
    const P11dOperationRow *each = work->row->each;
    const P11dBytes input = message->input;
    CK_RV rv = message->parameter_size > 0 ? CKR_MECHANISM_PARAM_INVALID : make_ready(work);
    if (rv != CKR_OK)
        return rv;
    if (each->output == P11D_OUTPUT_VERDICT)
        return p11d_operation_judge(work->instance, each, work->session, input.data, input.size,
                                    message->signature.data, message->signature.size);
    return p11d_operation_whole(work->instance, each, work->session, input.data, input.size,
                                message->output, message->output_size);
}

static CK_RV signed_begin(const Work *work)
{
    return work->message->parameter_size > 0 ? CKR_MECHANISM_PARAM_INVALID : make_ready(work);
}

static CK_RV signed_part(const Work *work)
{
    const P11dBytes input = work->message->input;
    if (work->message->parameter_size == 0)
        return p11d_operation_update(work->instance, work->row->each, work->session, input.data,
                                     input.size);
    p11d_session_cancel(work->instance, work->session, work->row->each->kind);
    return CKR_MECHANISM_PARAM_INVALID;
}

static CK_RV signed_last(const Work *work)
{
    const P11dMessageData *message = work->message;
    const P11dOperationRow *each = work->row->each;
    const CK_RV rv = work->messages->whole ? CKR_OK : signed_part(work);
    if (rv != CKR_OK)
        return rv;
    work->messages->whole = true; /* it comes again if there is no room for the signature */
    if (each->output == P11D_OUTPUT_VERDICT)
        return p11d_operation_judge_final(work->instance, each, work->session,
                                          message->signature.data, message->signature.size);
    return p11d_operation_final(work->instance, each, work->session, message->output,
                                message->output_size);
}

/* --- what hosts call --- */

static CK_RV take(Work *work)
{
    P11dOperation *taken = NULL;
    const CK_RV rv = p11d_session_take(work->instance, work->session, work->row->kind, &taken);
    work->messages = (Messages *)taken;
    return rv;
}

/* Puts them back. A key that wants a login for each message gets it for one that is ready. */
static CK_RV put(const Work *work, CK_RV rv)
{
    if (work->messages->authenticates)
        make_ready(work);
    p11d_session_put(work->instance, work->session, work->row->kind, &work->messages->operation);
    return rv;
}

CK_RV p11d_messages_whole(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    Work work = {instance, row, session, message, NULL};
    const CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (work.messages->begun)
        return put(&work, CKR_OPERATION_ACTIVE);
    return put(&work, row->sealed ? sealed_whole(&work) : signed_whole(&work));
}

CK_RV p11d_messages_begin(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    Work work = {instance, row, session, message, NULL};
    CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (work.messages->begun)
        return put(&work, CKR_OPERATION_ACTIVE);
    rv = row->sealed ? sealed_begin(&work) : signed_begin(&work);
    work.messages->begun = rv == CKR_OK;
    work.messages->whole = false;
    return put(&work, rv);
}

static CK_RV go_on(const Work *work)
{
    const bool last = work->message->last;
    if (!work->messages->begun)
        return CKR_OPERATION_NOT_INITIALIZED;
    if (work->row->sealed)
        return last ? sealed_last(work) : sealed_part(work);
    return last ? signed_last(work) : signed_part(work);
}

CK_RV p11d_messages_next(P11dInstance *instance, const P11dMessagesRow *row,
                         CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    Work work = {instance, row, session, message, NULL};
    CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    rv = go_on(&work);
    work.messages->begun = work.messages->begun && is_active(&work);
    return put(&work, rv);
}

CK_RV p11d_messages_final(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session)
{
    Work work = {instance, row, session, NULL, NULL};
    const CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (work.messages->begun)
        return put(&work, CKR_OPERATION_ACTIVE);
    p11d_session_put(instance, session, row->kind, NULL);
    free_messages(&work.messages->operation);
    return p11d_session_cancel(instance, session, row->each->kind);
}

bool p11d_messages_cancel(P11dInstance *instance, CK_SESSION_HANDLE session, CK_FLAGS flags)
{
    bool done = true;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (flags & rows[i]->each->flag)
            done &= cancel(instance, rows[i], session) == CKR_OK;
    }
    return done;
}
