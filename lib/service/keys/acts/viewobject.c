// SPDX-License-Identifier: MIT
#include "viewobject.h"

#include "sessionobject.h"
#include "tokenobject.h"

CK_RV p11d_viewobject_get(P11dKeyView *view, uint64_t id, P11dTemplate *templ, P11dServedKey **key)
{
    return p11d_sessionobject_is(id) ? p11d_sessionobject_get(view, id, templ, key)
                                     : p11d_tokenobject_get(view, id, templ, key);
}
