// SPDX-License-Identifier: MIT
#include "default.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <string.h>

#include "attribute.h"
#include "object.h"
#include "wire.h"

/* What org.p11dbus.xml says in "What is not sent has a default", once more and by its names, so
 * that the table is held against the text. NULL: the attribute does not exist for that class, or
 * only the service knows. */
typedef struct Row {
    char name[24];
    const char *data;
    const char *certificate;
    const char *public_key;
    const char *private_key;
    const char *secret_key;
} Row;

static const Row rows[] = {
    {"token", "true", "true", "true", "true", "true"},
    {"private", "false", "false", "false", "false", "false"},
    {"modifiable", "false", "false", "false", "false", "false"},
    {"copyable", "true", "true", "true", "true", "true"},
    {"destroyable", "true", "true", "true", "true", "true"},
    {"label", "", "", "", "", ""},
    {"trusted", NULL, "false", "false", NULL, "false"},
    {"start-date", NULL, "", "", "", ""},
    {"end-date", NULL, "", "", "", ""},
    {"local", NULL, NULL, "false", "false", "false"},
    {"key-gen-mechanism", NULL, NULL, "unavailable", "unavailable", "unavailable"},
    {"sign", NULL, NULL, NULL, "false", "false"}, /* without a token that has mechanisms */
    {"verify", NULL, NULL, "false", NULL, "false"},
    {"sign-recover", NULL, NULL, NULL, "false", NULL},
    {"verify-recover", NULL, NULL, "false", NULL, NULL},
    {"encrypt", NULL, NULL, "false", NULL, "false"},
    {"decrypt", NULL, NULL, NULL, "false", "false"},
    {"wrap", NULL, NULL, "false", NULL, "false"},
    {"unwrap", NULL, NULL, NULL, "false", "false"},
    {"derive", NULL, NULL, "false", "false", "false"},
    {"encapsulate", NULL, NULL, "false", NULL, NULL},
    {"decapsulate", NULL, NULL, NULL, "false", NULL},
    {"sensitive", NULL, NULL, NULL, "true", "true"},
    {"always-sensitive", NULL, NULL, NULL, "true", "true"},
    {"extractable", NULL, NULL, NULL, "false", "false"},
    {"never-extractable", NULL, NULL, NULL, "true", "true"},
    {"wrap-with-trusted", NULL, NULL, NULL, "false", "false"},
    {"always-authenticate", NULL, NULL, NULL, "false", NULL},
    {"certificate-type", NULL, "x509", NULL, NULL, NULL},
    {"certificate-category", NULL, "0", NULL, NULL, NULL},
    {"url", NULL, "", NULL, NULL, NULL},
    {"check-value", NULL, NULL, NULL, NULL, NULL},
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static bool is_value(const CK_ATTRIBUTE *attribute, const char *expected)
{
    static const CK_ULONG zero = 0, unavailable = CK_UNAVAILABLE_INFORMATION, x509 = CKC_X_509;
    static const CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    static const struct {
        const char *text;
        const void *value;
        size_t size;
    } values[] = {{"true", &yes, 1},
                  {"false", &no, 1},
                  {"", "", 0},
                  {"0", &zero, sizeof(zero)},
                  {"unavailable", &unavailable, sizeof(unavailable)},
                  {"x509", &x509, sizeof(x509)}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (strcmp(values[i].text, expected) == 0)
            return attribute->ulValueLen == values[i].size &&
                   (values[i].size == 0 ||
                    memcmp(attribute->pValue, values[i].value, values[i].size) == 0);
    return false;
}

/* An object of which nothing was sent that need not be. */
static P11dObject *bare(const char *class_name)
{
    Wire wire;
    P11dObject *object;
    wire_begin_attributes(&wire);
    wire_text(&wire, "class", class_name);
    if (strcmp(class_name, "public-key") == 0)
        wire_text(&wire, "key-type", "dsa");
    wire_end_attributes(&wire);
    P11dReader reader = wire_reader(&wire, "a{sv}");
    cr_assert_eq(p11d_object_make(1, &reader, &object), CKR_OK);
    wire_clear(&wire);
    return object;
}

static void check(const char *class_name, const char *name, const char *expected)
{
    P11dObject *object = bare(class_name);
    CK_ATTRIBUTE_TYPE type;
    cr_assert(p11d_attribute_parse_name(name, &type));
    const CK_ATTRIBUTE *attribute = p11d_object_attribute(object, type);
    if (expected == NULL) {
        cr_assert_null(attribute, "%s has no %s", class_name, name);
    } else {
        cr_assert_not_null(attribute, "%s has %s", class_name, name);
        cr_assert_eq(attribute->type, type);
        cr_assert(is_value(attribute, expected), "%s of %s is %s", name, class_name, expected);
    }
    p11d_object_free(object);
}

ParameterizedTestParameters(default, every_default_is_what_the_interface_says)
{
    size_t *indices = cr_malloc(ROWS * sizeof(*indices));
    for (size_t i = 0; i < ROWS; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, ROWS);
}

ParameterizedTest(size_t *index, default, every_default_is_what_the_interface_says)
{
    const Row *row = &rows[*index];
    check("data", row->name, row->data);
    check("certificate", row->name, row->certificate);
    check("public-key", row->name, row->public_key);
    check("private-key", row->name, row->private_key);
    check("secret-key", row->name, row->secret_key);
}

Test(default, every_row_with_a_value_is_tested_above_or_in_object)
{
    static const CK_ATTRIBUTE_TYPE elsewhere[] = {CKA_ID, CKA_SUBJECT};
    for (size_t i = 0; i < p11d_default_count; i++) {
        const P11dDefault *row = &p11d_defaults[i];
        bool tested = row->kind != P11D_DEFAULT_VALUE;
        for (size_t j = 0; j < sizeof(elsewhere) / sizeof(elsewhere[0]); j++)
            tested = tested || elsewhere[j] == row->attribute.type;
        for (size_t j = 0; j < ROWS; j++) {
            CK_ATTRIBUTE_TYPE type;
            cr_assert(p11d_attribute_parse_name(rows[j].name, &type));
            tested = tested || type == row->attribute.type;
        }
        cr_assert(tested, "attribute 0x%lx", row->attribute.type);
    }
}

Test(default, no_attribute_has_two_rows_for_one_class)
{
    for (size_t i = 0; i < p11d_default_count; i++)
        for (size_t j = 0; j < i; j++)
            cr_assert(p11d_defaults[i].attribute.type != p11d_defaults[j].attribute.type ||
                          (p11d_defaults[i].classes & p11d_defaults[j].classes) == 0,
                      "attribute 0x%lx", p11d_defaults[i].attribute.type);
}

Test(default, values_fit_the_kinds_of_the_attribute_table)
{
    for (size_t i = 0; i < p11d_default_count; i++) {
        const P11dDefault *row = &p11d_defaults[i];
        if (row->kind != P11D_DEFAULT_VALUE)
            continue;
        P11dBuffer buffer;
        P11dWriter writer;
        p11d_buffer_init(&buffer, 1024);
        p11d_writer_init(&writer, &buffer);
        cr_assert_eq(p11d_attribute_write(&writer, &row->attribute), CKR_OK, "attribute 0x%lx",
                     row->attribute.type);
        p11d_buffer_clear(&buffer);
    }
}

Test(default, classes_that_nobody_knows_are_asked_about_everything)
{
    bool foreign = true;
    cr_assert_eq(p11d_default_class(CKO_VENDOR_DEFINED | 5), P11D_CLASS_OTHER);
    cr_assert_null(p11d_default_find(CKA_MODULUS, P11D_CLASS_OTHER, &foreign));
    cr_assert_not(foreign);
    cr_assert_null(p11d_default_find(CKA_MODULUS, P11D_CLASS_DATA, &foreign));
    cr_assert(foreign);
    cr_assert_null(p11d_default_find(CKA_VENDOR_DEFINED | 1, P11D_CLASS_DATA, &foreign));
    cr_assert_not(foreign);
}
