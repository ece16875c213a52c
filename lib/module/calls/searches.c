// SPDX-License-Identifier: MIT
#include "searches.h"

#include <stdlib.h>
#include <string.h>

#include "order.h"

typedef struct Search {
    P11dOperation operation;
    P11dHandles found;
    size_t given; /* how many of them C_FindObjects gave out */
} Search;

static void free_search(P11dOperation *operation)
{
    Search *search = (Search *)operation;
    p11d_handles_clear(&search->found);
    free(search);
}

static CK_RV find(P11dToken *token, const CK_ATTRIBUTE *templ, CK_ULONG count,
                  P11dOperation **operation)
{
    CK_RV rv = p11d_listing_look(token);
    if (rv != CKR_OK)
        return rv;
    Search *search = calloc(1, sizeof *search);
    if (!search)
        return CKR_HOST_MEMORY;
    search->operation.free = free_search;
    p11d_handles_init(&search->found);
    rv = p11d_snapshot_search(&token->snapshot, templ, count, &search->found);
    if (rv == CKR_OK)
        *operation = &search->operation;
    else
        free_search(&search->operation);
    return rv;
}

CK_RV p11d_searches_begin(P11dInstance *instance, CK_SESSION_HANDLE session,
                          const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    CK_RV rv = p11d_session_begin(instance, session, P11D_OPERATION_SEARCH, NULL);
    if (rv != CKR_OK)
        return rv;
    P11dOperation *search = NULL;
    P11dTemplateArgument checked;
    rv = p11d_order_template(templ, count, &checked);
    if (rv == CKR_OK)
        rv = find(p11d_session_find(instance, session)->token, templ, count, &search);
    p11d_session_put(instance, session, P11D_OPERATION_SEARCH, search);
    return rv;
}

CK_RV p11d_searches_next(P11dInstance *instance, CK_SESSION_HANDLE session,
                         CK_OBJECT_HANDLE *objects, CK_ULONG most, CK_ULONG *count)
{
    P11dOperation *operation;
    const CK_RV rv = p11d_session_take(instance, session, P11D_OPERATION_SEARCH, &operation);
    if (rv != CKR_OK)
        return rv;
    Search *search = (Search *)operation;
    const bool good = count && (objects || most == 0);
    if (good) {
        size_t portion = search->found.count - search->given;
        if (portion > most)
            portion = most;
        if (portion > 0)
            memcpy(objects, search->found.items + search->given, portion * sizeof *objects);
        search->given += portion;
        *count = portion;
    }
    p11d_session_put(instance, session, P11D_OPERATION_SEARCH, operation);
    return good ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV p11d_searches_end(P11dInstance *instance, CK_SESSION_HANDLE session)
{
    P11dOperation *operation;
    const CK_RV rv = p11d_session_take(instance, session, P11D_OPERATION_SEARCH, &operation);
    if (rv != CKR_OK)
        return rv;
    p11d_session_put(instance, session, P11D_OPERATION_SEARCH, NULL);
    free_search(operation);
    return CKR_OK;
}
