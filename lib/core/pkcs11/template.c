// SPDX-License-Identifier: MIT
#include "template.h"

#include <stdlib.h>
#include <string.h>

#include "attribute.h"

bool p11d_template_is_nested(CK_ATTRIBUTE_TYPE type)
{
    if (!(type & CKF_ARRAY_ATTRIBUTE)) /* nearly all: not worth a look at the table */
        return false;
    const P11dAttribute *row = p11d_attribute_find(type);
    return row && row->kind == &p11d_attribute_template;
}

static void free_value(CK_ATTRIBUTE *attribute)
{
    if (!attribute->pValue)
        return;
    if (p11d_template_is_nested(attribute->type)) {
        CK_ATTRIBUTE *inner = attribute->pValue;
        for (CK_ULONG i = 0; i < attribute->ulValueLen / sizeof *inner; i++)
            free_value(&inner[i]);
    }
    explicit_bzero(attribute->pValue, attribute->ulValueLen);
    free(attribute->pValue);
    attribute->pValue = NULL;
    attribute->ulValueLen = 0;
}

/* Makes copy a copy of size bytes at value, for a template at that depth. */
static CK_RV copy_value(CK_ATTRIBUTE *copy, CK_ATTRIBUTE_TYPE type, const void *value, size_t size,
                        unsigned depth);

/* The bytes of copy are a copy of an array of CK_ATTRIBUTE: makes its pointers its own. */
static CK_RV own_nested(CK_ATTRIBUTE *copy, unsigned depth)
{
    CK_ATTRIBUTE *inner = copy->pValue;
    CK_ULONG count = copy->ulValueLen / sizeof *inner;
    CK_RV rv = CKR_OK;
    for (CK_ULONG i = 0; i < count; i++) {
        CK_ATTRIBUTE theirs = inner[i];
        inner[i].pValue = NULL;
        inner[i].ulValueLen = 0;
        if (rv == CKR_OK)
            rv = copy_value(&inner[i], theirs.type, theirs.pValue, theirs.ulValueLen, depth);
    }
    return rv;
}

static CK_RV copy_value(CK_ATTRIBUTE *copy, CK_ATTRIBUTE_TYPE type, const void *value, size_t size,
                        unsigned depth)
{
    bool nested = p11d_template_is_nested(type);
    *copy = (CK_ATTRIBUTE){.type = type};
    if (size > P11D_TEMPLATE_VALUE_MAX || (!value && size > 0))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (nested && (depth >= P11D_TEMPLATE_DEPTH || size % sizeof(CK_ATTRIBUTE) != 0 ||
                   size / sizeof(CK_ATTRIBUTE) > P11D_TEMPLATE_MAX))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (size == 0)
        return CKR_OK;

    copy->pValue = malloc(size);
    if (!copy->pValue)
        return CKR_HOST_MEMORY;
    memcpy(copy->pValue, value, size);
    copy->ulValueLen = size;
    CK_RV rv = nested ? own_nested(copy, depth + 1) : CKR_OK;
    if (rv != CKR_OK)
        free_value(copy);
    return rv;
}

/* Makes room for count attributes in all. The array holds pointers alone, so realloc leaves no
 * secret behind. */
static CK_RV reserve(P11dTemplate *templ, CK_ULONG count)
{
    if (count > P11D_TEMPLATE_MAX)
        return CKR_TEMPLATE_INCONSISTENT;
    if (count <= templ->capacity)
        return CKR_OK;
    CK_ULONG capacity = templ->capacity ? templ->capacity : 16;
    while (capacity < count)
        capacity *= 2;
    CK_ATTRIBUTE *items = reallocarray(templ->items, capacity, sizeof *items);
    if (!items)
        return CKR_HOST_MEMORY;
    templ->items = items;
    templ->capacity = capacity;
    return CKR_OK;
}

static CK_ATTRIBUTE *find(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type)
{
    for (CK_ULONG i = 0; i < templ->count; i++) {
        if (templ->items[i].type == type)
            return &templ->items[i];
    }
    return NULL;
}

/* Puts value, which is owned by templ from then on, into room that is reserved. */
static void put(P11dTemplate *templ, CK_ATTRIBUTE value)
{
    CK_ATTRIBUTE *place = find(templ, value.type);
    if (place)
        free_value(place);
    else
        place = &templ->items[templ->count++];
    *place = value;
}

void p11d_template_init(P11dTemplate *templ)
{
    *templ = (P11dTemplate){0};
}

void p11d_template_clear(P11dTemplate *templ)
{
    for (CK_ULONG i = 0; i < templ->count; i++)
        free_value(&templ->items[i]);
    free(templ->items);
    p11d_template_init(templ);
}

const CK_ATTRIBUTE *p11d_template_find(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type)
{
    return find(templ, type);
}

CK_RV p11d_template_set(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    CK_RV rv = find(templ, type) ? CKR_OK : reserve(templ, templ->count + 1);
    if (rv != CKR_OK)
        return rv;
    CK_ATTRIBUTE copy;
    rv = copy_value(&copy, type, value, size, 1);
    if (rv == CKR_OK)
        put(templ, copy);
    return rv;
}

CK_RV p11d_template_set_boolean(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, bool value)
{
    CK_BBOOL boolean = value ? CK_TRUE : CK_FALSE;
    return p11d_template_set(templ, type, &boolean, sizeof boolean);
}

CK_RV p11d_template_set_number(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, CK_ULONG value)
{
    return p11d_template_set(templ, type, &value, sizeof value);
}

CK_RV p11d_template_set_text(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, const char *value)
{
    return p11d_template_set(templ, type, value, strlen(value));
}

CK_RV p11d_template_merge(P11dTemplate *templ, P11dTemplate *from)
{
    CK_ULONG count = templ->count;
    for (CK_ULONG i = 0; i < from->count; i++)
        count += find(templ, from->items[i].type) ? 0 : 1;
    CK_RV rv = reserve(templ, count);
    if (rv != CKR_OK)
        return rv;
    for (CK_ULONG i = 0; i < from->count; i++)
        put(templ, from->items[i]);
    from->count = 0;
    p11d_template_clear(from);
    return CKR_OK;
}

void p11d_template_unset(P11dTemplate *templ, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE *place = find(templ, type);
    if (!place)
        return;
    free_value(place);
    CK_ATTRIBUTE *end = templ->items + templ->count--;
    memmove(place, place + 1, (size_t)(end - place - 1) * sizeof *place);
}

bool p11d_template_boolean(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, bool fallback)
{
    const CK_ATTRIBUTE *attribute = find(templ, type);
    if (!attribute || attribute->ulValueLen != sizeof(CK_BBOOL))
        return fallback;
    return *(const CK_BBOOL *)attribute->pValue != CK_FALSE;
}

CK_ULONG p11d_template_number(const P11dTemplate *templ, CK_ATTRIBUTE_TYPE type, CK_ULONG fallback)
{
    const CK_ATTRIBUTE *attribute = find(templ, type);
    if (!attribute || attribute->ulValueLen != sizeof(CK_ULONG))
        return fallback;
    CK_ULONG value;
    memcpy(&value, attribute->pValue, sizeof value);
    return value;
}
