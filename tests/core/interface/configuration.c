// SPDX-License-Identifier: MIT
#include "configuration.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static P11dConfiguration configuration;
static char file[] = "/tmp/p11dbus-conf-XXXXXX";

static void write_bytes(const char *bytes, size_t size)
{
    const int fd = mkstemp(file);
    cr_assert_eq(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static void write_file(const char *text)
{
    write_bytes(text, strlen(text));
}

static void clean(void)
{
    for (size_t i = 0; i < p11d_setting_count; i++)
        unsetenv(p11d_settings[i].variable);
}

static void remove_file(void)
{
    if (unlink(file) != 0)
        rmdir(file);
}

TestSuite(configuration, .init = clean, .fini = remove_file);

static CK_RV load(const char *reserved)
{
    return p11d_configuration_load(&configuration, reserved, file);
}

/* Expects that all is well. */
static void load_good(const char *reserved)
{
    cr_assert_eq(load(reserved), CKR_OK);
    cr_assert_str_eq(configuration.mistake, "");
}

/* Expects a mistake of file or environment, which is told as text. */
static void load_wrong(const char *text)
{
    cr_assert_eq(load(NULL), CKR_OK);
    cr_assert_not_null(strstr(configuration.mistake, text), "%s: %s", text, configuration.mistake);
    cr_assert_eq(load("bus=unix:path=/x name=a.b autostart=no"), CKR_OK);
    cr_assert_neq(configuration.mistake[0], '\0', "whatever else is said");
}

Test(configuration, has_defaults)
{
    load_good(NULL);
    cr_assert_str_eq(configuration.bus, "");
    cr_assert_str_eq(configuration.name, "org.p11dbus.Tokens1");
    cr_assert_eq(configuration.autostart, P11D_AUTOSTART_YES);
    cr_assert(configuration.channels);
    cr_assert_eq(configuration.hidden_count, 0);
}

Test(configuration, words_may_be_quoted)
{
    load_good(" autostart=no\tbus='unix:path=/a%20b'  name=\"org.example.X\"\n");
    cr_assert_str_eq(configuration.bus, "unix:path=/a%20b");
    cr_assert_str_eq(configuration.name, "org.example.X");
    cr_assert_eq(configuration.autostart, P11D_AUTOSTART_NO);
    load_good("autostart=keys");
    cr_assert_eq(configuration.autostart, P11D_AUTOSTART_KEYS);
    load_good("");
    load_good("name='org.ex'\"ample.\"X");
    cr_assert_str_eq(configuration.name, "org.example.X");
}

Test(configuration, the_host_comes_before_environment_and_file)
{
    write_file("# where it is\nbus=system # not the session bus\nname=org.example.File\n"
               "autostart=no\nchannels=no hide=rsa,ec\n");
    load_good(NULL);
    cr_assert_str_eq(configuration.bus, "system");
    cr_assert_str_eq(configuration.name, "org.example.File");
    cr_assert_eq(configuration.autostart, P11D_AUTOSTART_NO);
    cr_assert_not(configuration.channels);
    cr_assert_eq(configuration.hidden_count, 2);
    setenv("P11DBUS_NAME", "org.example.Environment", 1);
    setenv("P11DBUS_BUS", "session", 1);
    setenv("P11DBUS_AUTOSTART", "yes", 1);
    setenv("P11DBUS_CHANNELS", "yes", 1);
    setenv("P11DBUS_HIDE", "dsa", 1);
    load_good("bus=unix:path=/host hide=");
    cr_assert_str_eq(configuration.bus, "unix:path=/host");
    cr_assert_str_eq(configuration.name, "org.example.Environment");
    cr_assert_eq(configuration.autostart, P11D_AUTOSTART_YES);
    cr_assert(configuration.channels);
    cr_assert_eq(configuration.hidden_count, 0);
    load_good(NULL);
    cr_assert_eq(configuration.hidden_count, 1);
    cr_assert_eq(configuration.hidden[0], CKK_DSA);
}

Test(configuration, an_empty_variable_is_not_set)
{
    for (size_t i = 0; i < p11d_setting_count; i++)
        setenv(p11d_settings[i].variable, "", 1);
    load_good(NULL);
    cr_assert_str_eq(configuration.name, "org.p11dbus.Tokens1");
}

/* What is no list of settings, wherever it stands, and what is said of it. */
static const struct {
    const char *text;
    const char *said;
} mistakes[] = {
    {"bus", "\"bus\" is not KEY=VALUE"},
    {"=", "no setting \"\""},
    {"=x", "no setting \"\""},
    {"colour=red", "no setting \"colour\""},
    {"Name=a.b", "no setting \"Name\""},
    {"name =a.b", "\"name\" is not KEY=VALUE"},
    {"autostart=maybe", "autostart=maybe is not yes, no or keys"},
    {"autostart=NO", "autostart=NO is not yes, no or keys"},
    {"autostart=", "autostart= is not yes, no or keys"},
    {"channels=0", "channels=0 is not yes or no"},
    {"name=nodots", "name=nodots is not a name"},
    {"name=bad..name", "name=bad..name is not a name"},
    {"name=.a", "name="},
    {"name=a.", "name="},
    {"name=a.b/c", "name="},
    {"name=", "name= is not a name"},
    {"name='a.b ", "quotation mark"},
    {"bus='unix:path=", "quotation mark"},
    {"bus=\"session'", "quotation mark"},
    {"bus=", "bus= is not session"},
    {"bus=sesion", "bus=sesion is not session"},
    {"bus=unix:", "bus=unix: is not"},
    {"bus=/run/bus", "bus=/run/bus is not"},
    {"bus='unix:path=/a b'", "bus=unix:path=/a b is not"},
    {"bus=tcp:host=example.org", "bus=tcp:host=example.org is not"},
    {"hide=ed25519", "hide=ed25519 is not key types"},
    {"hide=ec-edwards,", "hide="},
    {"hide=,ec", "hide="},
    {"hide='ec, rsa'", "hide="},
    {"hide=EC", "hide="},
    {"hide=0123456789012345678901234567890123456789012345678901234567890123456789", "hide="},
    {"autostart=no x", "\"x\" is not KEY=VALUE"},
    {"autostart=no autostart=no", "autostart is given twice"},
    {"name=a.b bus=session name=c.d", "name is given twice"},
    {"name=\033[31m.x", "name=?[31m.x is not a name"},
};
#define MISTAKES (sizeof mistakes / sizeof mistakes[0])

Test(configuration, mistakes_of_the_host_are_errors)
{
    for (size_t i = 0; i < MISTAKES; i++) {
        cr_assert_eq(load(mistakes[i].text), CKR_ARGUMENTS_BAD, "%s", mistakes[i].text);
        cr_assert(g_str_has_prefix(configuration.mistake, "reserved string: "));
        cr_assert_not_null(strstr(configuration.mistake, mistakes[i].said), "%s",
                           configuration.mistake);
    }
    char *longest = malloc(P11D_CONFIGURATION_MAX + 2);
    memset(longest, ' ', P11D_CONFIGURATION_MAX + 1);
    longest[P11D_CONFIGURATION_MAX + 1] = '\0';
    cr_assert_eq(load(longest), CKR_ARGUMENTS_BAD);
    cr_assert_not_null(strstr(configuration.mistake, "longer than 4096 bytes"));
    longest[P11D_CONFIGURATION_MAX] = '\0';
    load_good(longest);
    free(longest);
}

Test(configuration, mistakes_in_the_file_are_kept_with_their_line)
{
    for (size_t i = 0; i < MISTAKES; i++) {
        g_autofree char *text = g_strdup_printf("# a comment\n\n  %s\n# more\n", mistakes[i].text);
        if (i > 0)
            g_file_set_contents(file, text, -1, NULL);
        else
            write_file(text);
        load_wrong(mistakes[i].said);
        load(NULL);
        cr_assert(g_str_has_prefix(configuration.mistake, file), "%s", configuration.mistake);
        cr_assert_not_null(strstr(configuration.mistake, ":3: "), "%s", configuration.mistake);
    }
}

Test(configuration, lines_are_counted_in_quotation_marks_too)
{
    write_file("\nbus='unix:path=\n\n/x' name=a.b\nname=c.d");
    load_wrong(":2: bus=unix:path=\?\?/x is not");
    g_file_set_contents(file, "name=\"\"a.b''\n\n\n\nname=c.d", -1, NULL);
    load_wrong(":5: name is given twice");
}

Test(configuration, mistakes_in_the_environment_are_kept)
{
    static const char *const values[][2] = {{"P11DBUS_NAME", "bad..name"},
                                            {"P11DBUS_BUS", "sesion"},
                                            {"P11DBUS_BUS", "tcp:host=localhost,port=1"},
                                            {"P11DBUS_AUTOSTART", "off"},
                                            {"P11DBUS_CHANNELS", "off"},
                                            {"P11DBUS_HIDE", "ed25519"}};
    for (size_t i = 0; i < G_N_ELEMENTS(values); i++) {
        clean();
        setenv(values[i][0], values[i][1], 1);
        g_autofree char *said = g_strdup_printf("%s: %s is not ", values[i][0], values[i][1]);
        load_wrong(said);
    }
}

Test(configuration, the_first_mistake_is_told)
{
    write_file("name=bad..name\ncolour=red\n");
    setenv("P11DBUS_NAME", "worse..name", 1);
    load_wrong(":1: name=bad..name");
    cr_assert_eq(load("name=bad..reserved"), CKR_ARGUMENTS_BAD);
    cr_assert(g_str_has_prefix(configuration.mistake, "reserved string: name=bad..reserved is"));
    cr_assert_eq(load("name=a.b"), CKR_OK);
    cr_assert_not_null(strstr(configuration.mistake, ":1: name=bad..name"));
}

Test(configuration, a_file_that_cannot_be_read_is_a_mistake)
{
    cr_assert_not_null(mkdtemp(file));
    load_wrong("cannot be read: Is a directory");
    rmdir(file);
    cr_assert_eq(symlink(file, file), 0);
    load_wrong("cannot be read: ");
    unlink(file);
    cr_assert_eq(symlink("/nonexistent/module.conf", file), 0);
    load_wrong("cannot be read: No such file");
    unlink(file);
    struct rlimit limit;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    const struct rlimit none = {0, limit.rlim_max};
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    const CK_RV value = load(NULL);
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_assert_eq(value, CKR_OK);
    cr_assert_not_null(strstr(configuration.mistake, "cannot be read: Too many open files"));
}

Test(configuration, a_file_without_permission_is_a_mistake)
{
    write_file("name=a.b\n");
    cr_assert_eq(chmod(file, 0), 0);
    if (geteuid() == 0) /* who may read everything */
        cr_assert_eq(seteuid(65534), 0);
    cr_assert_eq(load(NULL), CKR_OK);
    cr_assert_not_null(strstr(configuration.mistake, "cannot be read: Permission denied"));
    cr_assert_eq(seteuid(getuid()), 0);
}

Test(configuration, a_file_that_is_not_there_is_none)
{
    load_good(NULL);
    cr_assert_eq(p11d_configuration_load(&configuration, NULL, "/dev/null/module.conf"), CKR_OK);
    cr_assert_str_eq(configuration.mistake, "");
    cr_assert_eq(p11d_configuration_load(&configuration, NULL, "/dev/null"), CKR_OK);
    cr_assert_str_eq(configuration.mistake, "");
}

Test(configuration, a_file_that_is_too_long_or_no_text_is_a_mistake)
{
    char *text = malloc(P11D_CONFIGURATION_MAX + 1);
    memset(text, '#', P11D_CONFIGURATION_MAX + 1);
    write_bytes(text, P11D_CONFIGURATION_MAX);
    load_good(NULL);
    g_file_set_contents(file, text, P11D_CONFIGURATION_MAX + 1, NULL);
    load_wrong("is longer than 4096 bytes");
    g_file_set_contents(file, "name=a.b\0name=c.d", 17, NULL);
    load_wrong("NUL");
    free(text);
}

Test(configuration, knows_the_address)
{
    P11dAddress address;
    load_good("bus=unix:path=/here");
    cr_assert(p11d_configuration_address(&configuration, &address));
    cr_assert_eq(address.count, 1);
    load_good("bus='unix:runtime=yes'");
    setenv("XDG_RUNTIME_DIR", "/run/user/7", 1);
    cr_assert(p11d_configuration_address(&configuration, &address));
    unsetenv("XDG_RUNTIME_DIR");
    cr_assert_not(p11d_configuration_address(&configuration, &address));
}

Test(configuration, a_session_bus_that_cannot_be_used_is_not_replaced_by_the_system_bus)
{
    P11dAddress address;
    load_good(NULL);
    unsetenv("XDG_RUNTIME_DIR");
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=/system", 1);
    for (const char *const *session =
             (const char *const[]){"tcp:host=localhost,port=1", "autolaunch:", "/run/bus",
                                   "unix:path=", NULL};
         *session; session++) {
        setenv("DBUS_SESSION_BUS_ADDRESS", *session, 1);
        cr_assert_not(p11d_configuration_address(&configuration, &address), "%s", *session);
    }
    setenv("DBUS_SESSION_BUS_ADDRESS", "", 1);
    cr_assert(p11d_configuration_address(&configuration, &address));
    cr_assert_str_eq(address.transports[0].name.sun_path, "/system");
    unsetenv("DBUS_SESSION_BUS_ADDRESS");
    cr_assert(p11d_configuration_address(&configuration, &address));
}

Test(configuration, hides_by_the_names_of_key_types)
{
    load_good("hide=ec-edwards,0x80000123,rsa");
    cr_assert_eq(configuration.hidden_count, 3);
    cr_assert_eq(configuration.hidden[0], CKK_EC_EDWARDS);
    cr_assert_eq(configuration.hidden[1], 0x80000123);
    cr_assert_eq(configuration.hidden[2], CKK_RSA);
    GString *many = g_string_new("hide=rsa");
    for (int i = 1; i < P11D_CONFIGURATION_HIDDEN; i++)
        g_string_append(many, ",rsa");
    load_good(many->str);
    g_string_append(many, ",rsa");
    cr_assert_eq(load(many->str), CKR_ARGUMENTS_BAD);
    g_string_free(many, TRUE);
}

/* Text with each escape of scdoc taken out. */
static char *read_page(const char *name)
{
    char *text = NULL;
    g_autofree char *path = g_build_filename(MANUAL, name, NULL);
    cr_assert(g_file_get_contents(path, &text, NULL, NULL), "%s", path);
    for (char *to = text, *from = text;; from++) {
        if (*from != '\\')
            *to++ = *from;
        if (*from == '\0')
            return text;
    }
}

Test(configuration, every_setting_is_in_the_manual)
{
    g_autofree char *page = read_page("p11dbus-module.conf.5.scd");
    for (size_t i = 0; i < p11d_setting_count; i++) {
        g_autofree char *entry =
            g_strdup_printf("\n*%s*, *%s*\n", p11d_settings[i].word, p11d_settings[i].variable);
        cr_assert_not_null(strstr(page, entry), "no entry%s", entry);
        g_autofree char *upper = g_ascii_strup(p11d_settings[i].word, -1);
        cr_assert(g_str_has_suffix(p11d_settings[i].variable, upper));
    }
}
