// SPDX-License-Identifier: MIT
/* The functions of messages. */
#include "entry.h"

#include "call.h"
#include "messages.h"

CK_RV C_MessageEncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_init(call.instance, &p11d_messages_encrypt,
                                                          session, mechanism, key));
}

CK_RV C_EncryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                       CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *data, CK_ULONG size,
                       CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .associated = {associated, associated_size},
                                     .input = {data, size},
                                     .output = encrypted,
                                     .output_size = encrypted_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_whole(call.instance, &p11d_messages_encrypt,
                                                           session, &message));
}

CK_RV C_EncryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                            CK_BYTE *associated, CK_ULONG associated_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .associated = {associated, associated_size}};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_begin(call.instance, &p11d_messages_encrypt,
                                                           session, &message));
}

CK_RV C_EncryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                           CK_BYTE *part, CK_ULONG size, CK_BYTE *encrypted,
                           CK_ULONG *encrypted_size, CK_FLAGS flags)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {part, size},
                                     .output = encrypted,
                                     .output_size = encrypted_size,
                                     .last = (flags & CKF_END_OF_MESSAGE) != 0};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_next(call.instance, &p11d_messages_encrypt, session, &message));
}

CK_RV C_MessageEncryptFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_final(call.instance, &p11d_messages_encrypt, session));
}

CK_RV C_MessageDecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_init(call.instance, &p11d_messages_decrypt,
                                                          session, mechanism, key));
}

CK_RV C_DecryptMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                       CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *encrypted,
                       CK_ULONG encrypted_size, CK_BYTE *data, CK_ULONG *size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .associated = {associated, associated_size},
                                     .input = {encrypted, encrypted_size},
                                     .output = data,
                                     .output_size = size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_whole(call.instance, &p11d_messages_decrypt,
                                                           session, &message));
}

CK_RV C_DecryptMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                            CK_BYTE *associated, CK_ULONG associated_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .associated = {associated, associated_size}};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_begin(call.instance, &p11d_messages_decrypt,
                                                           session, &message));
}

CK_RV C_DecryptMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                           CK_BYTE *encrypted, CK_ULONG encrypted_size, CK_BYTE *part,
                           CK_ULONG *size, CK_FLAGS flags)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {encrypted, encrypted_size},
                                     .output = part,
                                     .output_size = size,
                                     .last = (flags & CKF_END_OF_MESSAGE) != 0};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_next(call.instance, &p11d_messages_decrypt, session, &message));
}

CK_RV C_MessageDecryptFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_final(call.instance, &p11d_messages_decrypt, session));
}

CK_RV C_MessageSignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_init(call.instance, &p11d_messages_sign,
                                                          session, mechanism, key));
}

CK_RV C_SignMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                    CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {data, size},
                                     .output = signature,
                                     .output_size = signature_size};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_whole(call.instance, &p11d_messages_sign, session, &message));
}

CK_RV C_SignMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter, .parameter_size = parameter_size};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_begin(call.instance, &p11d_messages_sign, session, &message));
}

CK_RV C_SignMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                        CK_BYTE *part, CK_ULONG size, CK_BYTE *signature, CK_ULONG *signature_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {part, size},
                                     .output = signature,
                                     .output_size = signature_size,
                                     .last = signature_size != NULL};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_next(call.instance, &p11d_messages_sign, session, &message));
}

CK_RV C_MessageSignFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_messages_final(call.instance, &p11d_messages_sign, session));
}

CK_RV C_MessageVerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_messages_init(call.instance, &p11d_messages_verify,
                                                          session, mechanism, key));
}

CK_RV C_VerifyMessage(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                      CK_BYTE *data, CK_ULONG size, CK_BYTE *signature, CK_ULONG signature_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {data, size},
                                     .signature = {signature, signature_size}};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_whole(call.instance, &p11d_messages_verify, session, &message));
}

CK_RV C_VerifyMessageBegin(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter, .parameter_size = parameter_size};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_begin(call.instance, &p11d_messages_verify, session, &message));
}

CK_RV C_VerifyMessageNext(CK_SESSION_HANDLE session, void *parameter, CK_ULONG parameter_size,
                          CK_BYTE *part, CK_ULONG size, CK_BYTE *signature, CK_ULONG signature_size)
{
    P11dCall call;
    const P11dMessageData message = {.parameter = parameter,
                                     .parameter_size = parameter_size,
                                     .input = {part, size},
                                     .signature = {signature, signature_size},
                                     .last = signature != NULL};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_messages_next(call.instance, &p11d_messages_verify, session, &message));
}

CK_RV C_MessageVerifyFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_messages_final(call.instance, &p11d_messages_verify, session));
}
