// SPDX-License-Identifier: MIT
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interface.h"
#include "lock.h"
#include "slot.h"
#include "trace.h"
#include "waiter.h"

P11dToken *p11d_token_find(P11dInstance *instance, CK_SLOT_ID slot)
{
    for (size_t i = 0; i < instance->token_count; i++) {
        if (instance->tokens[i]->slot == slot)
            return instance->tokens[i];
    }
    return NULL;
}

P11dToken *p11d_token_find_path(P11dInstance *instance, const char *path)
{
    for (size_t i = 0; i < instance->token_count; i++) {
        if (strcmp(instance->tokens[i]->path, path) == 0)
            return instance->tokens[i];
    }
    return NULL;
}

static P11dToken *make(P11dInstance *instance, CK_SLOT_ID slot, const char *name)
{
    P11dToken *token = calloc(1, sizeof *token);
    if (!token)
        return NULL;
    if (asprintf(&token->path, P11D_TOKENS_PATH "/%s", name) < 0) {
        free(token);
        return NULL;
    }
    token->instance = instance;
    token->slot = slot;
    token->name = strrchr(token->path, '/') + 1;
    token->login = P11D_NOBODY;
    token->stale = true;
    p11d_token_path_title(token->name, token->title);
    p11d_properties_init(&token->properties, token->title);
    p11d_connection_init(&token->connection);
    p11d_snapshot_init(&token->snapshot,
                       (P11dTerms){.token = &token->properties,
                                   .hidden = instance->configuration.hidden,
                                   .hidden_count = instance->configuration.hidden_count});
    return token;
}

/* Enters token, keeping the order of slots. */
static bool insert(P11dInstance *instance, P11dToken *token)
{
    P11dToken **more = realloc(instance->tokens, (instance->token_count + 1) * sizeof(P11dToken *));
    if (!more)
        return false;
    instance->tokens = more;
    size_t at = instance->token_count++;
    for (; at > 0 && more[at - 1]->slot > token->slot; at--)
        more[at] = more[at - 1];
    more[at] = token;
    return true;
}

P11dToken *p11d_token_provide(P11dInstance *instance, const char *name)
{
    const CK_SLOT_ID slot = p11d_slot_assign(name);
    P11dToken *token = slot == 0 ? NULL : p11d_token_find(instance, slot);
    if (token || slot == 0)
        return token;
    token = make(instance, slot, name);
    if (token && insert(instance, token))
        return token;
    p11d_token_free(token);
    return NULL;
}

static void came_or_went(P11dToken *token)
{
    p11d_trace(P11D_TRACE_STATE, "token %s: %s", token->name, token->present ? "there" : "gone");
    /* What the first look at the service finds was there before: no event. */
    if (token->instance->service.attempts == 0)
        return;
    token->event = true;
    p11d_waiter_ring(token->instance);
    p11d_lock_wake();
}

void p11d_token_appear(P11dToken *token, P11dReader properties)
{
    p11d_properties_clear(&token->properties);
    p11d_properties_init(&token->properties, token->title);
    p11d_properties_read(&token->properties, properties);
    if (token->present)
        return;
    token->present = true;
    came_or_went(token);
}

void p11d_token_vanish(P11dToken *token)
{
    if (!token->present)
        return;
    token->present = false;
    came_or_went(token);
}

void p11d_token_change(P11dToken *token, P11dReader changed, P11dReader invalidated)
{
    const char *name;
    p11d_properties_read(&token->properties, changed);
    while (!p11d_reader_at_end(&invalidated) && p11d_reader_string(&invalidated, &name, NULL))
        p11d_properties_reset(&token->properties, name, token->title);
}

bool p11d_token_is_open(const P11dToken *token)
{
    return (token->properties.flags & (CKF_LOGIN_REQUIRED | CKF_USER_PIN_INITIALIZED)) == 0;
}

CK_USER_TYPE p11d_token_user(const P11dToken *token)
{
    return token->login_idle && !p11d_token_is_open(token) ? P11D_NOBODY : token->login;
}

void p11d_token_free(P11dToken *token)
{
    if (!token)
        return;
    p11d_connection_clear(&token->connection);
    p11d_snapshot_clear(&token->snapshot);
    p11d_properties_clear(&token->properties);
    free(token->path);
    free(token);
}
