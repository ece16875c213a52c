// SPDX-License-Identifier: MIT
#include "interfaces.h"

#include <stdbool.h>
#include <string.h>

#include "residence.h"

static CK_FUNCTION_LIST functions_2_40 = {
    .version = {2, 40},
#define FUNCTION(name) .name = name,
#include "function-rows.inc"
};
static CK_FUNCTION_LIST_3_0 functions_3_0 = {
    .version = {3, 0},
#define FUNCTION(name) .name = name,
#define FUNCTION_3_0 FUNCTION
#include "function-rows.inc"
};

/* 3.1 has no function that 3.0 has not. */
static CK_FUNCTION_LIST_3_0 functions_3_1 = {
    .version = {3, 1},
#define FUNCTION(name) .name = name,
#define FUNCTION_3_0 FUNCTION
#include "function-rows.inc"
};
static CK_FUNCTION_LIST_3_2 functions_3_2 = {
    .version = {3, 2},
#define FUNCTION(name) .name = name,
#define FUNCTION_3_0 FUNCTION
#define FUNCTION_3_2 FUNCTION
#include "function-rows.inc"
};

static CK_UTF8CHAR standard[] = "PKCS 11";

/*
 * The newest first. Not CKF_INTERFACE_FORK_SAFE: that would promise that a child keeps its parent's
 * sessions and logins (PKCS#11 3.2, section 3.6). Here a child begins anew, with C_Initialize.
 * The name is a void * since one header says CK_UTF8CHAR * of it and another char *.
 */
static CK_INTERFACE interfaces[] = {
    {(void *)standard, &functions_3_2, 0},
    {(void *)standard, &functions_3_1, 0},
    {(void *)standard, &functions_3_0, 0},
    {(void *)standard, &functions_2_40, 0},
};

#define INTERFACE_COUNT (sizeof interfaces / sizeof interfaces[0])

CK_RV p11d_interfaces_functions(CK_FUNCTION_LIST **list)
{
    p11d_residence_take();
    if (!list)
        return CKR_ARGUMENTS_BAD;
    *list = &functions_2_40;
    return CKR_OK;
}

CK_RV p11d_interfaces_list(CK_INTERFACE *list, CK_ULONG *count)
{
    p11d_residence_take();
    if (!count)
        return CKR_ARGUMENTS_BAD;
    const bool fits = !list || *count >= INTERFACE_COUNT;
    if (list && fits)
        memcpy(list, interfaces, sizeof interfaces);
    *count = INTERFACE_COUNT;
    return fits ? CKR_OK : CKR_BUFFER_TOO_SMALL;
}

/* Whether interface has all that version has: each list goes on where the one before it ends. */
static bool has_all_of(const CK_INTERFACE *interface, const CK_VERSION *version)
{
    const CK_VERSION *ours = interface->pFunctionList; /* every list begins with its version */
    return version->major == ours->major && version->minor <= ours->minor;
}

CK_RV p11d_interfaces_get(const CK_UTF8CHAR *name, const CK_VERSION *version,
                          CK_INTERFACE **interface, CK_FLAGS flags)
{
    CK_INTERFACE *found = NULL;
    p11d_residence_take();
    for (size_t i = 0; i < INTERFACE_COUNT; i++) {
        CK_INTERFACE *ours = &interfaces[i];
        const bool wanted =
            (!name || strcmp((const char *)name, (const char *)ours->pInterfaceName) == 0) &&
            (flags & ~ours->flags) == 0;
        if (wanted && (version ? has_all_of(ours, version) : !found))
            found = ours;
    }
    if (!interface || !found)
        return CKR_ARGUMENTS_BAD;
    *interface = found;
    return CKR_OK;
}
