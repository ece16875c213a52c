// SPDX-License-Identifier: MIT
#include "keynote.h"

#include <string.h>

#include "failure.h"
#include "interface.h"
#include "text.h"

/* A token that cannot be searched for data objects, as some cannot, has no notes. */
static const P11dItem *find(const P11dTarget *target, P11dHostToken *token, GPtrArray *items)
{
    static const char application[] = P11D_NOTE_APPLICATION;
    if (!p11d_target_search(target, token, CKO_DATA, items, NULL))
        return NULL;
    for (guint i = 0; i < items->len; i++) {
        const P11dItem *item = items->pdata[i];
        const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, CKA_APPLICATION);
        if (found && found->ulValueLen == strlen(application) &&
            memcmp(found->pValue, application, strlen(application)) == 0)
            return item;
    }
    return NULL;
}

gboolean p11d_keynote_check(const P11dTarget *target, const GPtrArray *tokens, GError **error)
{
    const P11dItem *note = NULL;
    g_autoptr(GPtrArray) items = p11d_item_array();
    bool named = p11_kit_uri_get_attribute(target->uri, CKA_LABEL);
    for (guint i = 0; named && !note && i < tokens->len; i++)
        note = find(target, tokens->pdata[i], items);
    if (!note)
        return TRUE;
    const CK_ATTRIBUTE *value = p11d_template_find(&note->attributes, CKA_VALUE);
    g_autofree char *why =
        p11d_text_visible(value ? value->pValue : "", value ? (gssize)value->ulValueLen : 0);
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "the service's log names its file",
                     "the service does not serve the key of %s: %s", target->text, why);
    return FALSE;
}
