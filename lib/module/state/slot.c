// SPDX-License-Identifier: MIT
#include "slot.h"

#include <string.h>

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
