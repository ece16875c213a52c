// SPDX-License-Identifier: MIT
#include "key-directory.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char home[] = "/tmp/p11dbus-home-XXXXXX";
static char below[64];

/* A file or directory below home. */
static const char *place(const char *name)
{
    snprintf(below, sizeof below, "%s/%s", home, name);
    return below;
}

static void make_home(void)
{
    cr_assert_not_null(mkdtemp(home));
    setenv("HOME", home, 1);
    unsetenv("XDG_DATA_HOME");
}

static void remove_home(void)
{
    static const char *const made[] = {"data/p11dbus/keys/release.key",
                                       "data/p11dbus/keys/.hidden",
                                       "data/p11dbus/keys",
                                       "data/p11dbus",
                                       "data",
                                       "link"};
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        remove(place(made[i]));
    rmdir(home);
}

TestSuite(key_directory, .init = make_home, .fini = remove_home);

static void make_directory(void)
{
    setenv("XDG_DATA_HOME", place("data"), 1);
    cr_assert_eq(mkdir(place("data"), 0700), 0);
    cr_assert_eq(mkdir(place("data/p11dbus"), 0700), 0);
    cr_assert_eq(mkdir(place("data/p11dbus/keys"), 0700), 0);
}

static void touch(const char *name)
{
    const int fd = open(place(name), O_CREAT | O_WRONLY, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
}

static void expect_path(const char *wanted)
{
    char *path = p11d_key_directory_path();
    cr_expect_str_eq(path, wanted);
    free(path);
}

Test(key_directory, is_below_the_data_of_the_user)
{
    expect_path(place(".local/share/p11dbus/keys"));
    setenv("XDG_DATA_HOME", "/data of me", 1);
    expect_path("/data of me/p11dbus/keys");
    unsetenv("HOME");
    expect_path("/data of me/p11dbus/keys");
}

Test(key_directory, a_relative_path_is_no_answer)
{
    setenv("XDG_DATA_HOME", "data", 1);
    expect_path(place(".local/share/p11dbus/keys"));
    setenv("HOME", "", 1);
    errno = 0;
    cr_expect_null(p11d_key_directory_path());
    cr_expect_eq(errno, ENOENT);
    cr_expect_not(p11d_key_directory_is_used());
    cr_expect_not(p11d_key_directory_is("/"));
}

Test(key_directory, is_known_through_links)
{
    char real[sizeof home + 32];
    make_directory();
    snprintf(real, sizeof real, "%s/data/p11dbus/keys", home);
    cr_assert_eq(symlink("data", place("link")), 0);
    setenv("XDG_DATA_HOME", place("link"), 1);
    cr_expect(p11d_key_directory_is(real));
    cr_expect_not(p11d_key_directory_is(home));
}

Test(key_directory, is_used_once_a_file_is_in_it)
{
    cr_expect_not(p11d_key_directory_is_used());
    make_directory();
    cr_expect_not(p11d_key_directory_is_used());
    touch("data/p11dbus/keys/.hidden");
    cr_expect_not(p11d_key_directory_is_used());
    touch("data/p11dbus/keys/release.key");
    cr_expect(p11d_key_directory_is_used());
}

static void expect_label(const char *path, const char *wanted)
{
    char *label = p11d_key_directory_label(path);
    cr_expect_str_eq(label, wanted);
    free(label);
}

Test(key_directory, names_the_token_of_any_directory)
{
    char real[sizeof home + 32];
    make_directory();
    snprintf(real, sizeof real, "%s/data/p11dbus/keys", home);
    expect_label(real, P11D_KEY_DIRECTORY_TOKEN);
    expect_label("/srv/other/keys", "keys");
    expect_label("/", "/");
    expect_label("/keys of caf\u00e9", "keys of caf\u00e9");
    expect_label("/keys of caf\xe9", "keys of caf?");
}
