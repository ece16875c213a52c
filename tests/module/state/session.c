// SPDX-License-Identifier: MIT
#include <criterion/criterion.h>
#include <stdlib.h>

#include "session.h"

static P11dInstance instance;
static P11dToken *token;
static CK_SESSION_HANDLE session;
static unsigned freed;

static void make(void)
{
    token = p11d_token_provide(&instance, "a");
    cr_assert(token);
    cr_assert_eq(p11d_session_make(token, false, &session), CKR_OK);
}

static void end(void)
{
    p11d_session_drop_all(token);
    p11d_token_free(token);
    free(instance.tokens);
    free(instance.sessions);
}

TestSuite(session, .init = make, .fini = end);

static void count_freed(P11dOperation *operation)
{
    (void)operation;
    freed++;
}

static P11dOperation operation = {.free = count_freed};

Test(session, an_operation_is_taken_while_a_call_works_on_it)
{
    P11dOperation *taken;
    const P11dOperationKind kind = P11D_OPERATION_SEARCH;
    cr_assert_eq(p11d_session_take(&instance, session, kind, &taken),
                 CKR_OPERATION_NOT_INITIALIZED);
    cr_assert_eq(p11d_session_begin(&instance, session, kind, &operation), CKR_OK);
    cr_assert_eq(p11d_session_take(&instance, session, kind, &taken), CKR_OK);
    cr_assert_eq(taken, &operation);
    cr_assert_eq(p11d_session_take(&instance, session, kind, &taken), CKR_OPERATION_ACTIVE);
    cr_assert_eq(p11d_session_cancel(&instance, session, kind), CKR_OPERATION_ACTIVE);
    p11d_session_put(&instance, session, kind, &operation);
    cr_assert_eq(p11d_session_cancel(&instance, session, kind), CKR_OK);
    cr_assert_eq(freed, 1);
}

Test(session, an_operation_that_is_refused_is_freed)
{
    cr_assert_eq(p11d_session_begin(&instance, session, P11D_OPERATION_SEARCH, NULL), CKR_OK);
    cr_assert_eq(p11d_session_begin(&instance, session, P11D_OPERATION_SEARCH, &operation),
                 CKR_OPERATION_ACTIVE);
    cr_assert_eq(p11d_session_begin(&instance, session + 1, P11D_OPERATION_SEARCH, &operation),
                 CKR_SESSION_HANDLE_INVALID);
    cr_assert_eq(freed, 2);
    p11d_session_put(&instance, session, P11D_OPERATION_SEARCH, NULL);
    cr_assert_eq(p11d_session_begin(&instance, session, P11D_OPERATION_SEARCH, &operation), CKR_OK);
}

Test(session, an_operation_whose_session_is_gone_is_freed_when_it_is_put_back)
{
    P11dOperation *taken;
    cr_assert_eq(p11d_session_begin(&instance, session, P11D_OPERATION_SEARCH, &operation), CKR_OK);
    cr_assert_eq(p11d_session_take(&instance, session, P11D_OPERATION_SEARCH, &taken), CKR_OK);
    p11d_session_drop(&instance, session);
    cr_assert_eq(freed, 0);
    p11d_session_put(&instance, session, P11D_OPERATION_SEARCH, taken);
    cr_assert_eq(freed, 1);
}

Test(session, many_are_found_by_their_handles_and_counted)
{
    CK_SESSION_HANDLE handles[200];
    for (int i = 0; i < 200; i++)
        cr_assert_eq(p11d_session_make(token, i % 2, &handles[i]), CKR_OK);
    cr_assert_eq(token->session_count, 201);
    cr_assert_eq(token->writable_count, 100);
    for (int i = 0; i < 200; i += 3)
        p11d_session_drop(&instance, handles[i]);
    for (int i = 0; i < 200; i++) {
        const P11dSession *found = p11d_session_find(&instance, handles[i]);
        cr_assert_eq(found != NULL, i % 3 != 0);
        cr_assert(!found || found->handle == handles[i]);
    }
}

Test(session, a_login_that_is_lost_ends_them_and_one_for_nothing_does_not)
{
    token->login = CKU_USER;
    token->login_idle = true;
    p11d_session_lose(token);
    cr_assert_eq(token->session_count, 1);
    token->login_idle = false;
    p11d_session_lose(token);
    cr_assert_eq(token->session_count, 0);
    cr_assert_eq(token->login, P11D_NOBODY);
    cr_assert(token->stale);
}
