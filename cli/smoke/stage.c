// SPDX-License-Identifier: MIT
#include "stage.h"

#include "calls.h"
#include "crash.h"

static bool skip(P11dCheckRun *run, const GError *error)
{
    p11d_check_tell(run, P11D_CHECK_SKIP, "%s", error->message);
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
        return skip(run, error);
    /* There is one PIN; that it is for one token only is seen to where the login is. */
    for (guint i = 0; run->pin.data && i < run->host->tokens->len; i++) {
        P11dHostToken *token = run->host->tokens->pdata[i];
        if (token->info.flags & CKF_LOGIN_REQUIRED)
            p11d_secret_set(&token->pin, run->pin.data, run->pin.size);
    }
    return true;
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
        return skip(run, error);
    p11d_check_tell(run, P11D_CHECK_SKIP,
                    run->host->tokens->len == 0 ? "the module shows no token"
                    : tokens->len == 0          ? "no token is like that"
                                                : "no token is initialised");
    return false;
}

static bool can_sign(const P11dItem *key)
{
    return p11d_template_boolean(&key->attributes, CKA_SIGN, false);
}

static bool search_keys(P11dCheckRun *run, const GPtrArray *tokens, GError **error)
{
    g_autoptr(GPtrArray) found = p11d_item_array();
    for (guint i = 0; i < tokens->len; i++)
        if (!p11d_target_search(run->target, tokens->pdata[i], CKO_PRIVATE_KEY, found, error))
            return false;
    /* The array frees what is left in it. */
    for (guint i = found->len; i > 0; i--)
        if (can_sign(found->pdata[i - 1]))
            g_ptr_array_add(run->keys, g_ptr_array_steal_index_fast(found, i - 1));
    return true;
}

static bool find_keys(P11dCheckRun *run)
{
    g_autoptr(GPtrArray) tokens = p11d_target_tokens(run->target, run->host);
    g_autoptr(GError) refused = NULL;
    g_autoptr(GError) error = NULL;
    run->keys = p11d_item_array();
    if (run->pin.data)
        p11d_target_log_in(run->target, tokens, run->options, &refused);
    if (!search_keys(run, tokens, &error))
        return skip(run, error);
    if (run->keys->len > 0)
        return true;
    if (refused)
        return skip(run, refused);
    p11d_check_tell(run, P11D_CHECK_SKIP,
                    run->pin.data ? "there is no private key that can sign"
                                  : "no PIN was given, and without one there is no "
                                    "private key that can sign");
    return false;
}

bool p11d_stage_prepare(P11dCheckRun *run)
{
    P11dCheckNeed need = run->check->need;
    return need == P11D_CHECK_NEEDS_NOTHING ||
           (p11d_stage_module(run) && (need < P11D_CHECK_NEEDS_TOKEN || find_token(run)) &&
            (need < P11D_CHECK_NEEDS_KEY || find_keys(run)));
}
