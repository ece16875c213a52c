// SPDX-License-Identifier: MIT
/* The functions that came with 3.0 and 3.2, but for those of messages. */
#include "entry.h"

#include "call.h"
#include "capsule.h"
#include "operation.h"
#include "sessions.h"
#include "wrap.h"

CK_RV C_LoginUser(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG pin_size,
                  CK_UTF8CHAR *name, CK_ULONG name_size)
{
    P11dCall call;
    const P11dLogin login = {.user = user, .pin = pin, .pin_size = pin_size};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_sessions_login_user(call.instance, session, &login, name, name_size));
}

CK_RV C_SessionCancel(CK_SESSION_HANDLE session, CK_FLAGS flags)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_sessions_cancel(call.instance, session, flags));
}

CK_RV C_GetSessionValidationFlags(CK_SESSION_HANDLE session, CK_SESSION_VALIDATION_FLAGS_TYPE type,
                                  CK_FLAGS *flags)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_sessions_validation(call.instance, session, type, flags));
}

CK_RV C_VerifySignatureInit(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                            CK_OBJECT_HANDLE key, CK_BYTE *signature, CK_ULONG signature_size)
{
    P11dCall call;
    const P11dBytes given = {signature, signature_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_init_given(call.instance,
                                                                 &p11d_operation_verify_signature,
                                                                 session, mechanism, key, given));
}

CK_RV C_VerifySignature(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_judge(call.instance,
                                                            &p11d_operation_verify_signature,
                                                            session, data, size, NULL, 0));
}

CK_RV C_VerifySignatureUpdate(CK_SESSION_HANDLE session, CK_BYTE *part, CK_ULONG size)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_update(call.instance,
                                                             &p11d_operation_verify_signature,
                                                             session, part, size));
}

CK_RV C_VerifySignatureFinal(CK_SESSION_HANDLE session)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_operation_judge_final(call.instance,
                                                                  &p11d_operation_verify_signature,
                                                                  session, NULL, 0));
}

CK_RV C_WrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                             CK_OBJECT_HANDLE wrapping_key, CK_OBJECT_HANDLE key,
                             CK_BYTE *associated, CK_ULONG associated_size, CK_BYTE *wrapped,
                             CK_ULONG *wrapped_size)
{
    P11dCall call;
    const P11dWrap wrap = {.mechanism = mechanism,
                           .wrapping_key = wrapping_key,
                           .key = key,
                           .wrapped = wrapped,
                           .size = wrapped_size,
                           .tagged = true,
                           .associated = {associated, associated_size}};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_wrap_perform(call.instance, session, &wrap));
}

CK_RV C_UnwrapKeyAuthenticated(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                               CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped,
                               CK_ULONG wrapped_size, CK_ATTRIBUTE *templ, CK_ULONG count,
                               CK_BYTE *associated, CK_ULONG associated_size, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dBytes data = {associated, associated_size};
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .from = unwrapping_key,
                               .input = wrapped,
                               .input_size = wrapped_size,
                               .objects = {{templ, count, key}}};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_wrap_undo(call.instance, &making, true, data));
}

CK_RV C_EncapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE public_key, CK_ATTRIBUTE *templ, CK_ULONG count,
                       CK_BYTE *ciphertext, CK_ULONG *ciphertext_size, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .from = public_key,
                               .objects = {{templ, count, key}}};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_capsule_make(call.instance, &making, ciphertext, ciphertext_size));
}

CK_RV C_DecapsulateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                       CK_OBJECT_HANDLE private_key, CK_ATTRIBUTE *templ, CK_ULONG count,
                       CK_BYTE *ciphertext, CK_ULONG ciphertext_size, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .from = private_key,
                               .input = ciphertext,
                               .input_size = ciphertext_size,
                               .objects = {{templ, count, key}}};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_making_perform(call.instance, &p11d_making_decapsulated, &making));
}
