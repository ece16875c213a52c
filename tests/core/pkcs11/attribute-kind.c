// SPDX-License-Identifier: MIT
#include "attribute-kind.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <gio/gio.h>

#include "attribute-wire.h"
#include "derived-name.h"
#include "syntax.h"

static const char *const macros[] = {
#define ROW(type, name, kind) #type,
#include "attribute-rows.inc"
#undef ROW
};

/* The tests of rows run once a kind (criterion forks for each parameter): the parameter is the
 * first row of a kind, the test goes on with all others of that kind. */
static struct criterion_test_params every_kind(void)
{
    size_t *first = cr_malloc(p11d_attribute_count * sizeof *first), count = 0;
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        size_t k = 0;
        while (k < count && p11d_attributes[first[k]].kind != p11d_attributes[i].kind)
            k++;
        if (k == count)
            first[count++] = i;
    }
    return cr_make_param_array(size_t, first, count);
}

static void for_each_of_kind(size_t first, void (*check)(const P11dAttribute *row))
{
    for (size_t i = first; i < p11d_attribute_count; i++) {
        if (p11d_attributes[i].kind == p11d_attributes[first].kind)
            check(&p11d_attributes[i]);
    }
}

typedef struct Values {
    CK_ATTRIBUTE items[16];
    size_t count;
} Values;

static void add(Values *values, CK_ATTRIBUTE_TYPE type, const void *value, size_t size)
{
    cr_assert_lt(values->count, G_N_ELEMENTS(values->items));
    values->items[values->count++] = (CK_ATTRIBUTE){type, (void *)(uintptr_t)value, size};
}

/* Values that the row's kind can have, the empty and the extreme ones among them. */
static Values values_of(const P11dAttribute *row)
{
    static const CK_BBOOL booleans[] = {CK_FALSE, CK_TRUE};
    static const CK_ULONG numbers[] = {
        0, 1, 3, 0x7fffffff, 0x80000001UL, CK_UNAVAILABLE_INFORMATION};
    static uint8_t large[65536] = {0, 1, 2, 0xff};
    static const CK_ATTRIBUTE inner[] = {
        {CKA_LABEL, "in", 2}, {CKA_SIGN, (void *)(uintptr_t)&booleans[1], 1}, {CKA_ID, NULL, 0}};
    static const CK_ATTRIBUTE outer[] = {
        {CKA_UNWRAP_TEMPLATE, (void *)(uintptr_t)inner, sizeof inner},
        {CKA_WRAP_TEMPLATE, NULL, 0}};
    Values values = {.count = 0};
    const P11dAttributeKind *kind = row->kind;
    CK_ATTRIBUTE_TYPE type = row->type;

    if (kind == &p11d_attribute_boolean) {
        for (size_t i = 0; i < G_N_ELEMENTS(booleans); i++)
            add(&values, type, &booleans[i], sizeof booleans[i]);
    } else if (kind == &p11d_attribute_number || kind->names || kind == &p11d_attribute_mechanism) {
        for (size_t i = 0; i < G_N_ELEMENTS(numbers); i++)
            add(&values, type, &numbers[i], sizeof numbers[i]);
    } else if (kind == &p11d_attribute_numbers || kind == &p11d_attribute_mechanisms) {
        add(&values, type, NULL, 0);
        add(&values, type, numbers, sizeof numbers);
    } else if (kind == &p11d_attribute_date) {
        add(&values, type, NULL, 0);
        add(&values, type, "20260229", 8);
        add(&values, type, "99991231", 8);
    } else if (kind == &p11d_attribute_template) {
        add(&values, type, NULL, 0);
        add(&values, type, inner, sizeof inner);
        add(&values, type, outer, sizeof outer);
    } else {
        add(&values, type, NULL, 0);
        add(&values, type, "a", 1);
        add(&values, type, "Schl\303\274ssel \360\237\224\221", 15);
        add(&values, type, "a\0b", 3);
        add(&values, type, "\377\376", 2);
        add(&values, type, "\0", 1);
        add(&values, type, large, sizeof large);
    }
    return values;
}

static void check_both_directions(const P11dAttribute *row)
{
    char derived[DERIVED_NAME_SIZE], scratch[P11D_NAME_SIZE];
    CK_ATTRIBUTE_TYPE type = ~row->type;
    cr_assert_str_eq(row->name, derived_name(macros[row - p11d_attributes], derived));
    cr_assert_str_eq(p11d_attribute_name(row->type, scratch), row->name);
    cr_assert(p11d_attribute_parse_name(row->name, &type));
    cr_assert_eq(type, row->type);

    Values values = values_of(row);
    for (size_t i = 0; i < values.count; i++) {
        P11dTemplate templ;
        p11d_template_init(&templ);
        cr_assert_eq(write_and_read(&values.items[i], 1, &templ), CKR_OK, "%s, value %zu",
                     row->name, i);
        cr_assert_eq(templ.count, 1);
        cr_assert(same_values(&templ.items[0], &values.items[i]), "%s, value %zu", row->name, i);
        p11d_template_clear(&templ);
    }
}

ParameterizedTestParameters(attribute_kind, trap_numbers_are_widened)
{
    return every_kind();
}

ParameterizedTest(size_t *first, attribute_kind, trap_numbers_are_widened)
{
    for_each_of_kind(*first, check_both_directions);
}

/* The D-Bus type of a value of that kind, as org.p11dbus.xml has it. */
static const char *type_of(const P11dAttribute *row, const CK_ATTRIBUTE *value)
{
    if (row->kind == &p11d_attribute_text)
        return p11d_syntax_is_text(value->pValue, value->ulValueLen) ? "s" : "ay";
    static const struct {
        const P11dAttributeKind *kind;
        const char *type;
    } types[] = {
        {&p11d_attribute_boolean, "b"},     {&p11d_attribute_number, "t"},
        {&p11d_attribute_numbers, "at"},    {&p11d_attribute_date, "s"},
        {&p11d_attribute_bytes, "ay"},      {&p11d_attribute_template, "a{sv}"},
        {&p11d_attribute_mechanisms, "as"},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        if (types[i].kind == row->kind)
            return types[i].type;
    }
    return "s"; /* by name */
}

static void check_with_gdbus(const P11dAttribute *row)
{
    Values values = values_of(row);
    for (size_t i = 0; i < values.count; i++) {
        g_autoptr(GVariant) all = read_by_gdbus(&values.items[i], 1);
        cr_assert_eq(g_variant_n_children(all), 1);
        g_autoptr(GVariant) value = g_variant_lookup_value(all, row->name, NULL);
        cr_assert_not_null(value);
        cr_assert_str_eq(g_variant_get_type_string(value), type_of(row, &values.items[i]));
    }
}

ParameterizedTestParameters(attribute_kind, gdbus_reads_every_row_with_its_type)
{
    return every_kind();
}

ParameterizedTest(size_t *first, attribute_kind, gdbus_reads_every_row_with_its_type)
{
    for_each_of_kind(*first, check_with_gdbus);
}

static void check_other_types(const P11dAttribute *row)
{
    const CK_ATTRIBUTE any = {row->type, NULL, 0};
    for (size_t i = 0; i < G_N_ELEMENTS(all_signatures); i++) {
        const char *signature = all_signatures[i];
        bool right = strcmp(signature, type_of(row, &any)) == 0 ||
                     (row->kind == &p11d_attribute_text && strcmp(signature, "ay") == 0);
        bool date = row->kind == &p11d_attribute_date; /* "0x7" is none */
        P11dTemplate templ;
        p11d_template_init(&templ);
        p11d_template_set_text(&templ, CKA_VENDOR_DEFINED, "kept");
        CK_RV rv = read_entry(row->name, signature, &templ);
        cr_expect_eq(rv, right && !date ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID, "%s, %s", row->name,
                     signature);
        cr_expect_eq(templ.count, rv == CKR_OK ? 2 : 1, "%s, %s", row->name, signature);
        cr_expect_eq(templ.items[0].ulValueLen, 4);
        p11d_template_clear(&templ);
    }
}

ParameterizedTestParameters(attribute_kind, every_row_refuses_other_types_and_sets_nothing)
{
    return every_kind();
}

ParameterizedTest(size_t *first, attribute_kind, every_row_refuses_other_types_and_sets_nothing)
{
    for_each_of_kind(*first, check_other_types);
}

static void check_other_lengths(const P11dAttribute *row)
{
    static const uint8_t bytes[64];
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_uint64(&writer, 1);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        CK_ATTRIBUTE attribute = {row->type, (void *)(uintptr_t)bytes, size};
        bool fits = row->kind == &p11d_attribute_text || row->kind == &p11d_attribute_bytes;
        fits |= row->kind == &p11d_attribute_boolean && size == sizeof(CK_BBOOL);
        fits |= row->kind == &p11d_attribute_template && size == 0; /* zeroes are no template */
        fits |= row->kind == &p11d_attribute_date && size == 0;
        fits |= (row->kind == &p11d_attribute_numbers || row->kind == &p11d_attribute_mechanisms) &&
                size % sizeof(CK_ULONG) == 0;
        fits |= (row->kind == &p11d_attribute_number || row->kind == &p11d_attribute_mechanism ||
                 row->kind->names) &&
                size == sizeof(CK_ULONG);
        size_t before = buffer.size;
        CK_RV rv = p11d_attribute_write(&writer, &attribute);
        cr_expect_eq(rv, fits ? CKR_OK : CKR_ATTRIBUTE_VALUE_INVALID, "%s, %zu", row->name, size);
        cr_expect_eq(fits, buffer.size > before, "%s, %zu", row->name, size);
    }
    CK_ATTRIBUTE missing = {row->type, NULL, 1};
    CK_ATTRIBUTE unavailable = {row->type, (void *)(uintptr_t)bytes, CK_UNAVAILABLE_INFORMATION};
    cr_expect_eq(p11d_attribute_write(&writer, &missing), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_expect_eq(p11d_attribute_write(&writer, &unavailable), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_expect_eq(p11d_attribute_write_all(&writer, &missing, 1), CKR_TEMPLATE_INCONSISTENT);
    cr_assert(p11d_writer_ok(&writer));
    p11d_buffer_clear(&buffer);
}

ParameterizedTestParameters(attribute_kind, every_row_refuses_other_lengths_and_writes_nothing)
{
    return every_kind();
}

ParameterizedTest(size_t *first, attribute_kind, every_row_refuses_other_lengths_and_writes_nothing)
{
    for_each_of_kind(*first, check_other_lengths);
}

Test(attribute_kind, long_text_is_bytes)
{
    static char text[100000];
    const CK_ATTRIBUTE label = {CKA_LABEL, text, sizeof text};
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader, entries;
    P11dTemplate templ;
    const char *name, *signature;
    memset(text, 'a', sizeof text);
    p11d_buffer_init(&buffer, 2 * sizeof text);
    p11d_writer_init(&writer, &buffer);
    p11d_template_init(&templ);
    cr_assert_eq(p11d_attribute_write_all(&writer, &label, 1), CKR_OK);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    P11dReader copy = reader;
    cr_assert(p11d_reader_array(&copy, 8, &entries));
    cr_assert(p11d_reader_entry(&entries, &name, &signature));
    cr_expect_str_eq(signature, "ay", "a request has little room outside of byte arrays");
    cr_assert_eq(p11d_attribute_read_all(&reader, &templ), CKR_OK);
    const CK_ATTRIBUTE *read = p11d_template_find(&templ, CKA_LABEL);
    cr_assert(read && read->ulValueLen == sizeof text);
    cr_assert_arr_eq(read->pValue, text, sizeof text);
    p11d_template_clear(&templ);
    p11d_buffer_clear(&buffer);
}
