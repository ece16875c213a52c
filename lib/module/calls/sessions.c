// SPDX-License-Identifier: MIT
#include "sessions.h"

#include <string.h>

#include "change.h"
#include "discovery.h"
#include "login.h"
#include "messages.h"
#include "operation.h"
#include "session.h"
#include "syntax.h"

CK_RV p11d_sessions_open(P11dInstance *instance, CK_SLOT_ID slot, CK_FLAGS flags,
                         CK_SESSION_HANDLE *handle)
{
    const bool writable = (flags & CKF_RW_SESSION) != 0;
    P11dToken *token;
    if (!handle)
        return CKR_ARGUMENTS_BAD;
    if (!(flags & CKF_SERIAL_SESSION))
        return CKR_SESSION_PARALLEL_NOT_SUPPORTED;
    if (flags & CKF_ASYNC_SESSION)
        return CKR_SESSION_ASYNC_NOT_SUPPORTED;
    const CK_RV rv = p11d_discovery_token(instance, slot, &token);
    if (rv != CKR_OK)
        return rv;
    /* Of a write-protected token too: ssh opens no other sessions, and what writes is refused. */
    if (!writable && token->login == CKU_SO)
        return CKR_SESSION_READ_WRITE_SO_EXISTS;
    return p11d_session_make(token, writable, handle);
}

/* Takes what the session has made away from it, to be destroyed once the session is gone. Where
 * there is no room to remember it, that is left to the service, for the end of the client. */
static void take_objects(P11dSession *session, P11dHandles *objects)
{
    for (size_t i = 0; i < session->objects.count; i++)
        p11d_handles_append(objects, session->objects.items[i]);
}

static void discard(P11dToken *token, P11dHandles *objects)
{
    p11d_change_discard(token, objects->items, objects->count);
    p11d_handles_clear(objects);
}

CK_RV p11d_sessions_close(P11dInstance *instance, CK_SESSION_HANDLE handle)
{
    P11dHandles objects;
    P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    P11dToken *token = session->token;
    p11d_handles_init(&objects);
    take_objects(session, &objects);
    p11d_session_drop(instance, handle);
    discard(token, &objects);
    if (token->session_count == 0)
        p11d_login_end(token);
    return CKR_OK;
}

CK_RV p11d_sessions_close_all(P11dInstance *instance, CK_SLOT_ID slot)
{
    P11dToken *token = p11d_token_find(instance, slot);
    if (!token) {
        p11d_discovery_look(instance);
        token = p11d_token_find(instance, slot);
    }
    if (!token)
        return CKR_SLOT_ID_INVALID;
    P11dHandles objects;
    p11d_handles_init(&objects);
    for (size_t i = 0; i < instance->session_count; i++) {
        if (instance->sessions[i]->token == token)
            take_objects(instance->sessions[i], &objects);
    }
    p11d_session_drop_all(token);
    discard(token, &objects);
    p11d_login_end(token);
    return CKR_OK;
}

CK_RV p11d_sessions_info(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_SESSION_INFO *info)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    if (!info)
        return CKR_ARGUMENTS_BAD;
    const CK_USER_TYPE login = p11d_token_user(session->token);
    CK_STATE state = session->writable ? CKS_RW_PUBLIC_SESSION : CKS_RO_PUBLIC_SESSION;
    if (login == CKU_SO)
        state = CKS_RW_SO_FUNCTIONS;
    else if (login == CKU_USER)
        state = session->writable ? CKS_RW_USER_FUNCTIONS : CKS_RO_USER_FUNCTIONS;
    *info =
        (CK_SESSION_INFO){.slotID = session->token->slot,
                          .state = state,
                          .flags = CKF_SERIAL_SESSION | (session->writable ? CKF_RW_SESSION : 0)};
    return CKR_OK;
}

CK_RV p11d_sessions_login(P11dInstance *instance, CK_SESSION_HANDLE handle, const P11dLogin *login)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    return login->user == CKU_CONTEXT_SPECIFIC ? p11d_operation_login(instance, handle, login)
                                               : p11d_login_begin(session->token, login);
}

CK_RV p11d_sessions_login_user(P11dInstance *instance, CK_SESSION_HANDLE handle,
                               const P11dLogin *login, const CK_UTF8CHAR *name, CK_ULONG size)
{
    char text[P11D_LOGIN_NAME_MAX + 1] = "";
    P11dLogin named = *login;
    if (!p11d_session_find(instance, handle))
        return CKR_SESSION_HANDLE_INVALID;
    if (size > P11D_LOGIN_NAME_MAX || (size > 0 && !(name && p11d_syntax_is_text(name, size))))
        return CKR_ARGUMENTS_BAD;
    if (size > 0) {
        memcpy(text, name, size);
        named.name = text;
    }
    return p11d_sessions_login(instance, handle, &named);
}

CK_RV p11d_sessions_logout(P11dInstance *instance, CK_SESSION_HANDLE handle)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    return session ? p11d_login_finish(session->token) : CKR_SESSION_HANDLE_INVALID;
}

CK_RV p11d_sessions_cancel(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_FLAGS flags)
{
    if (!p11d_session_find(instance, handle))
        return CKR_SESSION_HANDLE_INVALID;
    bool done = !(flags & CKF_FIND_OBJECTS) ||
                p11d_session_cancel(instance, handle, P11D_OPERATION_SEARCH) == CKR_OK;
    done &= p11d_messages_cancel(instance, handle, flags);
    for (size_t i = 0; i < p11d_operation_count; i++) {
        if (flags & p11d_operations[i]->flag)
            done &= p11d_session_cancel(instance, handle, p11d_operations[i]->kind) == CKR_OK;
    }
    return done ? CKR_OK : CKR_OPERATION_CANCEL_FAILED;
}

CK_RV p11d_sessions_validation(P11dInstance *instance, CK_SESSION_HANDLE handle,
                               CK_SESSION_VALIDATION_FLAGS_TYPE type, CK_FLAGS *flags)
{
    if (!p11d_session_find(instance, handle))
        return CKR_SESSION_HANDLE_INVALID;
    if (!flags || type != CKS_LAST_VALIDATION_OK)
        return CKR_ARGUMENTS_BAD;
    *flags = 0;
    return CKR_OK;
}
