// SPDX-License-Identifier: MIT
#include "entry.h"

#include "attributes.h"
#include "call.h"
#include "event.h"
#include "interfaces.h"
#include "life.h"
#include "operation.h"
#include "order.h"
#include "saved.h"
#include "searches.h"
#include "sessions.h"
#include "slots.h"

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    return p11d_call_end(&call, p11d_interfaces_functions(list));
}

CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    return p11d_call_end(&call, p11d_interfaces_list(list, count));
}

CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **interface,
                     CK_FLAGS flags)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    return p11d_call_end(&call, p11d_interfaces_get(name, version, interface, flags));
}

CK_RV C_Initialize(void *arguments)
{
    P11dCall call;
    p11d_call_begin_bare(&call, __func__);
    return p11d_call_end(&call, p11d_life_initialize(arguments));
}

CK_RV C_Finalize(void *reserved)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_life_finalize(call.instance, reserved));
}

CK_RV C_GetInfo(CK_INFO *info)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__) ?: p11d_life_info(info));
}

CK_RV C_GetSlotList(CK_BBOOL present, CK_SLOT_ID *list, CK_ULONG *count)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_slots_list(call.instance, present, list, count));
}

CK_RV C_GetSlotInfo(CK_SLOT_ID slot, CK_SLOT_INFO *info)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_slots_info(call.instance, slot, info));
}

CK_RV C_GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO *info)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_slots_token(call.instance, slot, info));
}

CK_RV C_WaitForSlotEvent(CK_FLAGS flags, CK_SLOT_ID *slot, void *reserved)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_event_wait(call.instance, flags, slot, reserved));
}

CK_RV C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE *list, CK_ULONG *count)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_slots_mechanisms(call.instance, slot, list, count));
}

CK_RV C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE mechanism, CK_MECHANISM_INFO *info)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_slots_mechanism(call.instance, slot, mechanism, info));
}

CK_RV C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                    CK_SESSION_HANDLE *session)
{
    (void)application; /* nothing is ever notified: no thread is there to do it */
    (void)notify;
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_open(call.instance, slot, flags, session));
}

CK_RV C_CloseSession(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_close(call.instance, session));
}

CK_RV C_CloseAllSessions(CK_SLOT_ID slot)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_close_all(call.instance, slot));
}

CK_RV C_GetSessionInfo(CK_SESSION_HANDLE session, CK_SESSION_INFO *info)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_info(call.instance, session, info));
}

CK_RV C_Login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_size)
{
    P11dCall call;
    const P11dLogin login = {.user = user, .pin = pin, .pin_size = pin_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_login(call.instance, session, &login));
}

CK_RV C_Logout(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_logout(call.instance, session));
}

CK_RV C_GetObjectSize(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_attributes_size(call.instance, session, object, size));
}

CK_RV C_GetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
                          CK_ULONG count)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_attributes_get(call.instance, session, object, templ, count));
}

CK_RV C_FindObjectsInit(CK_SESSION_HANDLE session, CK_ATTRIBUTE *templ, CK_ULONG count)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_searches_begin(call.instance, session, templ, count));
}

CK_RV C_FindObjects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG most,
                    CK_ULONG *count)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_searches_next(call.instance, session, objects, most, count));
}

CK_RV C_FindObjectsFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_searches_end(call.instance, session));
}

CK_RV C_DigestInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init(call.instance, &p11d_operation_digest,
                                                           session, mechanism, 0));
}

CK_RV C_Digest(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *digest,
               CK_ULONG *digest_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_whole(call.instance, &p11d_operation_digest, session,
                                                     data, size, digest, digest_size));
}

CK_RV C_DigestUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_update(call.instance, &p11d_operation_digest,
                                                             session, part, size));
}

CK_RV C_DigestFinal(CK_SESSION_HANDLE session, CK_BYTE *digest, CK_ULONG *digest_size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_final(call.instance, &p11d_operation_digest,
                                                            session, digest, digest_size));
}

CK_RV C_GetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_saved_get(call.instance, session, state, size));
}

CK_RV C_SetOperationState(CK_SESSION_HANDLE session, CK_BYTE *state, CK_ULONG size,
                          CK_OBJECT_HANDLE encryption_key, CK_OBJECT_HANDLE authentication_key)
{
    P11dCall call;
    const bool keys = encryption_key != 0 || authentication_key != 0;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_saved_set(call.instance, session, state, size, keys));
}

CK_RV C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init(call.instance, &p11d_operation_sign,
                                                           session, mechanism, key));
}

CK_RV C_Sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
             CK_ULONG *signature_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_whole(call.instance, &p11d_operation_sign, session,
                                                     data, size, signature, signature_size));
}

CK_RV C_SignUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_update(call.instance, &p11d_operation_sign,
                                                             session, part, size));
}

CK_RV C_SignFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG *signature_size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_final(call.instance, &p11d_operation_sign,
                                                            session, signature, signature_size));
}

CK_RV C_VerifyInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init(call.instance, &p11d_operation_verify,
                                                           session, mechanism, key));
}

CK_RV C_Verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *signature,
               CK_ULONG signature_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_judge(call.instance, &p11d_operation_verify, session,
                                                     data, size, signature, signature_size));
}

CK_RV C_VerifyUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_update(call.instance, &p11d_operation_verify,
                                                             session, part, size));
}

CK_RV C_VerifyFinal(CK_SESSION_HANDLE session, CK_BYTE *signature, CK_ULONG signature_size)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_operation_judge_final(call.instance, &p11d_operation_verify,
                                                           session, signature, signature_size));
}

CK_RV C_EncryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init(call.instance, &p11d_operation_encrypt,
                                                           session, mechanism, key));
}

CK_RV C_Encrypt(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *encrypted,
                CK_ULONG *encrypted_size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_whole(call.instance, &p11d_operation_encrypt,
                                                            session, data, size, encrypted,
                                                            encrypted_size));
}

CK_RV C_EncryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size, CK_BYTE *encrypted,
                      CK_ULONG *encrypted_size)
{
    P11dCall call;
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_operation_transform(call.instance, &p11d_operation_encrypt, session,
                                               data, size, encrypted, encrypted_size));
}

CK_RV C_EncryptFinal(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG *encrypted_size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_final(call.instance, &p11d_operation_encrypt,
                                                            session, encrypted, encrypted_size));
}

CK_RV C_DecryptInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init(call.instance, &p11d_operation_decrypt,
                                                           session, mechanism, key));
}

CK_RV C_Decrypt(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                CK_BYTE *data, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_whole(call.instance, &p11d_operation_decrypt,
                                                            session, encrypted, encrypted_size,
                                                            data, size));
}

CK_RV C_DecryptUpdate(CK_SESSION_HANDLE session, CK_BYTE *encrypted, CK_ULONG encrypted_size,
                      CK_BYTE *data, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_operation_transform(call.instance, &p11d_operation_decrypt, session,
                                               encrypted, encrypted_size, data, size));
}

CK_RV C_DecryptFinal(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG *size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_final(call.instance, &p11d_operation_decrypt,
                                                            session, data, size));
}

CK_RV C_GenerateRandom(CK_SESSION_HANDLE session, CK_BYTE *bytes, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_order_random(call.instance, session, bytes, size));
}
