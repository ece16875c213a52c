// SPDX-License-Identifier: MIT
#include "objects.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

CK_RV objects_make(Wire *wire, P11dObject **object)
{
    wire_end_attributes(wire);
    P11dReader reader = wire_reader(wire, "a{sv}");
    CK_RV rv = p11d_object_make(7, &reader, object);
    cr_assert(p11d_reader_at_end(&reader), "the reader is moved behind the entry in any case");
    wire_clear(wire);
    return rv;
}

P11dObject *objects_must_make(Wire *wire)
{
    P11dObject *object = NULL;
    cr_assert_eq(objects_make(wire, &object), CKR_OK);
    cr_assert_eq(object->id, 7);
    return object;
}

void objects_begin(Wire *wire, const char *class_name)
{
    wire_begin_attributes(wire);
    wire_text(wire, "class", class_name);
}

P11dObject *objects_key(const char *class_name, const char *kind)
{
    EVP_PKEY *key = keys_generate(kind);
    Bytes info = keys_info(key);
    Wire wire;
    objects_begin(&wire, class_name);
    wire_text(&wire, "label", "k");
    wire_bytes(&wire, "public-key-info", info.data, info.size);
    P11dObject *object = objects_must_make(&wire);
    free(info.data);
    EVP_PKEY_free(key);
    return object;
}

CK_ULONG objects_unknown(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE asked = {type, NULL, 0};
    CK_ATTRIBUTE_TYPE types[1];
    return p11d_object_unknown(object, &asked, 1, types);
}

CK_RV objects_ask(const P11dObject *object, CK_ATTRIBUTE_TYPE type)
{
    CK_ATTRIBUTE asked = {type, NULL, 0};
    return p11d_object_get(object, &asked, 1);
}

void objects_check(const P11dObject *object, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    const CK_ATTRIBUTE *attribute = p11d_object_attribute(object, type);
    cr_assert_not_null(attribute, "attribute 0x%lx", type);
    cr_assert_eq(attribute->ulValueLen, size, "attribute 0x%lx", type);
    cr_assert(size == 0 || memcmp(attribute->pValue, value, size) == 0, "attribute 0x%lx", type);
}
