// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <string.h>

/* A codec carries one field of P11dArguments. */
typedef CK_RV Write(P11dWriter *writer, const void *field);
typedef CK_RV Read(P11dReader *reader, void *field);

static CK_RV write_uint64(P11dWriter *writer, const void *field)
{
    p11d_writer_uint64(writer, *(const uint64_t *)field);
    return CKR_OK;
}

static CK_RV read_uint64(P11dReader *reader, void *field)
{
    return p11d_reader_uint64(reader, field) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV write_uint32(P11dWriter *writer, const void *field)
{
    p11d_writer_uint32(writer, *(const uint32_t *)field);
    return CKR_OK;
}

static CK_RV read_uint32(P11dReader *reader, void *field)
{
    return p11d_reader_uint32(reader, field) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV write_boolean(P11dWriter *writer, const void *field)
{
    p11d_writer_boolean(writer, *(const bool *)field);
    return CKR_OK;
}

static CK_RV read_boolean(P11dReader *reader, void *field)
{
    return p11d_reader_boolean(reader, field) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV write_text(P11dWriter *writer, const void *field)
{
    const char *text = *(const char *const *)field;
    p11d_writer_string(writer, text ? text : "");
    return CKR_OK;
}

static CK_RV read_text(P11dReader *reader, void *field)
{
    return p11d_reader_string(reader, field, NULL) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV write_bytes(P11dWriter *writer, const void *field)
{
    const P11dBytes *bytes = field;
    if (bytes->size > P11D_INTERFACE_DATA_MAX)
        return CKR_DATA_LEN_RANGE;
    p11d_writer_bytes(writer, bytes->data, bytes->size);
    return CKR_OK;
}

static CK_RV read_bytes(P11dReader *reader, void *field)
{
    P11dBytes *bytes = field;
    if (!p11d_reader_bytes(reader, &bytes->data, &bytes->size))
        return CKR_ARGUMENTS_BAD;
    return bytes->size <= P11D_INTERFACE_DATA_MAX ? CKR_OK : CKR_DATA_LEN_RANGE;
}

static CK_RV write_user(P11dWriter *writer, const void *field)
{
    char scratch[P11D_NAME_SIZE];
    p11d_writer_string(writer,
                       p11d_name_of(&p11d_names_user, *(const CK_USER_TYPE *)field, scratch));
    return CKR_OK;
}

static CK_RV read_user(P11dReader *reader, void *field)
{
    const char *name;
    if (!p11d_reader_string(reader, &name, NULL))
        return CKR_ARGUMENTS_BAD;
    return p11d_name_parse(&p11d_names_user, name, field) ? CKR_OK : CKR_USER_TYPE_INVALID;
}

static CK_RV write_purpose(P11dWriter *writer, const void *field)
{
    p11d_writer_string(writer, p11d_purpose_name(*(const P11dPurpose *)field));
    return CKR_OK;
}

static CK_RV read_purpose(P11dReader *reader, void *field)
{
    const char *name;
    if (!p11d_reader_string(reader, &name, NULL) || !p11d_purpose_parse(name, field))
        return CKR_ARGUMENTS_BAD;
    return CKR_OK;
}

static CK_RV write_mechanism(P11dWriter *writer, const void *field)
{
    p11d_kept_mechanism_write_name(((const P11dMechanismArgument *)field)->kept, writer);
    return CKR_OK;
}

static CK_RV read_mechanism(P11dReader *reader, void *field)
{
    P11dMechanismArgument *mechanism = field;
    if (!p11d_reader_string(reader, &mechanism->name, NULL))
        return CKR_ARGUMENTS_BAD;
    return p11d_mechanism_parse_name(mechanism->name, &mechanism->parameters.mechanism.mechanism)
               ? CKR_OK
               : CKR_MECHANISM_INVALID;
}

static CK_RV write_parameters(P11dWriter *writer, const void *field)
{
    p11d_kept_mechanism_write_parameters(((const P11dMechanismArgument *)field)->kept, writer);
    return CKR_OK;
}

static CK_RV read_parameters(P11dReader *reader, void *field)
{
    P11dParameters *parameters = &((P11dMechanismArgument *)field)->parameters;
    return p11d_mechanism_read_parameters(reader, parameters->mechanism.mechanism, parameters);
}

static CK_RV write_template(P11dWriter *writer, const void *field)
{
    const P11dTemplateArgument *templ = field;
    return p11d_attribute_write_all(writer, templ->items, templ->count);
}

static CK_RV read_template(P11dReader *reader, void *field)
{
    P11dTemplateArgument *templ = field;
    const CK_RV rv = p11d_attribute_read_all(reader, &templ->storage);
    templ->items = templ->storage.items;
    templ->count = templ->storage.count;
    return rv;
}

/* The field of a kind: where it is, the size of one element, and what carries it. Those without a
 * codec are no field: output parameters, which no mechanism that is carried has so far, options,
 * whose rows follow, and what a method has of its own. */
static const struct Field {
    size_t at;
    size_t size;
    Write *write;
    Read *read;
} fields[] = {
#define FIELD(name, codec)                                                                         \
    {                                                                                              \
        offsetof(P11dArguments, name), sizeof((P11dArguments *)NULL)->name, write_##codec,         \
            read_##codec                                                                           \
    }
    [P11D_ARGUMENT_OBJECT] = FIELD(objects[0], uint64),
    [P11D_ARGUMENT_MECHANISM] = FIELD(mechanism, mechanism),
    [P11D_ARGUMENT_PARAMETERS] = FIELD(mechanism, parameters),
    [P11D_ARGUMENT_BYTES] = FIELD(bytes[0], bytes),
    [P11D_ARGUMENT_PIN] = FIELD(pins[0], bytes),
    [P11D_ARGUMENT_TEMPLATE] = FIELD(templates[0], template),
    [P11D_ARGUMENT_USER] = FIELD(user, user),
    [P11D_ARGUMENT_PURPOSE] = FIELD(purpose, purpose),
    [P11D_ARGUMENT_STREAM] = FIELD(stream, uint64),
    [P11D_ARGUMENT_LENGTH] = FIELD(length, uint32),
    [P11D_ARGUMENT_TEXT] = FIELD(text, text),
    [P11D_ARGUMENT_NO_PIN] = FIELD(no_pin, boolean),
    [P11D_ARGUMENT_RESULTS] = {0},
    [P11D_ARGUMENT_OPTIONS] = {0},
    [P11D_ARGUMENT_OWN] = {0},
#undef FIELD
};

static size_t offset_of(const P11dArgument *row)
{
    return fields[row->kind].at + row->nth * fields[row->kind].size;
}

/* Whether there is anything in the field of that row. */
static bool is_given(const P11dArguments *arguments, const P11dArgument *row)
{
    const uint8_t *field = (const uint8_t *)arguments + offset_of(row);
    for (size_t i = 0; i < fields[row->kind].size; i++) {
        if (field[i] != 0)
            return true;
    }
    return false;
}

static CK_RV write_row(const P11dArguments *arguments, const P11dArgument *row, P11dWriter *writer)
{
    const struct Field *field = &fields[row->kind];
    return field->write ? field->write(writer, (const uint8_t *)arguments + offset_of(row))
                        : CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_RV read_row(P11dArguments *arguments, const P11dArgument *row, P11dReader *reader)
{
    const struct Field *field = &fields[row->kind];
    return field->read ? field->read(reader, (uint8_t *)arguments + offset_of(row))
                       : CKR_FUNCTION_NOT_SUPPORTED;
}

/* Writes an a{sv} of the options among the rows from first on. */
static CK_RV write_options(const P11dArguments *arguments, const P11dArgumentList *list,
                           size_t first, P11dWriter *writer)
{
    CK_RV rv = CKR_OK;
    const P11dArray entries = p11d_writer_array_begin(writer, 8);
    for (size_t i = first; i < list->count && list->rows[i].option && rv == CKR_OK; i++) {
        const P11dArgument *row = &list->rows[i];
        if (!is_given(arguments, row))
            continue;
        p11d_writer_entry(writer, row->name, row->signature);
        rv = write_row(arguments, row, writer);
    }
    p11d_writer_array_end(writer, entries);
    return rv;
}

/* Reads one entry of an a{sv} of options, whose rows go from first on; seen: those that were read,
 * a bit each. */
static CK_RV read_option(P11dArguments *arguments, const P11dArgumentList *list, size_t first,
                         P11dReader *entries, unsigned *seen)
{
    const char *name, *signature;
    if (!p11d_reader_entry(entries, &name, &signature))
        return CKR_ARGUMENTS_BAD;
    for (size_t i = first; i < list->count && list->rows[i].option; i++) {
        const P11dArgument *row = &list->rows[i];
        if (strcmp(row->name, name) != 0)
            continue;
        if (strcmp(row->signature, signature) != 0 || (*seen & 1U << (i - first)))
            return CKR_ARGUMENTS_BAD;
        *seen |= 1U << (i - first);
        return read_row(arguments, row, entries);
    }
    return p11d_reader_skip(entries, signature) ? CKR_OK : CKR_ARGUMENTS_BAD;
}

static CK_RV read_options(P11dArguments *arguments, const P11dArgumentList *list, size_t first,
                          P11dReader *reader)
{
    P11dReader entries;
    unsigned seen = 0;
    CK_RV rv = p11d_reader_array(reader, 8, &entries) ? CKR_OK : CKR_ARGUMENTS_BAD;
    while (rv == CKR_OK && !p11d_reader_at_end(&entries))
        rv = read_option(arguments, list, first, &entries, &seen);
    return rv;
}

CK_RV p11d_arguments_write(const P11dArguments *arguments, const P11dArgumentList *list,
                           P11dWriter *writer)
{
    CK_RV rv = CKR_OK;
    for (size_t i = 0; i < list->count && rv == CKR_OK; i++) {
        const P11dArgument *row = &list->rows[i];
        if (row->kind == P11D_ARGUMENT_OPTIONS)
            rv = write_options(arguments, list, i + 1, writer);
        else if (row->kind == P11D_ARGUMENT_RESULTS)
            p11d_writer_array_end(writer, p11d_writer_array_begin(writer, 8));
        else if (!row->option)
            rv = write_row(arguments, row, writer);
    }
    return rv;
}

CK_RV p11d_arguments_read(P11dArguments *arguments, const P11dArgumentList *list, P11dReader *body)
{
    CK_RV rv = CKR_OK;
    *arguments = (P11dArguments){0};
    for (size_t i = 0; i < list->count && rv == CKR_OK; i++) {
        const P11dArgument *row = &list->rows[i];
        if (row->kind == P11D_ARGUMENT_OPTIONS)
            rv = read_options(arguments, list, i + 1, body);
        else if (row->kind == P11D_ARGUMENT_RESULTS)
            rv = p11d_reader_skip(body, row->signature) ? CKR_OK : CKR_ARGUMENTS_BAD;
        else if (!row->option)
            rv = read_row(arguments, row, body);
    }
    return rv;
}

void p11d_arguments_clear(P11dArguments *arguments)
{
    for (size_t i = 0; i < P11D_ARGUMENTS_EACH; i++) {
        p11d_template_clear(&arguments->templates[i].storage);
        arguments->templates[i] = (P11dTemplateArgument){0};
    }
}
