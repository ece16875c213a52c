// SPDX-License-Identifier: MIT
#include "digestkey.h"

#include "attributes.h"
#include "listing.h"

/* The longest value of a key, in bytes. */
#define VALUE_MAX ((CK_ULONG)64 << 10)

/* Whether there is a digest that a key may be added to, and such a key. */
static CK_RV check(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_OBJECT_HANDLE key)
{
    const CK_RV rv = p11d_session_check(instance, handle, P11D_OPERATION_DIGEST);
    if (rv != CKR_OK)
        return rv;
    const P11dObject *object = p11d_listing_find(p11d_session_find(instance, handle)->token, key);
    if (!object)
        return CKR_KEY_HANDLE_INVALID;
    return object->derived.class_bit == P11D_CLASS_SECRET_KEY ? CKR_OK : CKR_KEY_INDIGESTIBLE;
}

CK_RV p11d_digestkey(P11dInstance *instance, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key)
{
    P11dBuffer value;
    CK_ATTRIBUTE asked = {CKA_VALUE, NULL, 0};
    CK_RV rv = check(instance, session, key);
    if (rv != CKR_OK)
        return rv;
    rv = p11d_attributes_get(instance, session, key, &asked, 1);
    if (rv != CKR_OK || asked.ulValueLen > VALUE_MAX)
        return p11d_operation_update_key(instance, &p11d_operation_digest, session, key);
    p11d_buffer_init(&value, VALUE_MAX);
    asked.pValue = p11d_buffer_reserve(&value, asked.ulValueLen);
    if (!asked.pValue)
        rv = CKR_HOST_MEMORY;
    if (rv == CKR_OK)
        rv = p11d_attributes_get(instance, session, key, &asked, 1);
    if (rv == CKR_OK)
        rv = p11d_operation_update(instance, &p11d_operation_digest, session, asked.pValue,
                                   asked.ulValueLen);
    p11d_buffer_clear(&value);
    return rv;
}
