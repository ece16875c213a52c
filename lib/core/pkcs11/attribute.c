// SPDX-License-Identifier: MIT
#include "attribute.h"

#include <stdlib.h>
#include <string.h>

#include "name-index.h"

#define ROW(type, name, kind) {type, name, &p11d_attribute_##kind},

const P11dAttribute p11d_attributes[] = {
#include "attribute-rows.inc"
};
const size_t p11d_attribute_count = sizeof p11d_attributes / sizeof p11d_attributes[0];

static const char *name_of_row(size_t row)
{
    return p11d_attributes[row].name;
}

static P11dNameIndex by_name = {
    .name_of_row = name_of_row,
    .count = sizeof p11d_attributes / sizeof p11d_attributes[0],
};

const P11dAttribute *p11d_attribute_find(CK_ATTRIBUTE_TYPE type)
{
    return bsearch(&type, p11d_attributes, p11d_attribute_count, sizeof p11d_attributes[0],
                   p11d_name_compare_number);
}

const char *p11d_attribute_name(CK_ATTRIBUTE_TYPE type, char scratch[P11D_NAME_SIZE])
{
    const P11dAttribute *row = p11d_attribute_find(type);
    return row ? row->name : p11d_name_of_number(type, scratch);
}

bool p11d_attribute_parse_name(const char *name, CK_ATTRIBUTE_TYPE *type)
{
    size_t row;
    if (!p11d_name_index_find(&by_name, name, &row))
        return p11d_name_parse_number(name, type);
    *type = p11d_attributes[row].type;
    return true;
}

static const P11dAttributeKind *kind_of(CK_ATTRIBUTE_TYPE type)
{
    const P11dAttribute *row = p11d_attribute_find(type);
    return row ? row->kind : &p11d_attribute_unknown;
}

static CK_RV write_entry(P11dWriter *writer, const CK_ATTRIBUTE *attribute, unsigned depth)
{
    char scratch[P11D_NAME_SIZE];
    if (attribute->ulValueLen > P11D_TEMPLATE_VALUE_MAX ||
        (!attribute->pValue && attribute->ulValueLen > 0))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_struct(writer);
    p11d_writer_string(writer, p11d_attribute_name(attribute->type, scratch));
    const P11dAttributeKind *kind = kind_of(attribute->type);
    return kind->write(kind, writer, attribute, depth);
}

CK_RV p11d_attribute_write(P11dWriter *writer, const CK_ATTRIBUTE *attribute)
{
    size_t size = writer->buffer->size;
    CK_RV rv = write_entry(writer, attribute, 1);
    if (rv != CKR_OK)
        p11d_writer_rewind(writer, size);
    return rv;
}

/* Whether attributes[i] says what one before it said already; *rv: it says something else of that.
 */
static bool is_repeated(const CK_ATTRIBUTE *attributes, CK_ULONG i, CK_RV *rv)
{
    const CK_ATTRIBUTE *item = &attributes[i], *before = attributes;
    while (before < item && before->type != item->type)
        before++;
    if (before == item)
        return false;
    bool same = before->ulValueLen == item->ulValueLen &&
                (item->ulValueLen == 0 ||
                 (before->pValue && memcmp(before->pValue, item->pValue, item->ulValueLen) == 0));
    *rv = same ? CKR_OK : CKR_TEMPLATE_INCONSISTENT;
    return true;
}

CK_RV p11d_attribute_write_nested(P11dWriter *writer, const CK_ATTRIBUTE *attributes,
                                  CK_ULONG count, unsigned depth)
{
    if (depth > P11D_TEMPLATE_DEPTH)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (count > P11D_TEMPLATE_MAX || (!attributes && count > 0))
        return CKR_TEMPLATE_INCONSISTENT;

    size_t size = writer->buffer->size;
    CK_RV rv = CKR_OK;
    P11dArray array = p11d_writer_array_begin(writer, 8);
    for (CK_ULONG i = 0; i < count && rv == CKR_OK; i++) {
        if (!attributes[i].pValue && attributes[i].ulValueLen > 0)
            rv = CKR_TEMPLATE_INCONSISTENT;
        else if (!is_repeated(attributes, i, &rv))
            rv = write_entry(writer, &attributes[i], depth);
    }
    if (rv == CKR_OK)
        p11d_writer_array_end(writer, array);
    else
        p11d_writer_rewind(writer, size);
    return rv;
}

CK_RV p11d_attribute_write_all(P11dWriter *writer, const CK_ATTRIBUTE *attributes, CK_ULONG count)
{
    return p11d_attribute_write_nested(writer, attributes, count, 1);
}

/* Reads the entries to templ, which is empty before. */
static CK_RV read_entries(P11dReader *elements, P11dTemplate *templ, unsigned depth)
{
    while (!p11d_reader_at_end(elements)) {
        const char *name, *signature;
        CK_ATTRIBUTE_TYPE type;
        if (!p11d_reader_entry(elements, &name, &signature))
            return CKR_ARGUMENTS_BAD;
        if (!p11d_attribute_parse_name(name, &type)) {
            if (!p11d_reader_skip(elements, signature))
                return CKR_ARGUMENTS_BAD;
            continue;
        }
        if (p11d_template_find(templ, type))
            return CKR_TEMPLATE_INCONSISTENT;
        const P11dAttributeKind *kind = kind_of(type);
        CK_RV rv = kind->read(kind, elements, signature, type, templ, depth);
        if (rv != CKR_OK)
            return rv;
    }
    return p11d_reader_ok(elements) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV p11d_attribute_read_nested(P11dReader *reader, P11dTemplate *templ, unsigned depth)
{
    P11dReader elements;
    if (depth > P11D_TEMPLATE_DEPTH)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_array(reader, 8, &elements))
        return CKR_ARGUMENTS_BAD;

    P11dTemplate read;
    p11d_template_init(&read);
    CK_RV rv = read_entries(&elements, &read, depth);
    if (rv == CKR_OK)
        rv = p11d_template_merge(templ, &read);
    p11d_template_clear(&read);
    return rv;
}

CK_RV p11d_attribute_read_all(P11dReader *reader, P11dTemplate *templ)
{
    return p11d_attribute_read_nested(reader, templ, 1);
}

void p11d_attribute_read_absent(const P11dReader *reader,
                                void (*found)(CK_ATTRIBUTE_TYPE type, void *data), void *data)
{
    P11dReader copy = *reader, elements;
    const char *name, *signature;
    if (!p11d_reader_array(&copy, 8, &elements))
        return;
    while (!p11d_reader_at_end(&elements) && p11d_reader_entry(&elements, &name, &signature)) {
        P11dReader names;
        if (strcmp(name, "absent") != 0 || strcmp(signature, "as") != 0) {
            p11d_reader_skip(&elements, signature);
            continue;
        }
        if (!p11d_reader_array(&elements, 4, &names))
            return;
        while (!p11d_reader_at_end(&names) && p11d_reader_string(&names, &name, NULL)) {
            CK_ATTRIBUTE_TYPE type;
            if (p11d_attribute_parse_name(name, &type))
                found(type, data);
        }
    }
}
