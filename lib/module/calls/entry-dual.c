// SPDX-License-Identifier: MIT
/* The functions that are about two operations, or about data in a signature or in a key. */
#include "entry.h"

#include "call.h"
#include "digestkey.h"
#include "dual.h"
#include "operation.h"

CK_RV C_SignRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_init(call.instance, &p11d_operation_sign_recover,
                                                    session, mechanism, key));
}

CK_RV C_SignRecover(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
                    CK_ULONG *signature_size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_whole(call.instance,
                                                            &p11d_operation_sign_recover, session,
                                                            data, size, signature, signature_size));
}

CK_RV C_VerifyRecoverInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_init(call.instance, &p11d_operation_verify_recover,
                                                    session, mechanism, key));
}

CK_RV C_VerifyRecover(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_size,
                      CK_BYTE *data, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_whole(call.instance,
                                                            &p11d_operation_verify_recover, session,
                                                            signature, signature_size, data, size));
}

CK_RV C_DigestKey(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_digestkey(call.instance, session, key));
}

CK_RV C_DigestEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size,
                            CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_dual_encrypt(call.instance, &p11d_operation_digest, session,
                                                  part, size, encrypted, encrypted_size));
}

CK_RV C_SignEncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size,
                          CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_dual_encrypt(call.instance, &p11d_operation_sign, session,
                                                  part, size, encrypted, encrypted_size));
}

CK_RV C_DecryptDigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_dual_decrypt(call.instance, &p11d_operation_digest, session,
                                                  encrypted, encrypted_size, part, size));
}

CK_RV C_DecryptVerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                            CK_BYTE *part, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_dual_decrypt(call.instance, &p11d_operation_verify, session,
                                                  encrypted, encrypted_size, part, size));
}
