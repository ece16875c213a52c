// SPDX-License-Identifier: MIT
#include "object.h"

#include <criterion/criterion.h>
#include <string.h>

#include "objects.h"

/* --- C_GetAttributeValue -----------------------------------------------------------------------
 */

Test(object, trap_null_is_not_zero_length__attributes)
{
    P11dObject *object = objects_key("public-key", "P-256");
    unsigned char guard[4] = {0xaa, 0xaa, 0xaa, 0xaa};
    CK_ATTRIBUTE query = {CKA_LABEL, NULL, 1000};
    cr_assert_eq(p11d_object_get(object, &query, 1), CKR_OK);
    cr_assert_eq(query.ulValueLen, 1);
    CK_ATTRIBUTE zero = {CKA_LABEL, guard, 0};
    cr_assert_eq(p11d_object_get(object, &zero, 1), CKR_BUFFER_TOO_SMALL);
    cr_assert_eq(zero.ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(guard[0], 0xaa);
    CK_ATTRIBUTE good = {CKA_LABEL, guard, sizeof(guard)};
    cr_assert_eq(p11d_object_get(object, &good, 1), CKR_OK);
    cr_assert_eq(good.ulValueLen, 1);
    cr_assert_eq(memcmp(guard, "k\xaa\xaa\xaa", 4), 0);
    CK_ATTRIBUTE empty = {CKA_START_DATE, guard, 0};
    cr_assert_eq(p11d_object_get(object, &empty, 1), CKR_OK);
    cr_assert_eq(empty.ulValueLen, 0);
    p11d_object_free(object);
}

Test(object, trap_attributes_fill_what_they_can)
{
    P11dObject *object = objects_key("private-key", "RSA-1024");
    CK_ULONG type = 0;
    unsigned char small[3], label[8], secret[8];
    CK_ATTRIBUTE all[] = {
        {CKA_MODULUS, small, sizeof(small)}, {CKA_EC_POINT, secret, sizeof(secret)},
        {CKA_KEY_TYPE, &type, sizeof(type)}, {CKA_PRIVATE_EXPONENT, secret, sizeof(secret)},
        {CKA_LABEL, label, sizeof(label)},
    };
    type = 99;
    cr_assert_eq(p11d_object_get(object, all, 5), CKR_ATTRIBUTE_SENSITIVE);
    cr_assert_eq(all[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(all[1].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(all[2].ulValueLen, sizeof(type));
    cr_assert_eq(type, CKK_RSA);
    cr_assert_eq(all[3].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(all[4].ulValueLen, 1);
    cr_assert_eq(label[0], 'k');

    CK_ATTRIBUTE two[] = {{CKA_MODULUS, small, sizeof(small)}, {CKA_EC_POINT, NULL, 0}};
    cr_assert_eq(p11d_object_get(object, two, 2), CKR_ATTRIBUTE_TYPE_INVALID);
    CK_ATTRIBUTE one = {CKA_MODULUS, small, sizeof(small)};
    cr_assert_eq(p11d_object_get(object, &one, 1), CKR_BUFFER_TOO_SMALL);
    cr_assert_eq(p11d_object_get(object, NULL, 0), CKR_OK);
    p11d_object_free(object);
}

Test(object, private_components_are_sensitive_without_a_question)
{
    static const CK_ATTRIBUTE_TYPE types[] = {
        CKA_PRIVATE_EXPONENT, CKA_PRIME_1,     CKA_PRIME_2, CKA_EXPONENT_1,
        CKA_EXPONENT_2,       CKA_COEFFICIENT, CKA_VALUE,   CKA_SEED,
    };
    P11dObject *object = objects_key("private-key", "P-256");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        cr_assert_eq(objects_ask(object, types[i]), CKR_ATTRIBUTE_SENSITIVE);
        cr_assert_eq(objects_unknown(object, types[i]), 0);
    }
    p11d_object_free(object);
}

Test(object, private_components_that_a_service_sends_all_the_same_are_dropped)
{
    Wire wire;
    CK_ATTRIBUTE search = {CKA_VALUE, (void *)"secret", 6};
    objects_begin(&wire, "secret-key");
    wire_bytes(&wire, "value", "secret", 6);
    wire_boolean(&wire, "sensitive", false); /* but not extractable */
    P11dObject *object = objects_must_make(&wire);
    cr_assert_eq(objects_ask(object, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    cr_assert_not(p11d_object_matches(object, &search, 1));
    p11d_object_free(object);

    objects_begin(&wire, "secret-key");
    wire_bytes(&wire, "value", "secret", 6);
    wire_boolean(&wire, "sensitive", false);
    wire_boolean(&wire, "extractable", true);
    object = objects_must_make(&wire);
    objects_check(object, CKA_VALUE, "secret", 6);
    cr_assert(p11d_object_matches(object, &search, 1));
    p11d_object_free(object);
}

/* --- Nested templates --------------------------------------------------------------------------
 */

static P11dObject *wrapping_key(void)
{
    Wire wire;
    objects_begin(&wire, "secret-key");
    p11d_writer_entry(&wire.writer, "wrap-template", "a{sv}");
    P11dArray outer = p11d_writer_array_begin(&wire.writer, 8);
    wire_text(&wire, "label", "inner");
    p11d_writer_entry(&wire.writer, "unwrap-template", "a{sv}");
    P11dArray inner = p11d_writer_array_begin(&wire.writer, 8);
    wire_boolean(&wire, "sign", true);
    p11d_writer_array_end(&wire.writer, inner);
    p11d_writer_array_end(&wire.writer, outer);
    return objects_must_make(&wire);
}

Test(object, nested_templates_are_filled_in_depth)
{
    P11dObject *object = wrapping_key();
    CK_ATTRIBUTE query = {CKA_WRAP_TEMPLATE, NULL, 0};
    cr_assert_eq(p11d_object_get(object, &query, 1), CKR_OK);
    cr_assert_eq(query.ulValueLen, 2 * sizeof(CK_ATTRIBUTE));

    CK_BBOOL sign = CK_FALSE;
    char label[16];
    CK_ATTRIBUTE deepest[1] = {{0, NULL, 0}};
    CK_ATTRIBUTE inner[2] = {{0, NULL, 0}, {0, deepest, sizeof(deepest)}};
    CK_ATTRIBUTE outer = {CKA_WRAP_TEMPLATE, inner, sizeof(inner)};
    cr_assert_eq(p11d_object_get(object, &outer, 1), CKR_OK);
    cr_assert_eq(inner[0].type, CKA_LABEL);
    cr_assert_eq(inner[0].ulValueLen, 5, "a null pointer inside is a size query");
    cr_assert_eq(inner[1].type, CKA_UNWRAP_TEMPLATE);
    cr_assert_eq(deepest[0].type, CKA_SIGN);
    cr_assert_eq(deepest[0].ulValueLen, sizeof(CK_BBOOL));

    inner[0] = (CK_ATTRIBUTE){0, label, sizeof(label)};
    deepest[0] = (CK_ATTRIBUTE){0, &sign, sizeof(sign)};
    cr_assert_eq(p11d_object_get(object, &outer, 1), CKR_OK);
    cr_assert_eq(memcmp(label, "inner", 5), 0);
    cr_assert_eq(sign, CK_TRUE);

    inner[0].ulValueLen = 2;
    cr_assert_eq(p11d_object_get(object, &outer, 1), CKR_BUFFER_TOO_SMALL);
    cr_assert_eq(inner[0].ulValueLen, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(outer.ulValueLen, sizeof(inner));
    outer.ulValueLen = sizeof(inner) - 1;
    cr_assert_eq(p11d_object_get(object, &outer, 1), CKR_BUFFER_TOO_SMALL);
    p11d_object_free(object);
}

Test(object, nested_templates_match_by_their_values)
{
    P11dObject *object = wrapping_key();
    CK_BBOOL yes = CK_TRUE, no = CK_FALSE;
    CK_ATTRIBUTE deepest[] = {{CKA_SIGN, &yes, 1}};
    CK_ATTRIBUTE inner[] = {{CKA_UNWRAP_TEMPLATE, deepest, sizeof(deepest)},
                            {CKA_LABEL, (void *)"inner", 5}};
    CK_ATTRIBUTE outer = {CKA_WRAP_TEMPLATE, inner, sizeof(inner)};
    cr_assert(p11d_object_matches(object, &outer, 1), "in whatever order");
    deepest[0].pValue = &no;
    cr_assert_not(p11d_object_matches(object, &outer, 1));
    deepest[0].pValue = &yes;
    outer.ulValueLen = sizeof(inner[0]);
    cr_assert_not(p11d_object_matches(object, &outer, 1));
    p11d_object_free(object);
}

/* --- Searching ---------------------------------------------------------------------------------
 */

Test(object, trap_empty_label_matches_only_itself)
{
    P11dObject *labelled = objects_key("public-key", "P-256");
    Wire wire;
    objects_begin(&wire, "data");
    P11dObject *unlabelled = objects_must_make(&wire);
    objects_begin(&wire, "data");
    wire_text(&wire, "label", "with text");
    P11dObject *data = objects_must_make(&wire);
    char anything = 'x';
    CK_ATTRIBUTE empties[] = {{CKA_LABEL, NULL, 0}, {CKA_LABEL, &anything, 0}};
    for (size_t i = 0; i < 2; i++) {
        cr_assert(p11d_object_matches(unlabelled, &empties[i], 1));
        cr_assert_not(p11d_object_matches(labelled, &empties[i], 1));
    }
    cr_assert(p11d_object_matches(labelled, NULL, 0));
    cr_assert(p11d_object_matches(data, NULL, 0));
    CK_ATTRIBUTE prefix = {CKA_LABEL, (void *)"with", 4};
    CK_ATTRIBUTE null_value = {CKA_LABEL, NULL, 4};
    cr_assert_not(p11d_object_matches(data, &prefix, 1));
    cr_assert_not(p11d_object_matches(data, &null_value, 1));
    CK_BBOOL yes = CK_TRUE;
    CK_ATTRIBUTE by_default[] = {{CKA_TOKEN, &yes, 1}, {CKA_LABEL, (void *)"with text", 9}};
    cr_assert(p11d_object_matches(data, by_default, 2), "defaults are found too");
    p11d_object_free(labelled);
    p11d_object_free(unlabelled);
    p11d_object_free(data);
}

/* --- Asking the service ------------------------------------------------------------------------
 */

typedef struct Error {
    const char *name;
    const char *error;
} Error;

/* A reply to GetAttributes. */
static CK_RV learn(P11dObject *object, const CK_ATTRIBUTE_TYPE *types, CK_ULONG count, Wire *values,
                   const Error *errors)
{
    wire_end_attributes(values);
    P11dWriter *writer = &values->writer;
    P11dArray array = p11d_writer_array_begin(writer, 8);
    for (; errors != NULL && errors->name != NULL; errors++) {
        p11d_writer_struct(writer);
        p11d_writer_string(writer, errors->name);
        p11d_writer_string(writer, errors->error);
    }
    p11d_writer_array_end(writer, array);
    P11dReader reader = wire_reader(values, "a{sv}a{ss}");
    CK_RV rv = p11d_object_learn(object, types, count, &reader);
    wire_clear(values);
    return rv;
}

Test(object, what_only_the_service_knows_is_asked_once_and_remembered)
{
    P11dObject *object = objects_key("private-key", "P-256");
    CK_ATTRIBUTE asked[] = {
        {CKA_LABEL, NULL, 0},      {CKA_UNIQUE_ID, NULL, 0}, {0x80000001, NULL, 0},
        {CKA_UNIQUE_ID, NULL, 0},  {0x80000002, NULL, 0},    {0x80000003, NULL, 0},
        {CKA_START_DATE, NULL, 0},
    };
    CK_ATTRIBUTE_TYPE types[7];
    cr_assert_eq(p11d_object_unknown(object, asked, 7, types), 4);
    static const CK_ATTRIBUTE_TYPE expected[] = {CKA_UNIQUE_ID, 0x80000001, 0x80000002, 0x80000003};
    cr_assert_arr_eq(types, expected, sizeof(expected));

    static const Error errors[] = {{"0x80000001", "AttributeSensitive"},
                                   {"0x80000002", "AttributeTypeInvalid"},
                                   {"label", "AttributeSensitive"},
                                   {NULL, NULL}};
    Wire values;
    wire_begin_attributes(&values);
    wire_text(&values, "unique-id", "u-1");
    wire_text(&values, "application", "not asked for");
    cr_assert_eq(learn(object, types, 4, &values, errors), CKR_OK);
    cr_assert_eq(p11d_object_unknown(object, asked, 7, types), 0);
    objects_check(object, CKA_UNIQUE_ID, "u-1", 3);
    objects_check(object, CKA_LABEL, "k", 1);
    cr_assert_eq(objects_ask(object, 0x80000001), CKR_ATTRIBUTE_SENSITIVE);
    cr_assert_eq(objects_ask(object, 0x80000002), CKR_ATTRIBUTE_TYPE_INVALID);
    cr_assert_eq(objects_ask(object, 0x80000003), CKR_ATTRIBUTE_TYPE_INVALID, "in neither result");
    cr_assert_eq(objects_unknown(object, 0x80000003), 0);
    cr_assert_null(p11d_object_attribute(object, CKA_APPLICATION));
    p11d_object_free(object);
}

Test(object, errors_that_may_pass_are_returned_and_not_remembered)
{
    P11dObject *object = objects_key("private-key", "P-256");
    static const CK_ATTRIBUTE_TYPE types[] = {0x80000001};
    static const Error errors[] = {{"0x80000001", "UserNotLoggedIn"}, {NULL, NULL}};
    Wire values;
    wire_begin_attributes(&values);
    cr_assert_eq(learn(object, types, 1, &values, errors), CKR_USER_NOT_LOGGED_IN);
    cr_assert_eq(objects_unknown(object, 0x80000001), 1);
    p11d_object_free(object);
}

Test(object, trap_reply_is_checked_before_use__attributes)
{
    P11dObject *object = objects_key("private-key", "P-256");
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_UNIQUE_ID};
    Wire values;
    wire_begin_attributes(&values);
    wire_boolean(&values, "unique-id", true);
    cr_assert_eq(learn(object, types, 1, &values, NULL), CKR_DEVICE_ERROR);
    cr_assert_eq(objects_unknown(object, CKA_UNIQUE_ID), 1);
    p11d_object_free(object);
}

Test(object, an_extractable_value_is_learned_and_a_sensitive_one_never)
{
    Wire wire;
    objects_begin(&wire, "secret-key");
    wire_boolean(&wire, "sensitive", false);
    wire_boolean(&wire, "extractable", true);
    P11dObject *open = objects_must_make(&wire);
    objects_begin(&wire, "secret-key");
    P11dObject *closed = objects_must_make(&wire);
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_VALUE};
    cr_assert_eq(objects_unknown(open, CKA_VALUE), 1);
    cr_assert_eq(objects_unknown(closed, CKA_VALUE), 0);
    Wire values;
    wire_begin_attributes(&values);
    wire_bytes(&values, "value", "secret", 6);
    cr_assert_eq(learn(open, types, 1, &values, NULL), CKR_OK);
    objects_check(open, CKA_VALUE, "secret", 6);
    wire_begin_attributes(&values);
    wire_bytes(&values, "value", "secret", 6);
    cr_assert_eq(learn(closed, types, 1, &values, NULL), CKR_OK);
    cr_assert_eq(objects_ask(closed, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    p11d_object_free(open);
    p11d_object_free(closed);
}

/* A token that can verify with RSA and decrypt with keys of whatever type. */
static P11dOffer offers[] = {
    {.type = CKM_SHA256_RSA_PKCS, .key = CKK_RSA, .info.flags = CKF_SIGN | CKF_VERIFY},
    {.type = 0x80000001, .key = CK_UNAVAILABLE_INFORMATION, .info.flags = CKF_DECRYPT},
};
static const P11dProperties able = {.offered = {.known = true, .count = 2}, .offers = offers};
static const P11dProperties unable = {.offered = {.known = true}};

static void expect_claims(const char *kind, const P11dProperties *token, bool verifies,
                          bool decrypts)
{
    static const CK_BBOOL yes = CK_TRUE;
    const CK_ATTRIBUTE wanted = {CKA_VERIFY, (void *)(uintptr_t)&yes, sizeof yes};
    Wire wire;
    P11dObject *public_key = objects_key("public-key", kind);
    objects_begin(&wire, "private-key");
    wire_text(&wire, "key-type", strncmp(kind, "RSA", 3) == 0 ? "rsa" : "ec");
    wire_boolean(&wire, "decrypt", true);
    P11dObject *private_key = objects_must_make(&wire);
    public_key->token = private_key->token = token;
    cr_assert_eq(p11d_object_boolean(public_key, CKA_VERIFY), verifies, "%s", kind);
    cr_assert_eq(p11d_object_matches(public_key, &wanted, 1), verifies, "%s", kind);
    cr_assert_eq(p11d_object_boolean(private_key, CKA_DECRYPT), decrypts, "%s", kind);
    cr_assert_not(p11d_object_boolean(public_key, CKA_ENCRYPT), "nobody said so");
    cr_assert_not(p11d_object_boolean(public_key, CKA_WRAP), "there is no function for it");
    p11d_object_free(public_key);
    p11d_object_free(private_key);
}

Test(object, claims_what_its_token_has_mechanisms_for)
{
    expect_claims("RSA-1024", &able, true, true);
    expect_claims("P-256", &able, false, true);
    expect_claims("RSA-1024", &unable, false, false);
    expect_claims("RSA-1024", NULL, false, false);
}
