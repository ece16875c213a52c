// SPDX-License-Identifier: MIT
#include "wrap.h"

#include <stdlib.h>
#include <string.h>

static const P11dOrderRow wrap_key = {"Wrap", P11D_PERSON_TIMEOUT};

/* What came of a wrap, until the host has room for it: the service may use other random bytes the
 * next time, or ask a person again. */
typedef struct Kept {
    P11dOperation operation;
    P11dKeptMechanism mechanism;
    CK_OBJECT_HANDLE wrapping_key;
    CK_OBJECT_HANDLE key;
    P11dBuffer wrapped;
} Kept;

static void free_kept(P11dOperation *freed)
{
    Kept *kept = (Kept *)freed;
    p11d_kept_mechanism_clear(&kept->mechanism);
    p11d_buffer_clear(&kept->wrapped);
    free(kept);
}

/* Makes what is to be kept of wrap, with nothing wrapped yet. */
static CK_RV make_kept(const P11dWrap *wrap, Kept **kept)
{
    Kept *self = *kept = calloc(1, sizeof *self);
    if (!self)
        return CKR_HOST_MEMORY;
    self->operation.free = free_kept;
    self->wrapping_key = wrap->wrapping_key;
    self->key = wrap->key;
    p11d_buffer_init(&self->wrapped, P11D_INTERFACE_DATA_MAX);
    return p11d_kept_mechanism_make(&self->mechanism, wrap->mechanism, false);
}

/* Whether both are of the same call. */
static bool is_same(const Kept *a, const Kept *b)
{
    const P11dBuffer *some = &a->mechanism.parameters, *others = &b->mechanism.parameters;
    return a->wrapping_key == b->wrapping_key && a->key == b->key &&
           strcmp(a->mechanism.name, b->mechanism.name) == 0 && some->size == others->size &&
           (some->size == 0 || memcmp(some->data, others->data, some->size) == 0);
}

static CK_RV take_wrapped(const P11dArguments *results, void *data)
{
    const P11dBytes bytes = results->bytes[0];
    return p11d_buffer_append(&((Kept *)data)->wrapped, bytes.data, bytes.size) ? CKR_OK
                                                                                : CKR_HOST_MEMORY;
}

/* Gives the host what was wrapped, or its size. */
static CK_RV give(const Kept *kept, const P11dWrap *wrap)
{
    const CK_ULONG room = *wrap->size;
    *wrap->size = kept->wrapped.size;
    if (!wrap->wrapped)
        return CKR_OK;
    if (room < kept->wrapped.size)
        return CKR_BUFFER_TOO_SMALL;
    if (kept->wrapped.size > 0)
        memcpy(wrap->wrapped, kept->wrapped.data, kept->wrapped.size);
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

static CK_RV ask(P11dToken *token, Kept *kept)
{
    P11dOrder order = {.row = &wrap_key,
                       .objects = {kept->wrapping_key, kept->key},
                       .arguments.mechanism.kept = &kept->mechanism,
                       .take = take_wrapped,
                       .data = kept};
    const CK_RV rv = p11d_order_give(token, &order);
    if (rv != CKR_OBJECT_HANDLE_INVALID)
        return rv;
    return p11d_listing_find(token, kept->wrapping_key) ? CKR_KEY_HANDLE_INVALID
                                                        : CKR_WRAPPING_KEY_HANDLE_INVALID;
}

/* Takes what the session keeps out of it, for this thread; or says that it has nothing. */
static CK_RV take_kept(P11dInstance *instance, CK_SESSION_HANDLE session, Kept **kept)
{
    P11dOperation *taken = NULL;
    CK_RV rv = p11d_session_take(instance, session, P11D_OPERATION_WRAP, &taken);
    if (rv == CKR_OPERATION_NOT_INITIALIZED)
        rv = p11d_session_begin(instance, session, P11D_OPERATION_WRAP, NULL);
    *kept = (Kept *)taken;
    return rv;
}

static CK_RV perform(P11dInstance *instance, CK_SESSION_HANDLE session, P11dToken *token,
                     const P11dWrap *wrap, Kept *fresh)
{
    Kept *kept;
    CK_RV rv = take_kept(instance, session, &kept);
    const bool taken = rv == CKR_OK; /* else another thread wraps in this session, too */
    if (kept && is_same(kept, fresh)) {
        free_kept(&fresh->operation);
    } else {
        if (kept)
            free_kept(&kept->operation);
        kept = fresh;
        rv = ask(token, kept);
    }
    if (rv == CKR_OK)
        rv = give(kept, wrap);
    const bool keeps = taken && (rv == CKR_BUFFER_TOO_SMALL || (rv == CKR_OK && !wrap->wrapped));
    if (!keeps)
        free_kept(&kept->operation);
    if (taken)
        p11d_session_put(instance, session, P11D_OPERATION_WRAP, keeps ? &kept->operation : NULL);
    return rv;
}

CK_RV p11d_wrap_perform(P11dInstance *instance, CK_SESSION_HANDLE handle, P11dWrap *wrap)
{
    const P11dSession *session = p11d_session_find(instance, handle);
    if (!session)
        return CKR_SESSION_HANDLE_INVALID;
    P11dToken *token = session->token;
    Kept *fresh;
    CK_RV rv = check(token, wrap);
    if (rv != CKR_OK || is_size_query(p11d_listing_find(token, wrap->wrapping_key), wrap, &rv))
        return rv;
    rv = make_kept(wrap, &fresh);
    if (rv == CKR_OK)
        return perform(instance, handle, token, wrap, fresh);
    if (fresh)
        free_kept(&fresh->operation);
    return rv;
}
