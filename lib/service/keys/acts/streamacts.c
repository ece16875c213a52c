// SPDX-License-Identifier: MIT
#include "streamacts.h"

#include "keyring.h"
#include "residue.h"
#include "viewobject.h"

/* The attribute that allows a purpose; CK_UNAVAILABLE_INFORMATION: it is for no key. */
static CK_ATTRIBUTE_TYPE attribute_of(P11dPurpose purpose)
{
    static const struct {
        P11dPurpose purpose;
        CK_ATTRIBUTE_TYPE type;
    } rows[] = {
        {P11D_PURPOSE_ENCRYPT, CKA_ENCRYPT},
        {P11D_PURPOSE_DECRYPT, CKA_DECRYPT},
        {P11D_PURPOSE_SIGN, CKA_SIGN},
        {P11D_PURPOSE_VERIFY, CKA_VERIFY},
        {P11D_PURPOSE_SIGN_RECOVER, CKA_SIGN_RECOVER},
        {P11D_PURPOSE_VERIFY_RECOVER, CKA_VERIFY_RECOVER},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (rows[i].purpose == purpose)
            return rows[i].type;
    }
    return CK_UNAVAILABLE_INFORMATION;
}

static CK_RV find_key(P11dKeyView *view, const P11dArguments *arguments, P11dServedKey **key)
{
    CK_OBJECT_CLASS class;
    CK_ATTRIBUTE_TYPE type = attribute_of(arguments->purpose);
    *key = NULL;
    if (type == CK_UNAVAILABLE_INFORMATION) /* a digest, or what nothing here does */
        return arguments->objects[0] == 0 ? CKR_OK : CKR_KEY_HANDLE_INVALID;
    return p11d_keyring_find(view, arguments->objects[0], type, key, &class);
}

CK_RV p11d_streamacts_begin(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dArguments *arguments = call->arguments;
    P11dServedKey *key;
    P11dKeyStream *stream;
    pthread_mutex_lock(&view->ring->lock);
    uint64_t ended = view->streams.ended;
    pthread_mutex_unlock(&view->ring->lock);
    CK_RV rv = find_key(view, arguments, &key);
    if (rv == CKR_OK)
        rv = p11d_keystream_begin(&stream, key, arguments->purpose,
                                  &arguments->mechanism.parameters);
    if (rv != CKR_OK)
        return rv;
    pthread_mutex_lock(&view->ring->lock);
    const uint64_t id = arguments->objects[0];
    /* The key may have been there for the one who logged out, or be gone by now. */
    if (ended != view->streams.ended ||
        (id != 0 && p11d_keyview_lacks(view, view->ring->set, id, key)))
        rv = CKR_KEY_HANDLE_INVALID;
    else if (!p11d_keystreams_add(&view->streams, stream, call->channel, id, &call->results.stream))
        rv = P11D_ACT_LIMIT;
    pthread_mutex_unlock(&view->ring->lock);
    if (rv != CKR_OK)
        p11d_keystream_free(stream);
    return rv;
}

/* The stream that a call is about, which stays until it is released. */
static P11dHeldStream *find(P11dKeyView *view, const P11dActCall *call)
{
    pthread_mutex_lock(&view->ring->lock);
    P11dHeldStream *held =
        p11d_keystreams_find(&view->streams, call->arguments->stream, call->channel);
    pthread_mutex_unlock(&view->ring->lock);
    return held;
}

static void release(P11dKeyView *view, P11dHeldStream *held, bool goes_on)
{
    pthread_mutex_lock(&view->ring->lock);
    goes_on = p11d_keystreams_release(&view->streams, held, goes_on);
    pthread_mutex_unlock(&view->ring->lock);
    if (goes_on)
        return;
    p11d_keystreams_free(held);
    p11d_residue_wipe_stack();
}

/* The value of a secret key that its user may read: none other is told, be it by its digest. */
static CK_RV find_value(P11dKeyView *view, uint64_t id, P11dServedKey **key)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_viewobject_get(view, id, &templ, key);
    if (rv == CKR_OBJECT_HANDLE_INVALID)
        rv = CKR_KEY_HANDLE_INVALID;
    const bool readable = p11d_template_boolean(&templ, CKA_EXTRACTABLE, false) &&
                          !p11d_template_boolean(&templ, CKA_SENSITIVE, true);
    if (rv == CKR_OK && !(*key && (*key)->secret && readable))
        rv = CKR_KEY_INDIGESTIBLE;
    p11d_template_clear(&templ);
    return rv;
}

static CK_RV update_by_key(P11dKeyView *view, P11dKeyStream *stream, uint64_t id)
{
    P11dServedKey *key = NULL;
    CK_RV rv = p11d_keystream_key(stream) ? CKR_KEY_INDIGESTIBLE : find_value(view, id, &key);
    if (rv == CKR_OK)
        rv = p11d_keystream_update(stream, (P11dBytes){key->secret, key->secret_size}, NULL);
    p11d_servedkey_unref(key);
    return rv;
}

/* What fails ends the stream (PKCS#11 3.1, section 5.2). */
CK_RV p11d_streamacts_update(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    P11dHeldStream *held = find(view, call);
    if (!held)
        return CKR_OPERATION_NOT_INITIALIZED;
    const uint64_t key = call->arguments->objects[0];
    CK_RV rv = p11d_keystream_update(held->stream, call->arguments->bytes[0], &call->output);
    if (rv == CKR_OK && key != 0)
        rv = update_by_key(view, held->stream, key);
    release(view, held, rv == CKR_OK);
    return rv;
}

CK_RV p11d_streamacts_finish(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dBytes *bytes = call->arguments->bytes;
    P11dHeldStream *held = find(view, call);
    if (!held)
        return CKR_OPERATION_NOT_INITIALIZED;
    CK_RV rv = p11d_keystream_update(held->stream, bytes[0], &call->output);
    if (rv == CKR_OK)
        rv = p11d_keystream_finish(held->stream, bytes[1], &call->output);
    release(view, held, false);
    return rv;
}

CK_RV p11d_streamacts_cancel(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    P11dHeldStream *held = find(view, call);
    if (!held)
        return CKR_OPERATION_NOT_INITIALIZED;
    release(view, held, false);
    return CKR_OK;
}

void p11d_streamacts_hang_up(P11dKeyView *view, uint64_t channel)
{
    P11dHeldStream *held;
    do {
        pthread_mutex_lock(&view->ring->lock);
        held = p11d_keystreams_take(&view->streams, channel);
        pthread_mutex_unlock(&view->ring->lock);
        p11d_keystreams_free(held);
    } while (held);
}
