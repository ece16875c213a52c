// SPDX-License-Identifier: MIT
#include "attribute.h"

#include <criterion/criterion.h>
#include <gio/gio.h>

#include "attribute-wire.h"
#include "mechanism.h"

Test(attribute, rows_are_sorted_and_names_unique)
{
    for (size_t i = 0; i < p11d_attribute_count; i++) {
        cr_expect(i == 0 || p11d_attributes[i - 1].type < p11d_attributes[i].type, "%s",
                  p11d_attributes[i].name);
        for (size_t k = 0; k < i; k++)
            cr_expect_str_neq(p11d_attributes[k].name, p11d_attributes[i].name);
    }
}

/* Against the standard and not the header. */
Test(attribute, numbers_are_those_of_the_standard)
{
    static const struct {
        const char *name;
        CK_ATTRIBUTE_TYPE type;
    } rows[] = {
        {"unique-id", 0x4},
        {"value", 0x11},
        {"id", 0x102},
        {"public-key-info", 0x129},
        {"ec-params", 0x180},
        {"ec-point", 0x181},
        {"always-authenticate", 0x202},
        {"wrap-template", 0x40000211},
        {"derive-template", 0x40000213},
        {"allowed-mechanisms", 0x40000600},
        {"profile-id", 0x601},
        {"parameter-set", 0x61d},
        {"encapsulate-template", 0x4000062a},
        {"decapsulate-template", 0x4000062b},
        {"encapsulate", 0x633},
        {"seed", 0x637},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        CK_ATTRIBUTE_TYPE type = ~rows[i].type;
        cr_expect(p11d_attribute_parse_name(rows[i].name, &type), "%s", rows[i].name);
        cr_expect_eq(type, rows[i].type, "%s", rows[i].name);
    }
}

/* Traps 6 and 35. */
Test(attribute, trap_unknown_numbers_pass__attributes)
{
    CK_ULONG number = 0x01020304;
    CK_ATTRIBUTE attributes[] = {
        {0xce534351UL, &number, sizeof number}, {0x9999, "\0\377x", 3}, {0x80000000UL, NULL, 0}};
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_eq(write_and_read(attributes, G_N_ELEMENTS(attributes), &templ), CKR_OK);
    for (size_t i = 0; i < G_N_ELEMENTS(attributes); i++)
        cr_assert(same_values(&templ.items[i], &attributes[i]));
    p11d_template_clear(&templ);
    g_autoptr(GVariant) all = read_by_gdbus(attributes, 1);
    g_autoptr(GVariant) value = g_variant_lookup_value(all, "0xce534351", G_VARIANT_TYPE("ay"));
    cr_assert_not_null(value);
}

Test(attribute, trap_numbers_are_widened__of_unknown_attributes)
{
    static const struct {
        const char *signature;
        CK_RV rv;
        size_t size;
    } rows[] = {{"b", CKR_OK, sizeof(CK_BBOOL)},
                {"t", CKR_OK, sizeof(CK_ULONG)},
                {"s", CKR_OK, 3},
                {"ay", CKR_OK, 0},
                {"u", CKR_ATTRIBUTE_VALUE_INVALID},
                {"a{sv}", CKR_ATTRIBUTE_VALUE_INVALID}};
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dTemplate templ;
        p11d_template_init(&templ);
        cr_expect_eq(read_entry("0x80001234", rows[i].signature, &templ), rows[i].rv);
        if (rows[i].rv == CKR_OK)
            cr_expect_eq(templ.items[0].ulValueLen, rows[i].size, "%s", rows[i].signature);
        p11d_template_clear(&templ);
    }
}

/* Trap 7: what is inside may be pointers, of ours or of a host that believes in them. */
Test(attribute, unknown_arrays_do_not_pass)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKF_ARRAY_ATTRIBUTE | 0x7777, 0x62a, 0x62b};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        char scratch[P11D_NAME_SIZE];
        P11dTemplate templ;
        CK_ATTRIBUTE attribute = {types[i], "0123456789abcdefghijklmn", 24};
        p11d_template_init(&templ);
        cr_expect_eq(write_and_read(&attribute, 1, &templ), CKR_ATTRIBUTE_VALUE_INVALID);
        cr_expect_eq(read_entry(p11d_name_of_number(types[i], scratch), "ay", &templ),
                     CKR_ATTRIBUTE_VALUE_INVALID);
        cr_expect_eq(templ.count, 0);
        p11d_template_clear(&templ);
    }
}

Test(attribute, names_that_nobody_knows_are_ignored)
{
    P11dTemplate templ;
    p11d_template_init(&templ);
    for (size_t i = 0; i < G_N_ELEMENTS(all_signatures); i++) {
        cr_expect_eq(read_entry("shoe-size", all_signatures[i], &templ), CKR_OK);
        cr_expect_eq(read_entry("absent", all_signatures[i], &templ), CKR_OK);
        cr_expect_eq(read_entry("Label", all_signatures[i], &templ), CKR_OK);
    }
    cr_assert_eq(templ.count, 0);
    p11d_template_clear(&templ);
}

/* PKCS#11 3.1, section 4.1.1: a library had better take it as if it was there once. */
Test(attribute, the_same_value_twice_is_written_once)
{
    P11dTemplate templ;
    CK_ATTRIBUTE twice[] = {
        {CKA_ID, "a", 1}, {CKA_LABEL, NULL, 0}, {CKA_ID, "a", 1}, {CKA_LABEL, "", 0}};
    p11d_template_init(&templ);
    cr_assert_eq(write_and_read(twice, 4, &templ), CKR_OK);
    cr_assert_eq(templ.count, 2);
    twice[3] = (CK_ATTRIBUTE){CKA_LABEL, "b", 1};
    cr_assert_eq(write_and_read(twice, 4, &templ), CKR_TEMPLATE_INCONSISTENT);
    twice[3] = (CK_ATTRIBUTE){CKA_ID, "ab", 2};
    cr_assert_eq(write_and_read(twice, 4, &templ), CKR_TEMPLATE_INCONSISTENT);
    p11d_template_clear(&templ);
}

Test(attribute, two_values_of_one_are_refused)
{
    P11dTemplate templ;
    CK_ATTRIBUTE twice[] = {{CKA_ID, "a", 1}, {CKA_LABEL, "b", 1}, {CKA_ID, "c", 1}};
    p11d_template_init(&templ);
    p11d_template_set_text(&templ, CKA_ID, "old");
    cr_assert_eq(write_and_read(twice, 3, &templ), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(templ.count, 1);
    cr_assert_eq(templ.items[0].ulValueLen, 3);
    cr_assert_eq(write_and_read(twice, 2, &templ), CKR_OK);
    cr_assert_eq(templ.count, 2);
    cr_assert_eq(templ.items[0].ulValueLen, 1);
    p11d_template_clear(&templ);
}

Test(attribute, too_many_are_refused_in_both_directions)
{
    static CK_ATTRIBUTE many[P11D_TEMPLATE_MAX + 1];
    P11dTemplate templ;
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
        many[i] = (CK_ATTRIBUTE){CKA_VENDOR_DEFINED + i, "x", 1};
    p11d_template_init(&templ);
    cr_assert_eq(write_and_read(many, P11D_TEMPLATE_MAX + 1, &templ), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(write_and_read(many, CK_UNAVAILABLE_INFORMATION, &templ),
                 CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(write_and_read(NULL, 1, &templ), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(write_and_read(NULL, 0, &templ), CKR_OK);
    cr_assert_eq(write_and_read(many, P11D_TEMPLATE_MAX, &templ), CKR_OK);
    cr_assert_eq(templ.count, P11D_TEMPLATE_MAX);
    p11d_template_clear(&templ);

    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    for (size_t i = 0; i < G_N_ELEMENTS(many); i++)
        cr_assert_eq(p11d_attribute_write(&writer, &many[i]), CKR_OK);
    p11d_writer_array_end(&writer, array);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert_eq(p11d_attribute_read_all(&reader, &templ), CKR_TEMPLATE_INCONSISTENT);
    cr_assert_eq(templ.count, 0);
    p11d_buffer_clear(&buffer);
}

/* Trap 5. */
Test(attribute, trap_nested_templates_have_bounded_depth__all_five)
{
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE,
                                              CKA_DERIVE_TEMPLATE, CKA_ENCAPSULATE_TEMPLATE,
                                              CKA_DECAPSULATE_TEMPLATE};
    CK_ATTRIBUTE label = {CKA_LABEL, "x", 1};
    for (size_t i = 0; i < G_N_ELEMENTS(types); i++) {
        CK_ATTRIBUTE outer = {types[i], &label, sizeof label};
        P11dTemplate templ;
        p11d_template_init(&templ);
        cr_assert_eq(write_and_read(&outer, 1, &templ), CKR_OK);
        const CK_ATTRIBUTE *inner = templ.items[0].pValue;
        cr_assert_eq(inner->ulValueLen, 1);
        cr_assert_neq(inner->pValue, label.pValue, "a pointer went over");
        p11d_template_clear(&templ);
    }
}

Test(attribute, trap_nested_templates_have_bounded_depth)
{
    CK_ATTRIBUTE levels[P11D_TEMPLATE_DEPTH + 1] = {{CKA_LABEL, "x", 1}};
    for (size_t i = 1; i < G_N_ELEMENTS(levels); i++)
        levels[i] = (CK_ATTRIBUTE){CKA_UNWRAP_TEMPLATE, &levels[i - 1], sizeof levels[0]};
    P11dTemplate templ;
    p11d_template_init(&templ);
    cr_assert_eq(write_and_read(&levels[P11D_TEMPLATE_DEPTH - 1], 1, &templ), CKR_OK);
    cr_assert(same_values(&templ.items[0], &levels[P11D_TEMPLATE_DEPTH - 1]));
    p11d_template_clear(&templ);
    cr_assert_eq(write_and_read(&levels[P11D_TEMPLATE_DEPTH], 1, &templ),
                 CKR_ATTRIBUTE_VALUE_INVALID);
    CK_ATTRIBUTE self = {CKA_UNWRAP_TEMPLATE, &self, sizeof self};
    cr_assert_eq(write_and_read(&self, 1, &templ), CKR_ATTRIBUTE_VALUE_INVALID);

    /* What comes in was written by somebody else, without a limit. */
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    P11dArray arrays[P11D_TEMPLATE_DEPTH + 1];
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    for (size_t i = 0; i < G_N_ELEMENTS(arrays); i++) {
        arrays[i] = p11d_writer_array_begin(&writer, 8);
        if (i + 1 < G_N_ELEMENTS(arrays))
            p11d_writer_entry(&writer, "wrap-template", "a{sv}");
    }
    for (size_t i = G_N_ELEMENTS(arrays); i-- > 0;)
        p11d_writer_array_end(&writer, arrays[i]);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, "a{sv}", 0));
    cr_assert_eq(p11d_attribute_read_all(&reader, &templ), CKR_ATTRIBUTE_VALUE_INVALID);
    cr_assert_eq(templ.count, 0);
    p11d_buffer_clear(&buffer);
}

/* The deepest that is allowed must also pass where templates stand deepest. */
Test(attribute, the_deepest_template_fits_into_a_list_of_objects)
{
    CK_ATTRIBUTE levels[P11D_TEMPLATE_DEPTH] = {{CKA_ALLOWED_MECHANISMS, NULL, 0}};
    for (size_t i = 1; i < G_N_ELEMENTS(levels); i++)
        levels[i] = (CK_ATTRIBUTE){CKA_UNWRAP_TEMPLATE, &levels[i - 1], sizeof levels[0]};
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    P11dArray objects = p11d_writer_array_begin(&writer, 8);
    p11d_writer_struct(&writer);
    p11d_writer_uint64(&writer, 1);
    cr_assert_eq(p11d_attribute_write_all(&writer, &levels[P11D_TEMPLATE_DEPTH - 1], 1), CKR_OK);
    p11d_writer_array_end(&writer, objects);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, "a(ta{sv})", 0));
    p11d_buffer_clear(&buffer);
}

Test(attribute, dates_are_checked)
{
    static const char *const wrong[] = {"2026-1-01",  "2026-01-1x",  "20260101",
                                        "2026/01/01", "2026-01-01 ", " "};
    for (size_t i = 0; i < G_N_ELEMENTS(wrong); i++) {
        P11dBuffer buffer;
        P11dWriter writer;
        P11dReader reader;
        P11dTemplate templ;
        p11d_template_init(&templ);
        p11d_buffer_init(&buffer, 1 << 16);
        p11d_writer_init(&writer, &buffer);
        P11dArray array = p11d_writer_array_begin(&writer, 8);
        p11d_writer_entry(&writer, "start-date", "s");
        p11d_writer_string(&writer, wrong[i]);
        p11d_writer_array_end(&writer, array);
        p11d_reader_init(&reader, buffer.data, buffer.size, false);
        cr_expect_eq(p11d_attribute_read_all(&reader, &templ), CKR_ATTRIBUTE_VALUE_INVALID, "%s",
                     wrong[i]);
        p11d_buffer_clear(&buffer);
    }
    P11dTemplate templ;
    CK_ATTRIBUTE date = {CKA_END_DATE, "2026010 ", 8};
    p11d_template_init(&templ);
    cr_assert_eq(write_and_read(&date, 1, &templ), CKR_ATTRIBUTE_VALUE_INVALID);
    CK_ATTRIBUTE good = {CKA_END_DATE, "20260102", 8};
    g_autoptr(GVariant) all = read_by_gdbus(&good, 1);
    const char *text = NULL;
    cr_assert(g_variant_lookup(all, "end-date", "&s", &text));
    cr_assert_str_eq(text, "2026-01-02");
}

Test(attribute, numbers_go_by_name_where_they_have_one)
{
    CK_ULONG class = CKO_PRIVATE_KEY, type = CKK_EC_EDWARDS, vendor = 0x80000042UL;
    CK_MECHANISM_TYPE mechanisms[] = {CKM_ECDSA_SHA256, 0x80000001UL};
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_KEY_TYPE, &type, sizeof type},
                                 {CKA_CERTIFICATE_TYPE, &vendor, sizeof vendor},
                                 {CKA_ALLOWED_MECHANISMS, mechanisms, sizeof mechanisms}};
    g_autoptr(GVariant) all = read_by_gdbus(attributes, G_N_ELEMENTS(attributes));
    const char *text = NULL;
    cr_assert(g_variant_lookup(all, "class", "&s", &text));
    cr_assert_str_eq(text, "private-key");
    cr_assert(g_variant_lookup(all, "key-type", "&s", &text));
    cr_assert_str_eq(text, "ec-edwards");
    cr_assert(g_variant_lookup(all, "certificate-type", "&s", &text));
    cr_assert_str_eq(text, "0x80000042");
    g_autofree const char **names = NULL;
    cr_assert(g_variant_lookup(all, "allowed-mechanisms", "^a&s", &names));
    cr_assert_str_eq(names[0], "ecdsa-sha256");
    cr_assert_str_eq(names[1], "0x80000001");
}

static void collect(CK_ATTRIBUTE_TYPE type, void *data)
{
    g_array_append_val((GArray *)data, type);
}

Test(attribute, absent_names_attributes_and_is_none_itself)
{
    P11dBuffer buffer;
    P11dWriter writer;
    P11dReader reader;
    P11dTemplate templ;
    p11d_template_init(&templ);
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    P11dArray array = p11d_writer_array_begin(&writer, 8);
    cr_assert_eq(p11d_attribute_write(&writer, &(CK_ATTRIBUTE){CKA_LABEL, "x", 1}), CKR_OK);
    p11d_writer_entry(&writer, "absent", "as");
    P11dArray names = p11d_writer_array_begin(&writer, 4);
    p11d_writer_string(&writer, "start-date");
    p11d_writer_string(&writer, "shoe-size");
    p11d_writer_string(&writer, "0x80000001");
    p11d_writer_array_end(&writer, names);
    cr_assert_eq(p11d_attribute_write(&writer, &(CK_ATTRIBUTE){CKA_ID, "y", 1}), CKR_OK);
    p11d_writer_array_end(&writer, array);

    g_autoptr(GArray) found = g_array_new(FALSE, FALSE, sizeof(CK_ATTRIBUTE_TYPE));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    p11d_attribute_read_absent(&reader, collect, found);
    cr_assert_eq(found->len, 2);
    cr_assert_eq(g_array_index(found, CK_ATTRIBUTE_TYPE, 0), CKA_START_DATE);
    cr_assert_eq(g_array_index(found, CK_ATTRIBUTE_TYPE, 1), 0x80000001UL);
    cr_assert_eq(p11d_attribute_read_all(&reader, &templ), CKR_OK);
    cr_assert_eq(templ.count, 2);
    p11d_template_clear(&templ);
    p11d_buffer_clear(&buffer);
}

/* Every beginning of a good message is bad, and changes nothing. */
Test(attribute, truncated_bytes_are_refused)
{
    P11dBuffer buffer;
    P11dWriter writer;
    CK_ULONG class = CKO_CERTIFICATE;
    CK_MECHANISM_TYPE mechanism = CKM_EDDSA;
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE inner[] = {{CKA_SIGN, &yes, 1}};
    CK_ATTRIBUTE attributes[] = {{CKA_CLASS, &class, sizeof class},
                                 {CKA_LABEL, "label", 5},
                                 {CKA_VALUE, "value", 5},
                                 {CKA_WRAP_TEMPLATE, inner, sizeof inner},
                                 {CKA_ALLOWED_MECHANISMS, &mechanism, sizeof mechanism}};
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    cr_assert_eq(p11d_attribute_write_all(&writer, attributes, 5), CKR_OK);
    for (size_t size = 0; size < buffer.size; size++) {
        P11dReader reader;
        P11dTemplate templ;
        p11d_template_init(&templ);
        g_autofree uint8_t *exact = g_memdup2(buffer.data, size); /* so that ASan sees its end */
        p11d_reader_init(&reader, exact, size, false);
        cr_expect_eq(p11d_attribute_read_all(&reader, &templ), CKR_ARGUMENTS_BAD, "%zu", size);
        cr_expect_eq(templ.count, 0, "%zu", size);
    }
    p11d_buffer_clear(&buffer);
}

Test(attribute, a_full_buffer_shows_in_the_writer)
{
    P11dBuffer buffer;
    P11dWriter writer;
    CK_ATTRIBUTE attribute = {CKA_VALUE, "0123456789012345678901234567890123456789", 40};
    p11d_buffer_init(&buffer, 48);
    p11d_writer_init(&writer, &buffer);
    cr_assert_eq(p11d_attribute_write(&writer, &attribute), CKR_OK);
    cr_assert_not(p11d_writer_ok(&writer));
    p11d_buffer_clear(&buffer);
}
