// SPDX-License-Identifier: MIT
#include "address.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

typedef struct Case {
    char text[300];
    char expected[300]; /* one word a transport: a path, or '@' and a name; "" where refused */
} Case;

static const Case cases[] = {
    {"unix:path=/run/bus", "/run/bus"},
    {"unix:abstract=/tmp/x", "@/tmp/x"},
    {"unix:runtime=yes", "/run/user/1/bus"},
    {"unix:runtime=no", ""},
    {"unix:guid=00,path=/a", "/a"},
    {"unix:path=/a,guid=00", "/a"},
    {"unix:path=/a;unix:path=/b", "/a /b"},
    {"unix:path=/a;", "/a"},
    {"unix:path=/a;;unix:path=/b", ""},
    {";", ""},
    {"", ""},
    /* Escapes: upper and lower case, and only whole ones. */
    {"unix:path=/a%2fb%2Fc", "/a/b/c"},
    {"unix:path=/a%20b%e2%82%ac", "/a b\xe2\x82\xac"},
    {"unix:path=/a%2", ""},
    {"unix:path=/a%", ""},
    {"unix:path=/a%zz", ""},
    {"unix:path=/a%-1", ""},
    {"unix:path=/a%00b", ""},
    {"unix:path=/a b", ""},
    {"unix:path=/a~", ""},
    {"unix:path=/a\xe2\x82\xac", ""},
    {"unix:guid=%,path=/a", ""},
    /* What only servers use, and what goes over a network, is left out. */
    {"unix:tmpdir=/tmp", ""},
    {"unix:dir=/tmp;unix:path=/a", "/a"},
    {"tcp:host=localhost,port=1;unix:path=/a", "/a"},
    {"tcp:host=localhost,port=1", ""},
    {"autolaunch:;unix:path=/a", "/a"},
    {"unixexec:path=/bin/sh", ""},
    {"unix:", ""},
    {"unix", ""},
    {":path=/a", ""},
    {"unix:path", ""},
    {"unix:=/a", ""},
    {"unix:path=", ""},
    {"unix:abstract=", ""},
    {"unix:path=/a,abstract=b", ""},
    {"unix:path=/a,path=/b", ""},
    /* sun_path has 108 bytes. */
    {"unix:path=/" HUNDRED "123456", "/" HUNDRED "123456"},
    {"unix:path=/" HUNDRED "1234567;unix:path=/a", "/a"},
    {"unix:abstract=/" HUNDRED "123456", "@/" HUNDRED "123456"},
    {"unix:abstract=/" HUNDRED "1234567", ""},
    {"unix:path=/" HUNDRED HUNDRED "%2f%2f", ""},
    /* Nine: the last is too many. */
    {"unix:path=/1;unix:path=/2;unix:path=/3;unix:path=/4;unix:path=/5;unix:path=/6;unix:path=/7;"
     "unix:path=/8;unix:path=/9",
     "/1 /2 /3 /4 /5 /6 /7 /8"},
};

ParameterizedTestParameters(address, parse)
{
    Case *parameters = cr_malloc(sizeof cases);
    memcpy(parameters, cases, sizeof cases);
    return cr_make_param_array(Case, parameters, sizeof cases / sizeof cases[0]);
}

static void describe(const P11dAddress *address, char text[1024])
{
    text[0] = '\0';
    for (size_t i = 0; i < address->count; i++) {
        const struct sockaddr_un *name = &address->transports[i].name;
        size_t size = address->transports[i].length - offsetof(struct sockaddr_un, sun_path);
        cr_assert_eq(name->sun_family, AF_UNIX);
        cr_assert(size >= 2 && size <= sizeof name->sun_path);
        bool abstract = name->sun_path[0] == '\0';
        if (!abstract)
            cr_assert_eq(strlen(name->sun_path), size - 1);
        sprintf(text + strlen(text), "%s%s%.*s", i ? " " : "", abstract ? "@" : "", (int)size - 1,
                name->sun_path + (abstract ? 1 : 0));
    }
}

ParameterizedTest(const Case *test, address, parse)
{
    P11dAddress address;
    char text[1024];
    bool parsed = p11d_address_parse(&address, test->text, "/run/user/1");
    describe(&address, text);
    cr_assert_str_eq(text, test->expected, "%s became \"%s\"", test->text, text);
    cr_assert_eq(parsed, test->expected[0] != '\0');
}

Test(address, runtime_needs_a_directory)
{
    P11dAddress address;
    cr_assert_not(p11d_address_parse(&address, "unix:runtime=yes", NULL));
    cr_assert_not(p11d_address_parse(&address, "unix:runtime=yes", ""));
    cr_assert_not(p11d_address_parse(&address, "unix:runtime=yes", "relative"));
    cr_assert_not(p11d_address_parse(&address, "unix:runtime=yes", "/" HUNDRED HUNDRED HUNDRED));
}

Test(address, of_the_session_bus)
{
    P11dAddress address;
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/tmp/a", 1);
    cr_assert(p11d_address_of_bus(&address, "session"));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/tmp/a");
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    cr_assert(p11d_address_of_bus(&address, "session"));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/run/user/7/bus");
    unsetenv("XDG_RUNTIME_DIR");
    cr_assert_not(p11d_address_of_bus(&address, "session"));
}

Test(address, of_the_system_bus)
{
    P11dAddress address;
    unsetenv("DBUS_SYSTEM_BUS_ADDRESS");
    cr_assert(p11d_address_of_bus(&address, "system"));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/run/dbus/system_bus_socket");
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/tmp/b", 1);
    cr_assert(p11d_address_of_bus(&address, "system"));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/tmp/b");
}

Test(address, of_a_bus_named_by_its_address)
{
    P11dAddress address;
    cr_assert(p11d_address_of_bus(&address, "unix:path=/tmp/c"));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/tmp/c");
    cr_assert_not(p11d_address_of_bus(&address, "sessions"));
}

Test(address, words_mean_a_bus_without_its_address)
{
    cr_assert(p11d_address_is_word("session") && p11d_address_is_word("system"));
    cr_assert_not(p11d_address_is_word("sessions") || p11d_address_is_word("") ||
                  p11d_address_is_word("unix:path=/tmp/c"));
}
