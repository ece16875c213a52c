// SPDX-License-Identifier: MIT
#include "messages.h"

#include <stdlib.h>

#include "plan.h"

static void free_messages(P11dOperation *freed)
{
    P11dMessages *messages = (P11dMessages *)freed;
    p11d_buffer_clear(&messages->wire);
    free(messages);
}

static CK_RV cancel(P11dInstance *instance, const P11dMessagesRow *row, CK_SESSION_HANDLE session)
{
    CK_RV rv = p11d_session_cancel(instance, session, row->kind);
    if (rv == CKR_OK)
        rv = p11d_session_cancel(instance, session, row->each->kind);
    return rv == CKR_OPERATION_ACTIVE ? CKR_OPERATION_CANCEL_FAILED : rv;
}

/* Whether key and mechanism are fit for messages, by the plan for one of them. */
static CK_RV check(P11dMessages *messages, const P11dMessagesRow *row, P11dToken *token,
                   const CK_MECHANISM *mechanism)
{
    P11dPlan plan;
    CK_MECHANISM first;
    CK_RV rv = row->way->keep(messages, mechanism, &first);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_plan_make(&plan, row->each, token, &first, messages->key);
    messages->authenticates = plan.authenticates && row->way->ready;
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
    P11dMessages *messages = calloc(1, sizeof *messages);
    if (!messages)
        return CKR_HOST_MEMORY;
    const P11dMessagesWork work = {instance, row, handle, NULL, messages};
    messages->operation.free = free_messages;
    messages->key = key;
    CK_RV rv = check(messages, row, session->token, mechanism);
    if (rv != CKR_OK) {
        free_messages(&messages->operation);
        return rv;
    }
    rv = p11d_session_begin(instance, handle, row->kind, &messages->operation);
    return rv == CKR_OK && messages->authenticates ? row->way->ready(&work) : rv;
}

static CK_RV take(P11dMessagesWork *work)
{
    P11dOperation *taken = NULL;
    const CK_RV rv = p11d_session_take(work->instance, work->session, work->row->kind, &taken);
    work->messages = (P11dMessages *)taken;
    return rv;
}

/* Puts them back. A key that wants a login for each message gets it for one that is ready. */
static CK_RV put(const P11dMessagesWork *work, CK_RV rv)
{
    if (work->messages->authenticates)
        work->row->way->ready(work);
    p11d_session_put(work->instance, work->session, work->row->kind, &work->messages->operation);
    return rv;
}

CK_RV p11d_messages_whole(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    P11dMessagesWork work = {instance, row, session, message, NULL};
    const CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (work.messages->begun)
        return put(&work, CKR_OPERATION_ACTIVE);
    return put(&work, row->way->whole(&work));
}

CK_RV p11d_messages_begin(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    P11dMessagesWork work = {instance, row, session, message, NULL};
    CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (work.messages->begun)
        return put(&work, CKR_OPERATION_ACTIVE);
    rv = row->way->begin(&work);
    work.messages->begun = rv == CKR_OK;
    work.messages->whole = false;
    return put(&work, rv);
}

CK_RV p11d_messages_next(P11dInstance *instance, const P11dMessagesRow *row,
                         CK_SESSION_HANDLE session, const P11dMessageData *message)
{
    P11dMessagesWork work = {instance, row, session, message, NULL};
    CK_RV rv = take(&work);
    if (rv != CKR_OK)
        return rv;
    if (!work.messages->begun)
        return put(&work, CKR_OPERATION_NOT_INITIALIZED);
    rv = message->last ? row->way->last(&work) : row->way->part(&work);
    work.messages->begun = p11d_messages_is_active(&work);
    return put(&work, rv);
}

CK_RV p11d_messages_final(P11dInstance *instance, const P11dMessagesRow *row,
                          CK_SESSION_HANDLE session)
{
    P11dMessagesWork work = {instance, row, session, NULL, NULL};
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
    for (size_t i = 0; i < p11d_messages_row_count; i++) {
        if (flags & p11d_messages_rows[i]->each->flag)
            done &= cancel(instance, p11d_messages_rows[i], session) == CKR_OK;
    }
    return done;
}
