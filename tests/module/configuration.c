// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static P11dConfiguration configuration;
static char file[] = "/tmp/p11dbus-conf-XXXXXX";

static void write_file(const char *text)
{
    const int fd = mkstemp(file);
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void clean(void)
{
    unsetenv("P11DBUS_BUS");
    unsetenv("P11DBUS_NAME");
}

static void remove_file(void)
{
    unlink(file);
}

TestSuite(configuration, .init = clean, .fini = remove_file);

static CK_RV load(const char *reserved)
{
    return p11d_configuration_load(&configuration, reserved, file);
}

Test(configuration, has_defaults)
{
    cr_assert_eq(load(NULL), CKR_OK);
    cr_assert_str_eq(configuration.bus, "");
    cr_assert_str_eq(configuration.name, "org.p11dbus.Tokens1");
    cr_assert(configuration.autostart);
}

Test(configuration, words_may_be_quoted)
{
    cr_assert_eq(load(" autostart=no\tbus='unix:path=/a b'  name=\"org.example.X\"\n"), CKR_OK);
    cr_assert_str_eq(configuration.bus, "unix:path=/a b");
    cr_assert_str_eq(configuration.name, "org.example.X");
    cr_assert_not(configuration.autostart);
    cr_assert_eq(load(""), CKR_OK);
    cr_assert_eq(load("bus=unix:path='/a \"b'\"'\""), CKR_OK);
    cr_assert_str_eq(configuration.bus, "unix:path=/a \"b'");
}

Test(configuration, the_host_comes_before_environment_and_file)
{
    write_file("# where it is\nbus=system # not the session bus\nname=org.example.File\n"
               "autostart=no\n");
    cr_assert_eq(load(NULL), CKR_OK);
    cr_assert_str_eq(configuration.bus, "system");
    cr_assert_str_eq(configuration.name, "org.example.File");
    cr_assert_not(configuration.autostart);
    setenv("P11DBUS_NAME", "org.example.Environment", 1);
    setenv("P11DBUS_BUS", "session", 1);
    cr_assert_eq(load("bus=unix:path=/host"), CKR_OK);
    cr_assert_str_eq(configuration.bus, "unix:path=/host");
    cr_assert_str_eq(configuration.name, "org.example.Environment");
}

Test(configuration, mistakes_of_the_host_are_errors)
{
    static const char *const mistakes[] = {
        "bus",       "colour=red", "autostart=maybe", "name=nodots", "name=.a",       "name=a.",
        "name=a..b", "name=a.b/c", "bus='unix:path=", "name=",       "autostart=no x"};
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++)
        cr_assert_eq(load(mistakes[i]), CKR_ARGUMENTS_BAD, "%s", mistakes[i]);
    char *longest = malloc(P11D_CONFIGURATION_MAX + 2);
    memset(longest, ' ', P11D_CONFIGURATION_MAX + 1);
    longest[P11D_CONFIGURATION_MAX + 1] = '\0';
    cr_assert_eq(load(longest), CKR_ARGUMENTS_BAD);
    longest[P11D_CONFIGURATION_MAX] = '\0';
    cr_assert_eq(load(longest), CKR_OK);
    free(longest);
}

Test(configuration, mistakes_in_file_and_environment_are_not)
{
    write_file("nonsense\nname=org.example.File 'open");
    setenv("P11DBUS_NAME", "nodots", 1);
    cr_assert_eq(load(NULL), CKR_OK);
    cr_assert_str_eq(configuration.name, "org.example.File");
}

Test(configuration, knows_the_address)
{
    P11dAddress address;
    cr_assert_eq(load("bus=unix:path=/here"), CKR_OK);
    cr_assert(p11d_configuration_address(&configuration, &address));
    cr_assert_eq(address.count, 1);
    cr_assert_eq(load("bus=tcp:host=example.org"), CKR_OK);
    cr_assert_not(p11d_configuration_address(&configuration, &address));
}
