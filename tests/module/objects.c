// SPDX-License-Identifier: MIT
#include "objects.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "keys.h"

CK_RV objects_make(Listing *listing, P11dObject **object)
{
    listing_end_attributes(listing);
    P11dReader reader = listing_reader(listing, "a{sv}");
    CK_RV rv = p11d_object_make(7, &reader, object);
    cr_assert(p11d_reader_at_end(&reader), "the reader is moved behind the entry in any case");
    listing_clear(listing);
    return rv;
}

P11dObject *objects_must_make(Listing *listing)
{
    P11dObject *object = NULL;
    cr_assert_eq(objects_make(listing, &object), CKR_OK);
    cr_assert_eq(object->id, 7);
    return object;
}

void objects_begin(Listing *listing, const char *class_name)
{
    listing_begin_attributes(listing);
    listing_text(listing, "class", class_name);
}

P11dObject *objects_key(const char *class_name, const char *kind)
{
    EVP_PKEY *key = keys_generate(kind);
    Bytes info = keys_info(key);
    Listing listing;
    objects_begin(&listing, class_name);
    listing_text(&listing, "label", "k");
    listing_bytes(&listing, "public-key-info", info.data, info.size);
    P11dObject *object = objects_must_make(&listing);
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
