// SPDX-License-Identifier: MIT
#include "keynote.h"

#include <string.h>

#include "interface.h"
#include "text.h"

static bool is_note(const P11dItem *item, const char *application)
{
    const CK_ATTRIBUTE *found = p11d_template_find(&item->attributes, CKA_APPLICATION);
    return item->class == CKO_DATA && found && found->ulValueLen == strlen(application) &&
           memcmp(found->pValue, application, strlen(application)) == 0;
}

static char *text_of(const P11dItem *item, const char *application)
{
    const CK_ATTRIBUTE *value = p11d_template_find(&item->attributes, CKA_VALUE);
    return is_note(item, application) ? p11d_text_visible(value ? value->pValue : "",
                                                          value ? (gssize)value->ulValueLen : 0)
                                      : NULL;
}

char *p11d_keynote_text(const P11dItem *item)
{
    return text_of(item, P11D_NOTE_APPLICATION);
}

char *p11d_keynote_exposure(const P11dItem *item)
{
    return text_of(item, P11D_EXPOSURE_APPLICATION);
}

char *p11d_keynote_find(const GPtrArray *items)
{
    char *text = NULL;
    for (guint i = 0; i < items->len && !text; i++)
        text = p11d_keynote_text(items->pdata[i]);
    return text;
}
