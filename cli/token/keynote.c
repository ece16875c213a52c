// SPDX-License-Identifier: MIT
#include "keynote.h"

#include <string.h>

#include "failure.h"
#include "interface.h"
#include "text.h"

static bool is_note(const P11dItem *item)
{
    static const char application[] = P11D_NOTE_APPLICATION;
    const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, CKA_APPLICATION);
    return item->class == CKO_DATA && found && found->ulValueLen == strlen(application) &&
           memcmp(found->pValue, application, strlen(application)) == 0;
}

char *p11d_keynote_text(const P11dItem *item)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    return is_note(item) ? p11d_text_visible(value ? value->pValue : "",
                                             value ? (gssize)value->ulValueLen : 0)
                         : NULL;
}

/* A token that cannot be searched for data objects, as some cannot, has no notes. */
static const P11dItem *find(const P11dTarget *target, P11dHostToken *token, GPtrArray *items)
{
    if (!p11d_target_search(target, token, CKO_DATA, items, NULL))
        return NULL;
    for (guint i = 0; i < items->len; i++)
        if (is_note(items->pdata[i]))
            return items->pdata[i];
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
    g_autofree char *why = p11d_keynote_text(note);
    p11d_failure_set(error, P11D_FAILURE_UNSUPPORTED, "the service's log names its file",
                     "the service does not serve the key of %s: %s", target->text, why);
    return FALSE;
}
