// SPDX-License-Identifier: MIT
#include "keyacts.h"

#include <openssl/rand.h>

#include "keyblock.h"
#include "keycipher.h"
#include "keyderive.h"
#include "keylogin.h"
#include "keymac.h"
#include "keymanage.h"
#include "keypin.h"
#include "keyring.h"
#include "keysign.h"
#include "keytemplate.h"
#include "keywrap.h"
#include "newsecret.h"
#include "residue.h"
#include "sessionobject.h"
#include "streamacts.h"
#include "viewobject.h"

/* What is done with a key by a mechanism (keysign.h, keycipher.h, keymac.h, keyblock.h). */
typedef CK_RV Use(P11dServedKey *key, const P11dParameters *parameters, const P11dBytes *bytes,
                  P11dBuffer *output);

/* How keys are used for what an attribute is about: those of a pair, and secret ones. */
typedef struct Uses {
    CK_ATTRIBUTE_TYPE type;
    Use *pair;
    Use *secret;
} Uses;

static const Uses signs = {CKA_SIGN, p11d_keysign_sign, p11d_keymac_sign};
static const Uses verifies = {CKA_VERIFY, p11d_keysign_verify, p11d_keymac_verify};
static const Uses encrypts = {CKA_ENCRYPT, p11d_keycipher_encrypt, p11d_keyblock_encrypt};
static const Uses decrypts = {CKA_DECRYPT, p11d_keycipher_decrypt, p11d_keyblock_decrypt};

/* Uses the key that is asked for. */
static CK_RV apply(const Uses *uses, P11dView *view, P11dActCall *call)
{
    const P11dArguments *arguments = call->arguments;
    P11dServedKey *key;
    CK_OBJECT_CLASS class;
    CK_RV rv =
        p11d_keyring_find(p11d_keyview_of(view), arguments->objects[0], uses->type, &key, &class);
    if (rv != CKR_OK)
        return rv;
    Use *use = key->secret ? uses->secret : uses->pair;
    rv = use(key, &arguments->mechanism.parameters, arguments->bytes, &call->output);
    p11d_servedkey_unref(key);
    p11d_residue_wipe_stack();
    return rv;
}

static CK_RV sign(P11dView *view, P11dActCall *call)
{
    return apply(&signs, view, call);
}

static CK_RV verify(P11dView *view, P11dActCall *call)
{
    return apply(&verifies, view, call);
}

static CK_RV encrypt(P11dView *view, P11dActCall *call)
{
    return apply(&encrypts, view, call);
}

static CK_RV decrypt(P11dView *view, P11dActCall *call)
{
    return apply(&decrypts, view, call);
}

/* Wraps what may leave the token; no key of a file says that unless a client made it. */
static CK_RV wrap_secret(P11dKeyView *view, P11dServedKey *key, P11dActCall *call)
{
    const P11dArguments *arguments = call->arguments;
    const uint64_t id = arguments->objects[1];
    P11dServedKey *secret;
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_viewobject_get(view, id, &templ, &secret);
    if (rv == CKR_OBJECT_HANDLE_INVALID)
        rv = CKR_KEY_HANDLE_INVALID;
    if (rv == CKR_OK && !p11d_template_boolean(&templ, CKA_EXTRACTABLE, false))
        rv = CKR_KEY_UNEXTRACTABLE;
    /* No key here is trusted. */
    if (rv == CKR_OK && (!(secret && secret->secret) ||
                         p11d_template_boolean(&templ, CKA_WRAP_WITH_TRUSTED, false)))
        rv = CKR_KEY_NOT_WRAPPABLE;
    if (rv == CKR_OK)
        rv = p11d_keywrap_wrap(key, &arguments->mechanism.parameters,
                               (P11dBytes){secret->secret, secret->secret_size}, &call->output);
    p11d_template_clear(&templ);
    p11d_servedkey_unref(secret);
    return rv;
}

static CK_RV wrap(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    P11dServedKey *key;
    CK_OBJECT_CLASS class;
    CK_RV rv = p11d_keyring_find(view, call->arguments->objects[0], CKA_WRAP, &key, &class);
    if (rv != CKR_OK)
        return rv == CKR_KEY_HANDLE_INVALID ? CKR_WRAPPING_KEY_HANDLE_INVALID : rv;
    rv = wrap_secret(view, key, call);
    p11d_servedkey_unref(key);
    p11d_residue_wipe_stack();
    return rv;
}

/* How a secret key is made by another key. */
typedef struct Making {
    CK_ATTRIBUTE_TYPE type; /* what that key is for */
    CK_RV missing;          /* it is not there */
    CK_RV misfit;           /* the bytes that come of it are none of such a secret key */
    CK_RV(*make)
    (P11dKeyView *view, P11dServedKey *key, P11dNewSecret *wanted, P11dActCall *call,
     P11dBuffer *secret);
} Making;

static CK_RV make_derived(P11dKeyView *view, P11dServedKey *key, P11dNewSecret *wanted,
                          P11dActCall *call, P11dBuffer *secret)
{
    const P11dArguments *arguments = call->arguments;
    CK_RV rv = p11d_newsecret_inherit(wanted, view, arguments->objects[0]);
    return rv == CKR_OK
               ? p11d_keyderive(key, &arguments->mechanism.parameters, wanted->size, secret)
               : rv;
}

/* What goes without saying of a key of which nobody knows what it was before. */
static CK_RV complete(P11dNewSecret *wanted)
{
    return p11d_keytemplate_complete(&wanted->attributes, CKO_SECRET_KEY,
                                     CK_UNAVAILABLE_INFORMATION);
}

static CK_RV make_unwrapped(P11dKeyView *view, P11dServedKey *key, P11dNewSecret *wanted,
                            P11dActCall *call, P11dBuffer *secret)
{
    const P11dArguments *arguments = call->arguments;
    (void)view;
    CK_RV rv = complete(wanted);
    if (rv == CKR_OK)
        rv =
            p11d_keywrap_unwrap(key, &arguments->mechanism.parameters, arguments->bytes[0], secret);
    return rv == CKR_OK && wanted->size > 0 && wanted->size != secret->size
               ? CKR_WRAPPED_KEY_LEN_RANGE
               : rv;
}

static CK_RV make_encapsulated(P11dKeyView *view, P11dServedKey *key, P11dNewSecret *wanted,
                               P11dActCall *call, P11dBuffer *secret)
{
    (void)view;
    CK_RV rv = complete(wanted);
    return rv == CKR_OK ? p11d_keyderive_encapsulate(key, &call->arguments->mechanism.parameters,
                                                     wanted->size, &call->output, secret)
                        : rv;
}

static CK_RV make_decapsulated(P11dKeyView *view, P11dServedKey *key, P11dNewSecret *wanted,
                               P11dActCall *call, P11dBuffer *secret)
{
    const P11dArguments *arguments = call->arguments;
    (void)view;
    CK_RV rv = complete(wanted);
    return rv == CKR_OK ? p11d_keyderive_decapsulate(key, &arguments->mechanism.parameters,
                                                     arguments->bytes[0], wanted->size, secret)
                        : rv;
}

static const Making derived = {CKA_DERIVE, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,
                               make_derived};
static const Making unwrapped = {CKA_UNWRAP, CKR_UNWRAPPING_KEY_HANDLE_INVALID,
                                 CKR_WRAPPED_KEY_LEN_RANGE, make_unwrapped};
static const Making encapsulated = {CKA_ENCAPSULATE, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,
                                    make_encapsulated};
static const Making decapsulated = {CKA_DECAPSULATE, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE,
                                    make_decapsulated};

/* Makes the secret key that is asked for by the key that is named. */
static CK_RV make(const Making *row, P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dArguments *arguments = call->arguments;
    P11dServedKey *key;
    CK_OBJECT_CLASS class;
    P11dNewSecret wanted;
    P11dBuffer secret;
    CK_RV rv = p11d_keyring_find(view, arguments->objects[0], row->type, &key, &class);
    if (rv != CKR_OK)
        return rv == CKR_KEY_HANDLE_INVALID ? row->missing : rv;
    p11d_buffer_init(&secret, P11D_INTERFACE_DATA_MAX);
    rv = p11d_newsecret_read(&wanted, &arguments->templates[0]);
    if (rv == CKR_OK)
        rv = row->make(view, key, &wanted, call, &secret);
    if (rv == CKR_OK)
        rv =
            p11d_newsecret_make(&wanted, view, secret.data, secret.size, &call->results.objects[0]);
    call->changed = rv == CKR_OK;
    p11d_buffer_clear(&secret);
    p11d_newsecret_clear(&wanted);
    p11d_servedkey_unref(key);
    p11d_residue_wipe_stack();
    return rv == CKR_KEY_SIZE_RANGE ? row->misfit : rv;
}

static CK_RV derive(P11dView *view, P11dActCall *call)
{
    return make(&derived, view, call);
}

static CK_RV unwrap(P11dView *view, P11dActCall *call)
{
    return make(&unwrapped, view, call);
}

static CK_RV encapsulate(P11dView *view, P11dActCall *call)
{
    return make(&encapsulated, view, call);
}

static CK_RV decapsulate(P11dView *view, P11dActCall *call)
{
    return make(&decapsulated, view, call);
}

static CK_RV generate_random(P11dView *view, P11dActCall *call)
{
    (void)view;
    size_t size = call->arguments->length;
    uint8_t *place = p11d_buffer_reserve(&call->output, size);
    if (size > 0 && !place)
        return CKR_HOST_MEMORY;
    if (size > 0 && RAND_bytes(place, (int)size) != 1)
        return CKR_FUNCTION_FAILED;
    call->output.size = size;
    return CKR_OK;
}

static CK_RV log_in(P11dView *view, P11dActCall *call)
{
    const P11dArguments *arguments = call->arguments;
    static const uint8_t empty[1];
    const uint8_t *pin = arguments->pins[0].data ? arguments->pins[0].data : empty;
    CK_RV rv = p11d_keylogin_enter(p11d_keyview_of(view), arguments->user,
                                   arguments->no_pin ? NULL : pin, arguments->pins[0].size);
    call->changed = rv == CKR_OK;
    return rv;
}

static CK_RV log_out(P11dView *view, P11dActCall *call)
{
    CK_RV rv = p11d_keylogin_leave(p11d_keyview_of(view));
    call->changed = rv == CKR_OK;
    return rv;
}

/* A passphrase is tried on every key that has one, which is made to take its time; a new one
 * encrypts them all anew. */
static bool is_slow(const P11dArguments *arguments)
{
    (void)arguments;
    return true;
}

/* Who writes may wait for other services. */
static bool makes_for_token(const P11dArguments *arguments)
{
    bool any = false;
    for (int i = 0; i < P11D_ARGUMENTS_EACH; i++)
        any = any || p11d_keytemplate_boolean(arguments->templates[i].items,
                                              arguments->templates[i].count, CKA_TOKEN, false);
    return any;
}

static bool is_pair_slow(const P11dArguments *arguments)
{
    return p11d_keymanage_is_slow(arguments) || makes_for_token(arguments);
}

static bool is_of_token(const P11dArguments *arguments)
{
    return !p11d_sessionobject_is(arguments->objects[0]);
}

const P11dAct p11d_keyacts[] = {
    {"Sign", sign},
    {"Verify", verify},
    {"Encrypt", encrypt},
    {"Decrypt", decrypt},
    {"Derive", derive, makes_for_token},
    {"Wrap", wrap},
    {"Unwrap", unwrap, makes_for_token},
    {"Encapsulate", encapsulate, makes_for_token},
    {"Decapsulate", decapsulate, makes_for_token},
    {"CreateObject", p11d_keymanage_create, makes_for_token},
    {"GenerateKey", p11d_keymanage_generate_key, makes_for_token},
    {"GenerateKeyPair", p11d_keymanage_generate_pair, is_pair_slow},
    {"CopyObject", p11d_keymanage_copy, makes_for_token},
    {"SetAttributes", p11d_keymanage_change, is_of_token},
    {"DestroyObject", p11d_keymanage_destroy, is_of_token},
    {"BeginStream", p11d_streamacts_begin},
    {"UpdateStream", p11d_streamacts_update},
    {"FinishStream", p11d_streamacts_finish},
    {"CancelStream", p11d_streamacts_cancel},
    {"Login", log_in, is_slow},
    {"Logout", log_out},
    {"InitToken", p11d_keypin_init_token, is_slow},
    {"InitPin", p11d_keypin_init, is_slow},
    {"SetPin", p11d_keypin_set, is_slow},
    {"GenerateRandom", generate_random},
    {0},
};
