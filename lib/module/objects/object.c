// SPDX-License-Identifier: MIT
#include "object.h"

#include <stdlib.h>
#include <string.h>

#include "attribute.h"
#include "der.h"
#include "derivation.h"
#include "error-name.h"

/* The most refusals of one object that are remembered; a host that asks for more asks the service
 * each time. */
#define REFUSALS_MAX 256

static CK_RV refuse(P11dObject *object, CK_ATTRIBUTE_TYPE type, CK_RV reason)
{
    for (size_t i = 0; i < object->refusal_count; i++) {
        if (object->refusals[i].type == type) {
            object->refusals[i].reason = reason;
            return CKR_OK;
        }
    }
    if (object->refusal_count >= REFUSALS_MAX)
        return CKR_OK;
    /* Grows by doubling: at 1, 2, 4, 8 … there is no room left. */
    size_t count = object->refusal_count;
    if ((count & (count - 1)) == 0) {
        size_t capacity = count > 0 ? 2 * count : 1;
        P11dRefusal *grown = realloc(object->refusals, capacity * sizeof *grown);
        if (!grown)
            return CKR_HOST_MEMORY;
        object->refusals = grown;
    }
    object->refusals[object->refusal_count++] = (P11dRefusal){type, reason};
    return CKR_OK;
}

typedef struct Absent {
    P11dObject *object;
    CK_RV rv;
} Absent;

static void found_absent(CK_ATTRIBUTE_TYPE type, void *data)
{
    Absent *absent = data;
    CK_RV rv = refuse(absent->object, type, CKR_ATTRIBUTE_TYPE_INVALID);
    if (absent->rv == CKR_OK)
        absent->rv = rv;
}

/* "absent" wins over everything that was sent or derived. */
static void drop_absent(P11dObject *object)
{
    for (size_t i = 0; i < object->refusal_count; i++)
        p11d_template_unset(&object->attributes, object->refusals[i].type);
}

static bool hides_secrets(const P11dObject *object)
{
    return p11d_object_boolean(object, CKA_SENSITIVE) ||
           !p11d_object_boolean(object, CKA_EXTRACTABLE);
}

static bool is_secret(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    const P11dDefault *row = p11d_default_find(type, object->derived.class_bit, NULL);
    return row && row->kind == P11D_DEFAULT_SECRET && hides_secrets(object);
}

/* The host is not to see these, or find objects by them, although the service sent them. */
static void drop_secrets(P11dObject *object)
{
    for (const P11dDefault *row = p11d_defaults; row < p11d_defaults + p11d_default_count; row++)
        if (row->kind == P11D_DEFAULT_SECRET && (row->classes & object->derived.class_bit) != 0)
            p11d_template_unset(&object->attributes, row->attribute.type);
}

/* What keys of another class are for is not claimed. */
static void drop_claims(P11dObject *object)
{
    for (const P11dDefault *row = p11d_defaults; row < p11d_defaults + p11d_default_count; row++) {
        bool foreign = false;
        if (row->kind == P11D_DEFAULT_ABLE &&
            !p11d_default_find(row->attribute.type, object->derived.class_bit, &foreign) && foreign)
            p11d_template_unset(&object->attributes, row->attribute.type);
    }
}

static P11dBytes key_of(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *attribute = p11d_object_attribute(object, type);
    return attribute ? p11d_der(attribute->pValue, attribute->ulValueLen) : p11d_der(NULL, 0);
}

static void set_keys(P11dObject *object)
{
    object->keys[P11D_OBJECT_LABEL] = key_of(object, CKA_LABEL);
    object->keys[P11D_OBJECT_KEY_ID] = key_of(object, CKA_ID);
    object->keys[P11D_OBJECT_CLASS] =
        p11d_der(&object->derived.object_class, sizeof object->derived.object_class);
    object->keys[P11D_OBJECT_PUBLIC_KEY] = key_of(object, CKA_PUBLIC_KEY_INFO);
}

/* Derives what follows from the attributes, and drops what the host is not to see. */
static CK_RV settle(P11dObject *object)
{
    CK_RV rv = p11d_derivation_make(&object->attributes, &object->derived);
    if (rv != CKR_OK)
        return rv;
    drop_absent(object);
    drop_claims(object);
    if (hides_secrets(object))
        drop_secrets(object);
    set_keys(object);
    return CKR_OK;
}

static CK_RV fill(P11dObject *object, P11dReader *attributes)
{
    Absent absent = {object, CKR_OK};
    P11dReader at_absent = *attributes;
    CK_RV rv = p11d_attribute_read_all(attributes, &object->attributes);
    if (rv != CKR_OK)
        return rv;
    p11d_attribute_read_absent(&at_absent, found_absent, &absent);
    rv = settle(object);
    return rv != CKR_OK ? rv : absent.rv;
}

CK_RV p11d_object_make(uint64_t id, P11dReader *attributes, P11dObject **object)
{
    *object = NULL;
    P11dReader behind = *attributes;
    if (!p11d_reader_skip(&behind, "a{sv}")) {
        *attributes = behind;
        return CKR_ARGUMENTS_BAD;
    }
    P11dObject *made = calloc(1, sizeof *made);
    CK_RV rv = CKR_HOST_MEMORY;
    if (made) {
        made->id = id;
        p11d_template_init(&made->attributes);
        P11dReader copy = *attributes;
        rv = fill(made, &copy);
    }
    *attributes = behind;
    if (rv != CKR_OK) {
        p11d_object_free(made);
        return rv;
    }
    *object = made;
    return CKR_OK;
}

static CK_RV fill_outline(P11dObject *made, const P11dDraft *draft)
{
    P11dTemplate *attributes = &made->attributes;
    CK_RV rv = p11d_template_set_number(attributes, CKA_CLASS, draft->object_class);
    if (rv == CKR_OK && draft->key_type != CK_UNAVAILABLE_INFORMATION)
        rv = p11d_template_set_number(attributes, CKA_KEY_TYPE, draft->key_type);
    if (rv == CKR_OK)
        rv = p11d_template_set_boolean(attributes, CKA_TOKEN, draft->on_token);
    return rv == CKR_OK ? p11d_template_set_boolean(attributes, CKA_PRIVATE, draft->is_private)
                        : rv;
}

CK_RV p11d_object_outline(const P11dDraft *draft, P11dObject **object)
{
    *object = NULL;
    P11dObject *made = calloc(1, sizeof *made);
    if (!made)
        return CKR_HOST_MEMORY;
    made->id = draft->id;
    made->draft = true;
    made->derived = (P11dDerived){.object_class = draft->object_class,
                                  .class_bit = p11d_default_class(draft->object_class),
                                  .key_type = draft->key_type};
    p11d_template_init(&made->attributes);
    const CK_RV rv = fill_outline(made, draft);
    if (rv != CKR_OK) {
        p11d_object_free(made);
        return rv;
    }
    set_keys(made);
    *object = made;
    return CKR_OK;
}

static CK_RV copy_with(P11dObject *made, const P11dObject *object, const CK_ATTRIBUTE *templ,
                       CK_ULONG count)
{
    CK_RV rv = CKR_OK;
    const P11dTemplate *old = &object->attributes;
    for (CK_ULONG i = 0; rv == CKR_OK && i < old->count; i++)
        rv = p11d_template_set(&made->attributes, old->items[i].type, old->items[i].pValue,
                               old->items[i].ulValueLen);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        rv = p11d_template_set(&made->attributes, templ[i].type, templ[i].pValue,
                               templ[i].ulValueLen);
    for (size_t i = 0; rv == CKR_OK && i < object->refusal_count; i++) {
        const P11dRefusal *refusal = &object->refusals[i];
        bool changed = false;
        for (CK_ULONG n = 0; n < count; n++)
            changed = changed || templ[n].type == refusal->type;
        if (!changed)
            rv = refuse(made, refusal->type, refusal->reason);
    }
    return rv == CKR_OK ? settle(made) : rv;
}

CK_RV p11d_object_change(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count,
                         P11dObject **changed)
{
    *changed = NULL;
    P11dObject *made = calloc(1, sizeof *made);
    if (!made)
        return CKR_HOST_MEMORY;
    made->id = object->id;
    made->token = object->token;
    p11d_template_init(&made->attributes);
    const CK_RV rv = copy_with(made, object, templ, count);
    if (rv != CKR_OK) {
        p11d_object_free(made);
        return rv;
    }
    *changed = made;
    return CKR_OK;
}

void p11d_object_pair(P11dObject *a, P11dObject *b)
{
    a->peer = b;
    b->peer = a;
}

void p11d_object_free(P11dObject *object)
{
    if (!object)
        return;
    p11d_template_clear(&object->attributes);
    free(object->refusals);
    free(object);
}

/* What a key claims although its token has no mechanism for it: the attribute that says no instead.
 * NULL: the token can, or it is no such claim. */
static const CK_ATTRIBUTE *deny(const P11dObject *object, const P11dDefault *row)
{
    if (!row || row->kind != P11D_DEFAULT_ABLE)
        return NULL;
    const bool able =
        object->token && p11d_properties_serves(object->token, object->derived.key_type, row->flag);
    return able ? NULL : &row->unable;
}

/* The attribute, or NULL and why there is none: *reason is CKR_OK where only the service knows. */
static const CK_ATTRIBUTE *look_up(const P11dObject *object, CK_ATTRIBUTE_TYPE type, CK_RV *reason)
{
    bool foreign = false;
    *reason = CKR_OK;
    const CK_ATTRIBUTE *known = p11d_template_find(&object->attributes, type);
    if (known && known->ulValueLen != sizeof(CK_BBOOL))
        return known;
    const P11dDefault *row = p11d_default_find(type, object->derived.class_bit, &foreign);
    const CK_ATTRIBUTE *denied = deny(object, row);
    if (known || denied)
        return denied ? denied : known;
    for (size_t i = 0; i < object->refusal_count; i++) {
        if (object->refusals[i].type == type) {
            *reason = object->refusals[i].reason;
            return NULL;
        }
    }
    if (row && (row->kind == P11D_DEFAULT_VALUE || row->kind == P11D_DEFAULT_ABLE))
        return &row->attribute;
    if (row && row->kind == P11D_DEFAULT_SECRET && is_secret(object, type))
        *reason = CKR_ATTRIBUTE_SENSITIVE;
    if (foreign || (row && row->kind == P11D_DEFAULT_DERIVED && object->derived.has_public_key))
        *reason = CKR_ATTRIBUTE_TYPE_INVALID;
    return NULL;
}

const CK_ATTRIBUTE *p11d_object_attribute(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    CK_RV reason;
    return look_up(object, type, &reason);
}

bool p11d_object_boolean(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    const CK_ATTRIBUTE *attribute = p11d_object_attribute(object, type);
    return attribute && attribute->ulValueLen == sizeof(CK_BBOOL) &&
           *(const CK_BBOOL *)attribute->pValue != CK_FALSE;
}

static bool is_unknown(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    CK_RV reason;
    return !look_up(object, type, &reason) && reason == CKR_OK;
}

static bool contains(const CK_ATTRIBUTE_TYPE *types, CK_ULONG count, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < count; i++)
        if (types[i] == type)
            return true;
    return false;
}

CK_ULONG p11d_object_unknown(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count,
                             CK_ATTRIBUTE_TYPE *types)
{
    CK_ULONG unknown = 0;
    for (CK_ULONG i = 0; i < count; i++) {
        if (is_unknown(object, templ[i].type) && !contains(types, unknown, templ[i].type))
            types[unknown++] = templ[i].type;
    }
    return unknown;
}

static CK_RV learn_values(P11dObject *object, const CK_ATTRIBUTE_TYPE *types, CK_ULONG count,
                          const P11dTemplate *values)
{
    for (CK_ULONG i = 0; i < values->count; i++) {
        const CK_ATTRIBUTE *value = &values->items[i];
        if (!contains(types, count, value->type) || is_secret(object, value->type))
            continue;
        CK_RV rv =
            p11d_template_set(&object->attributes, value->type, value->pValue, value->ulValueLen);
        if (rv != CKR_OK)
            return rv;
    }
    return CKR_OK;
}

/* Remembers one entry of a{ss}. Errors that may be others next time are returned in *other. */
static CK_RV learn_error(P11dObject *object, P11dReader *errors, const CK_ATTRIBUTE_TYPE *types,
                         CK_ULONG count, bool *was_told, CK_RV *other)
{
    const char *name, *last_part;
    CK_ATTRIBUTE_TYPE type;
    if (!p11d_reader_struct(errors) || !p11d_reader_string(errors, &name, NULL) ||
        !p11d_reader_string(errors, &last_part, NULL))
        return CKR_DEVICE_ERROR;
    if (!p11d_attribute_parse_name(name, &type) || !contains(types, count, type))
        return CKR_OK;
    for (CK_ULONG i = 0; i < count; i++)
        if (types[i] == type)
            was_told[i] = true;
    CK_RV reason = p11d_error_parse_last_part(last_part);
    if (reason == CKR_ATTRIBUTE_SENSITIVE || reason == CKR_ATTRIBUTE_TYPE_INVALID)
        return refuse(object, type, reason);
    if (*other == CKR_OK)
        *other = reason;
    return CKR_OK;
}

static CK_RV learn_errors(P11dObject *object, P11dReader *body, const CK_ATTRIBUTE_TYPE *types,
                          CK_ULONG count)
{
    P11dReader errors;
    CK_RV other = CKR_OK;
    bool *was_told = calloc(count > 0 ? count : 1, sizeof *was_told);
    CK_RV rv = !was_told ? CKR_HOST_MEMORY : CKR_OK;
    if (rv == CKR_OK && !p11d_reader_array(body, 8, &errors))
        rv = CKR_DEVICE_ERROR;
    while (rv == CKR_OK && !p11d_reader_at_end(&errors))
        rv = learn_error(object, &errors, types, count, was_told, &other);
    for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
        if (!was_told[i] && is_unknown(object, types[i]))
            rv = refuse(object, types[i], CKR_ATTRIBUTE_TYPE_INVALID);
    free(was_told);
    return rv != CKR_OK ? rv : other;
}

CK_RV p11d_object_learn(P11dObject *object, const CK_ATTRIBUTE_TYPE *types, CK_ULONG count,
                        P11dReader *body)
{
    P11dTemplate values;
    p11d_template_init(&values);
    CK_RV rv = p11d_attribute_read_all(body, &values);
    if (rv == CKR_OK)
        rv = learn_values(object, types, count, &values);
    p11d_template_clear(&values);
    drop_claims(object);
    set_keys(object);
    if (rv != CKR_OK)
        return rv == CKR_HOST_MEMORY ? rv : CKR_DEVICE_ERROR;
    return learn_errors(object, body, types, count);
}

static bool is_template(CK_ATTRIBUTE_TYPE type)
{
    const P11dAttribute *row = p11d_attribute_find(type);
    return row && row->kind == &p11d_attribute_template;
}

/* Of two results for different attributes, the one that the call returns. */
static CK_RV more_important(CK_RV a, CK_RV b)
{
    static const CK_RV order[] = {CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID,
                                  CKR_BUFFER_TOO_SMALL};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return CKR_OK;
}

/* Copies value to where the host wants it. Recursion ends where the stored templates do, and those
 * have a bounded depth. */
static CK_RV give(const CK_ATTRIBUTE *value, CK_ATTRIBUTE *wanted)
{
    if (!wanted->pValue) {
        wanted->ulValueLen = value->ulValueLen;
        return CKR_OK;
    }
    if (wanted->ulValueLen < value->ulValueLen) {
        wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
        return CKR_BUFFER_TOO_SMALL;
    }
    wanted->ulValueLen = value->ulValueLen;
    if (!is_template(value->type)) {
        if (value->ulValueLen > 0)
            memcpy(wanted->pValue, value->pValue, value->ulValueLen);
        return CKR_OK;
    }
    CK_RV rv = CKR_OK;
    const CK_ATTRIBUTE *inner = value->pValue;
    CK_ATTRIBUTE *wanted_inner = wanted->pValue;
    for (CK_ULONG i = 0; i < value->ulValueLen / sizeof *inner; i++) {
        wanted_inner[i].type = inner[i].type;
        rv = more_important(rv, give(&inner[i], &wanted_inner[i]));
    }
    return rv;
}

CK_RV p11d_object_get(const P11dObject *object, CK_ATTRIBUTE *templ, CK_ULONG count)
{
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_RV reason;
        const CK_ATTRIBUTE *value = look_up(object, templ[i].type, &reason);
        if (value) {
            reason = give(value, &templ[i]);
        } else {
            templ[i].ulValueLen = CK_UNAVAILABLE_INFORMATION;
            if (reason == CKR_OK)
                reason = CKR_ATTRIBUTE_TYPE_INVALID;
        }
        rv = more_important(rv, reason);
    }
    return rv;
}

static bool same_value(const CK_ATTRIBUTE *value, const CK_ATTRIBUTE *wanted);

static bool same_template(const CK_ATTRIBUTE *value, const CK_ATTRIBUTE *wanted)
{
    if (value->ulValueLen != wanted->ulValueLen)
        return false;
    CK_ULONG count = value->ulValueLen / sizeof(CK_ATTRIBUTE);
    const P11dTemplate inner = {value->pValue, count, count};
    const CK_ATTRIBUTE *wanted_inner = wanted->pValue;
    for (CK_ULONG i = 0; i < count; i++) {
        const CK_ATTRIBUTE *found = p11d_template_find(&inner, wanted_inner[i].type);
        if (!found || !same_value(found, &wanted_inner[i]))
            return false;
    }
    return true;
}

static bool same_value(const CK_ATTRIBUTE *value, const CK_ATTRIBUTE *wanted)
{
    if (!wanted->pValue && wanted->ulValueLen > 0)
        return false;
    if (is_template(value->type))
        return same_template(value, wanted);
    P11dBytes mine = p11d_der(value->pValue, value->ulValueLen);
    P11dBytes theirs = p11d_der(wanted->pValue, wanted->ulValueLen);
    return p11d_der_equal(mine, theirs) ||
           (value->type == CKA_EC_POINT && p11d_der_equal(p11d_der_unwrap(mine), theirs));
}

bool p11d_object_matches(const P11dObject *object, const CK_ATTRIBUTE *templ, CK_ULONG count)
{
    for (CK_ULONG i = 0; i < count; i++) {
        const CK_ATTRIBUTE *value = p11d_object_attribute(object, templ[i].type);
        if (!value || !same_value(value, &templ[i]))
            return false;
    }
    return true;
}
