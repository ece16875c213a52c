// SPDX-License-Identifier: MIT
#include "offers.h"

/* A token that claims more is broken. */
#define MAX_MECHANISMS 4096

bool p11d_offers_claim(const P11dHostToken *token, CK_MECHANISM_TYPE type, CK_FLAGS flag)
{
    CK_MECHANISM_INFO info = {0};
    return token->functions->C_GetMechanismInfo(token->slot, type, &info) == CKR_OK &&
           (info.flags & flag);
}

GArray *p11d_offers_claiming(const P11dHostToken *token, CK_FLAGS flag)
{
    CK_FUNCTION_LIST *functions = token->functions;
    GArray *types = g_array_new(FALSE, TRUE, sizeof(CK_MECHANISM_TYPE));
    CK_ULONG count = 0;
    if (functions->C_GetMechanismList(token->slot, NULL, &count) != CKR_OK ||
        count > MAX_MECHANISMS)
        return types;
    g_array_set_size(types, (guint)count);
    CK_MECHANISM_TYPE *list = (CK_MECHANISM_TYPE *)(void *)types->data;
    if (functions->C_GetMechanismList(token->slot, list, &count) != CKR_OK)
        count = 0;
    g_array_set_size(types, (guint)MIN(count, types->len));
    for (guint i = types->len; i > 0; i--)
        if (!p11d_offers_claim(token, g_array_index(types, CK_MECHANISM_TYPE, i - 1), flag))
            g_array_remove_index(types, i - 1);
    return types;
}
