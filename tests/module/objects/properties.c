// SPDX-License-Identifier: MIT
#include "properties.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "writer.h"

static P11dProperties properties;
static P11dBuffer buffer;
static P11dWriter writer;

static void init(void)
{
    p11d_buffer_init(&buffer, 1 << 20);
    p11d_writer_init(&writer, &buffer);
    p11d_properties_init(&properties, "the name");
}

static void clear(void)
{
    p11d_properties_clear(&properties);
    p11d_buffer_clear(&buffer);
}

TestSuite(properties, .init = init, .fini = clear);

/* Reads what was written: the entries of an a{sv}. */
static void read_all(void)
{
    P11dReader reader;
    cr_assert(p11d_writer_ok(&writer));
    p11d_reader_init(&reader, buffer.data, buffer.size, false);
    p11d_properties_read(&properties, reader);
}

static void write_names(const char *first, const char *second)
{
    const P11dArray array = p11d_writer_array_begin(&writer, 4);
    p11d_writer_string(&writer, first);
    p11d_writer_string(&writer, second);
    p11d_writer_array_end(&writer, array);
}

static void write_mechanism(const char *name, uint64_t smallest, uint64_t largest)
{
    p11d_writer_struct(&writer);
    p11d_writer_string(&writer, name);
    p11d_writer_struct(&writer);
    p11d_writer_uint64(&writer, smallest);
    p11d_writer_uint64(&writer, largest);
    write_names("sign", "no-such-flag");
}

Test(properties, all_have_something_to_start_from)
{
    cr_assert_arr_eq(properties.label, "the name                        ", 32);
    cr_assert_arr_eq(properties.serial, "                ", 16);
    cr_assert_eq(properties.flags, CKF_TOKEN_INITIALIZED);
    cr_assert_not(properties.offered.known);
    cr_assert_not(properties.run.known);
}

Test(properties, are_read_and_put_back)
{
    p11d_writer_entry(&writer, "Label", "s");
    p11d_writer_string(&writer, "label");
    p11d_writer_entry(&writer, "Flags", "as");
    write_names("login-required", "no-such-flag");
    p11d_writer_entry(&writer, "PinLength", "(uu)");
    p11d_writer_struct(&writer);
    p11d_writer_uint32(&writer, 4);
    p11d_writer_uint32(&writer, 8);
    p11d_writer_entry(&writer, "FirmwareVersion", "(yy)");
    p11d_writer_struct(&writer);
    p11d_writer_byte(&writer, 3);
    p11d_writer_byte(&writer, 1);
    p11d_writer_entry(&writer, "Features", "as");
    write_names("prehashed", "no-such-feature");
    p11d_writer_entry(&writer, "Run", "t");
    p11d_writer_uint64(&writer, 77);
    read_all();
    cr_assert_arr_eq(properties.label, "label   ", 8);
    cr_assert_eq(properties.flags, CKF_LOGIN_REQUIRED);
    cr_assert_eq(properties.pin.shortest, 4);
    cr_assert_eq(properties.pin.longest, 8);
    cr_assert_eq(properties.firmware.major, 3);
    cr_assert(properties.features.prehashed);
    cr_assert_eq(properties.run.number, 77);

    static const char *const names[] = {"Label",    "Flags", "PinLength",  "FirmwareVersion",
                                        "Features", "Run",   "Mechanisms", "NoSuchProperty"};
    P11dProperties fresh;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        p11d_properties_reset(&properties, names[i], "the name");
    p11d_properties_init(&fresh, "the name");
    cr_assert_arr_eq(properties.label, fresh.label, 32);
    cr_assert_eq(properties.flags, fresh.flags);
    cr_assert_eq(properties.pin.longest, fresh.pin.longest);
    cr_assert_not(properties.features.prehashed);
    cr_assert_not(properties.run.known);
}

Test(properties, of_a_wrong_type_or_unknown_are_ignored)
{
    p11d_writer_entry(&writer, "Label", "t");
    p11d_writer_uint64(&writer, 1);
    p11d_writer_entry(&writer, "Colour", "as");
    write_names("red", "green");
    p11d_writer_entry(&writer, "Run", "s");
    p11d_writer_string(&writer, "fast");
    p11d_writer_entry(&writer, "Model", "s");
    p11d_writer_string(&writer, "the last is read");
    read_all();
    cr_assert_arr_eq(properties.label, "the name ", 9);
    cr_assert_not(properties.run.known);
    cr_assert_arr_eq(properties.model, "the last is read", 16);
}

Test(properties, trap_strings_are_blank_padded__cut_at_a_character)
{
    CK_UTF8CHAR field[4];
    p11d_properties_pad(field, sizeof field, "abc\xe2\x82\xac");
    cr_assert_arr_eq(field, "abc ", 4);
    p11d_properties_pad(field, sizeof field, "a\xe2\x82\xac");
    cr_assert_arr_eq(field, "a\xe2\x82\xac", 4);
    p11d_properties_pad(field, sizeof field, "");
    cr_assert_arr_eq(field, "    ", 4);
}

Test(properties, mechanisms_are_taken_once_and_not_without_end)
{
    p11d_writer_entry(&writer, "Mechanisms", "a{s(ttas)}");
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    write_mechanism("ecdsa", 256, UINT64_MAX);
    write_mechanism("ecdsa", 1, 2);
    write_mechanism("No Such Name", 1, 2);
    for (unsigned i = 0; i < 2000; i++) {
        char name[24];
        snprintf(name, sizeof name, "0x%x", 0x80000000 + i);
        write_mechanism(name, 0, 0);
    }
    p11d_writer_array_end(&writer, array);
    read_all();
    cr_assert(properties.offered.known);
    cr_assert_eq(properties.offered.count, P11D_PROPERTIES_MECHANISMS);
    const P11dOffer *offer = p11d_properties_offer(&properties, CKM_ECDSA);
    cr_assert_eq(offer->info.ulMinKeySize, 256);
    cr_assert_eq(offer->info.ulMaxKeySize, CK_UNAVAILABLE_INFORMATION);
    cr_assert_eq(offer->info.flags, CKF_SIGN | CKF_MESSAGE_SIGN | CKF_MULTI_MESSAGE);
    cr_assert_not_null(p11d_properties_offer(&properties, 0x80000001), "passes by number");
}

Test(properties, say_what_the_token_can_do_with_a_mechanism_and_with_a_key)
{
    cr_assert(p11d_properties_can(&properties, CKM_ECDSA, CKF_SIGN), "nothing is named: any signs");
    cr_assert_not(p11d_properties_can(&properties, CKM_ECDSA, CKF_VERIFY));
    cr_assert_not(p11d_properties_serves(&properties, CKK_EC, CKF_VERIFY));
    p11d_writer_entry(&writer, "Mechanisms", "a{s(ttas)}");
    const P11dArray array = p11d_writer_array_begin(&writer, 8);
    write_mechanism("ecdsa", 256, 521); /* it signs */
    p11d_writer_array_end(&writer, array);
    read_all();
    cr_assert(p11d_properties_can(&properties, CKM_ECDSA, CKF_SIGN));
    cr_assert_not(p11d_properties_can(&properties, CKM_RSA_PKCS, CKF_SIGN));
    cr_assert(p11d_properties_serves(&properties, CKK_EC, CKF_SIGN));
    cr_assert_not(p11d_properties_serves(&properties, CKK_EC, CKF_VERIFY));
    cr_assert_not(p11d_properties_serves(&properties, CKK_RSA, CKF_SIGN));
    cr_assert(p11d_properties_serves(&properties, CK_UNAVAILABLE_INFORMATION, CKF_SIGN));
}
