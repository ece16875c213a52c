// SPDX-License-Identifier: MIT
#include "stage.h"

#include "calls.h"
#include "crash.h"

static bool lack(P11dCheckRun *run, const GError *error)
{
    p11d_check_lack(run, (P11dFailure)error->code, "%s", error->message);
    return false;
}

bool p11d_stage_module(P11dCheckRun *run)
{
    P11dLibrary *library;
    const char *path = run->options->module;
    g_autoptr(GError) error = NULL;
    if (!p11d_loader_open(path, &library)) {
        p11d_crash_remember();
        library->functions = p11d_calls_note(library->functions, run->journal);
    }
    run->host = p11d_host_load(path, run->reserved, &error);
    if (!run->host)
        return lack(run, error);
    /* There is one PIN; that it is for one token only is seen to where the login is. */
    for (guint i = 0; run->pin.data && i < run->host->tokens->len; i++) {
        P11dHostToken *token = run->host->tokens->pdata[i];
        if (token->info.flags & CKF_LOGIN_REQUIRED)
            p11d_secret_set(&token->pin, run->pin.data, run->pin.size);
    }
    return true;
}

/* Tells why none of the tokens can be had. */
static void lack_token(P11dCheckRun *run, const GPtrArray *tokens)
{
    p11d_check_lack(run, P11D_FAILURE_NO_MATCH,
                    run->host->tokens->len == 0 ? "the module shows no token"
                    : tokens->len == 0          ? "no token is like that"
                                                : "no token is initialised");
}

/* The first of the target's tokens with which a session can be opened. */
static bool find_token(P11dCheckRun *run)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GError) error = NULL;
    for (guint i = 0; i < tokens->len; i++) {
        P11dHostToken *token = tokens->pdata[i];
        if (!(token->info.flags & CKF_TOKEN_INITIALIZED))
            continue;
        g_clear_error(&error);
        if (p11d_host_session(token, &error)) {
            run->token = token;
            return true;
        }
    }
    if (error)
        return lack(run, error);
    lack_token(run, tokens);
    return false;
}

static bool can_sign(const P11dItem *key)
{
    return p11d_template_boolean(&key->attributes, CKA_SIGN, false);
}

static bool search_keys(P11dCheckRun *run, const GPtrArray *tokens, GError **error)
{
    for (guint i = 0; i < tokens->len; i++)
        if (!p11d_target_search(run->target, tokens->pdata[i], CKO_PRIVATE_KEY, run->privates,
                                error))
            return false;
    for (guint i = 0; i < run->privates->len; i++)
        if (can_sign(run->privates->pdata[i]))
            g_ptr_array_add(run->keys, run->privates->pdata[i]);
    return true;
}

/* Tells why there is no key among those that can be seen. */
static void lack_key(P11dCheckRun *run, const GPtrArray *tokens, P11dCheckNeed need)
{
    const char *what = need < P11D_CHECK_NEEDS_KEY ? "" : " that can sign";
    bool closed = false;
    for (guint i = 0; i < tokens->len; i++) {
        const P11dHostToken *token = tokens->pdata[i];
        CK_FLAGS needed = CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED;
        closed = closed || (!token->logged_in && (token->info.flags & needed) == needed);
    }
    if (closed)
        p11d_check_lack(run, P11D_FAILURE_PIN,
                        "no PIN was given, and without one there is no private key%s", what);
    else
        p11d_check_lack(run, P11D_FAILURE_NO_MATCH, "there is no private key%s%s%s", what,
                        p11d_target_is_empty(run->target) ? "" : " and matches ",
                        p11d_target_is_empty(run->target) ? "" : run->target->text);
}

static bool find_keys(P11dCheckRun *run, P11dCheckNeed need)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GError) refused = NULL;
    g_autoptr(GError) error = NULL;
    run->privates = p11d_item_array();
    run->keys = g_ptr_array_new();
    if (run->pin.data)
        p11d_target_log_in(run->target, tokens, run->options, &refused);
    if (!search_keys(run, tokens, &error))
        return lack(run, error);
    if ((need < P11D_CHECK_NEEDS_KEY ? run->privates : run->keys)->len > 0)
        return true;
    if (refused)
        return lack(run, refused);
    if (need == P11D_CHECK_NEEDS_LOGIN)
        return true;
    lack_key(run, tokens, need);
    return false;
}

bool p11d_stage_match(P11dCheckRun *run)
{
    if (p11d_target_is_empty(run->target))
        return true;
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    if (tokens->len == 0) {
        lack_token(run, tokens);
        return false;
    }
    g_autoptr(GPtrArray) items = p11d_item_array();
    g_autoptr(GError) error = NULL;
    CK_OBJECT_CLASS class =
        run->target->has_class ? run->target->class : CK_UNAVAILABLE_INFORMATION;
    if (!run->target->has_objects || run->level < P11D_CHECK_READ)
        return true;
    for (guint i = 0; i < tokens->len; i++)
        if (!p11d_target_search(run->target, tokens->pdata[i], class, items, &error))
            return lack(run, error);
    if (items->len == 0)
        p11d_check_lack(run, P11D_FAILURE_NO_MATCH,
                        "nothing that is seen without a login matches %s", run->target->text);
    return items->len > 0;
}

bool p11d_stage_find(P11dCheckRun *run, P11dCheckNeed need)
{
    return (need < P11D_CHECK_NEEDS_TOKEN || find_token(run)) &&
           (need < P11D_CHECK_NEEDS_LOGIN || find_keys(run, need));
}

bool p11d_stage_prepare(P11dCheckRun *run)
{
    P11dCheckNeed need = run->check->need;
    return need == P11D_CHECK_NEEDS_NOTHING ||
           (p11d_stage_module(run) && p11d_stage_find(run, need));
}
