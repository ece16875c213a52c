// SPDX-License-Identifier: MIT
/* Messages that AES-GCM seals: the tag, which an operation has at the end of the ciphertext, is
 * where the parameters of the message say. */
#include "messages-row.h"

#include <string.h>

static bool encrypts(const P11dMessagesRow *row)
{
    return row->each->output == P11D_OUTPUT_CIPHERTEXT;
}

/* Parameters come with each message, and what comes now is looked at no further. */
static CK_RV keep(P11dMessages *messages, const CK_MECHANISM *mechanism, CK_MECHANISM *first)
{
    static const CK_BYTE iv[12];
    static const CK_GCM_PARAMS any = {
        .pIv = (CK_BYTE *)iv, .ulIvLen = 12, .ulIvBits = 96, .ulTagBits = 128};
    if (!p11d_gcm_is(mechanism->mechanism))
        return CKR_MECHANISM_INVALID;
    messages->parameters.mechanism.mechanism = mechanism->mechanism;
    *first = (CK_MECHANISM){mechanism->mechanism, (void *)&any, sizeof any};
    return mechanism->ulParameterLen == 0 ||
                   mechanism->ulParameterLen == sizeof(CK_GCM_MESSAGE_PARAMS)
               ? CKR_OK
               : CKR_MECHANISM_PARAM_INVALID;
}

/* Begins the operation of a message with parameters of its own. */
static CK_RV start(const P11dMessagesWork *work, P11dGcm *gcm)
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
static CK_RV pass(const P11dMessagesWork *work, P11dBytes input, CK_BYTE *output, CK_ULONG *size)
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

static CK_RV seal(const P11dMessagesWork *work, const P11dGcm *gcm, CK_ULONG due,
                  P11dBuffer *sealed)
{
    CK_ULONG size = due + gcm->tag_size;
    CK_BYTE *place = p11d_buffer_reserve(sealed, size);
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

static CK_RV unseal(const P11dMessagesWork *work, const P11dGcm *gcm, CK_ULONG due,
                    P11dBuffer *sealed)
{
    CK_ULONG size = due;
    const P11dBytes input = work->message->input;
    if (!p11d_buffer_append(sealed, input.data, input.size) ||
        !p11d_buffer_append(sealed, gcm->tag, gcm->tag_size))
        return CKR_HOST_MEMORY;
    const CK_RV rv =
        pass(work, (P11dBytes){sealed->data, sealed->size}, work->message->output, &size);
    if (rv == CKR_ENCRYPTED_DATA_INVALID)
        return CKR_AEAD_DECRYPT_FAILED;
    return rv == CKR_OK && size != due ? CKR_DEVICE_ERROR : rv;
}

/* Ends a message whose output, without the tag, is due bytes. */
static CK_RV finish(const P11dMessagesWork *work, const P11dGcm *gcm, CK_ULONG due)
{
    P11dBuffer sealed; /* the ciphertext and its tag */
    p11d_buffer_init(&sealed, SIZE_MAX / 4);
    CK_RV rv =
        encrypts(work->row) ? seal(work, gcm, due, &sealed) : unseal(work, gcm, due, &sealed);
    p11d_buffer_clear(&sealed);
    /* There was room for all that it may be. */
    if (rv == CKR_BUFFER_TOO_SMALL)
        rv = CKR_DEVICE_ERROR;
    p11d_messages_end(work);
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

static CK_RV whole(const P11dMessagesWork *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    CK_RV rv = check_pointers(message);
    if (rv == CKR_OK)
        rv = p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv != CKR_OK || is_size_query(message, message->input.size, &rv))
        return rv;
    rv = start(work, &gcm);
    if (rv == CKR_OK)
        rv = finish(work, &gcm, message->input.size);
    if (rv == CKR_OK && encrypts(work->row))
        p11d_gcm_give_iv(&gcm);
    return rv;
}

static CK_RV begin(const P11dMessagesWork *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    CK_RV rv =
        p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv == CKR_OK)
        rv = start(work, &gcm);
    if (rv != CKR_OK)
        return rv;
    work->messages->tag_size = gcm.tag_size;
    work->messages->taken = work->messages->given = 0;
    if (encrypts(work->row))
        p11d_gcm_give_iv(&gcm);
    return CKR_OK;
}

static CK_RV part(const P11dMessagesWork *work)
{
    const P11dMessageData *message = work->message;
    P11dMessages *messages = work->messages;
    const CK_RV rv = p11d_operation_transform(work->instance, work->row->each, work->session,
                                              message->input.data, message->input.size,
                                              message->output, message->output_size);
    if (rv == CKR_OK && message->output) {
        messages->taken += message->input.size;
        messages->given += *message->output_size;
    }
    return rv;
}

static CK_RV last(const P11dMessagesWork *work)
{
    P11dGcm gcm;
    const P11dMessageData *message = work->message;
    const P11dMessages *messages = work->messages;
    CK_RV rv = check_pointers(message);
    if (rv == CKR_OK)
        rv = p11d_gcm_read(&gcm, message->parameter, message->parameter_size, message->associated);
    if (rv == CKR_OK && gcm.tag_size != messages->tag_size)
        rv = CKR_MECHANISM_PARAM_INVALID;
    const CK_ULONG due = messages->taken - messages->given + message->input.size;
    if (rv == CKR_OK && is_size_query(message, due, &rv))
        return rv;
    if (rv == CKR_OK)
        return finish(work, &gcm, due);
    p11d_messages_end(work);
    return rv;
}

const P11dMessagesWay p11d_messages_sealed = {
    .keep = keep, .whole = whole, .begin = begin, .part = part, .last = last};
