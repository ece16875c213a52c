// SPDX-License-Identifier: MIT
#include "derivation.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "keys.h"
#include "objects.h"
#include "publickey.h"

/* --- Derivation --------------------------------------------------------------------------------
 */

Test(derivation, a_key_knows_its_parts_from_public_key_info)
{
    EVP_PKEY *key = keys_generate("RSA-2048");
    Bytes info = keys_info(key);
    unsigned char id[20];
    keys_id(key, id);
    Wire wire;
    objects_begin(&wire, "private-key");
    wire_bytes(&wire, "public-key-info", info.data, info.size);
    P11dObject *object = objects_must_make(&wire);
    P11dPublicKey parsed;
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    CK_ULONG type = CKK_RSA, bits = 2048;
    objects_check(object, CKA_KEY_TYPE, &type, sizeof(type));
    objects_check(object, CKA_MODULUS_BITS, &bits, sizeof(bits));
    objects_check(object, CKA_MODULUS, parsed.modulus.data, 256);
    objects_check(object, CKA_PUBLIC_EXPONENT, "\x01\x00\x01", 3);
    objects_check(object, CKA_PUBLIC_KEY_INFO, info.data, info.size);
    objects_check(object, CKA_ID, id, 20);
    objects_check(object, CKA_SUBJECT, NULL, 0);
    cr_assert_eq(object->derived.key_type, CKK_RSA);
    cr_assert_eq(object->derived.signature_size, 256);
    cr_assert_eq(object->derived.object_class, CKO_PRIVATE_KEY);
    cr_assert_eq(objects_ask(object, CKA_EC_POINT), CKR_ATTRIBUTE_TYPE_INVALID);
    cr_assert_eq(objects_unknown(object, CKA_EC_POINT), 0);
    p11d_object_free(object);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, trap_ec_points_wrapped_or_not__given_wrapped)
{
    P11dObject *object = objects_key("public-key", "P-256");
    const CK_ATTRIBUTE *point = p11d_object_attribute(object, CKA_EC_POINT);
    cr_assert_eq(point->ulValueLen, 67);
    cr_assert_eq(memcmp(point->pValue, "\x04\x41\x04", 3), 0);
    cr_assert_eq(object->derived.signature_size, 64);
    CK_ATTRIBUTE wrapped = *point;
    CK_ATTRIBUTE raw = {CKA_EC_POINT, (unsigned char *)point->pValue + 2, 65};
    cr_assert(p11d_object_matches(object, &wrapped, 1));
    cr_assert(p11d_object_matches(object, &raw, 1), "a raw point finds it too");
    p11d_object_free(object);
}

static P11dObject *ec_from_parts(const P11dPublicKey *parsed, P11dBytes point)
{
    Wire wire;
    objects_begin(&wire, "public-key");
    wire_text(&wire, "key-type", "ec");
    wire_bytes(&wire, "ec-params", parsed->params.data, parsed->params.size);
    wire_bytes(&wire, "ec-point", point.data, point.size);
    return objects_must_make(&wire);
}

Test(derivation, trap_ec_points_wrapped_or_not__from_a_service)
{
    EVP_PKEY *key = keys_generate("P-521");
    Bytes info = keys_info(key);
    P11dPublicKey parsed;
    P11dBuffer wrapped;
    p11d_buffer_init(&wrapped, 1024);
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    p11d_der_write(&wrapped, P11D_DER_OCTET_STRING, parsed.point);
    P11dBytes both[] = {parsed.point, p11d_der(wrapped.data, wrapped.size)};
    for (size_t i = 0; i < 2; i++) {
        P11dObject *object = ec_from_parts(&parsed, both[i]);
        objects_check(object, CKA_EC_POINT, wrapped.data, wrapped.size);
        objects_check(object, CKA_PUBLIC_KEY_INFO, info.data, info.size);
        p11d_object_free(object);
    }
    p11d_buffer_clear(&wrapped);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, rsa_numbers_instead_of_public_key_info_do_as_well)
{
    EVP_PKEY *key = keys_generate("RSA-2048");
    Bytes info = keys_info(key);
    P11dPublicKey parsed;
    cr_assert(p11d_publickey_parse(&parsed, info.data, info.size));
    unsigned char padded[257] = {0};
    memcpy(padded + 1, parsed.modulus.data, 256);
    Wire wire;
    objects_begin(&wire, "public-key");
    wire_text(&wire, "key-type", "rsa");
    wire_bytes(&wire, "modulus", padded, sizeof(padded));
    wire_bytes(&wire, "public-exponent", "\x01\x00\x01", 3);
    P11dObject *object = objects_must_make(&wire);
    objects_check(object, CKA_PUBLIC_KEY_INFO, info.data, info.size);
    objects_check(object, CKA_MODULUS, parsed.modulus.data, 256);
    cr_assert_eq(object->derived.signature_size, 256);
    p11d_object_free(object);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, a_certificate_knows_its_parts_from_its_value)
{
    EVP_PKEY *key = keys_generate("ED25519");
    Bytes der = keys_certificate(key, "c", 0x80);
    Bytes info = keys_info(key);
    unsigned char id[20];
    keys_id(key, id);
    Wire wire;
    objects_begin(&wire, "certificate");
    wire_bytes(&wire, "value", der.data, der.size);
    P11dObject *object = objects_must_make(&wire);
    P11dCertificate parsed;
    cr_assert(p11d_certificate_parse(&parsed, der.data, der.size));
    objects_check(object, CKA_ID, id, 20);
    objects_check(object, CKA_SERIAL_NUMBER, "\x02\x02\x00\x80", 4);
    objects_check(object, CKA_SUBJECT, parsed.subject.data, parsed.subject.size);
    objects_check(object, CKA_ISSUER, parsed.issuer.data, parsed.issuer.size);
    objects_check(object, CKA_PUBLIC_KEY_INFO, info.data, info.size);
    objects_check(object, CKA_VALUE, der.data, der.size);
    cr_assert_eq(objects_ask(object, CKA_MODULUS), CKR_ATTRIBUTE_TYPE_INVALID);
    cr_assert_eq(objects_unknown(object, CKA_SIGN), 0);
    cr_assert_eq(objects_unknown(object, CKA_CHECK_VALUE), 1);
    p11d_object_free(object);
    free(info.data);
    free(der.data);
    EVP_PKEY_free(key);
}

Test(derivation, what_was_sent_is_not_derived)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes der = keys_certificate(key, "c", 1);
    Wire wire;
    objects_begin(&wire, "certificate");
    wire_bytes(&wire, "value", der.data, der.size);
    wire_bytes(&wire, "id", "mine", 4);
    wire_boolean(&wire, "token", false);
    wire_boolean(&wire, "private", true);
    P11dObject *object = objects_must_make(&wire);
    objects_check(object, CKA_ID, "mine", 4);
    cr_assert_not(p11d_object_boolean(object, CKA_TOKEN));
    cr_assert(p11d_object_boolean(object, CKA_PRIVATE));
    p11d_object_free(object);
    free(der.data);
    EVP_PKEY_free(key);
}

Test(derivation, what_is_absent_has_neither_default_nor_derivation)
{
    static const char *const names[] = {"modulus",    "token",        "id",
                                        "0x80000001", "no-such-name", NULL};
    EVP_PKEY *key = keys_generate("RSA-1024");
    Bytes info = keys_info(key);
    Wire wire;
    objects_begin(&wire, "public-key");
    wire_bytes(&wire, "public-key-info", info.data, info.size);
    wire_names(&wire, "absent", names);
    P11dObject *object = objects_must_make(&wire);
    static const CK_ATTRIBUTE_TYPE types[] = {CKA_MODULUS, CKA_TOKEN, CKA_ID, 0x80000001};
    for (size_t i = 0; i < 4; i++) {
        cr_assert_null(p11d_object_attribute(object, types[i]));
        cr_assert_eq(objects_ask(object, types[i]), CKR_ATTRIBUTE_TYPE_INVALID);
        cr_assert_eq(objects_unknown(object, types[i]), 0);
    }
    cr_assert_not_null(p11d_object_attribute(object, CKA_PUBLIC_EXPONENT));
    p11d_object_free(object);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, a_key_that_is_open_now_was_not_always_closed)
{
    Wire wire;
    objects_begin(&wire, "secret-key");
    wire_boolean(&wire, "sensitive", false);
    wire_boolean(&wire, "extractable", true);
    P11dObject *object = objects_must_make(&wire);
    cr_assert_not(p11d_object_boolean(object, CKA_ALWAYS_SENSITIVE));
    cr_assert_not(p11d_object_boolean(object, CKA_NEVER_EXTRACTABLE));
    p11d_object_free(object);
}

/* --- Nonsense is left out ----------------------------------------------------------------------
 */

static void check_refused(Wire *wire, CK_RV expected)
{
    P11dObject *object = NULL;
    cr_assert_eq(objects_make(wire, &object), expected);
    cr_assert_null(object);
}

Test(derivation, what_makes_no_sense_is_refused)
{
    Wire wire;
    wire_begin_attributes(&wire);
    check_refused(&wire, CKR_TEMPLATE_INCOMPLETE);

    wire_begin_attributes(&wire);
    wire_text(&wire, "label", "no class");
    check_refused(&wire, CKR_TEMPLATE_INCOMPLETE);

    objects_begin(&wire, "public-key");
    check_refused(&wire, CKR_TEMPLATE_INCOMPLETE);

    objects_begin(&wire, "public-key");
    wire_text(&wire, "key-type", "rsa");
    wire_bytes(&wire, "modulus", "abc", 3);
    check_refused(&wire, CKR_TEMPLATE_INCOMPLETE);

    objects_begin(&wire, "private-key");
    wire_bytes(&wire, "public-key-info", "abc", 3);
    check_refused(&wire, CKR_ATTRIBUTE_VALUE_INVALID);

    objects_begin(&wire, "certificate");
    wire_bytes(&wire, "value", "\x30\x00", 2);
    check_refused(&wire, CKR_ATTRIBUTE_VALUE_INVALID);

    objects_begin(&wire, "no-such-class");
    check_refused(&wire, CKR_ATTRIBUTE_VALUE_INVALID);

    objects_begin(&wire, "data");
    wire_bytes(&wire, "token", "\x01", 1);
    check_refused(&wire, CKR_ATTRIBUTE_VALUE_INVALID);

    objects_begin(&wire, "data");
    wire_text(&wire, "label", "once");
    wire_text(&wire, "label", "twice");
    check_refused(&wire, CKR_TEMPLATE_INCONSISTENT);

    wire_begin_attributes(&wire);
    wire_number(&wire, "class", 3);
    check_refused(&wire, CKR_ATTRIBUTE_VALUE_INVALID);
}

Test(derivation, a_key_type_that_contradicts_the_key_is_refused)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes info = keys_info(key);
    Wire wire;
    objects_begin(&wire, "public-key");
    wire_text(&wire, "key-type", "rsa");
    wire_bytes(&wire, "public-key-info", info.data, info.size);
    check_refused(&wire, CKR_TEMPLATE_INCONSISTENT);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, a_private_key_whose_public_half_is_not_known_is_accepted)
{
    Wire wire;
    objects_begin(&wire, "private-key");
    wire_text(&wire, "label", "encrypted");
    P11dObject *object = objects_must_make(&wire);
    cr_assert_eq(object->derived.signature_size, 0);
    cr_assert_eq(object->derived.key_type, CK_UNAVAILABLE_INFORMATION);
    objects_check(object, CKA_ID, NULL, 0);
    cr_assert_eq(objects_unknown(object, CKA_MODULUS), 1, "only the service can know");
    cr_assert_eq(objects_unknown(object, CKA_KEY_TYPE), 1);
    p11d_object_free(object);
}

static void check_size_of_parts(const char *type, const char *name, const void *value, size_t size,
                                CK_ULONG expected)
{
    Wire wire;
    objects_begin(&wire, "private-key");
    wire_text(&wire, "key-type", type);
    wire_bytes(&wire, name, value, size);
    P11dObject *object = objects_must_make(&wire);
    cr_assert_eq(object->derived.signature_size, expected);
    cr_assert_eq(objects_unknown(object, CKA_PUBLIC_KEY_INFO), 1);
    p11d_object_free(object);
}

Test(derivation, a_private_key_with_half_of_its_parts_still_knows_the_size_of_its_signatures)
{
    static const unsigned char p384[] = {0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22};
    static const unsigned char ed448[] = {0x06, 0x03, 0x2b, 0x65, 0x71};
    unsigned char modulus[257] = {0, 0x80};
    check_size_of_parts("rsa", "modulus", modulus, sizeof(modulus), 256);
    check_size_of_parts("ec", "ec-params", p384, sizeof(p384), 96);
    check_size_of_parts("ec-edwards", "ec-params", ed448, sizeof(ed448), 114);
    check_size_of_parts("ec-montgomery", "ec-params", ed448, sizeof(ed448), 0);
    check_size_of_parts("ec", "ec-params", "", 0, 0);
}

Test(derivation, a_certificate_without_a_value_has_the_id_of_its_public_key)
{
    EVP_PKEY *key = keys_generate("P-256");
    Bytes info = keys_info(key);
    unsigned char id[20];
    keys_id(key, id);
    Wire wire;
    objects_begin(&wire, "certificate");
    wire_bytes(&wire, "public-key-info", info.data, info.size);
    P11dObject *object = objects_must_make(&wire);
    objects_check(object, CKA_ID, id, 20);
    cr_assert_eq(objects_unknown(object, CKA_VALUE), 1);
    p11d_object_free(object);
    free(info.data);
    EVP_PKEY_free(key);
}

Test(derivation, trap_unknown_numbers_pass)
{
    Wire wire;
    objects_begin(&wire, "0x80000123");
    wire_bytes(&wire, "0x80000001", "raw", 3);
    wire_text(&wire, "invented-later", "ignored");
    P11dObject *object = objects_must_make(&wire);
    cr_assert_eq(object->derived.object_class, 0x80000123);
    objects_check(object, 0x80000001, "raw", 3);
    cr_assert_eq(objects_unknown(object, CKA_MODULUS), 1);
    p11d_object_free(object);
}
