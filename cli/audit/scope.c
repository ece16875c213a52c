// SPDX-License-Identifier: MIT
#include "scope.h"

#include <string.h>

/* The token that uri, or a glob for URIs, names as URIs do, in front of all wildcards. NULL: none.
 * The caller frees it. */
static char *token_of(const char *uri)
{
    static const char scheme[] = "pkcs11:", attribute[] = "token=";
    if (!g_str_has_prefix(uri, scheme))
        return NULL;
    for (uri += strlen(scheme); *uri; uri++) {
        size_t size = strcspn(uri, ";*?");
        if (uri[size] == '*' || uri[size] == '?')
            return NULL;
        if (g_str_has_prefix(uri, attribute))
            return g_strndup(uri + strlen(attribute), size - strlen(attribute));
        uri += size;
        if (!*uri)
            return NULL;
    }
    return NULL;
}

/* Whether all of everything was looked at. */
static bool is_complete(const P11dScope *scope)
{
    const GPtrArray *listing = scope->inventory->listing;
    bool complete = p11d_target_is_empty(scope->target) && scope->hosts->failures->len == 0;
    for (guint i = 0; complete && i < listing->len; i++)
        complete = !((const P11dListingToken *)listing->pdata[i])->hides;
    return complete;
}

bool p11d_scope_covers(const char *about, const void *data)
{
    const P11dScope *scope = data;
    const GPtrArray *listing = scope->inventory->listing;
    g_autofree char *named = token_of(about);
    bool is_seen = false, is_whole = !scope->target->has_objects;
    for (guint i = 0; named && i < listing->len; i++) {
        const P11dListingToken *entry = listing->pdata[i];
        g_autofree char *uri = p11d_item_token_uri(entry->token);
        g_autofree char *token = token_of(uri);
        if (g_strcmp0(token, named) != 0)
            continue;
        is_seen = true;
        is_whole = is_whole && !entry->hides;
    }
    return is_seen ? is_whole : is_complete(scope) && !(named && scope->by_module);
}
