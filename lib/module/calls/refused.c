// SPDX-License-Identifier: MIT
/*
 * The functions of PKCS#11 2.40 that have one answer only, nearly all of them because this version
 * does not have them. They are in the function list like all others and answer after the checks
 * that every function makes.
 */
#include "entry.h"

#include "call.h"

/* None of them looks at its arguments. */
#pragma GCC diagnostic ignored "-Wunused-parameter"

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG pin_size, CK_UTF8CHAR *label)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__) ?: CKR_FUNCTION_NOT_SUPPORTED);
}

/* PKCS#11 3.1, section 5.21: nothing ever runs in parallel. */
CK_RV C_GetFunctionStatus(CK_SESSION_HANDLE session)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_PARALLEL);
}

CK_RV C_CancelFunction(CK_SESSION_HANDLE session)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_PARALLEL);
}

/* Section 5.20: what the kernel has is seeded already. */
CK_RV C_SeedRandom(CK_SESSION_HANDLE session, CK_BYTE *seed, CK_ULONG size)
{
    return p11d_call_refuse(__func__, session, CKR_RANDOM_SEED_NOT_SUPPORTED);
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG pin_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_size,
               CK_UTF8CHAR *new_pin, CK_ULONG new_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG *size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG size,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *templ, CK_ULONG count,
                     CK_OBJECT_HANDLE *object)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
                   CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
                          CK_ULONG count)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                    CK_ULONG *signature_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_size,
                      CK_BYTE *data, CK_ULONG *size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size,
                            CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size,
                          CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *templ,
                    CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                        CK_ATTRIBUTE *public_templ, CK_ULONG public_count,
                        CK_ATTRIBUTE *private_templ, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping_key,
                CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *wrapped_size)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped, CK_ULONG wrapped_size,
                  CK_ATTRIBUTE *templ, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base_key,
                  CK_ATTRIBUTE *templ, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    return p11d_call_refuse(__func__, session, CKR_FUNCTION_NOT_SUPPORTED);
}
