// SPDX-License-Identifier: MIT
#include "keymanage.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include "keymaterial.h"
#include "keyring.h"
#include "keytemplate.h"
#include "keyuse.h"
#include "newobject.h"
#include "newsecret.h"
#include "residue.h"
#include "sessionobject.h"
#include "tokenobject.h"
#include "viewobject.h"

static bool is_for_token(const P11dTemplateArgument *asked)
{
    return p11d_keytemplate_boolean(asked->items, asked->count, CKA_TOKEN, false);
}

/* What is kept of what was asked for, completed. */
static CK_RV take(P11dTemplate *kept, const P11dTemplateArgument *asked, CK_OBJECT_CLASS class,
                  CK_MECHANISM_TYPE mechanism)
{
    CK_RV rv = p11d_keytemplate_take(kept, asked->items, asked->count, class);
    bool half = class == CKO_PRIVATE_KEY || class == CKO_PUBLIC_KEY;
    bool key = half || class == CKO_SECRET_KEY;
    if (rv == CKR_OK && half)
        rv = p11d_keyuse_narrow(kept, class);
    return rv == CKR_OK && key ? p11d_keytemplate_complete(kept, class, mechanism) : rv;
}

/* A private or public key as a session object. key is borrowed. */
static CK_RV add_session_key(P11dKeyView *view, EVP_PKEY *key, CK_OBJECT_CLASS class,
                             const P11dTemplate *kept, uint64_t *id)
{
    P11dTemplate templ;
    EVP_PKEY_up_ref(key);
    P11dServedKey *served = p11d_servedkey_new(key, class == CKO_PRIVATE_KEY);
    if (!served)
        return CKR_HOST_MEMORY;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_boolean(&templ, CKA_MODIFIABLE, true);
    if (rv == CKR_OK)
        rv = p11d_keyobject_describe(&templ, class, "", served, false, kept);
    for (int i = 0; i < 2 && rv == CKR_OK; i++) { /* what the directory refuses for its files */
        const CK_ATTRIBUTE_TYPE type = i == 0 ? CKA_COPYABLE : CKA_DESTROYABLE;
        rv = p11d_template_set_boolean(&templ, type, p11d_template_boolean(kept, type, true));
    }
    if (rv == CKR_OK)
        return p11d_sessionobject_add(view, &templ, served, id);
    p11d_template_clear(&templ);
    p11d_servedkey_unref(served);
    return rv;
}

/* A certificate or data as a session object, with all that was asked for. */
static CK_RV add_session_other(P11dKeyView *view, CK_OBJECT_CLASS class,
                               const P11dTemplateArgument *asked, uint64_t *id)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_CLASS, class);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(&templ, CKA_MODIFIABLE, true);
    for (CK_ULONG i = 0; i < asked->count && rv == CKR_OK; i++)
        rv = p11d_template_set(&templ, asked->items[i].type, asked->items[i].pValue,
                               asked->items[i].ulValueLen);
    if (rv == CKR_OK)
        return p11d_sessionobject_add(view, &templ, NULL, id);
    p11d_template_clear(&templ);
    return rv;
}

/* What needs no saying: the size of keys that have one only, in bytes; 0: there are several. */
static size_t only_size(CK_KEY_TYPE type)
{
    CK_ULONG smallest, largest;
    bool one = p11d_servedkey_secret_sizes(type, &smallest, &largest) && smallest == largest;
    return one ? smallest : 0;
}

/* Random bytes of a key. FIPS 46-3: those of DES have a bit each that makes their parity odd. */
static CK_RV make_random(CK_KEY_TYPE type, uint8_t *bytes, size_t size)
{
    if (RAND_priv_bytes(bytes, (int)size) != 1)
        return CKR_FUNCTION_FAILED;
    for (size_t i = 0; i < size && type == CKK_DES3; i++)
        bytes[i] ^= !__builtin_parity(bytes[i]);
    return CKR_OK;
}

/* Makes one of size bytes, or as many as the template asks for if bytes is NULL: these are random
 * then. */
static CK_RV make_secret(P11dKeyView *view, const P11dTemplateArgument *asked,
                         const CK_ATTRIBUTE *value, CK_MECHANISM_TYPE mechanism, CK_KEY_TYPE type,
                         uint64_t *id)
{
    P11dTemplate templ;
    P11dNewSecret secret = {0};
    uint8_t bytes[P11D_SERVEDKEY_SECRET_MAX];
    p11d_template_init(&templ);
    CK_RV rv = p11d_template_set_number(&templ, CKA_KEY_TYPE, type);
    for (CK_ULONG i = 0; i < asked->count && rv == CKR_OK; i++) {
        const CK_ATTRIBUTE *item = &asked->items[i];
        if (item->type != CKA_VALUE && item->type != CKA_CHECK_VALUE)
            rv = p11d_template_set(&templ, item->type, item->pValue, item->ulValueLen);
    }
    const P11dTemplateArgument wanted = {.items = templ.items, .count = templ.count};
    if (rv == CKR_OK)
        rv = p11d_newsecret_read(&secret, &wanted);
    size_t size = value ? value->ulValueLen : secret.size ?: only_size(type);
    if (rv == CKR_OK && size == 0)
        rv = value ? CKR_ATTRIBUTE_VALUE_INVALID : CKR_TEMPLATE_INCOMPLETE;
    if (rv == CKR_OK && size > sizeof bytes)
        rv = CKR_ATTRIBUTE_VALUE_INVALID;
    if (rv == CKR_OK && !value)
        rv = make_random(type, bytes, size);
    if (rv == CKR_OK)
        rv = p11d_keytemplate_complete(&secret.attributes, CKO_SECRET_KEY, mechanism);
    if (rv == CKR_OK)
        rv = p11d_newsecret_make(&secret, view, value ? value->pValue : bytes, size, id);
    explicit_bzero(bytes, sizeof bytes);
    p11d_newsecret_clear(&secret);
    p11d_template_clear(&templ);
    return rv == CKR_KEY_SIZE_RANGE ? CKR_ATTRIBUTE_VALUE_INVALID : rv;
}

static CK_RV create_secret(P11dKeyView *view, const P11dTemplateArgument *asked, uint64_t *id)
{
    const CK_ATTRIBUTE *value = p11d_keytemplate_find(asked->items, asked->count, CKA_VALUE);
    CK_ULONG type = p11d_keytemplate_number(asked->items, asked->count, CKA_KEY_TYPE,
                                            CK_UNAVAILABLE_INFORMATION);
    if (!value || type == CK_UNAVAILABLE_INFORMATION)
        return CKR_TEMPLATE_INCOMPLETE;
    return make_secret(view, asked, value, CK_UNAVAILABLE_INFORMATION, type, id);
}

/* What generates keys of a type. unit: of the sizes in CK_MECHANISM_INFO, in a byte. */
static const struct {
    CK_MECHANISM_TYPE mechanism;
    CK_KEY_TYPE type;
    CK_ULONG unit;
} generators[] = {
    {CKM_AES_KEY_GEN, CKK_AES, 1},
    {CKM_DES3_KEY_GEN, CKK_DES3, 1},
    {CKM_GENERIC_SECRET_KEY_GEN, CKK_GENERIC_SECRET, 8},
};

bool p11d_keymanage_generates(const P11dMechanism *mechanism, CK_ULONG *smallest, CK_ULONG *largest)
{
    for (size_t i = 0; i < sizeof generators / sizeof generators[0]; i++) {
        if (generators[i].mechanism != mechanism->type ||
            !p11d_servedkey_secret_sizes(generators[i].type, smallest, largest))
            continue;
        *smallest *= generators[i].unit;
        *largest *= generators[i].unit;
        return true;
    }
    return false;
}

CK_RV p11d_keymanage_generate_key(P11dView *view, P11dActCall *call)
{
    const P11dArguments *arguments = call->arguments;
    const P11dTemplateArgument *asked = &arguments->templates[0];
    CK_MECHANISM_TYPE mechanism = arguments->mechanism.parameters.mechanism.mechanism;
    CK_RV rv = CKR_MECHANISM_INVALID;
    for (size_t i = 0; i < sizeof generators / sizeof generators[0]; i++) {
        if (generators[i].mechanism == mechanism)
            rv = p11d_keytemplate_number(asked->items, asked->count, CKA_KEY_TYPE,
                                         generators[i].type) == generators[i].type
                     ? make_secret(p11d_keyview_of(view), asked, NULL, mechanism,
                                   generators[i].type, &call->results.objects[0])
                     : CKR_TEMPLATE_INCONSISTENT;
    }
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv;
}

static CK_RV create_key(P11dKeyView *view, CK_OBJECT_CLASS class, const P11dTemplateArgument *asked,
                        uint64_t *id)
{
    P11dKeyText text = {0};
    P11dTemplate *kept = &text.kept[p11d_keytext_place(class)];
    EVP_PKEY *key = NULL;
    CK_RV rv = p11d_keymaterial_read(asked->items, asked->count, class, &key);
    if (rv == CKR_OK)
        rv = take(kept, asked, class, CK_UNAVAILABLE_INFORMATION);
    if (rv == CKR_OK && !is_for_token(asked))
        rv = add_session_key(view, key, class, kept, id);
    else if (rv == CKR_OK)
        rv = class == CKO_PRIVATE_KEY ? p11d_newobject_private(view, key, &text, false, NULL, id)
                                      : p11d_newobject_public(view, key, &text, id);
    EVP_PKEY_free(key);
    p11d_keytext_clear(&text);
    return rv;
}

static CK_RV create_certificate(P11dKeyView *view, const P11dTemplateArgument *asked, uint64_t *id)
{
    const CK_ATTRIBUTE *value = p11d_keytemplate_find(asked->items, asked->count, CKA_VALUE);
    P11dKeyText text = {0};
    if (!value || value->ulValueLen == 0)
        return CKR_TEMPLATE_INCOMPLETE;
    if (p11d_keytemplate_number(asked->items, asked->count, CKA_CERTIFICATE_TYPE, CKC_X_509) !=
        CKC_X_509)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    const uint8_t *der = value->pValue, *end = der + value->ulValueLen;
    X509 *certificate = d2i_X509(NULL, &der, (long)value->ulValueLen);
    CK_RV rv = certificate && der == end ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID;
    ERR_clear_error();
    if (rv == CKR_OK && !is_for_token(asked))
        rv = add_session_other(view, CKO_CERTIFICATE, asked, id);
    else if (rv == CKR_OK)
        rv = take(&text.kept[P11D_KEYTEXT_CERTIFICATE], asked, CKO_CERTIFICATE,
                  CK_UNAVAILABLE_INFORMATION)
                 ?: p11d_newobject_certificate(view, certificate, &text, id);
    X509_free(certificate);
    p11d_keytext_clear(&text);
    return rv;
}

static CK_RV create_data(P11dKeyView *view, const P11dTemplateArgument *asked, uint64_t *id)
{
    const CK_ATTRIBUTE *value = p11d_keytemplate_find(asked->items, asked->count, CKA_VALUE);
    const P11dBytes bytes = {value ? value->pValue : NULL, value ? value->ulValueLen : 0};
    P11dKeyText text = {0};
    if (!is_for_token(asked))
        return add_session_other(view, CKO_DATA, asked, id);
    CK_RV rv =
        p11d_keytemplate_take(&text.kept[P11D_KEYTEXT_DATA], asked->items, asked->count, CKO_DATA);
    if (rv == CKR_OK)
        rv = p11d_newobject_data(view, bytes, &text, id);
    p11d_keytext_clear(&text);
    return rv;
}

static CK_RV create(P11dKeyView *view, const P11dTemplateArgument *asked, uint64_t *id)
{
    CK_ULONG class =
        p11d_keytemplate_number(asked->items, asked->count, CKA_CLASS, CK_UNAVAILABLE_INFORMATION);
    if (class == CK_UNAVAILABLE_INFORMATION)
        return CKR_TEMPLATE_INCOMPLETE;
    CK_RV rv = p11d_keytemplate_check(asked->items, asked->count, class, P11D_KEYTEMPLATE_CREATE);
    if (rv != CKR_OK)
        return rv;
    if (class == CKO_SECRET_KEY)
        return create_secret(view, asked, id);
    if (class == CKO_CERTIFICATE)
        return create_certificate(view, asked, id);
    return class == CKO_DATA ? create_data(view, asked, id) : create_key(view, class, asked, id);
}

CK_RV p11d_keymanage_create(P11dView *view, P11dActCall *call)
{
    CK_RV rv =
        create(p11d_keyview_of(view), &call->arguments->templates[0], &call->results.objects[0]);
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv;
}

/* Both on the token, or neither. */
static CK_RV add_pair(P11dKeyView *view, EVP_PKEY *key, bool token, P11dKeyText *text,
                      uint64_t ids[2])
{
    if (token)
        return p11d_newobject_private(view, key, text, true, &ids[0], &ids[1]);
    CK_RV rv =
        add_session_key(view, key, CKO_PUBLIC_KEY, &text->kept[P11D_KEYTEXT_PUBLIC], &ids[0]);
    if (rv != CKR_OK)
        return rv;
    rv = add_session_key(view, key, CKO_PRIVATE_KEY, &text->kept[P11D_KEYTEXT_PRIVATE], &ids[1]);
    if (rv != CKR_OK)
        p11d_sessionobject_destroy(view, ids[0]);
    return rv;
}

bool p11d_keymanage_is_slow(const P11dArguments *arguments)
{
    return arguments->mechanism.parameters.mechanism.mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN;
}

CK_RV p11d_keymanage_generate_pair(P11dView *view, P11dActCall *call)
{
    const P11dArguments *arguments = call->arguments;
    const P11dTemplateArgument *public = &arguments->templates[0];
    const P11dTemplateArgument *private = &arguments->templates[1];
    CK_MECHANISM_TYPE mechanism = arguments->mechanism.parameters.mechanism.mechanism;
    P11dKeyText text = {0};
    EVP_PKEY *key = NULL;
    CK_RV rv = p11d_keytemplate_check(public->items, public->count, CKO_PUBLIC_KEY,
                                      P11D_KEYTEMPLATE_GENERATE);
    if (rv == CKR_OK)
        rv = p11d_keytemplate_check(private->items, private->count, CKO_PRIVATE_KEY,
                                    P11D_KEYTEMPLATE_GENERATE);
    if (rv == CKR_OK)
        rv = take(&text.kept[P11D_KEYTEXT_PUBLIC], public, CKO_PUBLIC_KEY, mechanism);
    if (rv == CKR_OK)
        rv = take(&text.kept[P11D_KEYTEXT_PRIVATE], private, CKO_PRIVATE_KEY, mechanism);
    /* A session key's public half on the token is what no file says. */
    if (rv == CKR_OK && is_for_token(public) && !is_for_token(private))
        rv = CKR_TEMPLATE_INCONSISTENT;
    if (rv == CKR_OK && is_for_token(private))
        rv = p11d_tokenobject_check(p11d_keyview_of(view), true);
    if (rv == CKR_OK)
        rv = p11d_keymaterial_generate(mechanism, public->items, public->count, &call->canceled,
                                       &key);
    if (rv == CKR_OK)
        rv = add_pair(p11d_keyview_of(view), key, is_for_token(private), &text,
                      call->results.objects);
    EVP_PKEY_free(key);
    p11d_keytext_clear(&text);
    call->changed = rv == CKR_OK;
    p11d_residue_wipe_stack();
    return rv;
}

/* The copy on the token: made as if it was created with all that it has. */
static CK_RV copy_to_token(P11dKeyView *view, P11dTemplate *templ, const P11dServedKey *key,
                           uint64_t *id)
{
    CK_OBJECT_CLASS class = p11d_template_number(templ, CKA_CLASS, CKO_DATA);
    const P11dTemplateArgument all = {.items = templ->items, .count = templ->count};
    P11dKeyText text = {0};
    CK_RV rv = CKR_TEMPLATE_INCONSISTENT;
    if (class == CKO_CERTIFICATE)
        return create_certificate(view, &all, id);
    if (class == CKO_DATA)
        return create_data(view, &all, id);
    if (!key)
        return rv;
    rv = p11d_keytemplate_take(&text.kept[p11d_keytext_place(class)], templ->items, templ->count,
                               class);
    if (rv == CKR_OK)
        rv = class == CKO_PRIVATE_KEY
                 ? p11d_newobject_private(view, key->key, &text, false, NULL, id)
             : class == CKO_PUBLIC_KEY
                 ? p11d_newobject_public(view, key->key, &text, id)
                 : p11d_newobject_secret(view, key->type,
                                         (P11dBytes){key->secret, key->secret_size}, &text, id);
    p11d_keytext_clear(&text);
    return rv;
}

/* What the copy is to have. One of a session may be changed and destroyed, whatever the directory
 * says of its files. */
static CK_RV copy_template(P11dTemplate *templ, const P11dTemplateArgument *asked, bool unwritable)
{
    static const CK_ATTRIBUTE_TYPE free[] = {CKA_MODIFIABLE, CKA_DESTROYABLE};
    CK_RV rv =
        p11d_keytemplate_check_change(templ, asked->items, asked->count, P11D_KEYTEMPLATE_COPY);
    for (int i = 0; i < 2 && rv == CKR_OK && unwritable; i++)
        rv = p11d_template_set_boolean(templ, free[i], true);
    for (CK_ULONG i = 0; i < asked->count && rv == CKR_OK; i++)
        rv = p11d_template_set(templ, asked->items[i].type, asked->items[i].pValue,
                               asked->items[i].ulValueLen);
    return rv;
}

CK_RV p11d_keymanage_copy(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dTemplateArgument *asked = &call->arguments->templates[0];
    uint64_t id = call->arguments->objects[0];
    P11dServedKey *key = NULL;
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_viewobject_get(view, id, &templ, &key);
    if (rv == CKR_OK && !p11d_template_boolean(&templ, CKA_COPYABLE, true))
        rv = CKR_ACTION_PROHIBITED;
    if (rv == CKR_OK)
        rv = copy_template(&templ, asked, !p11d_sessionobject_is(id) && !view->ring->writable);
    if (rv == CKR_OK && is_for_token(asked))
        rv = copy_to_token(view, &templ, key, &call->results.objects[0]);
    else if (rv == CKR_OK)
        rv = p11d_sessionobject_add(view, &templ, key ? p11d_servedkey_ref(key) : NULL,
                                    &call->results.objects[0]);
    p11d_servedkey_unref(key);
    p11d_template_clear(&templ);
    call->changed = rv == CKR_OK;
    return rv;
}

CK_RV p11d_keymanage_change(P11dView *base, P11dActCall *call)
{
    P11dKeyView *view = p11d_keyview_of(base);
    const P11dTemplateArgument *asked = &call->arguments->templates[0];
    uint64_t id = call->arguments->objects[0];
    CK_RV rv = p11d_sessionobject_is(id)
                   ? p11d_sessionobject_change(view, id, asked->items, asked->count)
                   : p11d_tokenobject_change(view, id, asked->items, asked->count);
    call->changed = rv == CKR_OK;
    return rv;
}

static CK_RV destroy_on_token(P11dKeyView *view, uint64_t id)
{
    P11dServedKey *key = NULL;
    P11dTemplate templ;
    p11d_template_init(&templ);
    CK_RV rv = p11d_tokenobject_get(view, id, &templ, &key);
    if (rv == CKR_OK)
        rv = p11d_tokenobject_check(view, false);
    if (rv == CKR_OK && !p11d_template_boolean(&templ, CKA_DESTROYABLE, true))
        rv = CKR_ACTION_PROHIBITED;
    p11d_servedkey_unref(key);
    p11d_template_clear(&templ);
    return rv == CKR_OK ? p11d_tokenobject_destroy(view, id) : rv;
}

CK_RV p11d_keymanage_destroy(P11dView *base, P11dActCall *call)
{
    uint64_t id = call->arguments->objects[0];
    CK_RV rv = p11d_sessionobject_is(id) ? p11d_sessionobject_destroy(p11d_keyview_of(base), id)
                                         : destroy_on_token(p11d_keyview_of(base), id);
    call->changed = rv == CKR_OK;
    return rv;
}
