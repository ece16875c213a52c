// SPDX-License-Identifier: MIT
#include "arguments.h"

#include <criterion/criterion.h>
#include <gio/gio.h>
#include <string.h>

#include "oracle.h"

/* Every kind of argument that a method may have, each with a value that no other has. */
typedef struct Full {
    P11dKeptMechanism kept;
    P11dArguments arguments;
} Full;

static const CK_BBOOL yes = CK_TRUE;
static const CK_ATTRIBUTE first[] = {{CKA_LABEL, (void *)"first", 5},
                                     {CKA_TOKEN, (void *)&yes, sizeof yes}};
static const CK_ATTRIBUTE second[] = {{CKA_ID, (void *)"\1\2", 2}};

static void fill(Full *full)
{
    static CK_BYTE iv[16] = {9, 8, 7};
    CK_MECHANISM mechanism = {CKM_AES_CBC, iv, sizeof iv};
    *full = (Full){0};
    cr_assert_eq(p11d_kept_mechanism_make(&full->kept, &mechanism, false), CKR_OK);
    full->arguments = (P11dArguments){
        .objects = {0x1122334455667788, 2},
        .mechanism.kept = &full->kept,
        .bytes = {{(const uint8_t *)"data", 4}, {(const uint8_t *)"more", 4}},
        .pins = {{(const uint8_t *)"1234", 4}, {(const uint8_t *)"56\0", 3}},
        .templates = {{.items = first, .count = G_N_ELEMENTS(first)},
                      {.items = second, .count = G_N_ELEMENTS(second)}},
        .user = CKU_CONTEXT_SPECIFIC,
        .purpose = P11D_PURPOSE_SIGN_RECOVER,
        .stream = 77,
        .length = 4096,
        .text = "täxt",
        .no_pin = true,
    };
}

static void put(const P11dArguments *arguments, const P11dArgumentList *list, P11dBuffer *buffer,
                CK_RV expected)
{
    P11dWriter writer;
    p11d_buffer_init(buffer, 1 << 26);
    p11d_writer_init(&writer, buffer);
    cr_assert_eq(p11d_arguments_write(arguments, list, &writer), expected);
    if (expected == CKR_OK)
        cr_assert(p11d_writer_ok(&writer));
}

static CK_RV get(P11dArguments *arguments, const P11dArgumentList *list, const P11dBuffer *buffer)
{
    P11dReader reader;
    p11d_reader_init(&reader, buffer->data, buffer->size, false);
    CK_RV rv = p11d_arguments_read(arguments, list, &reader);
    if (rv == CKR_OK)
        cr_assert(p11d_reader_at_end(&reader) && p11d_reader_ok(&reader));
    return rv;
}

static bool is_own(const P11dArgumentList *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->rows[i].kind == P11D_ARGUMENT_OWN)
            return true;
    }
    return false;
}

static void equal_bytes(P11dBytes a, P11dBytes b)
{
    cr_assert_eq(a.size, b.size);
    cr_assert_arr_eq(a.data, b.data, a.size);
}

static void equal_templates(const P11dTemplateArgument *a, const P11dTemplateArgument *b)
{
    cr_assert_eq(a->count, b->count);
    for (CK_ULONG i = 0; i < a->count; i++) {
        cr_assert_eq(a->items[i].type, b->items[i].type);
        cr_assert_eq(a->items[i].ulValueLen, b->items[i].ulValueLen);
        cr_assert_arr_eq(a->items[i].pValue, b->items[i].pValue, a->items[i].ulValueLen);
    }
}

/* That the argument of that row came over, whatever it is. */
static void equal(const P11dArgument *row, const P11dArguments *a, const P11dArguments *b)
{
    const unsigned nth = row->nth;
    switch (row->kind) {
    case P11D_ARGUMENT_OBJECT:
        cr_assert_eq(a->objects[nth], b->objects[nth]);
        break;
    case P11D_ARGUMENT_MECHANISM:
        cr_assert_str_eq(a->mechanism.kept->name, b->mechanism.name);
        cr_assert_eq(b->mechanism.parameters.mechanism.mechanism, CKM_AES_CBC);
        break;
    case P11D_ARGUMENT_PARAMETERS:
        cr_assert_eq(b->mechanism.parameters.mechanism.ulParameterLen, 16);
        cr_assert_arr_eq(b->mechanism.parameters.mechanism.pParameter, "\11\10\7", 3);
        break;
    case P11D_ARGUMENT_BYTES:
        equal_bytes(a->bytes[nth], b->bytes[nth]);
        break;
    case P11D_ARGUMENT_PIN:
        equal_bytes(a->pins[nth], b->pins[nth]);
        break;
    case P11D_ARGUMENT_TEMPLATE:
        equal_templates(&a->templates[nth], &b->templates[nth]);
        break;
    case P11D_ARGUMENT_USER:
        cr_assert_eq(a->user, b->user);
        break;
    case P11D_ARGUMENT_PURPOSE:
        cr_assert_eq(a->purpose, b->purpose);
        break;
    case P11D_ARGUMENT_STREAM:
        cr_assert_eq(a->stream, b->stream);
        break;
    case P11D_ARGUMENT_LENGTH:
        cr_assert_eq(a->length, b->length);
        break;
    case P11D_ARGUMENT_TEXT:
        cr_assert_str_eq(a->text, b->text);
        break;
    case P11D_ARGUMENT_NO_PIN:
        cr_assert_eq(a->no_pin, b->no_pin);
        break;
    case P11D_ARGUMENT_RESULTS:
    case P11D_ARGUMENT_OPTIONS:
    case P11D_ARGUMENT_OWN:
        break;
    }
}

static void carry(const P11dArgumentList *list, const char *signature)
{
    Full full;
    P11dArguments there;
    P11dBuffer buffer;
    P11dReader reader;

    fill(&full);
    put(&full.arguments, list, &buffer, CKR_OK);
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    cr_assert(p11d_reader_validate(&reader, signature, 0), "not what %s says", signature);
    cr_assert_eq(get(&there, list, &buffer), CKR_OK);
    for (size_t i = 0; i < list->count; i++)
        equal(&list->rows[i], &full.arguments, &there);
    p11d_arguments_clear(&there);
    cr_assert_null(there.templates[0].items);
    p11d_buffer_clear(&buffer);
    p11d_kept_mechanism_clear(&full.kept);
}

Test(arguments, of_every_method_come_over)
{
    size_t own = 0;
    for (size_t i = 0; i < p11d_interface_token.method_count; i++) {
        const P11dMethod *method = &p11d_interface_token.methods[i];
        if (is_own(&method->arguments) || is_own(&method->results)) {
            own++;
            continue;
        }
        carry(&method->arguments, method->in);
        carry(&method->results, method->out);
    }
    cr_assert_eq(own, 3, "OpenChannel, ListObjects and GetAttributes alone are carried by hand");
}

Test(arguments, what_is_not_carried_is_refused)
{
    const P11dMethod *method = p11d_interface_method(&p11d_interface_token, "ListObjects");
    Full full;
    P11dArguments there;
    P11dBuffer buffer;
    fill(&full);
    put(&full.arguments, &method->arguments, &buffer, CKR_FUNCTION_NOT_SUPPORTED);
    cr_assert_eq(get(&there, &method->arguments, &buffer), CKR_FUNCTION_NOT_SUPPORTED);
    p11d_buffer_clear(&buffer);
    p11d_kept_mechanism_clear(&full.kept);
}

static const P11dArgumentList *arguments_of(const char *method)
{
    return &p11d_interface_method(&p11d_interface_token, method)->arguments;
}

Test(arguments, options_that_are_nothing_are_not_sent)
{
    P11dArguments there;
    P11dBuffer buffer;
    const P11dArguments nothing = {.user = CKU_USER};
    put(&nothing, arguments_of("Login"), &buffer, CKR_OK);
    /* "user" and an empty array of bytes and an empty a{sv}, with its padding */
    cr_assert_eq(buffer.size, 4 + 5 + 3 + 4 + 4 + 4);
    cr_assert_eq(get(&there, arguments_of("Login"), &buffer), CKR_OK);
    cr_assert_eq(there.user, CKU_USER);
    cr_assert_null(there.text);
    cr_assert_not(there.no_pin);
    cr_assert_eq(there.stream, 0);
    p11d_arguments_clear(&there);
    p11d_buffer_clear(&buffer);

    /* Empty data is something, no data is nothing. */
    const P11dArguments empty = {.stream = 1, .bytes = {{0}, {(const uint8_t *)"", 0}}};
    put(&empty, arguments_of("FinishStream"), &buffer, CKR_OK);
    cr_assert_eq(get(&there, arguments_of("FinishStream"), &buffer), CKR_OK);
    cr_assert_null(there.bytes[0].data);
    cr_assert_not_null(there.bytes[1].data);
    p11d_arguments_clear(&there);
    p11d_buffer_clear(&buffer);
}

/* Reads the body that GVariant makes of text, in its D-Bus form. */
static CK_RV read_text(P11dArguments *arguments, const char *method, const char *text,
                       P11dBuffer *buffer)
{
    const P11dMethod *row = p11d_interface_method(&p11d_interface_token, method);
    g_autofree char *type = g_strdup_printf("(%s)", row->in);
    g_autoptr(GError) error = NULL;
    g_autoptr(GVariant) body = g_variant_parse(G_VARIANT_TYPE(type), text, NULL, NULL, &error);
    cr_assert_not_null(body, "%s", error ? error->message : "");
    P11dWriter writer;
    p11d_buffer_init(buffer, 1 << 16);
    p11d_writer_init(&writer, buffer);
    oracle_write_body(&writer, body);
    return get(arguments, &row->arguments, buffer);
}

Test(arguments, odd_ones_are_refused)
{
    static const struct {
        const char *method;
        const char *body;
        CK_RV rv;
    } rows[] = {
        {"Login", "('user', @ay [], {'no-pin': <'yes'>})", CKR_ARGUMENTS_BAD},
        {"Login", "('user', @ay [], {'stream': <uint32 7>})", CKR_ARGUMENTS_BAD},
        {"Login", "('nobody', @ay [], @a{sv} {})", CKR_USER_TYPE_INVALID},
        {"Login", "('user', @ay [], {'later': <(1, 'x')>, 'no-pin': <true>})", CKR_OK},
        {"Sign", "(1, 'not-a-mechanism', @a{sv} {}, @ay [])", CKR_MECHANISM_INVALID},
        {"Sign", "(1, 'aes-cbc', {'iv': <'text'>}, @ay [])", CKR_MECHANISM_PARAM_INVALID},
        {"BeginStream", "('seal', 1, 'ecdsa', @a{sv} {})", CKR_ARGUMENTS_BAD},
        {"BeginStream", "('0x2', 1, 'ecdsa', @a{sv} {})", CKR_ARGUMENTS_BAD},
        {"CreateObject", "({'class': <uint64 3>},)", CKR_ATTRIBUTE_VALUE_INVALID},
    };
    for (size_t i = 0; i < G_N_ELEMENTS(rows); i++) {
        P11dArguments there;
        P11dBuffer buffer;
        const CK_RV rv = read_text(&there, rows[i].method, rows[i].body, &buffer);
        cr_assert_eq(rv, rows[i].rv, "%s: 0x%lx", rows[i].body, rv);
        p11d_arguments_clear(&there);
        p11d_buffer_clear(&buffer);
    }
}

Test(arguments, an_option_twice_is_refused)
{
    P11dArguments there;
    P11dBuffer buffer;
    P11dWriter writer;
    p11d_buffer_init(&buffer, 1 << 16);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_string(&writer, "user");
    p11d_writer_bytes(&writer, NULL, 0);
    const P11dArray options = p11d_writer_array_begin(&writer, 8);
    for (int i = 0; i < 2; i++) {
        p11d_writer_entry(&writer, "no-pin", "b");
        p11d_writer_boolean(&writer, i == 0);
    }
    p11d_writer_array_end(&writer, options);
    cr_assert_eq(get(&there, arguments_of("Login"), &buffer), CKR_ARGUMENTS_BAD);
    p11d_arguments_clear(&there);
    p11d_buffer_clear(&buffer);
}

Test(arguments, too_much_data_is_refused_on_both_sides)
{
    P11dArguments there;
    P11dBuffer buffer;
    P11dWriter writer;
    const size_t much = P11D_INTERFACE_DATA_MAX + 1;
    g_autofree uint8_t *data = g_malloc0(much);
    P11dArguments arguments = {.stream = 1, .bytes = {{data, much}}};
    put(&arguments, arguments_of("UpdateStream"), &buffer, CKR_DATA_LEN_RANGE);
    p11d_buffer_clear(&buffer);

    p11d_buffer_init(&buffer, 1 << 26);
    p11d_writer_init(&writer, &buffer);
    p11d_writer_uint64(&writer, 1);
    p11d_writer_bytes(&writer, data, much);
    cr_assert_eq(get(&there, arguments_of("UpdateStream"), &buffer), CKR_DATA_LEN_RANGE);
    p11d_arguments_clear(&there);
    p11d_buffer_clear(&buffer);
}

Test(arguments, a_bad_template_is_told_before_it_is_sent)
{
    P11dBuffer buffer;
    const CK_ATTRIBUTE wrong = {CKA_TOKEN, (void *)"xyz", 3};
    const P11dArguments arguments = {.templates = {{.items = &wrong, .count = 1}}};
    put(&arguments, arguments_of("CreateObject"), &buffer, CKR_ATTRIBUTE_VALUE_INVALID);
    p11d_buffer_clear(&buffer);
}
