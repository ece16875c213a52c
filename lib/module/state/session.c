// SPDX-License-Identifier: MIT
#include "session.h"

#include <stdlib.h>

static CK_SESSION_HANDLE last_handle; /* of this process */

/* Where the session with that handle is, or would be: they are in the order of their handles. */
static size_t position_of(const P11dInstance *instance, CK_SESSION_HANDLE handle)
{
    size_t low = 0;
    size_t high = instance->session_count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (instance->sessions[middle]->handle < handle)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

P11dSession *p11d_session_find(P11dInstance *instance, CK_SESSION_HANDLE handle)
{
    const size_t at = position_of(instance, handle);
    return at < instance->session_count && instance->sessions[at]->handle == handle
               ? instance->sessions[at]
               : NULL;
}

static void free_operation(P11dOperation *operation)
{
    if (operation)
        operation->free(operation);
}

CK_RV p11d_session_begin(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                         P11dOperation *operation)
{
    P11dSession *session = p11d_session_find(instance, handle);
    if (!session || session->operations[kind] || session->taken[kind]) {
        free_operation(operation);
        return session ? CKR_OPERATION_ACTIVE : CKR_SESSION_HANDLE_INVALID;
    }
    session->operations[kind] = operation;
    session->taken[kind] = !operation;
    return CKR_OK;
}

CK_RV p11d_session_check(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (session->taken[kind])
        return CKR_OPERATION_ACTIVE;
    return session->operations[kind] ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
}

CK_RV p11d_session_take(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                        P11dOperation **operation)
{
    const CK_RV rv = p11d_session_check(instance, handle, kind);
    if (rv != CKR_OK)
        return rv;
    P11dSession *session = p11d_session_find(instance, handle);
    *operation = session->operations[kind];
    session->operations[kind] = NULL;
    session->taken[kind] = true;
    return CKR_OK;
}

void p11d_session_put(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind,
                      P11dOperation *operation)
{
    P11dSession *session = p11d_session_find(instance, handle);
    if (!session) {
        free_operation(operation);
        return;
    }
    session->taken[kind] = false;
    session->operations[kind] = operation;
}

CK_RV p11d_session_cancel(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dOperationKind kind)
{
    const CK_RV rv = p11d_session_check(instance, handle, kind);
    if (rv != CKR_OK)
        return rv == CKR_OPERATION_NOT_INITIALIZED ? CKR_OK : rv;
    P11dSession *session = p11d_session_find(instance, handle);
    free_operation(session->operations[kind]);
    session->operations[kind] = NULL;
    return CKR_OK;
}

void p11d_session_end_streams(P11dToken *token)
{
    const P11dInstance *instance = token->instance;
    for (size_t i = 0; i < instance->session_count; i++) {
        P11dSession *session = instance->sessions[i];
        for (int kind = 0; session->token == token && kind < P11D_OPERATION_KINDS; kind++) {
            P11dOperation *operation = session->operations[kind];
            if (!operation || !operation->streams)
                continue;
            free_operation(operation);
            session->operations[kind] = NULL;
        }
    }
}

/* Takes the session at that position out of the list and frees it. */
static void drop_at(P11dInstance *instance, size_t at)
{
    P11dSession *session = instance->sessions[at];
    instance->session_count--;
    for (size_t i = at; i < instance->session_count; i++)
        instance->sessions[i] = instance->sessions[i + 1];
    session->token->session_count--;
    if (session->writable)
        session->token->writable_count--;
    for (int kind = 0; kind < P11D_OPERATION_KINDS; kind++)
        free_operation(session->operations[kind]);
    p11d_handles_clear(&session->objects);
    free(session);
}

void p11d_session_drop(P11dInstance *instance, CK_SESSION_HANDLE handle)
{
    if (p11d_session_find(instance, handle))
        drop_at(instance, position_of(instance, handle));
}

void p11d_session_drop_all(P11dToken *token)
{
    P11dInstance *instance = token->instance;
    for (size_t i = instance->session_count; i > 0; i--) {
        if (instance->sessions[i - 1]->token == token)
            drop_at(instance, i - 1);
    }
}

CK_RV p11d_session_own(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE object)
{
    P11dSession *session = p11d_session_find(instance, handle);
    return session ? p11d_handles_append(&session->objects, object) : CKR_SESSION_HANDLE_INVALID;
}

static bool disown(P11dHandles *objects, CK_OBJECT_HANDLE object)
{
    for (size_t i = objects->count; i > 0; i--) { /* most live shortly */
        if (objects->items[i - 1] != object)
            continue;
        objects->items[i - 1] = objects->items[--objects->count];
        return true;
    }
    return false;
}

void p11d_session_disown(P11dToken *token, CK_OBJECT_HANDLE object)
{
    const P11dInstance *instance = token->instance;
    for (size_t i = 0; i < instance->session_count; i++) {
        P11dSession *session = instance->sessions[i];
        if (session->token == token && disown(&session->objects, object))
            return;
    }
}

void p11d_session_lose(P11dToken *token)
{
    if (token->login == P11D_NOBODY || token->login_idle)
        return;
    token->login = P11D_NOBODY;
    p11d_snapshot_drop_private(&token->snapshot);
    token->stale = true;
    p11d_session_drop_all(token);
}

CK_RV p11d_session_make(P11dToken *token, bool writable, CK_SESSION_HANDLE *handle)
{
    P11dInstance *instance = token->instance;
    if (instance->session_count % 64 == 0) {
        P11dSession **more =
            realloc(instance->sessions, (instance->session_count + 64) * sizeof(P11dSession *));
        if (!more)
            return CKR_HOST_MEMORY;
        instance->sessions = more;
    }
    P11dSession *session = calloc(1, sizeof *session);
    if (!session)
        return CKR_HOST_MEMORY;
    session->handle = ++last_handle;
    session->token = token;
    session->writable = writable;
    instance->sessions[instance->session_count++] = session;
    token->session_count++;
    if (writable)
        token->writable_count++;
    *handle = session->handle;
    return CKR_OK;
}
