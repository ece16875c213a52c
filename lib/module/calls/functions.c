// SPDX-License-Identifier: MIT
/* How an application finds the functions: the list of 2.40, and the interfaces of 3.0. */
#include "entry.h"

#include <string.h>

#include "call.h"
#include "residence.h"

static CK_FUNCTION_LIST functions = {
    .version = {2, 40},
    .C_Initialize = C_Initialize,
    .C_Finalize = C_Finalize,
    .C_GetInfo = C_GetInfo,
    .C_GetFunctionList = C_GetFunctionList,
    .C_GetSlotList = C_GetSlotList,
    .C_GetSlotInfo = C_GetSlotInfo,
    .C_GetTokenInfo = C_GetTokenInfo,
    .C_GetMechanismList = C_GetMechanismList,
    .C_GetMechanismInfo = C_GetMechanismInfo,
    .C_InitToken = C_InitToken,
    .C_InitPIN = C_InitPIN,
    .C_SetPIN = C_SetPIN,
    .C_OpenSession = C_OpenSession,
    .C_CloseSession = C_CloseSession,
    .C_CloseAllSessions = C_CloseAllSessions,
    .C_GetSessionInfo = C_GetSessionInfo,
    .C_GetOperationState = C_GetOperationState,
    .C_SetOperationState = C_SetOperationState,
    .C_Login = C_Login,
    .C_Logout = C_Logout,
    .C_CreateObject = C_CreateObject,
    .C_CopyObject = C_CopyObject,
    .C_DestroyObject = C_DestroyObject,
    .C_GetObjectSize = C_GetObjectSize,
    .C_GetAttributeValue = C_GetAttributeValue,
    .C_SetAttributeValue = C_SetAttributeValue,
    .C_FindObjectsInit = C_FindObjectsInit,
    .C_FindObjects = C_FindObjects,
    .C_FindObjectsFinal = C_FindObjectsFinal,
    .C_EncryptInit = C_EncryptInit,
    .C_Encrypt = C_Encrypt,
    .C_EncryptUpdate = C_EncryptUpdate,
    .C_EncryptFinal = C_EncryptFinal,
    .C_DecryptInit = C_DecryptInit,
    .C_Decrypt = C_Decrypt,
    .C_DecryptUpdate = C_DecryptUpdate,
    .C_DecryptFinal = C_DecryptFinal,
    .C_DigestInit = C_DigestInit,
    .C_Digest = C_Digest,
    .C_DigestUpdate = C_DigestUpdate,
    .C_DigestKey = C_DigestKey,
    .C_DigestFinal = C_DigestFinal,
    .C_SignInit = C_SignInit,
    .C_Sign = C_Sign,
    .C_SignUpdate = C_SignUpdate,
    .C_SignFinal = C_SignFinal,
    .C_SignRecoverInit = C_SignRecoverInit,
    .C_SignRecover = C_SignRecover,
    .C_VerifyInit = C_VerifyInit,
    .C_Verify = C_Verify,
    .C_VerifyUpdate = C_VerifyUpdate,
    .C_VerifyFinal = C_VerifyFinal,
    .C_VerifyRecoverInit = C_VerifyRecoverInit,
    .C_VerifyRecover = C_VerifyRecover,
    .C_DigestEncryptUpdate = C_DigestEncryptUpdate,
    .C_DecryptDigestUpdate = C_DecryptDigestUpdate,
    .C_SignEncryptUpdate = C_SignEncryptUpdate,
    .C_DecryptVerifyUpdate = C_DecryptVerifyUpdate,
    .C_GenerateKey = C_GenerateKey,
    .C_GenerateKeyPair = C_GenerateKeyPair,
    .C_WrapKey = C_WrapKey,
    .C_UnwrapKey = C_UnwrapKey,
    .C_DeriveKey = C_DeriveKey,
    .C_SeedRandom = C_SeedRandom,
    .C_GenerateRandom = C_GenerateRandom,
    .C_GetFunctionStatus = C_GetFunctionStatus,
    .C_CancelFunction = C_CancelFunction,
    .C_WaitForSlotEvent = C_WaitForSlotEvent,
};

static CK_UTF8CHAR interface_name[] = "PKCS 11";

/*
 * Not CKF_INTERFACE_FORK_SAFE: that would promise that a child keeps its parent's sessions and
 * logins (PKCS#11 3.1, section 5.4.6). Here a child begins anew, with C_Initialize.
 * The name is a void * since one header says CK_UTF8CHAR * of it and another char *.
 */
static CK_INTERFACE interfaces[] = {{(void *)interface_name, &functions, 0}};

#define INTERFACE_COUNT (sizeof interfaces / sizeof interfaces[0])

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    p11d_residence_take();
    if (list)
        *list = &functions;
    return p11d_call_end(&call, list ? CKR_OK : CKR_ARGUMENTS_BAD);
}

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    p11d_residence_take();
    CK_RV rv = count ? CKR_OK : CKR_ARGUMENTS_BAD;
    if (rv == CKR_OK && list && *count < INTERFACE_COUNT)
        rv = CKR_BUFFER_TOO_SMALL;
    else if (rv == CKR_OK && list)
        memcpy(list, interfaces, sizeof interfaces);
    if (count)
        *count = INTERFACE_COUNT;
    return p11d_call_end(&call, rv);
}

static bool is_wanted(const CK_INTERFACE *interface, const CK_UTF8CHAR *name,
                      const CK_VERSION *version, CK_FLAGS flags)
{
    const CK_VERSION *ours = interface->pFunctionList; /* every list begins with its version */
    return (!name || strcmp((const char *)name, (const char *)interface->pInterfaceName) == 0) &&
           (!version || (version->major == ours->major && version->minor == ours->minor)) &&
           (flags & ~interface->flags) == 0;
}

CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    p11d_residence_take();
    CK_RV rv = interface ? CKR_FUNCTION_FAILED : CKR_ARGUMENTS_BAD;
    for (size_t i = 0; interface && rv != CKR_OK && i < INTERFACE_COUNT; i++) {
        if (is_wanted(&interfaces[i], name, version, flags)) {
            *interface = &interfaces[i];
            rv = CKR_OK;
        }
    }
    return p11d_call_end(&call, rv);
}
