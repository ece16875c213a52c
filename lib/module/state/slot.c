// SPDX-License-Identifier: MIT
#include "slot.h"

#include <stdlib.h>
#include <string.h>

#include "token.h"

static char *names[P11D_SLOT_MAX]; /* of slot i + 1 */
static CK_ULONG name_count;

CK_SLOT_ID p11d_slot_assign(const char *name)
{
    for (CK_ULONG i = 0; i < name_count; i++) {
        if (strcmp(names[i], name) == 0)
            return i + 1;
    }
    if (name_count == P11D_SLOT_MAX || !(names[name_count] = strdup(name)))
        return 0;
    return ++name_count;
}

CK_RV p11d_slot_list(P11dInstance *instance, CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    if (!count)
        return CKR_ARGUMENTS_BAD;
    const CK_RV value = p11d_service_look(instance);
    if (value == CKR_HOST_MEMORY || value == CKR_CRYPTOKI_NOT_INITIALIZED)
        return value;
    /* A service that is not there is a list of empty slots, not a failure. */
    CK_ULONG found = 0;
    for (size_t i = 0; i < instance->token_count; i++) {
        const P11dToken *token = instance->tokens[i];
        if (present && !token->present)
            continue;
        if (list && found < *count)
            list[found] = token->slot;
        found++;
    }
    const bool fits = !list || found <= *count;
    *count = found;
    return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

CK_RV p11d_slot_info(P11dInstance *instance, CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    if (!info)
        return CKR_ARGUMENTS_BAD;
    p11d_service_look(instance);
    const P11dToken *token = p11d_token_find(instance, slot);
    if (!token)
        return CKR_SLOT_ID_INVALID;
    /* Removable: every token comes and goes with its service. */
    *info = (CK_SLOT_INFO){.flags = CKF_REMOVABLE_DEVICE | (token->present ? CKF_TOKEN_PRESENT : 0),
                           .hardwareVersion = token->properties.hardware,
                           .firmwareVersion = token->properties.firmware};
    p11d_properties_pad(info->slotDescription, sizeof info->slotDescription, token->title);
    p11d_properties_pad(info->manufacturerID, sizeof info->manufacturerID, "p11dbus");
    return CKR_OK;
}
