// SPDX-License-Identifier: MIT
#include "mechanism.h"

#include <stdlib.h>
#include <string.h>

#include "name-index.h"

#define NONE P11D_MECHANISM_NONE
#define ROW(type, name, shape, hash, raw, digest_info, key_type)                                   \
    {type, name, &p11d_parameters_##shape, hash, raw, digest_info, key_type},

const P11dMechanism p11d_mechanisms[] = {
#include "mechanism-rows.inc"
};
const size_t p11d_mechanism_count = sizeof p11d_mechanisms / sizeof p11d_mechanisms[0];

static const char *name_of_row(size_t row)
{
    return p11d_mechanisms[row].name;
}

static P11dNameIndex by_name = {
    .name_of_row = name_of_row,
    .count = sizeof p11d_mechanisms / sizeof p11d_mechanisms[0],
};

const P11dMechanism *p11d_mechanism_find(CK_MECHANISM_TYPE type)
{
    return bsearch(&type, p11d_mechanisms, p11d_mechanism_count, sizeof p11d_mechanisms[0],
                   p11d_name_compare_number);
}

const char *p11d_mechanism_name(CK_MECHANISM_TYPE type, char scratch[P11D_NAME_SIZE])
{
    const P11dMechanism *row = p11d_mechanism_find(type);
    return row ? row->name : p11d_name_of_number(type, scratch);
}

bool p11d_mechanism_parse_name(const char *name, CK_MECHANISM_TYPE *type)
{
    size_t row;
    if (!p11d_name_index_find(&by_name, name, &row))
        return p11d_name_parse_number(name, type);
    *type = p11d_mechanisms[row].type;
    return true;
}

CK_RV p11d_mechanism_write_parameters(P11dWriter *writer, const CK_MECHANISM *mechanism)
{
    const P11dMechanism *row = p11d_mechanism_find(mechanism->mechanism);
    size_t size = writer->buffer->size;
    CK_RV rv = p11d_parameter_write(row ? row->shape : &p11d_parameters_none, writer, mechanism);
    if (rv != CKR_OK)
        p11d_writer_rewind(writer, size);
    return rv;
}

/* Looks for "prehashed" among the entries, which a{sv} gives in any order. */
static CK_RV read_prehashed(P11dReader elements, bool *prehashed)
{
    bool seen = false;
    *prehashed = false;
    while (!p11d_reader_at_end(&elements)) {
        const char *key, *signature;
        if (!p11d_reader_entry(&elements, &key, &signature))
            return CKR_ARGUMENTS_BAD;
        if (strcmp(key, "prehashed") != 0) {
            if (!p11d_reader_skip(&elements, signature))
                return CKR_ARGUMENTS_BAD;
            continue;
        }
        if (seen || strcmp(signature, "b") != 0)
            return CKR_MECHANISM_PARAM_INVALID;
        if (!p11d_reader_boolean(&elements, prehashed))
            return CKR_ARGUMENTS_BAD;
        seen = true;
    }
    return p11d_reader_ok(&elements) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

CK_RV p11d_mechanism_read_parameters(P11dReader *reader, CK_MECHANISM_TYPE type,
                                     P11dParameters *parameters)
{
    const P11dMechanism *row = p11d_mechanism_find(type);
    P11dReader elements;
    size_t size;
    *parameters = (P11dParameters){.mechanism.mechanism = type};
    if (!p11d_reader_array(reader, 8, &elements))
        return CKR_ARGUMENTS_BAD;
    if (!row)
        return p11d_reader_at_end(&elements) ? CKR_OK : CKR_MECHANISM_PARAM_INVALID;

    CK_RV rv = read_prehashed(elements, &parameters->prehashed);
    if (rv == CKR_OK && parameters->prehashed && row->hash == P11D_MECHANISM_NONE)
        rv = CKR_MECHANISM_PARAM_INVALID;
    if (rv == CKR_OK)
        rv = p11d_parameter_read(row->shape, elements, parameters->storage.bytes, &size);
    if (rv != CKR_OK) {
        *parameters = (P11dParameters){.mechanism.mechanism = type};
        return rv;
    }
    parameters->mechanism.pParameter = size > 0 ? parameters->storage.bytes : NULL;
    parameters->mechanism.ulParameterLen = size;
    return CKR_OK;
}
