// SPDX-License-Identifier: MIT
#include "activity.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "error.h"
#include "log.h"
#include "name.h"

/* The users whose refusals are counted apart. */
#define USERS 64

static void tell(const P11dClient *client, const char *what, CK_RV rv)
{
    char scratch[P11D_NAME_SIZE], token[P11D_LOG_QUOTED_SIZE];
    p11d_log("%s uid=%lu pid=%ld result=%s token=%s", what, (unsigned long)client->uid,
             (long)client->pid, p11d_error_ckr(rv, scratch),
             p11d_log_quote(client->clients->token->name, token));
}

/* Programs that ask whether they have to log in are not refused anything. */
static bool is_refusal(CK_RV rv)
{
    return rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN && rv != CKR_USER_TYPE_INVALID &&
           rv != CKR_OPERATION_NOT_INITIALIZED && rv != CKR_ARGUMENTS_BAD;
}

/* True once a second for each user: who has guessed too often may go on as fast as he can. */
static bool is_due(uid_t uid)
{
    static _Atomic int64_t told[USERS]; /* seconds, and one more */
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return atomic_exchange(&told[uid % USERS], (int64_t)now.tv_sec + 1) != (int64_t)now.tv_sec + 1;
}

void p11d_activity_login(const P11dClient *client, CK_RV rv)
{
    bool refused = is_refusal(rv) && (rv != CKR_FUNCTION_REJECTED || is_due(client->uid));
    if (refused || p11d_log_is_verbose())
        tell(client, "login", rv);
}

void p11d_activity_logout(const P11dClient *client, CK_RV rv)
{
    if (p11d_log_is_verbose())
        tell(client, "logout", rv);
}

void p11d_activity_sign(const P11dClient *client, uint64_t key, const char *mechanism, CK_RV rv)
{
    if (!p11d_log_is_verbose())
        return;
    const P11dWorkerTokenOperations *token = client->clients->token->operations;
    char scratch[P11D_NAME_SIZE], label[P11D_WORKER_TOKEN_LABEL_SIZE],
        names[3][P11D_LOG_QUOTED_SIZE];
    if (token->label(client->view, key, label))
        p11d_log_quote(label, names[0]);
    else
        snprintf(names[0], sizeof names[0], "%" PRIu64, key);
    p11d_log("sign uid=%lu pid=%ld result=%s mechanism=%s token=%s key=%s",
             (unsigned long)client->uid, (long)client->pid, p11d_error_ckr(rv, scratch),
             p11d_log_quote(mechanism, names[1]),
             p11d_log_quote(client->clients->token->name, names[2]), names[0]);
}

void p11d_activity_object(const P11dWorkerToken *token, const char *what, CK_OBJECT_CLASS class,
                          const char *label)
{
    char scratch[P11D_NAME_SIZE], names[2][P11D_LOG_QUOTED_SIZE];
    if (p11d_log_is_verbose())
        p11d_log("%s class=%s token=%s key=%s", what,
                 p11d_name_of(&p11d_names_class, class, scratch),
                 p11d_log_quote(token->name, names[0]), p11d_log_quote(label, names[1]));
}
