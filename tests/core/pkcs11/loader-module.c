// SPDX-License-Identifier: MIT
/* Modules for the test of the loader: each is this file with another value of VARIANT. */
#include "loader-module.h"

LoaderModule loader_module;

static CK_RV initialize(void *arguments)
{
    const CK_C_INITIALIZE_ARGS *given = arguments;
    if (loader_module.initialized)
        return CKR_CRYPTOKI_ALREADY_INITIALIZED;
    if (loader_module.refuses)
        return CKR_DEVICE_ERROR;
    loader_module.initialized = true;
    loader_module.initializations++;
    loader_module.flags = given ? given->flags : 0;
    loader_module.reserved = given ? given->pReserved : NULL;
    return CKR_OK;
}

static CK_RV finalize(void *unused)
{
    (void)unused;
    loader_module.initialized = false;
    loader_module.finalized_at = ++*loader_module.clock;
    return CKR_OK;
}

static CK_RV get_info(CK_INFO *unused)
{
    (void)unused;
    return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_FUNCTION_LIST functions = {
    .version = {VARIANT == VARIANT_VERSION_1   ? 1
                : VARIANT == VARIANT_VERSION_3 ? 3
                                               : 2,
                0},
    .C_Initialize = VARIANT == VARIANT_HOLES ? NULL : initialize,
    .C_Finalize = finalize,
    .C_GetInfo = get_info,
};

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    *list = VARIANT == VARIANT_NULL ? NULL : &functions;
    return VARIANT == VARIANT_FAILS ? CKR_GENERAL_ERROR : CKR_OK;
}
