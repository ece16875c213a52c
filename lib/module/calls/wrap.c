// SPDX-License-Identifier: MIT
#include "wrap.h"

#include <string.h>

static const P11dOrderRow wrap_key = {"Wrap", P11D_PERSON_TIMEOUT};

/* Gives the host what came, or its size. */
static CK_RV take_wrapped(const P11dArguments *results, void *data)
{
    const P11dWrap *wrap = data;
    const P11dBytes bytes = results->bytes[0];
    const CK_ULONG room = *wrap->size;
    *wrap->size = bytes.size;
    if (!wrap->wrapped)
        return CKR_OK;
    if (room < bytes.size)
        return CKR_BUFFER_TOO_SMALL;
    if (bytes.size > 0)
        memcpy(wrap->wrapped, bytes.data, bytes.size);
    return CKR_OK;
}

/* True if the size is known and that is all that can be answered: *rv. */
static bool is_size_query(const P11dObject *wrapping_key, const P11dWrap *wrap, CK_RV *rv)
{
    const CK_ULONG size =
        wrapping_key->derived.key_type == CKK_RSA ? wrapping_key->derived.signature_size : 0;
    if (size == 0 || (wrap->wrapped && *wrap->size >= size))
        return false;
    *wrap->size = size;
    *rv = wrap->wrapped ? CKR_BUFFER_TOO_SMALL : CKR_OK;
    return true;
}

static CK_RV check(P11dToken *token, const P11dWrap *wrap)
{
    if (!wrap->size)
        return CKR_ARGUMENTS_BAD;
    const CK_RV rv = p11d_order_check(token, wrap->wrapping_key, CKA_WRAP, wrap->mechanism,
                                      CKF_WRAP, CKR_WRAPPING_KEY_HANDLE_INVALID);
    const P11dObject *key = p11d_listing_find(token, wrap->key);
    if (rv != CKR_OK || !key)
        return rv != CKR_OK ? rv : CKR_KEY_HANDLE_INVALID;
    return key->draft || p11d_object_boolean(key, CKA_EXTRACTABLE) ? CKR_OK : CKR_KEY_UNEXTRACTABLE;
}

CK_RV p11d_wrap_perform(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dWrap *wrap)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    P11dToken *token = session->token;
    P11dKeptMechanism mechanism;
    P11dOrder order = {.row = &wrap_key,
                       .objects = {wrap->wrapping_key, wrap->key},
                       .arguments.mechanism.kept = &mechanism,
                       .take = take_wrapped,
                       .data = wrap};
    CK_RV rv = check(token, wrap);
    if (rv != CKR_OK || is_size_query(p11d_listing_find(token, wrap->wrapping_key), wrap, &rv))
        return rv;
    rv = p11d_kept_mechanism_make(&mechanism, wrap->mechanism, false);
    if (rv == CKR_OK)
        rv = p11d_order_give(token, &order);
    p11d_kept_mechanism_clear(&mechanism);
    if (rv != CKR_OBJECT_HANDLE_INVALID)
        return rv;
    return p11d_listing_find(token, wrap->wrapping_key) ? CKR_KEY_HANDLE_INVALID
                                                        : CKR_WRAPPING_KEY_HANDLE_INVALID;
}
