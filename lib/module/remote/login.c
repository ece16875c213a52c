// SPDX-License-Identifier: MIT
#include "login.h"

#include "attachment.h"
#include "callchannel.h"
#include "connect.h"
#include "discovery.h"
#include "session.h"

CK_RV p11d_login_check(const P11dToken *token, const P11dLogin *login)
{
    const bool asks_itself = (token->properties.flags & CKF_PROTECTED_AUTHENTICATION_PATH) != 0;
    const bool needs_none = login->user == CKU_USER && p11d_token_is_open(token);
    if (!login->pin && (login->pin_size > 0 || !(asks_itself || needs_none)))
        return CKR_ARGUMENTS_BAD;
    return login->pin_size > P11D_LOGIN_PIN_MAX ? CKR_PIN_LEN_RANGE : CKR_OK;
}

P11dArguments p11d_login_arguments(const P11dLogin *login)
{
    return (P11dArguments){.user = login->user,
                           .text = login->name,
                           .pins = {{login->pin, login->pin ? login->pin_size : 0}},
                           .no_pin = !login->pin};
}

/* Keeps in data over which attachment the login is sent. */
static CK_RV prepare(P11dToken *token, void *data)
{
    *(uint64_t *)data = token->connection.epoch;
    return CKR_OK;
}

/* Sends the login, and enters it if the service has taken it. */
static CK_RV send(P11dToken *token, const P11dLogin *login)
{
    P11dArguments arguments = p11d_login_arguments(login);
    uint64_t epoch = 0;
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "Login",
                           .arguments = &arguments,
                           .deadline = p11d_deadline_in(P11D_PERSON_TIMEOUT)};
    const CK_RV rv = p11d_callchannel_call(token, &request, prepare, &epoch);
    if (rv == CKR_OK && epoch != token->connection.epoch)
        return CKR_DEVICE_ERROR; /* the connection was lost since, and the login with it */
    /* If the service says that it has us logged in, it is right: then at least C_Logout works. */
    if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) {
        token->login = login->user;
        token->login_idle = login->user == CKU_USER && p11d_token_is_open(token);
        token->stale = true;
    }
    return rv;
}

/* Whether rv is how a service answers that knows no logins at all. */
static bool knows_no_login(const P11dToken *token, CK_RV rv)
{
    return rv == CKR_FUNCTION_NOT_SUPPORTED || rv == CKR_USER_PIN_NOT_INITIALIZED ||
           (rv == CKR_FUNCTION_REJECTED && token->connection.on_bus); /* sends no PIN there */
}

CK_RV p11d_login_begin(P11dToken *token, const P11dLogin *login)
{
    if (login->user != CKU_USER && login->user != CKU_SO)
        return CKR_USER_TYPE_INVALID;
    p11d_discovery_look(token->instance); /* does it need a login by now? */
    if (token->session_count == 0)
        return CKR_SESSION_HANDLE_INVALID; /* lost, as that showed */
    const CK_USER_TYPE user = p11d_token_user(token);
    if (user != P11D_NOBODY)
        return user == login->user ? CKR_USER_ALREADY_LOGGED_IN
                                   : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
    if (login->user == CKU_SO && token->session_count > token->writable_count)
        return CKR_SESSION_READ_ONLY_EXISTS;
    CK_RV rv = p11d_login_check(token, login);
    if (rv != CKR_OK)
        return rv;
    rv = send(token, login);
    if (rv != CKR_OK && login->user == CKU_USER && p11d_token_is_open(token) &&
        knows_no_login(token, rv)) {
        /* Hosts log in whether they must or not. */
        token->login = CKU_USER;
        token->login_idle = true;
        rv = CKR_OK;
    }
    if (token->session_count == 0)
        p11d_login_end(token); /* the last session was closed meanwhile */
    return rv;
}

CK_RV p11d_login_end(P11dToken *token)
{
    if (token->login == P11D_NOBODY)
        return CKR_OK;
    const bool idle = token->login_idle;
    token->login = P11D_NOBODY;
    token->login_idle = false;
    p11d_session_end_streams(token);
    p11d_snapshot_drop_private(&token->snapshot);
    token->stale = true;
    p11d_attachment_look(token);
    if (!token->connection.control)
        return CKR_OK; /* then there is no login any more */
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = "Logout",
                           .deadline = p11d_deadline_in(P11D_CONNECT_TIMEOUT)};
    const CK_RV rv = p11d_callchannel_call(token, &request, NULL, NULL);
    if (rv == CKR_OK || rv == CKR_USER_NOT_LOGGED_IN || (idle && knows_no_login(token, rv)))
        return CKR_OK;
    /* A login that is not wanted any more must not stay: hanging up ends it for certain. */
    p11d_attachment_lost(token);
    return CKR_OK;
}

CK_RV p11d_login_finish(P11dToken *token)
{
    return token->login == P11D_NOBODY ? CKR_USER_NOT_LOGGED_IN : p11d_login_end(token);
}
