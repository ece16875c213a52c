// SPDX-License-Identifier: MIT
#include "order.h"

#include <string.h>
#include <sys/uio.h>

#include "listing.h"
#include "lock.h"
#include "random.h"

static const P11dOrderRow generate_random = {"GenerateRandom", P11D_CALL_TIMEOUT};

CK_RV p11d_order_give(P11dToken *token, P11dOrder *order)
{
    P11dRequest request = {.interface = &p11d_interface_token,
                           .method = order->row->method,
                           .arguments = &order->arguments,
                           .take = order->take,
                           .data = order->data,
                           .deadline = p11d_deadline_in(order->row->timeout)};
    return p11d_listing_call(token, order->objects, &request, &order->moment);
}

CK_RV p11d_order_template(const CK_ATTRIBUTE *items, CK_ULONG count, P11dTemplateArgument *templ)
{
    if (!items && count > 0)
        return CKR_ARGUMENTS_BAD;
    if (count > P11D_TEMPLATE_MAX)
        return CKR_TEMPLATE_INCONSISTENT;
    for (CK_ULONG i = 0; i < count; i++) {
        if (!items[i].pValue && items[i].ulValueLen > 0)
            return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    *templ = (P11dTemplateArgument){.items = items, .count = count};
    return CKR_OK;
}

/* templ as one that looks things up; it borrows the attributes, which are not changed. */
static P11dTemplate view(const P11dTemplateArgument *templ)
{
    return (P11dTemplate){(CK_ATTRIBUTE *)templ->items, templ->count, templ->count};
}

bool p11d_order_boolean(const P11dTemplateArgument *templ, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const P11dTemplate attributes = view(templ);
    return p11d_template_boolean(&attributes, type, fallback);
}

CK_ULONG p11d_order_number(const P11dTemplateArgument *templ, CK_ATTRIBUTE_TYPE type)
{
    const P11dTemplate attributes = view(templ);
    return p11d_template_number(&attributes, type, CK_UNAVAILABLE_INFORMATION);
}

CK_RV p11d_order_check(P11dToken *token, CK_OBJECT_HANDLE key, CK_ATTRIBUTE_TYPE type,
                       const CK_MECHANISM *mechanism, CK_FLAGS flag, CK_RV missing)
{
    const P11dObject *object = p11d_listing_find(token, key);
    if (!mechanism)
        return CKR_ARGUMENTS_BAD;
    if (missing != CKR_OK && !object)
        return missing;
    if (missing != CKR_OK && !object->draft && !p11d_object_boolean(object, type))
        return CKR_KEY_FUNCTION_NOT_PERMITTED;
    return p11d_properties_can(&token->properties, mechanism->mechanism, flag)
               ? CKR_OK
               : CKR_MECHANISM_INVALID;
}

CK_RV p11d_order_may_write(const P11dSession *session, bool on_token)
{
    if (!on_token)
        return CKR_OK;
    if (!session->writable)
        return CKR_SESSION_READ_ONLY;
    return session->token->properties.flags & CKF_WRITE_PROTECTED ? CKR_TOKEN_WRITE_PROTECTED
                                                                  : CKR_OK;
}

/* Copies the bytes that came to where the host wants them, which has room for all that were asked
 * for. */
static CK_RV take_bytes(const P11dArguments *results, void *data)
{
    const struct iovec *wanted = data;
    const P11dBytes bytes = results->bytes[0];
    if (bytes.size != wanted->iov_len)
        return CKR_DEVICE_ERROR;
    memcpy(wanted->iov_base, bytes.data, bytes.size);
    return CKR_OK;
}

static CK_RV ask_for_random(P11dToken *token, CK_BYTE *bytes, CK_ULONG size)
{
    CK_RV rv = CKR_OK;
    for (CK_ULONG done = 0; rv == CKR_OK && done < size;) {
        const CK_ULONG left = size - done;
        const size_t portion = left < P11D_INTERFACE_DATA_MAX ? left : P11D_INTERFACE_DATA_MAX;
        struct iovec wanted = {bytes + done, portion};
        P11dOrder order = {.row = &generate_random,
                           .arguments.length = (uint32_t)portion,
                           .take = take_bytes,
                           .data = &wanted};
        rv = p11d_order_give(token, &order);
        done += portion;
    }
    return rv;
}

CK_RV p11d_order_random(P11dInstance *instance, CK_SESSION_HANDLE handle, CK_BYTE *bytes,
                        CK_ULONG size)
{
    if (!p11d_session_find(instance, handle))
        return CKR_SESSION_HANDLE_INVALID;
    if (!bytes && size > 0)
        return CKR_ARGUMENTS_BAD;
    p11d_lock_give();
    CK_RV rv = p11d_random_fill(bytes, size);
    p11d_lock_take();
    const P11dSession *session = p11d_session_find(instance, handle);
    if (rv != CKR_OK)
        rv = session ? ask_for_random(session->token, bytes, size) : CKR_SESSION_HANDLE_INVALID;
    return rv;
}
