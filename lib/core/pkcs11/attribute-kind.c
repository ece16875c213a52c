// SPDX-License-Identifier: MIT
#include "attribute-kind.h"

#include <string.h>

#include "attribute.h"
#include "mechanism.h"
#include "syntax.h"

/* The most numbers in one value. */
#define NUMBERS_MAX 1024
/* The longest text that is written as one, in bytes: a request has room for few that are longer
 * (P11D_MESSAGE_OVERHEAD), and for any as bytes. */
#define TEXT_MAX 4096

static bool is(const char *signature, const char *wanted)
{
    return strcmp(signature, wanted) == 0;
}

/* One CK_ULONG of an array of them that need not be aligned. */
static CK_ULONG number_at(const CK_ATTRIBUTE *attribute, size_t index)
{
    CK_ULONG number;
    memcpy(&number, (const uint8_t *)attribute->pValue + index * sizeof number, sizeof number);
    return number;
}

static CK_RV write_boolean(const P11dAttributeKind *kind, P11dWriter *writer,
                           const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    if (attribute->ulValueLen != sizeof(CK_BBOOL))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_variant(writer, "b");
    p11d_writer_boolean(writer, *(const CK_BBOOL *)attribute->pValue != CK_FALSE);
    return CKR_OK;
}

static CK_RV read_boolean(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                          CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind, (void)depth;
    bool value;
    if (!is(signature, "b"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_boolean(reader, &value))
        return CKR_ARGUMENTS_BAD;
    return p11d_template_set_boolean(templ, type, value);
}

const P11dAttributeKind p11d_attribute_boolean = {"boolean", NULL, write_boolean, read_boolean};

static CK_RV write_number(const P11dAttributeKind *kind, P11dWriter *writer,
                          const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    if (attribute->ulValueLen != sizeof(CK_ULONG))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_variant(writer, "t");
    p11d_writer_uint64(writer, p11d_name_widen(number_at(attribute, 0)));
    return CKR_OK;
}

static CK_RV read_number(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                         CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind, (void)depth;
    uint64_t wide;
    CK_ULONG number;
    if (!is(signature, "t"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_uint64(reader, &wide))
        return CKR_ARGUMENTS_BAD;
    if (!p11d_name_narrow(wide, &number))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return p11d_template_set_number(templ, type, number);
}

const P11dAttributeKind p11d_attribute_number = {"number", NULL, write_number, read_number};

/* True if the value is an array of numbers that is not too long. */
static bool is_numbers(const CK_ATTRIBUTE *attribute)
{
    return attribute->ulValueLen % sizeof(CK_ULONG) == 0 &&
           attribute->ulValueLen / sizeof(CK_ULONG) <= NUMBERS_MAX;
}

static CK_RV write_numbers(const P11dAttributeKind *kind, P11dWriter *writer,
                           const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    if (!is_numbers(attribute))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_variant(writer, "at");
    P11dArray array = p11d_writer_array_begin(writer, 8);
    for (size_t i = 0; i < attribute->ulValueLen / sizeof(CK_ULONG); i++)
        p11d_writer_uint64(writer, p11d_name_widen(number_at(attribute, i)));
    p11d_writer_array_end(writer, array);
    return CKR_OK;
}

static CK_RV read_numbers(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                          CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind, (void)depth;
    CK_ULONG numbers[NUMBERS_MAX];
    size_t count = 0;
    P11dReader elements;
    if (!is(signature, "at"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_array(reader, 8, &elements))
        return CKR_ARGUMENTS_BAD;
    while (!p11d_reader_at_end(&elements)) {
        uint64_t wide;
        if (!p11d_reader_uint64(&elements, &wide))
            return CKR_ARGUMENTS_BAD;
        if (count == NUMBERS_MAX || !p11d_name_narrow(wide, &numbers[count++]))
            return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    return p11d_template_set(templ, type, numbers, count * sizeof numbers[0]);
}

const P11dAttributeKind p11d_attribute_numbers = {"numbers", NULL, write_numbers, read_numbers};

static CK_RV write_bytes(const P11dAttributeKind *kind, P11dWriter *writer,
                         const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    p11d_writer_variant(writer, "ay");
    p11d_writer_bytes(writer, attribute->pValue, attribute->ulValueLen);
    return CKR_OK;
}

static CK_RV read_bytes(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                        CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind, (void)depth;
    const uint8_t *bytes;
    size_t size;
    if (!is(signature, "ay"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_bytes(reader, &bytes, &size))
        return CKR_ARGUMENTS_BAD;
    return p11d_template_set(templ, type, bytes, size);
}

const P11dAttributeKind p11d_attribute_bytes = {"bytes", NULL, write_bytes, read_bytes};

static CK_RV write_text(const P11dAttributeKind *kind, P11dWriter *writer,
                        const CK_ATTRIBUTE *attribute, unsigned depth)
{
    if (attribute->ulValueLen > TEXT_MAX ||
        !p11d_syntax_is_text(attribute->pValue, attribute->ulValueLen))
        return write_bytes(kind, writer, attribute, depth);
    p11d_writer_variant(writer, "s");
    p11d_writer_text(writer, attribute->pValue, attribute->ulValueLen);
    return CKR_OK;
}

static CK_RV read_text(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                       CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    const char *text;
    size_t size;
    if (!is(signature, "s"))
        return read_bytes(kind, reader, signature, type, templ, depth);
    if (!p11d_reader_string(reader, &text, &size))
        return CKR_ARGUMENTS_BAD;
    return p11d_template_set(templ, type, text, size);
}

const P11dAttributeKind p11d_attribute_text = {"text", NULL, write_text, read_text};

/* Where the eight digits of a CK_DATE stand in "YYYY-MM-DD". */
static const size_t date_digits[sizeof(CK_DATE)] = {0, 1, 2, 3, 5, 6, 8, 9};

static bool is_digit(char character)
{
    return character >= '0' && character <= '9';
}

static CK_RV write_date(const P11dAttributeKind *kind, P11dWriter *writer,
                        const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    char text[] = "YYYY-MM-DD";
    const char *digits = attribute->pValue;
    if (attribute->ulValueLen == 0)
        text[0] = '\0';
    else if (attribute->ulValueLen != sizeof(CK_DATE))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (size_t i = 0; i < attribute->ulValueLen; i++) {
        if (!is_digit(digits[i]))
            return CKR_ATTRIBUTE_VALUE_INVALID;
        text[date_digits[i]] = digits[i];
    }
    p11d_writer_variant(writer, "s");
    p11d_writer_string(writer, text);
    return CKR_OK;
}

static CK_RV read_date(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                       CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind, (void)depth;
    const char *text;
    size_t size;
    char digits[sizeof(CK_DATE)];
    if (!is(signature, "s"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_string(reader, &text, &size))
        return CKR_ARGUMENTS_BAD;
    if (size == 0)
        return p11d_template_set(templ, type, NULL, 0);
    if (size != strlen("YYYY-MM-DD") || text[4] != '-' || text[7] != '-')
        return CKR_ATTRIBUTE_VALUE_INVALID;
    for (size_t i = 0; i < sizeof digits; i++) {
        digits[i] = text[date_digits[i]];
        if (!is_digit(digits[i]))
            return CKR_ATTRIBUTE_VALUE_INVALID;
    }
    return p11d_template_set(templ, type, digits, sizeof digits);
}

const P11dAttributeKind p11d_attribute_date = {"date", NULL, write_date, read_date};

static CK_RV write_template(const P11dAttributeKind *kind, P11dWriter *writer,
                            const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind;
    if (attribute->ulValueLen % sizeof(CK_ATTRIBUTE) != 0)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_variant(writer, "a{sv}");
    return p11d_attribute_write_nested(writer, attribute->pValue,
                                       attribute->ulValueLen / sizeof(CK_ATTRIBUTE), depth + 1);
}

static CK_RV read_template(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                           CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)kind;
    if (!is(signature, "a{sv}"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    P11dTemplate inner;
    p11d_template_init(&inner);
    CK_RV rv = p11d_attribute_read_nested(reader, &inner, depth + 1);
    if (rv == CKR_OK)
        rv = p11d_template_set(templ, type, inner.items, inner.count * sizeof *inner.items);
    p11d_template_clear(&inner);
    return rv;
}

const P11dAttributeKind p11d_attribute_template = {"template", NULL, write_template, read_template};

static CK_RV write_name(const P11dAttributeKind *kind, P11dWriter *writer,
                        const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)depth;
    char scratch[P11D_NAME_SIZE];
    if (attribute->ulValueLen != sizeof(CK_ULONG))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    CK_ULONG number = number_at(attribute, 0);
    p11d_writer_variant(writer, "s");
    p11d_writer_string(writer, kind->names ? p11d_name_of(kind->names, number, scratch)
                                           : p11d_mechanism_name(number, scratch));
    return CKR_OK;
}

static CK_RV read_name(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                       CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    (void)depth;
    const char *name;
    CK_ULONG number;
    if (!is(signature, "s"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_string(reader, &name, NULL))
        return CKR_ARGUMENTS_BAD;
    bool known = kind->names ? p11d_name_parse(kind->names, name, &number)
                             : p11d_mechanism_parse_name(name, &number);
    if (!known)
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return p11d_template_set_number(templ, type, number);
}

const P11dAttributeKind p11d_attribute_class = {"class", &p11d_names_class, write_name, read_name};
const P11dAttributeKind p11d_attribute_key_type = {"key type", &p11d_names_key_type, write_name,
                                                   read_name};
const P11dAttributeKind p11d_attribute_certificate_type = {
    "certificate type", &p11d_names_certificate_type, write_name, read_name};
const P11dAttributeKind p11d_attribute_hw_feature = {"hardware feature", &p11d_names_hw_feature,
                                                     write_name, read_name};
const P11dAttributeKind p11d_attribute_mechanism = {"mechanism", NULL, write_name, read_name};

static CK_RV write_mechanisms(const P11dAttributeKind *kind, P11dWriter *writer,
                              const CK_ATTRIBUTE *attribute, unsigned depth)
{
    (void)kind, (void)depth;
    char scratch[P11D_NAME_SIZE];
    if (!is_numbers(attribute))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    p11d_writer_variant(writer, "as");
    P11dArray array = p11d_writer_array_begin(writer, 4);
    for (size_t i = 0; i < attribute->ulValueLen / sizeof(CK_ULONG); i++)
        p11d_writer_string(writer, p11d_mechanism_name(number_at(attribute, i), scratch));
    p11d_writer_array_end(writer, array);
    return CKR_OK;
}

/* Names that nobody here knows are left out: such a mechanism cannot be asked for either. */
static CK_RV read_mechanisms(const P11dAttributeKind *kind, P11dReader *reader,
                             const char *signature, CK_ATTRIBUTE_TYPE type, P11dTemplate *templ,
                             unsigned depth)
{
    (void)kind, (void)depth;
    CK_MECHANISM_TYPE mechanisms[NUMBERS_MAX];
    size_t count = 0;
    P11dReader elements;
    if (!is(signature, "as"))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (!p11d_reader_array(reader, 4, &elements))
        return CKR_ARGUMENTS_BAD;
    while (!p11d_reader_at_end(&elements)) {
        const char *name;
        if (!p11d_reader_string(&elements, &name, NULL))
            return CKR_ARGUMENTS_BAD;
        if (count == NUMBERS_MAX)
            return CKR_ATTRIBUTE_VALUE_INVALID;
        if (p11d_mechanism_parse_name(name, &mechanisms[count]))
            count++;
    }
    return p11d_template_set(templ, type, mechanisms, count * sizeof mechanisms[0]);
}

const P11dAttributeKind p11d_attribute_mechanisms = {"mechanisms", NULL, write_mechanisms,
                                                     read_mechanisms};

/*
 * True if the bytes of an attribute without a row may be pointers: arrays of the standard that are
 * newer than this table, and the templates that drafts of 3.2 numbered without the flag. A vendor's
 * numbers may have that bit by chance, as all of NSS do.
 */
static bool may_hold_pointers(CK_ATTRIBUTE_TYPE type)
{
    bool array = (type & CKF_ARRAY_ATTRIBUTE) && !(type & CKA_VENDOR_DEFINED);
    return array || (type | CKF_ARRAY_ATTRIBUTE) == CKA_ENCAPSULATE_TEMPLATE ||
           (type | CKF_ARRAY_ATTRIBUTE) == CKA_DECAPSULATE_TEMPLATE;
}

static CK_RV write_unknown(const P11dAttributeKind *kind, P11dWriter *writer,
                           const CK_ATTRIBUTE *attribute, unsigned depth)
{
    if (may_hold_pointers(attribute->type))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    return write_bytes(kind, writer, attribute, depth);
}

static CK_RV read_unknown(const P11dAttributeKind *kind, P11dReader *reader, const char *signature,
                          CK_ATTRIBUTE_TYPE type, P11dTemplate *templ, unsigned depth)
{
    if (may_hold_pointers(type))
        return CKR_ATTRIBUTE_VALUE_INVALID;
    if (is(signature, "b"))
        return read_boolean(kind, reader, signature, type, templ, depth);
    if (is(signature, "t"))
        return read_number(kind, reader, signature, type, templ, depth);
    return read_text(kind, reader, signature, type, templ, depth);
}

const P11dAttributeKind p11d_attribute_unknown = {"unknown", NULL, write_unknown, read_unknown};
