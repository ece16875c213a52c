// SPDX-License-Identifier: MIT
#include "host.h"

#include <string.h>

#include "console.h"
#include "failure.h"
#include "guard.h"
#include "modulename.h"
#include "pin.h"
#include "text.h"

/* A module that claims more slots than this is broken. */
#define MAX_SLOTS 65536
#define MAX_MECHANISMS 65536

/* The slots with a token. The list can grow between asking for its size and getting it. */
static CK_RV list_slots(CK_FUNCTION_LIST *functions, GArray *slots)
{
    for (int attempt = 0; attempt < 5; attempt++) {
        CK_ULONG count = 0;
        CK_RV rv = functions->C_GetSlotList(CK_TRUE, NULL, &count);
        if (rv != CKR_OK || count == 0)
            return rv;
        if (count > MAX_SLOTS)
            return CKR_GENERAL_ERROR;
        g_array_set_size(slots, (guint)count);
        rv = functions->C_GetSlotList(CK_TRUE, (CK_SLOT_ID *)(void *)slots->data, &count);
        if (rv == CKR_BUFFER_TOO_SMALL)
            continue;
        g_array_set_size(slots, rv == CKR_OK ? (guint)MIN(count, slots->len) : 0);
        return rv;
    }
    return CKR_GENERAL_ERROR;
}

static void token_free(gpointer data)
{
    P11dHostToken *token = data;
    p11d_secret_clear(&token->pin);
    g_free(token);
}

P11dHostToken *p11d_host_add_token(P11dHost *host, CK_SLOT_ID slot)
{
    P11dHostToken *token = g_new0(P11dHostToken, 1);
    token->functions = host->library ? host->library->functions : NULL;
    token->away = host->away;
    token->agent = host->agent;
    token->index = host->tokens->len;
    token->module = host->path;
    token->slot = slot;
    g_ptr_array_add(host->tokens, token);
    return token;
}

static void find_token(P11dHost *host, CK_SLOT_ID slot)
{
    CK_FUNCTION_LIST *functions = host->library->functions;
    CK_TOKEN_INFO info;
    CK_SLOT_INFO slot_info;
    CK_RV rv = functions->C_GetTokenInfo(slot, &info);
    if (rv == CKR_OK)
        rv = functions->C_GetSlotInfo(slot, &slot_info);
    if (rv == CKR_OK) {
        P11dHostToken *token = p11d_host_add_token(host, slot);
        token->info = info;
        token->slot_info = slot_info;
        return;
    }
    g_autoptr(GError) error = NULL;
    p11d_failure_set_ckr(&error, rv, "slot %lu is left out", slot);
    p11d_console_note("%s", error->message);
    if (rv == CKR_TOKEN_NOT_PRESENT) /* it was taken out since */
        return;
    g_free(host->left_out);
    host->left_out = g_strdup(error->message);
}

static gboolean find_tokens(P11dHost *host, GError **error)
{
    g_autoptr(GArray) slots = g_array_new(FALSE, TRUE, sizeof(CK_SLOT_ID));
    CK_RV rv = list_slots(host->library->functions, slots);
    if (rv != CKR_OK) {
        p11d_failure_set_ckr(error, rv, "%s cannot list its tokens", host->library->path);
        return FALSE;
    }
    for (guint i = 0; i < slots->len; i++)
        find_token(host, g_array_index(slots, CK_SLOT_ID, i));
    return TRUE;
}

P11dHost *p11d_host_new(const P11dHostAway *away, P11dAgent *agent)
{
    P11dHost *host = g_new0(P11dHost, 1);
    host->tokens = g_ptr_array_new_with_free_func(token_free);
    host->away = away;
    host->agent = agent;
    return host;
}

P11dHost *p11d_host_open(const P11dOptions *options, GError **error)
{
    g_autofree char *path = NULL;
    g_autofree char *reserved = NULL;
    if (!p11d_modulename_resolve(options, &path, &reserved, error))
        return NULL;
    p11d_pin_keep_variable();
    p11d_guard_crashes();
    return p11d_host_load(path, reserved, error);
}

P11dHost *p11d_host_load(const char *path, const char *reserved, GError **error)
{
    g_autoptr(P11dHost) host = p11d_host_new(NULL, NULL);
    host->reserved = g_strdup(reserved);
    const char *why = p11d_loader_open(path, &host->library);
    if (why) {
        g_autofree char *hint = p11d_modulename_hint(path);
        p11d_failure_set(error, P11D_FAILURE_DEVICE, hint, "cannot load the module: %s", why);
        return NULL;
    }
    host->path = g_strdup(host->library->path);
    CK_RV rv = p11d_loader_initialize(host->library, reserved);
    if (rv == CKR_OK)
        rv = host->library->functions->C_GetInfo(&host->info);
    p11d_console_take_descriptors(); /* one that the module may have closed */
    if (rv != CKR_OK) {
        const char *more = rv != CKR_ARGUMENTS_BAD ? ""
                           : reserved              ? ", which does not take what it was told"
                                                   : ", which may need --init-reserved";
        p11d_failure_set_ckr(error, rv, "cannot initialise the module %s%s", path, more);
        return NULL;
    }
    if (!find_tokens(host, error))
        return NULL;
    p11d_console_detail("module %s, %u tokens", host->library->path, host->tokens->len);
    return g_steal_pointer(&host);
}

void p11d_host_free(P11dHost *host)
{
    if (!host)
        return;
    g_clear_pointer(&host->tokens, g_ptr_array_unref);
    if (host->agent)
        host->away->end(host->agent);
    g_free(host->reserved);
    g_free(host->path);
    g_free(host->left_out);
    g_free(host);
}

gboolean p11d_host_session(P11dHostToken *token, GError **error)
{
    if (token->session)
        return TRUE;
    if (token->away)
        return token->away->session(token, error);
    CK_RV rv = token->functions->C_OpenSession(token->slot, CKF_SERIAL_SESSION, NULL, NULL,
                                               &token->session);
    if (rv == CKR_OK)
        return TRUE;
    token->session = 0;
    g_autofree char *label = p11d_host_label(token);
    p11d_failure_set_ckr(error, rv, "cannot open a session with token \"%s\"", label);
    return FALSE;
}

CK_FLAGS p11d_host_flags(P11dHostToken *token)
{
    CK_TOKEN_INFO info;
    if (token->away)
        token->info.flags = token->away->flags(token);
    else if (token->functions->C_GetTokenInfo(token->slot, &info) == CKR_OK)
        token->info.flags = info.flags;
    return token->info.flags;
}

CK_RV p11d_host_login(P11dHostToken *token, CK_USER_TYPE user, const P11dSecret *pin)
{
    return token->away ? token->away->login(token, user, pin)
                       : token->functions->C_Login(token->session, user, pin->data, pin->size);
}

static CK_RV list_types(const P11dHostToken *token, GArray *types)
{
    CK_FUNCTION_LIST *functions = token->functions;
    CK_ULONG count = 0;
    CK_RV rv = functions->C_GetMechanismList(token->slot, NULL, &count);
    if (rv != CKR_OK || count == 0)
        return rv;
    if (count > MAX_MECHANISMS)
        return CKR_GENERAL_ERROR;
    g_array_set_size(types, (guint)count);
    rv = functions->C_GetMechanismList(token->slot, (CK_MECHANISM_TYPE *)(void *)types->data,
                                       &count);
    g_array_set_size(types, rv == CKR_OK ? (guint)MIN(count, types->len) : 0);
    return rv;
}

CK_RV p11d_host_mechanisms(P11dHostToken *token, GArray *mechanisms)
{
    if (token->away)
        return token->away->mechanisms(token, mechanisms);
    g_autoptr(GArray) types = g_array_new(FALSE, TRUE, sizeof(CK_MECHANISM_TYPE));
    CK_RV rv = list_types(token, types);
    for (guint i = 0; i < types->len; i++) {
        P11dHostMechanism mechanism = {g_array_index(types, CK_MECHANISM_TYPE, i), {0}};
        /* One that has no information is listed without. */
        if (token->functions->C_GetMechanismInfo(token->slot, mechanism.type, &mechanism.info) !=
            CKR_OK)
            memset(&mechanism.info, 0, sizeof mechanism.info);
        g_array_append_val(mechanisms, mechanism);
    }
    return rv;
}

char *p11d_host_label(const P11dHostToken *token)
{
    return p11d_text_of_field(token->info.label, sizeof token->info.label);
}

bool p11d_host_is_namesake(const P11dHostToken *a, const P11dHostToken *b)
{
    return memcmp(a->info.label, b->info.label, sizeof a->info.label) == 0;
}
