// SPDX-License-Identifier: MIT
#include "wrap.h"

#include <stdlib.h>
#include <string.h>

#include "gcm.h"

static const P11dOrderRow wrap_key = {"Wrap", P11D_PERSON_TIMEOUT};

/* What came of a wrap, until the host has room for it: the service may use other random bytes the
 * next time, or ask a person again. */
typedef struct Kept {
    P11dOperation operation;
    P11dKeptMechanism given; /* the mechanism, as the host gave it */
    bool tagged;
    CK_OBJECT_HANDLE wrapping_key;
    CK_OBJECT_HANDLE key;
    P11dBuffer wrapped;
    P11dGcm gcm;
    CK_MECHANISM asked; /* as the service is asked for it; of the host's in part, so of its call */
} Kept;

static void free_kept(P11dOperation *freed)
{
    Kept *kept = (Kept *)freed;
    p11d_kept_mechanism_clear(&kept->given);
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
    self->tagged = wrap->tagged;
    self->wrapping_key = wrap->wrapping_key;
    self->key = wrap->key;
    p11d_buffer_init(&self->wrapped, P11D_INTERFACE_DATA_MAX);
    const CK_RV rv = p11d_gcm_translate(&self->gcm, wrap->mechanism, wrap->tagged, wrap->associated,
                                        &self->asked);
    return rv == CKR_OK ? p11d_kept_mechanism_make(&self->given, &self->asked, false) : rv;
}

/* Whether both are of the same call. */
static bool is_same(const Kept *a, const Kept *b)
{
    const P11dBuffer *some = &a->given.parameters, *others = &b->given.parameters;
    return a->wrapping_key == b->wrapping_key && a->key == b->key && a->tagged == b->tagged &&
           a->gcm.generator == b->gcm.generator && a->gcm.fixed_bits == b->gcm.fixed_bits &&
           strcmp(a->given.name, b->given.name) == 0 && some->size == others->size &&
           (some->size == 0 || memcmp(some->data, others->data, some->size) == 0);
}

static CK_RV take_wrapped(const P11dArguments *results, void *data)
{
    Kept *kept = data;
    const P11dBytes bytes = results->bytes[0];
    if (kept->tagged && bytes.size < kept->gcm.tag_size)
        return CKR_DEVICE_ERROR;
    return p11d_buffer_append(&kept->wrapped, bytes.data, bytes.size) ? CKR_OK : CKR_HOST_MEMORY;
}

/* Gives the host what was wrapped, or its size. */
static CK_RV give(const Kept *kept, const P11dWrap *wrap)
{
    const CK_ULONG room = *wrap->size;
    const size_t tag_size = kept->tagged ? kept->gcm.tag_size : 0;
    const size_t size = kept->wrapped.size - tag_size;
    *wrap->size = size;
    if (!wrap->wrapped)
        return CKR_OK;
    if (room < size)
        return CKR_BUFFER_TOO_SMALL;
    if (size > 0)
        memcpy(wrap->wrapped, kept->wrapped.data, size);
    if (tag_size > 0)
        memcpy(kept->gcm.tag, kept->wrapped.data + size, tag_size);
    p11d_gcm_give_iv(&kept->gcm);
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
    P11dKeptMechanism mechanism = {0};
    P11dOrder order = {.row = &wrap_key,
                       .objects = {kept->wrapping_key, kept->key},
                       .arguments.mechanism.kept = &mechanism,
                       .take = take_wrapped,
                       .data = kept};
    CK_RV rv = p11d_gcm_generate_once(&kept->gcm);
    if (rv == CKR_OK)
        rv = p11d_kept_mechanism_make(&mechanism, &kept->asked, false);
    if (rv == CKR_OK)
        rv = p11d_order_give(token, &order);
    p11d_kept_mechanism_clear(&mechanism);
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
        kept->gcm.host_iv = fresh->gcm.host_iv; /* where this call wants them */
        kept->gcm.tag = fresh->gcm.tag;
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

CK_RV p11d_wrap_perform(P11dInstance *instance, CK_SESSION_HANDLE handle, const P11dWrap *wrap)
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

CK_RV p11d_wrap_undo(P11dInstance *instance, const P11dMaking *making, bool tagged,
                     P11dBytes associated)
{
    P11dGcm gcm;
    P11dBuffer whole;
    CK_MECHANISM asked;
    P11dMaking translated = *making;
    const bool readable = making->mechanism && (making->input || making->input_size == 0);
    if (!readable || !p11d_session_find(instance, making->session))
        return p11d_making_perform(instance, &p11d_making_unwrapped,
                                   making); /* says what is wrong */
    CK_RV rv = p11d_gcm_translate(&gcm, making->mechanism, tagged, associated, &asked);
    if (rv != CKR_OK)
        return rv;
    translated.mechanism = &asked;
    p11d_buffer_init(&whole, P11D_INTERFACE_DATA_MAX);
    if (gcm.tag) {
        if (!p11d_buffer_append(&whole, making->input, making->input_size) ||
            !p11d_buffer_append(&whole, gcm.tag, gcm.tag_size))
            rv = whole.too_large ? CKR_WRAPPED_KEY_LEN_RANGE : CKR_HOST_MEMORY;
        translated.input = whole.data;
        translated.input_size = whole.size;
    }
    if (rv == CKR_OK)
        rv = p11d_making_perform(instance, &p11d_making_unwrapped, &translated);
    p11d_buffer_clear(&whole);
    return rv;
}
