// SPDX-License-Identifier: MIT
#include "syntax.h"

#include <criterion/criterion.h>
#include <gio/gio.h>
#include <stdint.h>
#include <string.h>

static bool same_as_glib(const uint8_t *bytes, size_t size)
{
    bool theirs = g_utf8_validate((const char *)bytes, (gssize)size, NULL);
    return p11d_syntax_is_text(bytes, size) == theirs;
}

Test(syntax, text_of_up_to_three_bytes_is_what_glib_says)
{
    for (uint32_t i = 0; i < 0x1000000; i++) {
        uint8_t bytes[] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        /* Three plain letters say nothing new and are most of all. */
        if (bytes[0] < 0x80 && bytes[0] > 1)
            continue;
        if (!same_as_glib(bytes, 3) || !same_as_glib(bytes, 2) || !same_as_glib(bytes, 1))
            cr_assert_fail("%02x %02x %02x", bytes[0], bytes[1], bytes[2]);
    }
}

Test(syntax, text_of_four_bytes_is_what_glib_says)
{
    static const uint8_t edges[] = {0, 1, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    for (unsigned first = 0xef; first <= 0xff; first++) {
        for (size_t i = 0; i < G_N_ELEMENTS(edges); i++) {
            for (unsigned j = 0; j < 0x10000; j += 7) {
                uint8_t bytes[] = {(uint8_t)first, edges[i], (uint8_t)(j >> 8), (uint8_t)j};
                if (!same_as_glib(bytes, 4))
                    cr_assert_fail("%02x %02x %02x %02x", bytes[0], bytes[1], bytes[2], bytes[3]);
            }
        }
    }
}

Test(syntax, a_bad_byte_is_found_at_every_place_of_a_long_text)
{
    static const uint8_t bad[] = {0x00, 0x80, 0xc0, 0xff};
    for (size_t size = 1; size < 40; size++) {
        for (size_t at = 0; at < size; at++) {
            for (size_t i = 0; i < sizeof bad; i++) {
                uint8_t text[40];
                memset(text, 'x', sizeof text);
                cr_assert(p11d_syntax_is_text(text, size));
                text[at] = bad[i];
                cr_assert_not(p11d_syntax_is_text(text, size), "%zu of %zu: %02x", at, size,
                              bad[i]);
            }
        }
    }
}

Test(syntax, no_text_at_all_is_text)
{
    cr_assert(p11d_syntax_is_text("", 0));
    cr_assert(p11d_syntax_is_text(NULL, 0));
}

/* Short names of characters at which the rules turn, in all combinations. */
typedef void (*Check)(const char *text);

static void for_all_names(size_t size, Check check)
{
    static const char characters[] = "aZ0_-./:\x80";
    char text[8] = "";
    size_t count = 1;
    for (size_t i = 0; i < size; i++)
        count *= sizeof characters - 1;
    for (size_t number = 0; number < count; number++) {
        size_t rest = number;
        for (size_t i = 0; i < size; i++, rest /= sizeof characters - 1)
            text[i] = characters[rest % (sizeof characters - 1)];
        check(text);
    }
}

static void check_name(const char *text)
{
    cr_assert_eq(p11d_syntax_is_object_path(text), g_variant_is_object_path(text), "%s", text);
    cr_assert_eq(p11d_syntax_is_interface(text), g_dbus_is_interface_name(text), "%s", text);
    cr_assert_eq(p11d_syntax_is_member(text), g_dbus_is_member_name(text), "%s", text);
    if (p11d_syntax_is_bus_name(text))
        cr_assert(g_dbus_is_name(text), "%s", text);
    else if (text[0] != ':') /* GLib takes unique names without a dot */
        cr_assert_not(g_dbus_is_name(text), "%s", text);
}

Test(syntax, names_are_what_gdbus_says)
{
    for (size_t size = 0; size <= 5; size++)
        for_all_names(size, check_name);
}

Test(syntax, names_of_the_specification)
{
    cr_assert(p11d_syntax_is_bus_name(":1.42"));
    cr_assert(p11d_syntax_is_bus_name("org.p11dbus.Tokens1"));
    cr_assert(p11d_syntax_is_bus_name("org.7-zip-.x") == g_dbus_is_name("org.7-zip-.x"));
    cr_assert_not(p11d_syntax_is_bus_name(":1"));
    cr_assert_not(p11d_syntax_is_bus_name("org"));
    cr_assert(p11d_syntax_is_object_path("/"));
    cr_assert(p11d_syntax_is_object_path("/org/p11dbus/tokens/a_2d"));
    cr_assert_not(p11d_syntax_is_object_path("/org/"));
    cr_assert_not(p11d_syntax_is_object_path("//"));
    cr_assert_not(p11d_syntax_is_object_path(""));
}

Test(syntax, names_have_at_most_255_bytes)
{
    char text[300];
    memset(text, 'a', sizeof text);
    text[256] = '\0';
    cr_assert_not(p11d_syntax_is_member(text));
    text[100] = '.';
    cr_assert_not(p11d_syntax_is_interface(text));
    cr_assert_not(p11d_syntax_is_bus_name(text));
    text[255] = '\0';
    cr_assert(p11d_syntax_is_interface(text));
    cr_assert(p11d_syntax_is_bus_name(text));
    text[100] = 'a';
    cr_assert(p11d_syntax_is_member(text));
    text[0] = ':';
    text[100] = '.';
    cr_assert(p11d_syntax_is_bus_name(text));
    memcpy(text + 255, "a", 2);
    cr_assert_not(p11d_syntax_is_bus_name(text));
}
