// SPDX-License-Identifier: MIT
/* The functions that are one call of the service each. */
#include "entry.h"

#include "call.h"
#include "change.h"
#include "making.h"
#include "pins.h"
#include "wrap.h"

CK_RV C_InitToken(CK_SLOT_ID slot, CK_UTF8CHAR *pin, CK_ULONG pin_size, CK_UTF8CHAR *label)
{
    P11dCall call;
    const P11dPin so_pin = {pin, pin_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_pins_init_token(call.instance, slot, so_pin, label));
}

CK_RV C_InitPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *pin, CK_ULONG pin_size)
{
    P11dCall call;
    const P11dPin user_pin = {pin, pin_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_pins_init(call.instance, session, user_pin));
}

CK_RV C_SetPIN(CK_SESSION_HANDLE session, CK_UTF8CHAR *old_pin, CK_ULONG old_size,
               CK_UTF8CHAR *new_pin, CK_ULONG new_size)
{
    P11dCall call;
    const P11dPin before = {old_pin, old_size}, after = {new_pin, new_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_pins_set(call.instance, session, before, after));
}

CK_RV C_CreateObject(CK_SESSION_HANDLE session, CK_ATTRIBUTE *templ, CK_ULONG count,
                     CK_OBJECT_HANDLE *object)
{
    P11dCall call;
    const P11dMaking making = {.session = session, .objects = {{templ, count, object}}};
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_making_perform(call.instance, &p11d_making_create, &making));
}

CK_RV C_CopyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
                   CK_ULONG count, CK_OBJECT_HANDLE *copy)
{
    P11dCall call;
    const P11dMaking making = {
        .session = session, .from = object, .objects = {{templ, count, copy}}};
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_making_perform(call.instance, &p11d_making_copy, &making));
}

CK_RV C_DestroyObject(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object)
{
    P11dCall call;
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_change_destroy(call.instance, session, object));
}

CK_RV C_SetAttributeValue(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *templ,
                          CK_ULONG count)
{
    P11dCall call;
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_change_set(call.instance, session, object, templ, count));
}

CK_RV C_GenerateKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *templ,
                    CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dMaking making = {
        .session = session, .mechanism = mechanism, .objects = {{templ, count, key}}};
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_making_perform(call.instance, &p11d_making_key, &making));
}

CK_RV C_GenerateKeyPair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                        CK_ATTRIBUTE *public_templ, CK_ULONG public_count,
                        CK_ATTRIBUTE *private_templ, CK_ULONG private_count,
                        CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key)
{
    P11dCall call;
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .objects = {{public_templ, public_count, public_key},
                                           {private_templ, private_count, private_key}}};
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_making_perform(call.instance, &p11d_making_pair, &making));
}

CK_RV C_WrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE wrapping_key,
                CK_OBJECT_HANDLE key, CK_BYTE *wrapped, CK_ULONG *wrapped_size)
{
    P11dCall call;
    const P11dWrap wrap = {.mechanism = mechanism,
                           .wrapping_key = wrapping_key,
                           .key = key,
                           .wrapped = wrapped,
                           .size = wrapped_size};
    return p11d_call_end(&call, p11d_call_begin(&call, __func__)
                                    ?: p11d_wrap_perform(call.instance, session, &wrap));
}

CK_RV C_UnwrapKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism,
                  CK_OBJECT_HANDLE unwrapping_key, CK_BYTE *wrapped, CK_ULONG wrapped_size,
                  CK_ATTRIBUTE *templ, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .from = unwrapping_key,
                               .input = wrapped,
                               .input_size = wrapped_size,
                               .objects = {{templ, count, key}}};
    return p11d_call_end(
        &call, p11d_call_begin(&call, __func__)
                   ?: p11d_wrap_undo(call.instance, &making, false, (P11dBytes){NULL, 0}));
}

CK_RV C_DeriveKey(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE base_key,
                  CK_ATTRIBUTE *templ, CK_ULONG count, CK_OBJECT_HANDLE *key)
{
    P11dCall call;
    const P11dMaking making = {.session = session,
                               .mechanism = mechanism,
                               .from = base_key,
                               .objects = {{templ, count, key}}};
    return p11d_call_end(&call,
                         p11d_call_begin(&call, __func__)
                             ?: p11d_making_perform(call.instance, &p11d_making_derived, &making));
}
