// SPDX-License-Identifier: MIT
#include "interfaces.h"

#include <dlfcn.h>
#include <string.h>

#include "error-name.h"

#define MAX_INTERFACES 64
#define STANDARD "PKCS 11"

/* PKCS#11 3.1, 5.4.5 and 5.4.6. */
typedef CK_RV GetInterfaceList(CK_INTERFACE *interfaces, CK_ULONG *count);
typedef CK_RV GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                           CK_FLAGS flags);

typedef struct Exports {
    GetInterfaceList *list;
    GetInterface *get;
} Exports;

/* What the module exports besides C_GetFunctionList. It stays open, as the loader has it. */
static Exports find_exports(const P11dCheckRun *run)
{
    Exports exports = {NULL, NULL};
    void *handle = dlopen(run->host->library->path, RTLD_NOW | RTLD_NOLOAD);
    void *list = handle ? dlsym(handle, "C_GetInterfaceList") : NULL;
    void *get = handle ? dlsym(handle, "C_GetInterface") : NULL;
    memcpy(&exports.list, &list, sizeof list);
    memcpy(&exports.get, &get, sizeof get);
    return exports;
}

/* Whether one of them can be looked at: a name, and functions that begin with their version. */
static bool is_whole(P11dCheckRun *run, const CK_INTERFACE *interface, CK_ULONG number)
{
    if (interface->pInterfaceName && interface->pFunctionList)
        return true;
    p11d_check_tell(run, P11D_CHECK_FAIL, "C_GetInterfaceList gives interface %lu without %s",
                    number, interface->pInterfaceName ? "functions" : "a name");
    return false;
}

/* What is initialised through one of the lists is so through each of them. */
static void use(P11dCheckRun *run, const CK_FUNCTION_LIST *functions, const char *which)
{
    char scratch[P11D_NAME_SIZE];
    CK_ULONG count = 0;
    if (functions->version.major != 2 && functions->version.major != 3) {
        p11d_check_tell(run, P11D_CHECK_FAIL, "%s has version %u.%u", which,
                        functions->version.major, functions->version.minor);
        return;
    }
    CK_RV rv = functions->C_GetSlotList(CK_FALSE, NULL, &count);
    if (rv != CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetSlotList of %s answers %s, where that of C_GetFunctionList is "
                        "initialised",
                        which, p11d_error_ckr(rv, scratch));
}

/* C_GetInterface must give what the list has under that name and version. */
static void get_again(P11dCheckRun *run, GetInterface *get, const CK_INTERFACE *listed)
{
    char scratch[P11D_NAME_SIZE];
    CK_VERSION version;
    CK_INTERFACE *found = NULL;
    memcpy(&version, listed->pFunctionList, sizeof version);
    CK_RV rv = get((CK_UTF8CHAR *)listed->pInterfaceName, &version, &found, 0);
    if (rv != CKR_OK || !found)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetInterface answers %s to \"%s\" %u.%u, which C_GetInterfaceList has",
                        p11d_error_ckr(rv, scratch), (const char *)listed->pInterfaceName,
                        version.major, version.minor);
    else if (!found->pFunctionList || memcmp(found->pFunctionList, &version, sizeof version) != 0)
        p11d_check_tell(run, P11D_CHECK_FAIL, "C_GetInterface gives another version than %u.%u",
                        version.major, version.minor);
    else if (strcmp((const char *)listed->pInterfaceName, STANDARD) == 0)
        use(run, found->pFunctionList, "what C_GetInterface gives");
}

static void get_default(P11dCheckRun *run, GetInterface *get)
{
    static char unknown[] = "p11dbus smoke: no such interface";
    char scratch[P11D_NAME_SIZE];
    CK_INTERFACE *found = NULL;
    CK_RV rv = get(NULL, NULL, &found, 0);
    if (rv != CKR_OK || !found || !found->pFunctionList)
        p11d_check_tell(run, P11D_CHECK_FAIL, "C_GetInterface gives no default interface: %s",
                        p11d_error_ckr(rv, scratch));
    else
        use(run, found->pFunctionList, "the default interface");
    if (get((CK_UTF8CHAR *)unknown, NULL, &found, 0) == CKR_OK)
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetInterface answers CKR_OK to a name that nobody has");
}

static void look_through(P11dCheckRun *run, const Exports *exports)
{
    CK_INTERFACE interfaces[MAX_INTERFACES];
    CK_ULONG asked = 0, count = MAX_INTERFACES;
    memset(interfaces, 0, sizeof interfaces);
    if (!p11d_check_ok(run, exports->list(NULL, &asked), "C_GetInterfaceList for the number") ||
        !p11d_check_ok(run, exports->list(interfaces, &count), "C_GetInterfaceList"))
        return;
    if (asked != count || count == 0 || count > MAX_INTERFACES) {
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetInterfaceList says that there are %lu, and then gives %lu", asked,
                        count);
        return;
    }
    bool same = false;
    const CK_FUNCTION_LIST *first = run->host->library->functions;
    for (CK_ULONG i = 0; i < count; i++) {
        if (!is_whole(run, &interfaces[i], i) ||
            strcmp((const char *)interfaces[i].pInterfaceName, STANDARD) != 0)
            continue;
        same = same ||
               memcmp(interfaces[i].pFunctionList, &first->version, sizeof first->version) == 0;
        use(run, interfaces[i].pFunctionList, "one that C_GetInterfaceList gives");
        get_again(run, exports->get, &interfaces[i]);
    }
    if (!same)
        p11d_check_tell(
            run, P11D_CHECK_FAIL,
            "C_GetFunctionList gives version %u.%u, which C_GetInterfaceList does not have",
            first->version.major, first->version.minor);
}

void p11d_interfaces_lists(P11dCheckRun *run)
{
    Exports exports = find_exports(run);
    const CK_VERSION *says = &run->host->info.cryptokiVersion;
    if (exports.list && exports.get) {
        look_through(run, &exports);
        get_default(run, exports.get);
    } else if (exports.list || exports.get) {
        p11d_check_tell(run, P11D_CHECK_FAIL, "exports %s and not %s",
                        exports.list ? "C_GetInterfaceList" : "C_GetInterface",
                        exports.list ? "C_GetInterface" : "C_GetInterfaceList");
    } else if (says->major >= 3) {
        p11d_check_tell(run, P11D_CHECK_FAIL,
                        "C_GetInfo says PKCS#11 %u.%u, and there is no C_GetInterface", says->major,
                        says->minor);
    } else {
        p11d_check_tell(run, P11D_CHECK_PASS,
                        "there is C_GetFunctionList alone, as in PKCS#11 %u.%u", says->major,
                        says->minor);
    }
}
